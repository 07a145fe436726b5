//! Routes that answer by themselves, the operator's pages, and vars that are missing.

use crate::world::{Isolate, World};
use crate::{HOST, OPERATOR, SHIPPED, isolate, sign_in};

#[test]
fn an_answer_that_needs_no_waiting_is_given_without_waiting() {
    let isolate = isolate();
    let waits = |method: &str, path: &str, fields: &str| {
        let (answer, waits) = isolate.serve(&format!("{HOST}{path}\n{method}\n0\n{fields}\n\n"), "");
        (answer.status, waits)
    };
    assert_eq!(waits("GET", "/members/x", "accept:*/*"), (401, 0));
    assert_eq!(waits("GET", "/members/x", "accept:text/html"), (302, 0));
    assert_eq!(waits("GET", "/go/7", "a:b"), (308, 0));
    assert_eq!(waits("GET", "/fixed", "a:b"), (418, 0));
    assert_eq!(waits("PUT", "/fixed", "a:b"), (405, 0));
    assert_eq!(waits("GET", "/echo/x", "a:b"), (200, 0));
    assert_eq!(waits("GET", "/x/..%2fmembers", "a:b"), (400, 0));
    assert_eq!(waits("GET", "/open/x", "cdn-loop:usher"), (508, 0));
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    assert_eq!(waits("GET", "/echo/x", &format!("cookie:{cookie}")), (200, 0), "a remembered session");
}

#[test]
fn what_an_operator_says_twice_is_refused_everywhere() {
    let isolate = isolate();
    for (method, path, body) in [
        ("POST", "purge", r#"{"everything":false,"tags":["a"],"everything":true}"#),
        ("POST", "purge", r#"{"tags":["a"],"tags":["b"]}"#),
        ("POST", "sessions", r#"{"user":"7","data":{"a":1,"a":2}}"#),
        ("POST", "api-keys", r#"{"user":"7","lifetime":"1h","lifetime":"90d"}"#),
        ("DELETE", "sessions", r#"{"user":"7","user":"8"}"#),
    ] {
        let answer = isolate.ask(method, &format!("{HOST}/.usher/{path}"), &[OPERATOR], body);
        assert_eq!(answer.status, 400, "{path}: {body}: {}", answer.body);
    }
    assert!(isolate.world.stamps.borrow().is_empty());
}

#[test]
fn the_demo_and_the_operators_pages_are_closed_unless_opened() {
    let isolate = isolate();
    let demo = |isolate: &Isolate| {
        isolate.ask("POST", &format!("{HOST}/.usher/demo/sign-in"), &[], "user=zo%C3%AB+x&return_to=//evil.example")
    };
    assert_eq!(demo(&isolate).status, 404);
    isolate.world.vars.borrow_mut().insert("USHER_DEMO".into(), "on".into());
    let signed = demo(&isolate);
    assert_eq!((signed.status, signed.field("location")), (303, Some("/")));
    assert!(signed.field("set-cookie").unwrap().starts_with("__Host-usher="));
    assert!(isolate.world.store.borrow().values().any(|record| record.contains("zoë x")));
    for token in [None, Some("")] {
        match token {
            None => isolate.world.vars.borrow_mut().remove("ADMIN_TOKEN"),
            Some(token) => isolate.world.vars.borrow_mut().insert("ADMIN_TOKEN".into(), token.into()),
        };
        for authorization in ["Bearer ", "Bearer", "Bearer secret"] {
            let answer = isolate.ask(
                "POST",
                &format!("{HOST}/.usher/purge"),
                &[("authorization", authorization)],
                r#"{"everything":true}"#,
            );
            assert_eq!(answer.status, 401, "{token:?} {authorization}");
        }
    }
}

#[test]
fn a_missing_var_is_a_503_that_says_nothing_and_a_log_line_that_says_everything() {
    let world = World::new();
    let isolate = Isolate::new(&world, SHIPPED);
    let answer = isolate.get(&format!("{HOST}/"), &[]);
    assert_eq!(answer.status, 503);
    assert!(!format!("{answer:?}").contains("ORIGIN_URL"));
    assert!(world.log.borrow()[0].contains("ORIGIN_URL"));
}
