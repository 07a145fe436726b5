//! The operator's orders: draining and weights.

use super::{asked, isolate, order, syncs};
use crate::world::Isolate;
use crate::{EVERY_ROUTE, HOST, OPERATOR};

#[test]
fn a_drained_origin_gets_nothing_here_at_once_and_elsewhere_after_the_next_exchange() {
    let here = isolate();
    let there = here.beside(EVERY_ROUTE);
    let answer = order(&here, "trio", r#"{"pool":"trio","origin":"one","action":"drain","seconds":60}"#);
    assert_eq!((answer.status, answer.field("etag")), (200, Some("\"1\"")), "{}", answer.body);
    let ask = |isolate: &Isolate| {
        (0..9).for_each(|_| {
            isolate.get(&format!("{HOST}/trio/x"), &[]);
        });
        asked(&isolate.world).contains_key("o1-url")
    };
    assert!(!ask(&here));
    syncs(&there, "/trio/x");
    assert!(!ask(&there));
    here.world.pass(61_000);
    syncs(&here, "/trio/x");
    here.world.pass(3_000);
    assert!(ask(&here), "the minute is over");
    let stale = [OPERATOR, ("if-match", "\"0\"")];
    let answer = here.ask(
        "POST",
        &format!("{HOST}/.usher/origins"),
        &stale,
        r#"{"pool":"trio","origin":"one","action":"drain"}"#,
    );
    assert_eq!(answer.status, 412, "somebody who has not seen how things are");
}

#[test]
fn an_invalid_order_is_refused_with_the_valid_values() {
    let isolate = isolate();
    for (body, named) in [
        (r#"{"pool":"nope","origin":"one","action":"drain"}"#, "pool"),
        (r#"{"pool":"trio","origin":"nope","action":"drain"}"#, "one, two, three"),
        (r#"{"pool":"trio","origin":"one","action":"explode"}"#, "drain, undrain, weight"),
        (r#"{"pool":"trio","origin":"one","action":"weight","weight":1001}"#, "0 to 1000"),
        (r#"{"pool":"a","origin":"A_URL","action":"drain"}"#, "nothing watches"),
    ] {
        let answer = isolate.ask("POST", &format!("{HOST}/.usher/origins"), &[OPERATOR, ("if-match", "\"0\"")], body);
        assert!(answer.status == 400 && answer.body.contains(named), "{body}: {} {}", answer.status, answer.body);
    }
    let answer = isolate.ask(
        "POST",
        &format!("{HOST}/.usher/origins"),
        &[OPERATOR],
        r#"{"pool":"trio","origin":"one","action":"drain"}"#,
    );
    assert!(answer.status == 400 && answer.body.contains("If-Match"));
    assert_eq!(isolate.get(&format!("{HOST}/.usher/origins"), &[]).status, 401);
}

#[test]
fn an_order_for_any_version_is_followed_and_an_absurd_one_refused() {
    let isolate = isolate();
    let order = |tag: &str, body: &str| {
        let answer = isolate.ask("POST", &format!("{HOST}/.usher/origins"), &[OPERATOR, ("if-match", tag)], body);
        (answer.status, answer.body)
    };
    for _ in 0..2 {
        assert_eq!(order("*", r#"{"pool":"trio","origin":"one","action":"drain","seconds":60}"#).0, 200);
    }
    for (body, said) in [
        (r#"{"pool":"trio","origin":"one","action":"drain","seconds":18446744073709551615}"#, "seconds"),
        (r#"{"pool":"trio","origin":"one","action":"drain","seconds":1e300}"#, "not understood"),
        (r#"{"pool":"trio","origin":"one","action":"weight","weight":4294967296}"#, "not understood"),
        (r#"{"pool":"trio","pool":"data","origin":"one","action":"drain"}"#, "not understood"),
    ] {
        let (status, told) = order("*", body);
        assert!(status == 400 && told.contains(said), "{body}: {status} {told}");
    }
}
