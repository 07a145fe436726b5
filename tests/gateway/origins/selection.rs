//! Which origin of a pool is asked: in turn, by affinity, and when none is fit.

use super::{asked, dead, isolate, last_line, order};
use crate::world::{Isolate, Message};
use crate::{EVERY_ROUTE, HOST, OPERATOR, world};
use std::collections::BTreeMap;

#[test]
fn round_robin_asks_each_in_its_turn() {
    let isolate = isolate();
    for _ in 0..30 {
        isolate.get(&format!("{HOST}/trio/x"), &[]);
    }
    assert_eq!(
        asked(&isolate.world),
        BTreeMap::from([("o1-url".into(), 10), ("o2-url".into(), 10), ("o3-url".into(), 10)])
    );
}

fn drain_both(isolate: &Isolate, pool: &str) {
    for origin in ["one", "two"] {
        order(isolate, pool, &format!(r#"{{"pool":"{pool}","origin":"{origin}","action":"drain"}}"#));
    }
}

#[test]
fn what_happens_when_no_origin_is_fit_is_the_pools_to_say() {
    let isolate = isolate();
    isolate.world.origin(|_| Ok(Message::new(200, &[("cache-control", "max-age=1")], "hello")));
    isolate.get(&format!("{HOST}/held/x"), &[]);
    for pool in ["shut", "held", "saved", "sticky"] {
        drain_both(&isolate, pool);
    }
    isolate.world.heard.take();
    isolate.world.pass(2_000);
    let shut = isolate.get(&format!("{HOST}/shut/x"), &[]);
    assert_eq!((shut.status, shut.field("retry-after")), (503, Some("5")));
    assert_eq!(shut.field("proxy-status"), Some("usher; error=destination_unavailable"));
    assert_eq!(last_line(&isolate)["steered"], "fail_closed");
    let held = isolate.get(&format!("{HOST}/held/x"), &[]);
    assert_eq!((held.status, held.body.as_str()), (200, "hello"), "what is stored serves");
    assert_eq!(last_line(&isolate)["steered"], "stale");
    let unseen = isolate.get(&format!("{HOST}/held/unseen"), &[]);
    assert_eq!((unseen.status, unseen.field("retry-after")), (503, Some("5")), "nothing is stored");
    assert!(asked(&isolate.world).is_empty());
    assert_eq!(isolate.get(&format!("{HOST}/saved/x"), &[]).status, 200);
    assert_eq!(asked(&isolate.world), BTreeMap::from([("a-url".into(), 1)]));
    assert_eq!(last_line(&isolate)["steered"], "fallback");
    // An order to drain is obeyed also where a pool fails open.
    assert_eq!(isolate.get(&format!("{HOST}/sticky/x"), &[]).status, 503);
    let metrics = isolate.get(&format!("{HOST}/.usher/metrics"), &[OPERATOR]).body;
    for (pool, what, count) in [("shut", "fail_closed", 1), ("held", "stale", 2), ("saved", "fallback", 1)] {
        assert!(
            metrics.contains(&format!("usher_origin_events_total{{pool=\"{pool}\",what=\"{what}\"}} {count}")),
            "{metrics}"
        );
    }
}

#[test]
fn a_visitor_stays_with_an_origin_until_it_is_gone() {
    let isolate = isolate();
    let first = isolate.get(&format!("{HOST}/sticky/x"), &[]);
    let cookie = first.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let stays = asked(&isolate.world).into_keys().next().unwrap();
    for _ in 0..20 {
        let answer = isolate.get(&format!("{HOST}/sticky/x"), &[("cookie", &format!("theme=dark; {cookie}"))]);
        assert_eq!(answer.field("set-cookie"), None);
        assert_eq!(
            isolate.world.heard.borrow().last().unwrap().field("cookie"),
            Some("theme=dark"),
            "the hint is ours"
        );
    }
    assert_eq!(asked(&isolate.world), BTreeMap::from([(stays.clone(), 20)]));
    // A cookie that we did not make, or for another pool, says nothing.
    let forged = format!("{}x", cookie);
    assert!(isolate.get(&format!("{HOST}/sticky/x"), &[("cookie", &forged)]).field("set-cookie").is_some());
    let name = if stays == "o1-url" { "one" } else { "two" };
    order(&isolate, "sticky", &format!(r#"{{"pool":"sticky","origin":"{name}","action":"drain"}}"#));
    isolate.world.heard.take();
    let moved = isolate.get(&format!("{HOST}/sticky/x"), &[("cookie", &cookie)]);
    assert!(moved.field("set-cookie").unwrap().starts_with("__Host-usher-at-sticky="));
    assert!(!asked(&isolate.world).contains_key(&stays));
}

#[test]
fn the_fallback_is_also_for_a_pool_that_has_just_failed() {
    let isolate = isolate();
    dead(&isolate.world, &["dead-url"]);
    assert_eq!(isolate.get(&format!("{HOST}/backed/x"), &[]).status, 200);
    assert_eq!(asked(&isolate.world), BTreeMap::from([("dead-url".into(), 1), ("a-url".into(), 1)]));
    assert_eq!(isolate.ask("POST", &format!("{HOST}/backed/x"), &[("content-length", "1")], "1").status, 502);
    assert_eq!(asked(&isolate.world).len(), 1);
}

#[test]
fn pools_with_signed_cookies_need_a_key() {
    let world = world();
    world.vars.borrow_mut().insert("COOKIE_KEY".into(), "short".into());
    let isolate = Isolate::new(&world, EVERY_ROUTE);
    assert_eq!(isolate.get(&format!("{HOST}/fixed"), &[]).status, 503);
    assert!(world.log.borrow().join("\n").contains("wrangler secret put COOKIE_KEY"));
}
