//! Origins that are balanced, fail, come back, lag and move, on a world in memory.

use crate::EVERY_ROUTE;
use crate::HOST;
use crate::OPERATOR;
use crate::sign_in;
use crate::world;
use crate::world::{Isolate, Message, World};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use usher::origin::health::protocol::ProbeResult;
use usher::platform::Failure;

/// An isolate whose origins `dead` says are dead, with what each origin is asked.
fn isolate() -> Isolate {
    Isolate::new(&world(), EVERY_ROUTE)
}

fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap().split('.').next().unwrap()
}

/// How often each origin was asked since the last time.
fn asked(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for heard in world.heard.take() {
        *counts.entry(host(&heard.url).to_owned()).or_default() += 1;
    }
    counts
}

fn dead(world: &World, dead: &[&'static str]) {
    let dead = dead.to_vec();
    world.origin(move |heard| {
        if dead.contains(&host(&heard.url)) { Err(Failure::Unreachable) } else { Ok(Message::new(200, &[], "hello")) }
    });
}

fn last_line(isolate: &Isolate) -> serde_json::Value {
    let log = isolate.world.log.borrow();
    serde_json::from_str(log.iter().rev().find(|line| line.contains("\"id\"")).unwrap()).unwrap()
}

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

#[test]
fn a_dead_origin_costs_no_visitor_an_answer_and_is_ejected_after_five_failures() {
    let isolate = isolate();
    dead(&isolate.world, &["o2-url"]);
    for _ in 0..100 {
        assert_eq!(isolate.get(&format!("{HOST}/trio/x"), &[]).status, 200);
    }
    assert_eq!(asked(&isolate.world)["o2-url"], 5);
    let log = isolate.world.log.borrow().join("\n");
    assert!(log.contains("origin \\\"two\\\" is ejected after 5 failures in a row"), "{log}");
}

#[test]
fn a_post_is_sent_once_whatever_becomes_of_it_unless_it_says_that_it_may_be_repeated() {
    let isolate = isolate();
    isolate.world.origin(|_| Err(Failure::Unreachable));
    let post = |fields: &[(&str, &str)], body: &str| {
        let status = isolate.ask("POST", &format!("{HOST}/trio/x"), fields, body).status;
        (status, asked(&isolate.world).values().sum::<usize>())
    };
    for _ in 0..20 {
        assert_eq!(post(&[("content-length", "4")], "body"), (502, 1));
        assert_eq!(post(&[], ""), (502, 1));
    }
    let isolate = self::isolate();
    isolate.world.origin(|_| Err(Failure::Timeout));
    let key: &[(&str, &str)] = &[("idempotency-key", "k"), ("content-length", "4")];
    let sent = isolate.ask("POST", &format!("{HOST}/trio/x"), key, "body").status;
    assert_eq!(
        (sent, asked(&isolate.world).values().sum::<usize>()),
        (504, 3),
        "it may, and is small enough to be held"
    );
    let key: &[(&str, &str)] = &[("idempotency-key", "k"), ("content-length", "70000")];
    isolate.ask("POST", &format!("{HOST}/trio/x"), key, "body");
    assert_eq!(asked(&isolate.world).values().sum::<usize>(), 1, "it may, but is too large to be held");
}

#[test]
fn each_origin_is_asked_once_and_told_how_long_anybody_waits() {
    let isolate = isolate();
    let clock = Rc::clone(&isolate.world);
    isolate.world.origin(move |_| {
        clock.pass(10_000);
        Ok(Message::new(503, &[], "busy"))
    });
    let answer = isolate.get(&format!("{HOST}/trio/x"), &[]);
    assert_eq!((answer.status, answer.body.as_str()), (503, "busy"), "the last one's own words");
    let heard = isolate.world.heard.take();
    let mut hosts: Vec<&str> = heard.iter().map(|heard| host(&heard.url)).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["o1-url", "o2-url", "o3-url"]);
    let left: Vec<_> = heard.iter().map(|heard| heard.field("x-usher-deadline-ms").unwrap()).collect();
    assert_eq!(left, ["30000", "20000", "10000"]);
}

#[test]
fn an_origin_that_says_retry_after_is_left_alone_for_so_long() {
    let isolate = isolate();
    isolate.world.origin(|heard| match host(&heard.url) {
        "o1-url" => Ok(Message::new(503, &[("retry-after", "20")], "")),
        _ => Ok(Message::new(200, &[], "hello")),
    });
    for _ in 0..30 {
        assert_eq!(isolate.get(&format!("{HOST}/trio/x"), &[]).status, 200);
    }
    assert_eq!(asked(&isolate.world)["o1-url"], 2, "once, it may have been meant for that one request");
    // So long, and until it has its whole share again.
    isolate.world.pass(23_000);
    for _ in 0..3 {
        isolate.get(&format!("{HOST}/trio/x"), &[]);
    }
    assert_eq!(asked(&isolate.world)["o1-url"], 1);
}

#[test]
fn retries_stay_within_their_budget() {
    let isolate = isolate();
    isolate.world.origin(|_| Err(Failure::Unreachable));
    for _ in 0..1_000 {
        isolate.get(&format!("{HOST}/trio/x"), &[]);
    }
    let sent: usize = asked(&isolate.world).values().sum();
    assert!((1_250..=1_310).contains(&sent), "{sent}: a thousand, a fifth more, and a hundred saved up");
}

/// Orders as an operator who has seen how things are.
fn order(isolate: &Isolate, pool: &str, body: &str) -> Message {
    let seen = isolate.get(&format!("{HOST}/.usher/origins?pool={pool}"), &[OPERATOR]);
    let tag = seen.field("etag").unwrap().to_owned();
    isolate.ask("POST", &format!("{HOST}/.usher/origins"), &[OPERATOR, ("if-match", &tag)], body)
}

/// Lets the isolate hear what the prober knows.
fn syncs(isolate: &Isolate, path: &str) {
    isolate.world.pass(1_000);
    isolate.get(&format!("{HOST}{path}"), &[]);
    isolate.world.heard.take();
}

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
fn an_order_that_means_nothing_is_told_what_would() {
    let isolate = isolate();
    for (body, named) in [
        (r#"{"pool":"nope","origin":"one","action":"drain"}"#, "pool"),
        (r#"{"pool":"trio","origin":"nope","action":"drain"}"#, "one, two, three"),
        (r#"{"pool":"trio","origin":"one","action":"explode"}"#, "`drain`, `undrain`, `weight`"),
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
    assert_eq!(isolate.get(&format!("{HOST}/held/unseen"), &[]).status, 503);
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
fn a_tenant_in_the_query_is_told_apart_also_where_the_query_is_not() {
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
fn a_request_without_a_key_is_told_so_and_months_find_their_shard() {
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

#[test]
fn a_canary_is_given_up_when_it_fails_and_costs_no_visitor_an_answer() {
    let world = world();
    world.vars.borrow_mut().insert("CANARY".into(), "50".into());
    let isolate = Isolate::new(&world, EVERY_ROUTE);
    dead(&isolate.world, &["o2-url"]);
    let ask = |count: u32| {
        for number in 0..count {
            let ip = format!("10.0.{}.{}", number / 250, number % 250);
            assert_eq!(isolate.get(&format!("{HOST}/beta/x"), &[("cf-connecting-ip", &ip)]).status, 200);
        }
        asked(&isolate.world)
    };
    assert_eq!(ask(400)["o2-url"], 50, "then it is given up");
    assert!(!ask(100).contains_key("o2-url"));
    let shown = isolate.get(&format!("{HOST}/.usher/origins"), &[OPERATOR]).body;
    assert!(shown.contains("50 of 50 answers failed"), "{shown}");
}

#[test]
fn what_a_canary_fails_at_the_routes_own_pool_answers() {
    let world = world();
    world.vars.borrow_mut().insert("CANARY".into(), "100".into());
    let isolate = Isolate::new(&world, EVERY_ROUTE);
    isolate.world.origin(|heard| {
        let canary = host(&heard.url) == "o2-url";
        Ok(Message::new(if canary { 500 } else { 200 }, &[("cache-control", "max-age=60")], host(&heard.url)))
    });
    for _ in 0..2 {
        assert_eq!(isolate.get(&format!("{HOST}/tried/x"), &[]).body, "o1-url");
        assert_eq!(last_line(&isolate)["steered"], "not-canary");
    }
    assert_eq!(asked(&isolate.world).values().sum::<usize>(), 4, "and it is not stored as the canary's");
    let post = isolate.ask("POST", &format!("{HOST}/tried/x"), &[("content-length", "1")], "1");
    assert_eq!((post.status, asked(&isolate.world).len()), (500, 1), "what may not be sent twice is not");
}

#[test]
fn a_stale_answer_of_the_canary_is_made_new_by_the_canary() {
    let world = world();
    world.vars.borrow_mut().insert("CANARY".into(), "100".into());
    let isolate = Isolate::new(&world, EVERY_ROUTE);
    isolate.world.origin(|heard| Ok(Message::new(200, &[], host(&heard.url))));
    for _ in 0..3 {
        assert_eq!(isolate.get(&format!("{HOST}/tried/x"), &[]).body, "o2-url");
        isolate.world.pass(2_000);
    }
    assert_eq!(asked(&isolate.world), BTreeMap::from([("o2-url".into(), 3)]));
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
fn where_all_are_taken_for_fit_those_who_fail_are_still_asked_after() {
    let isolate = isolate();
    isolate.get(&format!("{HOST}/trio/x"), &[]);
    let probe = usher::config::source::read(EVERY_ROUTE, "t").unwrap().1.pools;
    let probe = probe.iter().find(|pool| pool.name == "trio").unwrap().probe.clone().unwrap();
    for _ in 0..2 {
        let findings = ["one", "two", "three"].map(|name| ProbeResult { name: name.into(), ..ProbeResult::default() });
        isolate.world.rosters.borrow_mut().get_mut("trio").unwrap().found(
            &probe,
            findings.into(),
            isolate.world.now.get(),
        );
    }
    syncs(&isolate, "/trio/x");
    dead(&isolate.world, &["o1-url", "o2-url"]);
    for _ in 0..10 {
        assert_eq!(isolate.get(&format!("{HOST}/trio/x"), &[]).status, 200);
        assert_eq!(last_line(&isolate)["steered"], "fail_open");
    }
}

#[test]
fn origins_that_ask_to_be_left_alone_cannot_take_down_more_than_half_of_a_pool() {
    let isolate = isolate();
    isolate.world.origin(|_| Ok(Message::new(503, &[("retry-after", "60")], "")));
    (0..2).for_each(|_| drop(isolate.get(&format!("{HOST}/trio/x"), &[])));
    isolate.world.heard.take();
    dead(&isolate.world, &[]);
    (0..20).for_each(|_| {
        assert_eq!(isolate.get(&format!("{HOST}/trio/x"), &[]).status, 200);
    });
    assert_eq!(asked(&isolate.world).len(), 2);
}

#[test]
fn one_refusal_with_retry_after_rests_nobody() {
    let isolate = isolate();
    isolate.world.origin(|heard| match heard.method.as_str() {
        "POST" => Ok(Message::new(503, &[("retry-after", "300")], "")),
        _ => Ok(Message::new(200, &[], "hello")),
    });
    assert_eq!(isolate.ask("POST", &format!("{HOST}/trio/x"), &[], "x").status, 503);
    isolate.world.heard.take();
    (0..30).for_each(|_| assert_eq!(isolate.get(&format!("{HOST}/trio/x"), &[]).status, 200));
    let each: Vec<usize> = asked(&isolate.world).into_values().collect();
    assert_eq!(each, [10, 10, 10], "a failure is counted, and no more");
}

#[test]
fn who_asks_twice_to_be_left_alone_is_left_for_as_long_as_it_says_also_where_two_failures_eject() {
    let toml = EVERY_ROUTE
        .replace("name = \"trio\"\norigins", "name = \"trio\"\nejection = { failures = 2, base = \"1s\" }\norigins");
    let isolate = Isolate::new(&world(), &toml);
    isolate.world.origin(|heard| match host(&heard.url) {
        "o1-url" => Ok(Message::new(503, &[("retry-after", "200")], "")),
        _ => Ok(Message::new(200, &[], "hello")),
    });
    let hear = || {
        (0..30).for_each(|_| drop(isolate.get(&format!("{HOST}/trio/x"), &[])));
        asked(&isolate.world).get("o1-url").copied().unwrap_or(0)
    };
    assert_eq!(hear(), 2);
    isolate.world.pass(150_000);
    assert_eq!(hear(), 0);
}

#[test]
fn a_browser_keeps_its_lot_when_its_address_changes_and_when_it_signs_in() {
    let world = world();
    world.vars.borrow_mut().insert("CANARY".into(), "50".into());
    let toml = EVERY_ROUTE.replace("path = \"/beta/*\"", "path = \"/beta/*\"\nauth = \"optional\"");
    let isolate = Isolate::new(&world, &toml);
    for first in 0..20 {
        let ask = |ip: u8, cookie: &str| {
            let answer = isolate.get(
                &format!("{HOST}/beta/x"),
                &[("cf-connecting-ip", &format!("10.0.{first}.{ip}")), ("cookie", cookie)],
            );
            let version = asked(&isolate.world).into_keys().next().unwrap();
            (version, answer.field("set-cookie").map(|set| set.split(';').next().unwrap().to_owned()))
        };
        let (version, cookie) = ask(0, "");
        let cookie = cookie.unwrap();
        assert!(cookie.starts_with("__Host-usher-lot-beta="), "{cookie}");
        let signed_in = format!("{cookie}; {}", sign_in(&isolate, &format!("{{\"user\":\"u{first}\"}}")));
        for ip in 1..12 {
            let cookie = if ip > 6 { &signed_in } else { &cookie };
            assert_eq!(ask(ip, cookie), (version.clone(), None), "address {ip}");
        }
        let forged = format!("{}A", cookie.trim_end_matches(|c| c != '.'));
        assert!(ask(0, &forged).1.is_some(), "what we did not sign is no lot");
    }
    world.vars.borrow_mut().insert("CANARY".into(), "0".into());
    assert_eq!(Isolate::new(&world, &toml).get(&format!("{HOST}/beta/x"), &[]).field("set-cookie"), None);
    world.vars.borrow_mut().insert("COOKIE_KEY".into(), "short".into());
    let alone = toml.replace("affinity = true", "").replace(", replica = true", "");
    assert_eq!(Isolate::new(&world, &alone).get(&format!("{HOST}/beta/x"), &[]).status, 503);
    assert!(world.log.borrow().iter().any(|line| line.contains("route \\\"beta\\\" hands visitors signed cookies")));
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

#[test]
fn a_visitor_gets_the_same_version_each_time() {
    let world = world();
    world.vars.borrow_mut().insert("CANARY".into(), "30".into());
    let isolate = Isolate::new(&world, EVERY_ROUTE);
    let mut versions = Vec::new();
    for number in 0..100 {
        let ip = format!("10.0.0.{number}");
        let ask = || {
            isolate.get(&format!("{HOST}/beta/x"), &[("cf-connecting-ip", &ip)]);
            asked(&isolate.world).into_keys().next().unwrap()
        };
        let first = ask();
        assert_eq!(first, ask());
        versions.push(first);
    }
    let canary = versions.iter().filter(|version| *version == "o2-url").count();
    assert!((15..=45).contains(&canary), "{canary} of 100");
}

#[test]
fn a_shadow_sees_safe_requests_without_a_body_and_nobody_sees_its_answer() {
    let isolate = isolate();
    isolate.world.origin(|heard| Ok(Message::new(200, &[], host(&heard.url))));
    assert_eq!(isolate.get(&format!("{HOST}/mirrored/x?a=1"), &[]).body, "o1-url");
    let heard = isolate.world.heard.take();
    assert_eq!(heard.len(), 2);
    assert_eq!(
        (heard[1].url.as_str(), heard[1].field("x-usher-shadow")),
        ("http://o2-url.internal/mirrored/x?a=1", Some("1"))
    );
    isolate.ask("POST", &format!("{HOST}/mirrored/x"), &[("content-length", "1")], "1");
    assert_eq!(asked(&isolate.world), BTreeMap::from([("o1-url".into(), 1)]));
}

#[test]
fn a_slow_answer_is_hedged_once_enough_is_known() {
    let isolate = isolate();
    for _ in 0..20 {
        isolate.get(&format!("{HOST}/hedged/x"), &[]);
    }
    isolate.world.heard.take();
    isolate.get(&format!("{HOST}/hedged/x"), &[]);
    assert_eq!(asked(&isolate.world), BTreeMap::from([("o1-url".into(), 1), ("o2-url".into(), 1)]));
    assert_eq!(last_line(&isolate)["steered"], "hedged");
    isolate.ask("POST", &format!("{HOST}/hedged/x"), &[("content-length", "1")], "1");
    assert_eq!(asked(&isolate.world).values().sum::<usize>(), 1, "only what may be sent twice");
}

#[test]
fn pools_with_signed_cookies_need_a_key() {
    let world = world();
    world.vars.borrow_mut().insert("COOKIE_KEY".into(), "short".into());
    let isolate = Isolate::new(&world, EVERY_ROUTE);
    assert_eq!(isolate.get(&format!("{HOST}/fixed"), &[]).status, 503);
    assert!(world.log.borrow().join("\n").contains("wrangler secret put COOKIE_KEY"));
}
