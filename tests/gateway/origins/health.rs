//! Origins that fail or ask to be left alone: ejected, rested, and asked again.

use super::{asked, dead, host, isolate, last_line, syncs};
use crate::world::{Isolate, Message};
use crate::{EVERY_ROUTE, HOST, world};
use usher::origin::health::protocol::ProbeResult;

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
fn where_all_are_taken_for_fit_those_who_fail_are_still_asked_after() {
    let isolate = isolate();
    isolate.get(&format!("{HOST}/trio/x"), &[]);
    let probe = usher::config::source::read(EVERY_ROUTE, "t").unwrap().1.pools;
    let probe = probe.iter().find(|pool| pool.name == "trio").unwrap().probe.clone().unwrap();
    for _ in 0..2 {
        let findings = ["one", "two", "three"].map(|name| ProbeResult { name: name.into(), ..ProbeResult::default() });
        isolate.world.rosters.borrow_mut().get_mut("trio").unwrap().record_results(
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
