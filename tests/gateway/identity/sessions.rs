//! Sessions: changed, listed, remembered, ended, and while the store is down or behind.

use super::{CONFIG, claims, isolate, shared, world};
use crate::world::{Isolate, Message};
use crate::{HOST, OPERATOR, sign_in};
use serde_json::{Value, json};

#[test]
fn a_session_that_was_ended_elsewhere_is_not_gone_on_with_by_ending_the_others() {
    let world = world();
    let (here, there) = (Isolate::new(&world, CONFIG), Isolate::new(&world, CONFIG));
    let cookie = sign_in(&here, r#"{"user":"7"}"#);
    assert_eq!(there.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status, 200);
    let end = r#"{"user":"7"}"#;
    assert_eq!(here.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], end).status, 200);
    let others =
        there.ask("DELETE", &format!("{HOST}/.usher/me/sessions"), &[("cookie", &cookie)], r#"{"others":true}"#);
    assert_eq!((others.status, others.field("set-cookie")), (401, None), "{}", others.body);
}

#[test]
fn what_an_origin_changes_is_the_session_whatever_else_a_visitor_is_known_by() {
    let from = "auth = \"optional\"\nsessions = true";
    assert!(CONFIG.contains(from));
    let config = CONFIG.replace(from, "auth = \"optional\"\nby = [\"jwt\", \"session\"]\nsessions = true");
    let isolate = Isolate::new(&world(), &config);
    let cookie = sign_in(&isolate, r#"{"user":"s:7","roles":["admin"]}"#);
    let token = format!("Bearer {}", shared(&claims(&isolate.world, "https://shared", "7")));
    let demoted = r#"{"change":{"roles":[]}}"#;
    isolate.world.origin(move |_| Ok(Message::new(200, &[("usher-session", demoted)], "ok")));
    let fields = [("cookie", cookie.as_str()), ("authorization", token.as_str())];
    let answer = isolate.get(&format!("{HOST}/sessions/x"), &fields);
    assert!(answer.field("set-cookie").is_some_and(|cookie| cookie.starts_with("__Host-usher=")), "{answer:?}");
    isolate.world.pass(30_010);
    assert_eq!(isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status, 401);
}

#[test]
fn no_store_that_shows_the_past_and_no_write_back_brings_an_ended_session_to_life() {
    let world = world();
    let (here, there) = (Isolate::new(&world, CONFIG), Isolate::new(&world, CONFIG));
    let cookie = sign_in(&here, r#"{"user":"7"}"#);
    let ask = |isolate: &Isolate| isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status;
    // Past a tenth of the idle time a use writes the record back.
    world.pass(2 * 3_600_000);
    world.store_lag.set(60_000);
    assert_eq!((ask(&here), ask(&there)), (200, 200));
    let key = world.store.borrow().keys().next().unwrap().clone();
    let record = world.store.borrow()[&key].clone();
    let end = json!({ "session": key }).to_string();
    assert_eq!(here.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], &end).status, 200);
    assert_eq!(ask(&here), 401, "at once where it was asked for");
    world.pass(5_000);
    assert_eq!(ask(&there), 401, "elsewhere within max_delay, though the store still shows it");
    // Another isolate's write-back comes late, and puts the record into the store again.
    world.store.borrow_mut().insert(key.clone(), record.clone());
    world.store_lag.set(0);
    for hours in [0, 1, 5, 11] {
        world.pass(hours * 3_600_000);
        let fresh = Isolate::new(&world, CONFIG);
        assert_eq!((ask(&here), ask(&there), ask(&fresh)), (401, 401, 401), "{hours}");
    }
}

#[test]
fn a_session_whose_rights_change_has_a_new_token_and_the_old_one_stands_a_little_as_it_was() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"7","roles":["a"]}"#);
    isolate.world.origin(|_| {
        Ok(Message::new(200, &[("usher-session", r#"{"change":{"roles":["admin"],"scopes":["write"]}}"#)], "ok"))
    });
    let answer = isolate.get(&format!("{HOST}/sessions/x"), &[("cookie", &cookie)]);
    let new = answer.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(new, cookie);
    isolate.world.origin(|heard| Ok(Message::new(200, &[], heard.field("x-user-roles").unwrap_or("-"))));
    let ask = |cookie: &str| isolate.get(&format!("{HOST}/any/x"), &[("cookie", cookie)]);
    assert_eq!((ask(&new).body.as_str(), ask(&cookie).body.as_str()), ("admin", "a"));
    assert_eq!(isolate.get(&format!("{HOST}/admin/x"), &[("cookie", &cookie)]).status, 403, "never for new rights");
    isolate.world.pass(29_000);
    assert_eq!((ask(&new).status, ask(&cookie).status), (200, 200));
    isolate.world.pass(1_010);
    assert_eq!((ask(&new).status, ask(&cookie).status), (200, 401));
    assert_eq!(isolate.get(&format!("{HOST}/admin/x"), &[("cookie", &new)]).status, 200);
    let end = r#"{"user":"7"}"#;
    assert_eq!(isolate.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], end).status, 200);
    assert_eq!(ask(&new).status, 401);
}

#[test]
fn the_operator_and_the_user_see_where_they_are_signed_in_and_end_what_they_like() {
    let isolate = isolate();
    let start = |user: &str, agent: &str| {
        let fields = [OPERATOR, ("user-agent", agent)];
        let answer =
            isolate.ask("POST", &format!("{HOST}/.usher/sessions"), &fields, &json!({ "user": user }).to_string());
        let said: Value = serde_json::from_str(&answer.body).unwrap();
        (format!("__Host-usher={}", said["token"].as_str().unwrap()), said["session"].as_str().unwrap().to_owned())
    };
    let (phone, phone_key) = start("ada", "A phone\u{e9}");
    let (desk, desk_key) = start("ada", "A desk");
    start("bob", "Another");
    let list = |query: &str| -> Value {
        let answer = isolate.ask("GET", &format!("{HOST}/.usher/sessions{query}"), &[OPERATOR], "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    assert_eq!(list("")["sessions"].as_array().unwrap().len(), 3);
    assert_eq!(list("?user=ada")["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(isolate.ask("GET", &format!("{HOST}/.usher/sessions"), &[], "").status, 401);
    let own = |method: &str, cookie: &str, fields: &[(&str, &str)], body: &str| {
        let all: Vec<(&str, &str)> = [("cookie", cookie)].into_iter().chain(fields.iter().copied()).collect();
        isolate.ask(method, &format!("{HOST}/.usher/me/sessions"), &all, body)
    };
    let mine: Value = serde_json::from_str(&own("GET", &phone, &[], "").body).unwrap();
    let this: Vec<(&str, bool)> = mine["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["device"].as_str().unwrap(), s["this"].as_bool().unwrap()))
        .collect();
    assert!(this.contains(&("A phone", true)) && this.contains(&("A desk", false)) && this.len() == 2, "{this:?}");
    assert_eq!(own("GET", "", &[], "").status, 401);
    let bobs = list("?user=bob")["sessions"][0]["session"].as_str().unwrap().to_owned();
    assert_eq!(own("DELETE", &phone, &[], &json!({ "session": bobs }).to_string()).status, 404, "nobody else's");
    assert_eq!(own("DELETE", &phone, &[("origin", "https://evil.example")], r#"{"others":true}"#).status, 403);
    let others = own("DELETE", &phone, &[], r#"{"others":true}"#);
    assert_eq!(others.status, 200);
    let phone = others.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let ask = |cookie: &str| isolate.get(&format!("{HOST}/any/x"), &[("cookie", cookie)]).status;
    assert_eq!((ask(&phone), ask(&desk)), (200, 401));
    let left = list("?user=ada");
    let left: Vec<&str> = left["sessions"].as_array().unwrap().iter().map(|s| s["session"].as_str().unwrap()).collect();
    assert!(left.len() == 1 && left[0] != phone_key && left[0] != desk_key, "it goes on under another token: {left:?}");
    let out = isolate.ask("POST", &format!("{HOST}/.usher/sign-out?return_to=/bye"), &[("cookie", &phone)], "");
    assert_eq!((out.status, out.field("location")), (303, Some("/bye")));
    assert!(out.field("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(ask(&phone), 401);
}

#[test]
fn a_remembered_session_outlives_the_others() {
    let isolate = isolate();
    let (short, long) = (sign_in(&isolate, r#"{"user":"7"}"#), sign_in(&isolate, r#"{"user":"7","remember":true}"#));
    let ask = |cookie: &str| isolate.get(&format!("{HOST}/any/x"), &[("cookie", cookie)]).status;
    isolate.world.pass(13 * 3_600_000);
    assert_eq!((ask(&short), ask(&long)), (401, 200));
    isolate.world.pass(29 * 86_400_000);
    assert_eq!(ask(&long), 200);
    isolate.world.pass(2 * 86_400_000);
    assert_eq!(ask(&long), 401);
}

#[test]
fn while_the_store_is_down_a_route_does_what_it_says_and_signs_nobody_out() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"7"}"#);
    isolate.world.pass(6_000);
    isolate.world.store_down.set(true);
    for (path, status) in [("/any/x", 503), ("/closed/x", 503), ("/optional/x", 200)] {
        let answer = isolate.get(&format!("{HOST}{path}"), &[("cookie", &cookie)]);
        assert_eq!((answer.status, answer.field("set-cookie")), (status, None), "{path}");
    }
    assert_eq!(isolate.get(&format!("{HOST}/closed/x"), &[]).status, 200, "nobody was brought, nothing is asked");
    isolate.world.store_down.set(false);
    assert_eq!(isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status, 200);
}
