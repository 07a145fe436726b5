//! Validation and refreshing of what is stored: 304s, errors, and origins that hang.

use super::{ROUTE, STORED, before, fields, holds, met, says};
use crate::world::{Isolate, Message, World};
use crate::{HOST, isolate, world};
use std::cell::Cell;
use std::rc::Rc;
use usher::platform::Failure;

#[test]
fn a_refresh_carries_nothing_of_the_visitors_own() {
    let isolate = Isolate::new(&world(), ROUTE);
    says(&isolate, "200 cache-control:public, max-age=0, stale-while-revalidate=60 | etag:\"a\"");
    isolate.get(&format!("{HOST}/x"), &[]);
    let own = [("cookie", "own=1"), ("range", "bytes=0-1"), ("if-range", "\"own\""), ("pragma", "own")];
    isolate.get(&format!("{HOST}/x"), &own);
    let heard = isolate.world.heard.borrow();
    assert_eq!(heard.len(), 2);
    let told = format!("{:?}", heard[1].fields);
    assert!(!told.contains("own"), "{told}");
    assert_eq!(heard[1].field("if-none-match"), Some("\"a\""));
    drop(heard);
    // Behind somebody authorized Usher asks nothing in its own name: it could be refused.
    let answer = isolate.get(&format!("{HOST}/x"), &[("authorization", "Basic own")]);
    assert!(met(&answer).starts_with("200 fwd=stale"), "{}", met(&answer));
    assert_eq!(isolate.world.heard.borrow()[2].field("authorization"), Some("Basic own"));
}

#[test]
fn a_304_leaves_tags_and_targeted_fields_as_they_were() {
    let isolate = isolate();
    says(&isolate, "200 cache-control:max-age=1 | etag:\"a\" | cache-tag:prod-9 | cdn-cache-control:max-age=5");
    isolate.get(&format!("{HOST}/stored/t"), &[]);
    isolate.world.pass(6_000);
    says(&isolate, "304 etag:\"a\" | cache-control:max-age=600");
    assert_eq!(met(&isolate.get(&format!("{HOST}/stored/t"), &[])), "200 fwd=stale; fwd-status=304; stored");
    let answer = isolate.get(&format!("{HOST}/stored/t"), &[]);
    assert_eq!(met(&answer), "200 hit");
    assert_eq!((answer.field("cache-tag"), answer.field("cdn-cache-control")), (None, Some("max-age=5")));
    assert_eq!(crate::purge(&isolate, r#"{"tags":["prod-9"]}"#).status, 200);
    says(&isolate, "200 cache-control:max-age=1");
    assert_eq!(met(&isolate.get(&format!("{HOST}/stored/t"), &[])), "200 fwd=miss; stored; detail=purged");
}

#[test]
fn a_304_that_sets_a_cookie_or_a_session_is_applied_and_not_stored() {
    let isolate = isolate();
    let user = crate::sign_in(&isolate, r#"{"user":"ada","roles":["r"]}"#);
    for (fields, cookies) in [("set-cookie:usher=evil; Path=/", None), ("set-cookie:a=b", Some("a=b"))] {
        says(&isolate, "200 cache-control:no-cache | etag:\"a\"");
        isolate.get(&format!("{HOST}/private/s"), &[("cookie", &user)]);
        says(&isolate, &format!("304 etag:\"a\" | {fields}"));
        let answer = isolate.get(&format!("{HOST}/private/s"), &[("cookie", &user)]);
        assert_eq!((answer.status, answer.field("set-cookie")), (200, cookies), "{fields}");
        assert!(met(&answer).contains("set-cookie"), "{}", met(&answer));
    }
}

#[test]
fn a_refresh_that_is_refused_or_speaks_of_a_session_leaves_what_serves() {
    for origin in ["401 cache-control:max-age=60", "403", "500", "200 cache-control:max-age=60 | usher-session:end"] {
        holds(
            "",
            origin,
            &[
                (0, "GET", "200 cache-control:max-age=60, stale-while-revalidate=600", STORED),
                (61, "GET", origin, "200 hit; detail=revalidating"),
                (0, "GET", "down", "200 hit; detail=revalidating"),
            ],
        );
    }
}

#[test]
fn one_visitors_bad_luck_takes_nothing_from_the_others() {
    for (status, why) in [("401", "no-lifetime"), ("403", "no-lifetime"), ("421", "no-lifetime"), ("429", "status")] {
        holds(
            "",
            status,
            &[
                (0, "GET", "200 cache-control:max-age=300 | etag:\"a\"", STORED),
                (1, "GET cache-control:no-cache", status, &format!("{status} fwd=request; detail={why}")),
                (1, "GET", "down", "200 hit"),
            ],
        );
    }
    holds(
        "",
        "what is gone is gone",
        &[
            (0, "GET", "200 cache-control:max-age=300 | etag:\"a\"", STORED),
            (1, "GET cache-control:no-cache", "410", "410 fwd=request; detail=no-lifetime"),
            (1, "GET", "down", "502 fwd=miss; detail=origin-down"),
        ],
    );
}

#[test]
fn a_304_about_another_answer_is_asked_again_and_an_error_then_leaves_what_may_serve() {
    let isolate = Isolate::new(&World::new(), ROUTE);
    let stale = "200 cache-control:max-age=0, stale-if-error=60, stale-while-revalidate=0 | etag:\"a\"";
    for (second, expected) in [
        ("503", "200 fwd=stale; fwd-status=503; detail=stale-if-error"),
        ("304 etag:\"b\"", "200 fwd=stale; detail=origin-down"),
        ("200 cache-control:max-age=60 | etag:\"b\"", "200 fwd=stale; stored"),
    ] {
        says(&isolate, stale);
        isolate.get(&format!("{HOST}/{}", second.len()), &[]);
        let asked = Rc::new(Cell::new(0));
        isolate.world.origin(move |told| {
            asked.set(asked.get() + 1);
            let text = if told.field("if-none-match").is_some() { "304 etag:\"b\"" } else { second };
            let (status, fields) = fields(text);
            Ok(Message::new(status.parse().unwrap(), &fields, "other"))
        });
        assert_eq!(met(&isolate.get(&format!("{HOST}/{}", second.len()), &[])), expected, "{second}");
    }
}

#[test]
fn an_origin_that_hangs_costs_one_visitor_its_deadline_and_the_others_nothing() {
    let isolate = before("ttl = \"1s\"", |_| Ok(Message::new(200, &[], "old")));
    let ask = || {
        let before = isolate.world.heard.borrow().len();
        let answer = isolate.get(&format!("{HOST}/x"), &[]);
        (met(&answer), isolate.world.heard.borrow().len() - before)
    };
    assert_eq!(ask().0, STORED);
    isolate.world.pass(2_000);
    isolate.world.origin(|_| Err(Failure::Timeout));
    assert_eq!(ask(), ("200 fwd=stale; detail=origin-down".into(), 1), "the first one waits");
    for _ in 0..3 {
        isolate.world.pass(4_000);
        assert_eq!(ask(), ("200 hit; detail=origin-down".into(), 1), "at once; it is asked for behind the answer");
    }
    isolate.world.origin(|_| Ok(Message::new(200, &[], "new")));
    assert_eq!(ask().0, "200 hit; detail=origin-down");
    assert_eq!((ask().0.as_str(), isolate.get(&format!("{HOST}/x"), &[]).body.as_str()), ("200 hit", "new"));
    // Where staleness is forbidden everybody asks.
    let firm = before("", |_| Ok(Message::new(200, &[("cache-control", "max-age=1, must-revalidate")], "old")));
    firm.get(&format!("{HOST}/x"), &[]);
    firm.world.pass(2_000);
    firm.world.origin(|_| Err(Failure::Timeout));
    assert_eq!([0, 1].map(|_| firm.get(&format!("{HOST}/x"), &[]).status), [504, 504]);
}

#[test]
fn a_strong_etag_is_weak_where_a_coding_is_taken_off_and_stays_so() {
    let isolate = before("", |heard| match heard.field("if-none-match") {
        Some("W/\"a\"") => Ok(Message::new(304, &[("etag", "\"a\""), ("cache-control", "max-age=60")], "")),
        _ => Ok(Message::new(
            200,
            &[("etag", "\"a\""), ("content-encoding", "gzip"), ("cache-control", "max-age=60")],
            "x",
        )),
    });
    let ask = |fields: &[(&str, &str)]| {
        let answer = isolate.get(&format!("{HOST}/x"), fields);
        (met(&answer), answer.field("etag").map(str::to_owned))
    };
    let weak = Some("W/\"a\"".to_owned());
    assert_eq!(ask(&[]), (STORED.into(), weak.clone()), "on the miss as well");
    assert_eq!(ask(&[]), ("200 hit".into(), weak.clone()));
    assert_eq!(ask(&[("if-none-match", "\"a\"")]).0, "304 hit");
    isolate.world.pass(61_000);
    assert_eq!(ask(&[]), ("200 fwd=stale; fwd-status=304; stored".into(), weak.clone()));
    assert_eq!(ask(&[]), ("200 hit".into(), weak));
}
