use super::super::api_key;
use super::*;
use crate::ledger::{Page, Stamp};
use proptest::prelude::*;

const BOUNDS: config::Session = config::Session {
    cookie: String::new(),
    idle: 1_000_000,
    absolute: 3_000_000,
    memo: 0,
    memo_entries: 1,
    deadline: 1_000,
    sign_in: None,
    remember: None,
    attempts: 10,
    grace: 30_000,
};

fn named(cookie: &str) -> config::Session {
    config::Session { cookie: cookie.into(), ..BOUNDS }
}

fn record(created: Millis, expires: Millis) -> Record {
    Record { user: "u".into(), created, expires, ..Record::default() }
}

#[test]
fn a_session_is_invalid_from_the_moment_it_expires() {
    let view = View::default();
    let check = |now, expires| record(1_000, expires).check("k", now, &view, &BOUNDS);
    assert_eq!(check(4_999, 5_000), Ok(()));
    assert_eq!(check(5_000, 5_000), Err(Absence::Expired));
    assert_eq!(check(3_000_999, u64::MAX), Ok(()));
    assert_eq!(check(3_001_000, u64::MAX), Err(Absence::Expired));
}

#[test]
fn a_stamp_on_the_session_the_user_or_everyone_ends_it() {
    for subject in ["session:k", "user:u", "everyone"] {
        let mut view = View::default();
        view.learn(
            &Page {
                as_of: 10,
                stamps: vec![Stamp { subject: subject.into(), since: 10, soft: false, until: 99 }],
                more: false,
            },
            0,
        );
        assert_eq!(record(9, 5_000).check("k", 100, &view, &BOUNDS), Err(Absence::Revoked), "{subject}");
        assert_eq!(record(10, 5_000).check("k", 100, &view, &BOUNDS), Ok(()), "{subject}");
    }
}

#[test]
fn a_session_is_renewed_in_steps_of_a_tenth_of_idle_time_and_never_past_its_absolute_end() {
    let fresh = record(0, 1_000_000);
    assert_eq!(fresh.renewed(99_999, &BOUNDS), None);
    assert_eq!(fresh.renewed(100_000, &BOUNDS).map(|r| r.expires), Some(1_100_000));
    assert_eq!(record(0, 2_950_000).renewed(2_500_000, &BOUNDS).map(|r| r.expires), Some(3_000_000), "to its very end");
    assert_eq!(record(0, 3_000_000).renewed(2_500_000, &BOUNDS), None);
    assert_eq!(record(0, 1).used(2_500_000, &BOUNDS).expires, 3_000_000);
    assert_eq!((fresh.time_to_live(0), fresh.time_to_live(990_000)), (1_000, 60));
}

#[test]
fn only_the_exact_cookie_gives_the_token() {
    let good = Token::new(&[7; 32]);
    let t = good.secret();
    for (cookies, found) in [
        (None, Err(Absence::NoCookie)),
        (Some(String::new()), Err(Absence::NoCookie)),
        (Some(format!("s={t}")), Ok(())),
        (Some(format!("a=1; s={t}; b=2")), Ok(())),
        (Some(format!("a=1;s={t}")), Ok(())),
        (Some(format!("S={t}")), Err(Absence::NoCookie)),
        (Some(format!("xs={t}; s2={t}")), Err(Absence::NoCookie)),
        (Some("s=".into()), Err(Absence::Malformed)),
        (Some("s=short".into()), Err(Absence::Malformed)),
        (Some(format!("s=\"{t}\"")), Err(Absence::Malformed)),
        (Some(format!("s={t}x")), Err(Absence::Malformed)),
        (Some(format!("s={t}; s={t}")), Err(Absence::Duplicated)),
        // Two lines arrive joined by a comma, and cannot be distinguished from one value.
        (Some(format!("s={t}, s={t}")), Err(Absence::Malformed)),
        (Some(format!("a=1, s={t}")), Err(Absence::NoCookie)),
        // A sibling host's cookie whose value contains the name has no effect.
        (Some(format!("theme=dark,s={t}")), Err(Absence::NoCookie)),
        (Some(format!("a=x,s=1; s={t}")), Ok(())),
    ] {
        assert_eq!(token(cookies.as_deref(), "s").map(|token| assert_eq!(token, good)), found, "{cookies:?}");
    }
}

#[test]
fn the_session_cookie_is_never_forwarded() {
    for (cookies, left) in [
        ("s=1", None),
        ("a=1; s=2; b=3", Some("a=1; b=3")),
        ("a=1; __Host-s=2", Some("a=1")),
        ("a=1, s=2", Some("a=1, s=2")),
        (" s =1; b", Some("b")),
        ("a=x,y", Some("a=x,y")),
        ("a=\"x;y\"; s=1; b=é", Some("a=\"x;y\"; b=é")),
        ("", None),
    ] {
        assert_eq!(without_token(cookies, "s").as_deref(), left, "{cookies}");
    }
    let token = Token::new(&[7; 32]);
    let two_lines = format!("a=1, s={}; b=2", token.secret());
    assert_eq!(without_token(&two_lines, "s").as_deref(), Some("a=1; b=2"), "a token leaves by no way");
}

#[test]
fn the_cookie_is_bound_to_the_host_on_https() {
    let token = Token::new(&[0; 32]);
    let secret = token.secret();
    assert_eq!(
        set_cookie(&token, &record(0, 1), 0, &named("s"), true),
        format!("__Host-s={secret}; Path=/; Max-Age=3000; HttpOnly; SameSite=Lax; Secure")
    );
    assert_eq!(
        set_cookie(&token, &record(0, 1), 0, &named("s"), false),
        format!("s={secret}; Path=/; Max-Age=3000; HttpOnly; SameSite=Lax")
    );
    let old = Record { started: Some(0), ..record(2_000_000, 2_500_000) };
    assert!(
        set_cookie(&token, &old, 2_900_000, &named("s"), true).contains("Max-Age=100;"),
        "no longer than the session"
    );
    assert_eq!(clear_cookie(&named("s"), false), "s=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
}

#[test]
fn a_remembered_session_lives_for_the_remember_time() {
    let bounds = config::Session { remember: Some(9_000_000), ..named("s") };
    let remembered = Record { remember: true, ..record(0, 1) };
    let (used, end) = (remembered.clone().used(500, &bounds), |now| remembered.clone().used(now, &bounds).expires);
    assert_eq!((used.expires, end(8_000_000)), (9_000_000, 9_000_000));
    assert_eq!(used.check("k", 8_999_999, &View::default(), &bounds), Ok(()));
    assert_eq!(used.check("k", 9_000_000, &View::default(), &bounds), Err(Absence::Expired));
    assert!(set_cookie(&Token::new(&[0; 32]), &remembered, 0, &bounds, true).contains("Max-Age=9000;"));
    assert_eq!(record(0, 1).used(500, &bounds).expires, 1_000_500, "the others live as ever");
}

#[test]
fn a_session_that_began_with_an_issuer_is_ended_by_it_whatever_its_data_become() {
    let issuer = serde_json::json!({"iss": "https://i", "sub": "7", "sid": "s"});
    let record = Record { user: "7".into(), created: 5, issuer: issuer.clone(), ..Record::default() };
    let change = || Change { data: Some(serde_json::json!(["cart"])), ..Change::default() };
    assert_eq!(change().updated(&record, 9, &BOUNDS).issuer, issuer);
    let changed = change().successor(&record, &record, 6, 9);
    assert_eq!(changed.issuer, issuer);
    let read: Record = crate::http::json::read(&crate::http::json::text(&changed)).expect("a record");
    assert_eq!(read, changed);
    for (subject, ended) in
        [("sid:https://i s", true), ("sub:https://i 7", true), ("sid:https://i t", false), ("sid:https://j s", false)]
    {
        let mut view = View::default();
        let stamp = Stamp { subject: subject.into(), since: 7, soft: false, until: 99 };
        view.learn(&Page { as_of: 7, stamps: vec![stamp], more: false }, 0);
        assert_eq!(changed.is_revoked("k", &view), ended, "{subject}");
        let later = Record { created: 7, ..changed.clone() };
        assert!(!later.is_revoked("k", &view), "{subject}: began after it");
    }
}

#[test]
fn a_changed_session_keeps_missing_fields_and_its_absolute_end() {
    let old = Record { roles: vec!["a".into()], authenticated: Some(7), ..record(1_000, 5_000) };
    let change = Change { scopes: Some(vec!["s".into()]), ..Change::default() };
    let new = change.successor(&old, &old, 2_500_000, 2_500_000).used(2_500_000, &BOUNDS);
    assert_eq!((new.user.as_str(), new.roles.len(), new.scopes.len()), ("u", 1, 1));
    assert_eq!((new.created, new.started, new.authenticated), (2_500_000, Some(1_000), Some(7)));
    assert_eq!(new.expires, 3_001_000, "it is not made to last longer than it was to");
    let again = Change { authenticated: true, ..Change::default() }
        .successor(&new, &new, 2_600_000, 2_600_000)
        .used(2_600_000, &BOUNDS);
    assert_eq!((again.started, again.authenticated, again.expires), (Some(1_000), Some(2_600_000), 3_001_000));
}

#[test]
fn an_api_key_is_no_session_token_and_a_session_token_no_api_key() {
    let (token, key) = (Token::new(&[7; 32]), api_key::new(&[7; 32]));
    assert!(api_key::parse(key.secret()).is_some() && Token::parse(key.secret()).is_none());
    assert!(api_key::parse(token.secret()).is_none());
    assert_ne!(token.key(), key.key());
}

#[test]
fn the_store_key_is_a_hash_of_the_token() {
    let token = Token::new(&[7; 32]);
    assert_eq!(token.secret().len(), TOKEN_LENGTH);
    assert_eq!(token.key().len(), TOKEN_LENGTH);
    assert_ne!(token.key(), token.secret());
    assert_eq!(Token::parse(token.secret()), Some(token.clone()));
    assert_eq!(format!("{token:?}"), "Token(..)");
}

#[test]
fn an_instruction_is_json_or_a_bare_keyword() {
    let start = Instruction::parse(r#"{"start":{"user":"7","roles":["admin"],"locale":"ja","data":{"cart":3}}}"#);
    assert!(matches!(start, Ok(Instruction::Start(draft)) if draft.user == "7" && draft.roles == ["admin"]));
    for keyword in ["end", "\"end\"", " end "] {
        assert_eq!(Instruction::parse(keyword), Ok(Instruction::End));
    }
    assert_eq!(Instruction::parse("\"end_all\""), Ok(Instruction::EndAll));
    assert_eq!(Instruction::parse(r#"{"failed":"ada"}"#), Ok(Instruction::Failed("ada".into())));
    let change = Instruction::parse(r#"{"change":{"roles":["admin"],"authenticated":true}}"#);
    assert!(
        matches!(change, Ok(Instruction::Change(change)) if change.roles == Some(vec!["admin".into()]) && change.authenticated)
    );
    for bad in [
        "",
        "stop",
        "{\"start\":{}}",
        "{\"start\":{\"user\":\"\"}}",
        "{\"start\":{\"user\":\"a\\n\"}}",
        "{\"start\":{\"user\":\"a\",\"roles\":[\"a,b\"]}}",
        "{\"start\":{\"user\":\"a\",\"admin\":true}}",
        "{\"start\":{\"user\":\"a\",\"scopes\":[\"a b\"]}}",
        "{\"change\":{\"user\":\"b\"}}",
        "{\"change\":{\"roles\":[\"a,b\"]}}",
        "{\"failed\":\"\"}",
    ] {
        assert!(Instruction::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_cookie_panics_and_no_token_is_forwarded(cookies in "(s=|__Host-s=|[a-z]{1,3}=|[;, \"=é]|[A-Za-z0-9_-]{43}){0,12}") {
        let _ = token(Some(&cookies), "s");
        if let Some(left) = without_token(&cookies, "s") {
            prop_assert_eq!(token(Some(&left), "s"), Err(Absence::NoCookie));
            prop_assert_eq!(token(Some(&left), "__Host-s"), Err(Absence::NoCookie));
        }
    }

    #[test]
    fn parsing_an_instruction_never_panics(value in "\\PC{0,60}") {
        let _ = Instruction::parse(&value);
    }
}
