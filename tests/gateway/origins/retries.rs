//! What is sent again to another origin, what never is, and hedging.

use super::{asked, host, isolate, last_line};
use crate::HOST;
use crate::world::Message;
use std::collections::BTreeMap;
use std::rc::Rc;
use usher::platform::Failure;

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
fn each_origin_is_tried_once_and_sent_the_time_that_is_left() {
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
fn retries_stay_within_their_budget() {
    let isolate = isolate();
    isolate.world.origin(|_| Err(Failure::Unreachable));
    for _ in 0..1_000 {
        isolate.get(&format!("{HOST}/trio/x"), &[]);
    }
    let sent: usize = asked(&isolate.world).values().sum();
    assert!((1_250..=1_310).contains(&sent), "{sent}: a thousand, a fifth more, and a hundred saved up");
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
fn cloudflares_statuses_for_an_unreachable_origin_are_understood() {
    let isolate = isolate();
    for (said, status, attempts) in [(522, 502, 2), (530, 502, 2), (524, 504, 2), (503, 503, 2)] {
        isolate.world.heard.borrow_mut().clear();
        isolate.world.origin(move |_| Ok(Message::new(said, &[], "<html>")));
        assert_eq!(isolate.get(&format!("{HOST}/fallback/x"), &[]).status, status);
        assert_eq!(isolate.world.heard.borrow().len(), attempts, "{said}");
    }
}
