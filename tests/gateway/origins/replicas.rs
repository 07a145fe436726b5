//! A primary and replicas that lag: who reads what, and what is stored.

use super::{asked, dead, host, isolate, last_line};
use crate::HOST;
use crate::world::{Isolate, Message};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use usher::platform::Failure;

/// A primary and two replicas: what each has, by moments of the world's clock.
fn replicated(lag: [u64; 2]) -> Isolate {
    let isolate = isolate();
    let writes: Rc<RefCell<Vec<u64>>> = Rc::default();
    let world = Rc::clone(&isolate.world);
    isolate.world.origin(move |heard| {
        let now = world.now.get();
        let behind = match host(&heard.url) {
            "o1-url" => 0,
            "o2-url" => lag[0],
            _ => lag[1],
        };
        if heard.method == "POST" {
            assert_eq!(behind, 0, "a replica was written to");
            writes.borrow_mut().push(now);
        }
        let position = writes.borrow().iter().filter(|at| **at + behind <= now).count().to_string();
        Ok(Message::new(200, &[("x-usher-position", &position), ("x-usher-lag-ms", &behind.to_string())], &position))
    });
    isolate
}

#[test]
fn who_wrote_reads_it_and_everybody_else_reads_replicas() {
    let isolate = replicated([2_000, 2_000]);
    let url = format!("{HOST}/data/x");
    let wrote = isolate.ask("POST", &url, &[("content-length", "1")], "1");
    assert_eq!(wrote.field("x-usher-position"), None, "that is between us");
    let cookie = wrote.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-usher-wrote-data="));
    isolate.world.heard.take();
    let read = isolate.get(&url, &[("cookie", &cookie)]);
    assert_eq!(read.body, "1");
    assert_eq!(asked(&isolate.world), BTreeMap::from([("o1-url".into(), 1)]));
    assert_eq!(last_line(&isolate)["steered"], "primary");
    assert_eq!(isolate.get(&url, &[]).body, "0", "who wrote nothing may be told of the past");
    assert!(!asked(&isolate.world).contains_key("o1-url"));
    // The replicas come up, and are seen to by others' requests.
    isolate.world.pass(3_000);
    for _ in 0..8 {
        isolate.get(&url, &[]);
    }
    isolate.world.heard.take();
    assert_eq!(isolate.get(&url, &[("cookie", &cookie)]).body, "1");
    assert!(!asked(&isolate.world).contains_key("o1-url"));
    assert_eq!(last_line(&isolate)["steered"], "replica");
}

#[test]
fn replicas_too_far_behind_are_not_read_from() {
    let isolate = replicated([11_000, 0]);
    for _ in 0..20 {
        isolate.get(&format!("{HOST}/data/x"), &[]);
    }
    isolate.world.heard.take();
    for _ in 0..20 {
        isolate.get(&format!("{HOST}/data/x"), &[]);
    }
    assert_eq!(asked(&isolate.world), BTreeMap::from([("o3-url".into(), 20)]));
}

#[test]
fn without_positions_who_wrote_reads_the_primary_for_a_while() {
    let isolate = isolate();
    let url = format!("{HOST}/data/x");
    let wrote = isolate.ask("POST", &url, &[("content-length", "1")], "1");
    let cookie = wrote.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    isolate.world.pass(2_900);
    isolate.world.heard.take();
    isolate.get(&url, &[("cookie", &cookie)]);
    assert!(asked(&isolate.world).contains_key("o1-url"));
    isolate.world.pass(100);
    isolate.get(&url, &[("cookie", &cookie)]);
    assert!(!asked(&isolate.world).contains_key("o1-url"));
}

#[test]
fn what_was_purged_is_not_stored_again_from_a_replica_that_lags() {
    let isolate = replicated([2_000, 2_000]);
    let url = format!("{HOST}/archive/x");
    assert_eq!(isolate.get(&url, &[]).body, "0");
    isolate.ask("POST", &format!("{HOST}/data/x"), &[("content-length", "1")], "1");
    crate::purge(&isolate, r#"{"tags":["archive"]}"#);
    isolate.world.pass(500);
    isolate.world.heard.take();
    assert_eq!(isolate.get(&url, &[]).body, "1", "by somebody who wrote nothing");
    assert_eq!(asked(&isolate.world), BTreeMap::from([("o1-url".into(), 1)]));
    crate::purge(&isolate, r#"{"tags":["archive"]}"#);
    isolate.world.pass(3_001);
    assert_eq!(isolate.get(&url, &[]).body, "1");
    assert!(!asked(&isolate.world).contains_key("o1-url"), "replicas have come up since");
}

#[test]
fn who_wrote_is_shown_it_also_where_answers_are_stored() {
    let isolate = replicated([2_000, 2_000]);
    let url = format!("{HOST}/archive/x");
    assert_eq!(isolate.get(&url, &[]).body, "0", "stored for everybody");
    let wrote = isolate.ask("POST", &format!("{HOST}/data/x"), &[("content-length", "1")], "1");
    let cookie = wrote.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let read = isolate.get(&url, &[("cookie", &cookie)]);
    assert_eq!((read.body.as_str(), read.field("cache-status")), ("1", Some("usher; fwd=bypass; detail=wrote")));
    assert_eq!(isolate.get(&url, &[]).body, "0", "who did not write has what is stored");
    // Also when what they wrote is long ago enough to be stored, but what is stored is older.
    isolate.world.pass(11_000);
    let read = isolate.get(&url, &[("cookie", &cookie)]);
    assert_eq!((read.body.as_str(), read.field("cache-status")), ("1", Some("usher; fwd=miss; stored; detail=wrote")));
    isolate.world.heard.take();
    assert!(isolate.get(&url, &[("cookie", &cookie)]).field("cache-status").unwrap().starts_with("usher; hit"));
}

#[test]
fn a_replica_that_says_it_is_behind_is_not_believed_but_the_primary_asked() {
    // Nothing is known of the replicas yet, no positions are told, and the window is over.
    let isolate = isolate();
    let url = format!("{HOST}/data/x");
    let wrote = isolate.ask("POST", &url, &[("content-length", "1")], "1");
    let cookie = wrote.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    isolate.world.pass(4_000);
    isolate.world.origin(|heard| {
        let lag = if host(&heard.url) == "o1-url" { "0" } else { "9000" };
        Ok(Message::new(200, &[("x-usher-lag-ms", lag)], lag))
    });
    isolate.world.heard.take();
    assert_eq!(isolate.get(&url, &[("cookie", &cookie)]).body, "0");
    assert_eq!(asked(&isolate.world).values().sum::<usize>(), 3, "both replicas say so, and the primary answers");
}

#[test]
fn who_is_signed_in_and_keeps_no_other_cookies_is_remembered_by_the_isolate() {
    let isolate = replicated([2_000, 2_000]);
    let url = format!("{HOST}/data/own");
    let (ada, bob) = (crate::sign_in(&isolate, r#"{"user":"ada"}"#), crate::sign_in(&isolate, r#"{"user":"bob"}"#));
    isolate.ask("POST", &url, &[("cookie", &ada), ("content-length", "1")], "1");
    assert_eq!(isolate.get(&url, &[("cookie", &ada)]).body, "1");
    assert_eq!(isolate.get(&url, &[("cookie", &bob)]).body, "0");
}

#[test]
fn a_write_that_failed_may_have_been_done_all_the_same() {
    let isolate = isolate();
    isolate.world.origin(|_| Err(Failure::Timeout));
    let url = format!("{HOST}/data/x");
    let wrote = isolate.ask("POST", &url, &[("content-length", "1")], "1");
    let cookie = wrote.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    dead(&isolate.world, &[]);
    isolate.world.heard.take();
    isolate.get(&url, &[("cookie", &cookie)]);
    assert_eq!(asked(&isolate.world), BTreeMap::from([("o1-url".into(), 1)]));
}

#[test]
fn a_replica_that_lagged_long_ago_is_asked_again() {
    let isolate = replicated([11_000, 0]);
    let ask = || (0..20).for_each(|_| drop(isolate.get(&format!("{HOST}/data/x"), &[])));
    ask();
    isolate.world.heard.take();
    isolate.world.pass(61_000);
    ask();
    assert!(asked(&isolate.world).contains_key("o2-url"));
}
