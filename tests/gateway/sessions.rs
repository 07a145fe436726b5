//! Sessions: how they start, slide, end and stay ended.

use crate::world::Message;
use crate::{EVERY_ROUTE, HOST, OPERATOR, identity_of, isolate, met, sign_in};

#[test]
fn a_sign_out_holds_although_the_store_still_has_the_record_and_no_write_revives_it() {
    let here = isolate();
    let there = here.beside(EVERY_ROUTE);
    let cookie = sign_in(&here, r#"{"user":"ada"}"#);
    let record = here.world.store.borrow().clone();
    assert_eq!(identity_of(&there, &cookie), (200, "store".into()));
    here.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], r#"{"user":"ada"}"#);
    assert_eq!(identity_of(&here, &cookie), (401, "revoked".into()), "at once where it was asked for");
    here.world.pass(2_000);
    here.world.store.borrow_mut().extend(record.clone());
    assert_eq!(identity_of(&there, &cookie), (401, "revoked".into()), "and elsewhere within max_delay");
    here.world.pass(6_000);
    assert_eq!(identity_of(&there, &cookie), (401, "revoked".into()), "also when read from the store again");
    let again = sign_in(&there, r#"{"user":"ada"}"#);
    assert_eq!(identity_of(&there, &again).0, 200, "a session started afterwards is good");
    assert_eq!(identity_of(&here, &again).0, 200);
}

#[test]
fn a_sign_out_while_the_store_is_down_ends_the_session_all_the_same() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    isolate.world.pass(10_000);
    isolate.world.store_down.set(true);
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", "end")], "bye")));
    let out = isolate.get(&format!("{HOST}/auth/out"), &[("cookie", &cookie)]);
    assert_eq!(out.status, 200);
    assert!(out.field("set-cookie").unwrap().starts_with("__Host-usher=; "));
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", "end_all")], "bye")));
    let all = isolate.get(&format!("{HOST}/auth/out"), &[("cookie", &cookie)]);
    assert_eq!((all.status, all.field("set-cookie")), (503, None), "whose sessions they are is not known");
    isolate.world.store_down.set(false);
    assert_eq!(identity_of(&isolate, &cookie), (401, "revoked".into()));
}

#[test]
fn a_session_that_ends_while_it_is_renewed_is_not_written_back() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    isolate.world.pass(2 * 3_600_000);
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", "end")], "bye")));
    isolate.get(&format!("{HOST}/auth/out"), &[("cookie", &cookie)]);
    assert!(isolate.world.store.borrow().is_empty());
}

#[test]
fn a_session_slides_with_use_and_writes_seldom() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    let written = || isolate.world.store.borrow().values().next().unwrap().clone();
    let first = written();
    isolate.world.pass(3_600_000);
    assert_eq!(identity_of(&isolate, &cookie).0, 200);
    assert_eq!(written(), first, "no write within a tenth of the idle time");
    isolate.world.pass(3_600_000);
    assert_eq!(identity_of(&isolate, &cookie).0, 200);
    assert_ne!(written(), first);
    for _ in 0..14 {
        isolate.world.pass(11 * 3_600_000);
        identity_of(&isolate, &cookie);
    }
    assert_eq!(identity_of(&isolate, &cookie).0, 200, "154 hours after sign-in, used all the while");
    isolate.world.pass(12 * 3_600_000);
    assert_eq!(identity_of(&isolate, &cookie), (401, "expired".into()), "168 hours: the absolute end");
}

#[test]
fn a_record_that_cannot_be_read_signs_nobody_in() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    isolate.world.pass(10_000);
    for record in ["", "{}", "null", "{\"user\":7}", "{\"user\":\"ada\",\"created\":-1,\"expires\":99999999999999}"] {
        for value in isolate.world.store.borrow_mut().values_mut() {
            *value = record.into();
        }
        assert_eq!(identity_of(&isolate, &cookie).0, 401, "{record}");
    }
}

#[test]
fn what_a_failed_sign_in_leaves_behind_is_nothing() {
    let isolate = isolate();
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", r#"{"start":{"user":"ada"}}"#)], "welcome")));
    isolate.world.store_down.set(true);
    let answer = isolate.get(&format!("{HOST}/auth/in"), &[]);
    assert_eq!((answer.status, answer.field("set-cookie")), (503, None));
    isolate.world.store_down.set(false);
    let answer = isolate.get(&format!("{HOST}/auth/in"), &[]);
    assert_eq!(answer.status, 200);
    assert!(answer.field("set-cookie").is_some());
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

#[test]
fn an_origin_cannot_plant_a_session_and_what_speaks_of_one_is_nobody_elses() {
    let isolate = isolate();
    let planted = [("cache-control", "max-age=60"), ("set-cookie", "__Host-usher=planted; Path=/")];
    isolate.world.origin(move |_| Ok(Message::new(200, &planted, "")));
    let answer = isolate.get(&format!("{HOST}/open/x"), &[]);
    assert!(answer.field("set-cookie").is_none(), "{:?}", answer.fields);
    assert!(isolate.world.log.borrow().iter().any(|line| line.contains("the origin set the session's cookie itself")));
    // Malformed, and from a route that may not: it is taken out, and the answer is not stored.
    let fields = [("cache-control", "max-age=60"), ("usher-session", "nonsense")];
    isolate.world.origin(move |_| Ok(Message::new(200, &fields, "")));
    for _ in 0..2 {
        assert_eq!(met(&isolate, "/stored/planted"), "usher; fwd=miss; detail=set-cookie");
    }
}
