//! Shards: keys, tenants, and data that moves.

use super::{asked, host, isolate};
use crate::world::{Isolate, Message};
use crate::{EVERY_ROUTE, HOST, world};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

fn moving(phase: &str) -> Isolate {
    let world = world();
    world.vars.borrow_mut().insert("SHARD_PHASE".into(), phase.into());
    Isolate::new(&world, EVERY_ROUTE)
}

/// A customer whose slot moves, and one whose slot stays.
fn customers(isolate: &Isolate) -> (String, String) {
    let goes = |customer: &String| {
        isolate.get(&format!("{HOST}/customers/{customer}/x"), &[]);
        asked(&isolate.world).contains_key("o2-url")
    };
    let (moves, stays): (Vec<String>, Vec<String>) = (0..20).map(|number| format!("c{number}")).partition(goes);
    (moves[0].clone(), stays[0].clone())
}

#[test]
fn a_write_that_is_misdirected_is_sent_to_the_other_shard_and_nowhere_twice() {
    let (moves, stays) = customers(&moving("cut"));
    for (phase, first) in [("prepare", "o1-url"), ("dual_read", "o1-url"), ("cut", "o2-url")] {
        let isolate = moving(phase);
        let other = if first == "o1-url" { "o2-url" } else { "o1-url" };
        isolate.world.origin(move |heard| {
            if host(&heard.url) == first { Ok(Message::new(421, &[], "")) } else { Ok(Message::new(201, &[], "made")) }
        });
        let url = format!("{HOST}/customers/{moves}/x");
        assert_eq!(isolate.ask("POST", &url, &[("content-length", "1")], "1").status, 201, "{phase}");
        let heard = isolate.world.heard.take();
        let hosts: Vec<&str> = heard.iter().map(|heard| host(&heard.url)).collect();
        assert_eq!(hosts, [first, other], "{phase}");
        assert_eq!(heard[1].field("x-shard"), Some(if other == "o1-url" { "s1" } else { "s2" }));
        assert_eq!(heard[1].field("x-usher-shard-version"), Some("7"));
        // A body too large to be held was not taken, and cannot be sent again.
        let answer = isolate.ask("POST", &url, &[("content-length", "70000")], "1");
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")), "{phase}");
    }
    let isolate = moving("cut");
    isolate.world.origin(|_| Ok(Message::new(421, &[], "")));
    let answer = isolate.ask("POST", &format!("{HOST}/customers/{stays}/x"), &[("content-length", "1")], "1");
    assert_eq!(answer.status, 503, "what does not move has nobody else");
    assert_eq!(asked(&isolate.world).values().sum::<usize>(), 1);
}

#[test]
fn while_neither_shard_has_the_data_the_request_waits_a_moment() {
    let (moves, _) = customers(&moving("cut"));
    let isolate = moving("dual_read");
    let world = Rc::clone(&isolate.world);
    let there = world.now.get() + 30;
    isolate.world.origin(move |heard| {
        let good = host(&heard.url) == "o2-url" && world.now.get() >= there;
        Ok(Message::new(if good { 200 } else { 421 }, &[], ""))
    });
    assert_eq!(
        isolate.ask("POST", &format!("{HOST}/customers/{moves}/x"), &[("content-length", "1")], "1").status,
        200
    );
}

#[test]
fn a_read_that_finds_nothing_is_answered_by_the_other_shard() {
    let (moves, _) = customers(&moving("cut"));
    for (phase, first, found) in
        [("prepare", "o1-url", 404), ("dual_read", "o1-url", 200), ("cut", "o2-url", 200), ("retire", "o2-url", 404)]
    {
        let isolate = moving(phase);
        isolate.world.origin(move |heard| Ok(Message::new(if host(&heard.url) == first { 404 } else { 200 }, &[], "")));
        assert_eq!(isolate.get(&format!("{HOST}/customers/{moves}/x"), &[]).status, found, "{phase}");
    }
}

#[test]
fn what_is_nowhere_is_not_found_also_while_shards_move() {
    let (moves, _) = customers(&moving("cut"));
    for (phase, owner) in [("prepare", "o1-url"), ("dual_read", "o1-url"), ("cut", "o2-url"), ("cut", "o1-url")] {
        let isolate = moving(phase);
        isolate
            .world
            .origin(move |heard| Ok(Message::new(if host(&heard.url) == owner { 404 } else { 421 }, &[], owner)));
        let answer = isolate.get(&format!("{HOST}/customers/{moves}/x"), &[]);
        assert_eq!((answer.status, answer.body.as_str()), (404, owner), "{phase}");
        assert!(isolate.world.heard.take().len() <= 2);
    }
}

#[test]
fn a_tenant_in_the_query_is_part_of_the_key_even_where_the_query_is_not() {
    let isolate = isolate();
    let count = RefCell::new(0);
    isolate.world.origin(move |_| {
        *count.borrow_mut() += 1;
        Ok(Message::new(200, &[("cache-control", "max-age=60")], &count.borrow().to_string()))
    });
    let body = |tenant: &str| isolate.get(&format!("{HOST}/parted/x?tenant={tenant}&page=1"), &[]).body;
    assert_eq!([body("a"), body("b"), body("a"), body("b")], ["1", "2", "1", "2"]);
}

#[test]
fn a_request_without_a_shard_key_is_refused_and_months_find_their_shard() {
    let isolate = isolate();
    assert_eq!(isolate.get(&format!("{HOST}/orders/x"), &[]).status, 400);
    assert_eq!(isolate.get(&format!("{HOST}/orders/x?month=2026-13"), &[]).status, 400);
    assert!(asked(&isolate.world).is_empty());
    isolate.get(&format!("{HOST}/orders/x?month=2025-12"), &[]);
    isolate.get(&format!("{HOST}/orders/x?month=2026-01-01"), &[]);
    assert_eq!(asked(&isolate.world), BTreeMap::from([("o1-url".into(), 1), ("o2-url".into(), 1)]));
}

#[test]
fn a_stored_answer_of_one_tenant_is_not_given_to_another() {
    let isolate = isolate();
    isolate.world.origin(|heard| {
        Ok(Message::new(200, &[("cache-control", "max-age=60")], heard.field("x-tenant").unwrap_or("none")))
    });
    for tenant in ["acme", "zebra", "acme"] {
        assert_eq!(isolate.get(&format!("{HOST}/tenants/x"), &[("x-tenant", tenant)]).body, tenant);
    }
    assert_eq!(asked(&isolate.world).values().sum::<usize>(), 2, "the third was stored");
}
