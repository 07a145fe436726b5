//! Canaries and shadows: who is given which version, and when a canary is given up.

use super::{asked, dead, host, isolate, last_line};
use crate::world::{Isolate, Message};
use crate::{EVERY_ROUTE, HOST, OPERATOR, sign_in, world};
use std::collections::BTreeMap;

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
fn a_browser_keeps_its_version_when_its_address_changes_and_when_it_signs_in() {
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
