//! Rate limits: who is counted, by what, where, and what they are told.

use crate::world::{Isolate, Message, World};
use crate::{HOST, OPERATOR, sign_in, world};
use std::rc::Rc;

/// A pool, and routes with these limits at `/api/*` and `/members/*` (signed in).
fn configuration(limits: &str, used: &str) -> String {
    let open = if limits.contains("\"user\"") || limits.contains("\"session\"") { "" } else { used };
    format!(
        "[[pool]]\nname = \"app\"\norigins = [\"${{ORIGIN_URL}}\"]\n{limits}\n\
         [[route]]\nname = \"api\"\npath = \"/api/*\"\npool = \"app\"\nlimits = [{open}]\ncache = {{}}\n\
         [[route]]\nname = \"members\"\npath = \"/members/*\"\npool = \"app\"\nauth = \"required\"\nlimits = [{used}]\n\
         [[route]]\nname = \"rest\"\npath = \"/*\"\npool = \"app\"\n"
    )
}

fn limit(name: &str, key: &str, rate: &str, more: &str) -> String {
    format!("[[limit]]\nname = \"{name}\"\nkey = {key}\nrate = {rate}\n{more}\n")
}

/// An isolate with one limit by address, ten a minute.
fn ten(world: &Rc<World>, more: &str) -> Isolate {
    let one = limit("ten", "\"address\"", "\"10/1m\"", more);
    Isolate::new(world, &configuration(&one, "\"ten\""))
}

fn from<'a>(isolate: &Isolate, address: &'a str, path: &str, more: &[(&'a str, &'a str)]) -> Message {
    let fields: Vec<(&str, &str)> = [("cf-connecting-ip", address)].into_iter().chain(more.iter().copied()).collect();
    isolate.get(&format!("{HOST}{path}"), &fields)
}

/// How many of so many requests from an address pass.
fn passed(isolate: &Isolate, address: &str, count: usize) -> usize {
    (0..count).filter(|number| from(isolate, address, &format!("/api/{number}"), &[]).status == 200).count()
}

#[test]
fn of_fifty_at_a_limit_of_ten_ten_pass_and_the_others_are_told_when() {
    let isolate = ten(&world(), "");
    let first = from(&isolate, "192.0.2.1", "/api/a", &[]);
    assert_eq!(first.field("ratelimit-policy"), Some("\"ten\";q=10;w=60"));
    assert_eq!(first.field("ratelimit"), Some("\"ten\";r=9;t=6"));
    assert_eq!(passed(&isolate, "192.0.2.1", 49), 9);
    let refused = from(&isolate, "192.0.2.1", "/api/a", &[]);
    assert_eq!((refused.status, refused.field("retry-after")), (429, Some("6")));
    assert_eq!(refused.field("cache-control"), Some("no-store"));
    assert_eq!(refused.field("content-type"), Some("application/problem+json"));
    assert_eq!(refused.field("ratelimit"), Some("\"ten\";r=0;t=60"));
    assert!(refused.body.contains("Please wait 6 seconds"), "{}", refused.body);
    let page = from(&isolate, "192.0.2.1", "/api/a", &[("accept", "text/html"), ("accept-language", "de")]);
    assert_eq!((page.status, page.field("content-type")), (429, Some("text/html; charset=utf-8")));
    assert_eq!(passed(&isolate, "192.0.2.2", 20), 10, "another address is counted apart");
    isolate.world.pass(6_000);
    assert_eq!(passed(&isolate, "192.0.2.1", 5), 1, "one in each interval");
    isolate.world.pass(3_600_000);
    assert_eq!(passed(&isolate, "192.0.2.1", 50), 10);
}

#[test]
fn an_address_is_the_network_that_cloudflare_names_and_no_field_of_the_client_changes_it() {
    let isolate = ten(&world(), "");
    for number in 0..50 {
        from(&isolate, &format!("2001:db8:1:2::{number:x}"), "/api/x", &[]);
    }
    assert_eq!(passed(&isolate, "2001:db8:1:2:ffff::1", 1), 0, "IPv6 is counted by /64");
    assert_eq!(passed(&isolate, "2001:db8:1:3::1", 1), 1);
    assert_eq!(passed(&isolate, "192.0.2.1", 10), 10);
    assert_eq!(passed(&isolate, "::ffff:192.0.2.1", 1), 0, "an IPv4-mapped address is the IPv4 address");
    for name in ["x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip", "client-ip", "x-client-ip"] {
        assert_eq!(from(&isolate, "192.0.2.1", "/api/x", &[(name, "203.0.113.9")]).status, 429, "{name}");
    }
    assert_eq!(passed(&isolate, "no address", 11), 10, "who has none is counted together");
    assert_eq!(passed(&isolate, "nor this", 1), 0);
}

#[test]
fn a_limit_by_address_refuses_before_the_store_or_an_origin_is_asked() {
    let isolate = ten(&world(), "");
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    assert_eq!(passed(&isolate, "192.0.2.1", 10), 10);
    isolate.world.pass(5_900);
    let before =
        (isolate.world.store_reads.get(), isolate.world.ledger_reads.get(), isolate.world.heard.borrow().len());
    assert_eq!(from(&isolate, "192.0.2.1", "/members/x", &[("cookie", &cookie)]).status, 429);
    let after = (isolate.world.store_reads.get(), isolate.world.ledger_reads.get(), isolate.world.heard.borrow().len());
    // The ledger is read behind the reply.
    assert_eq!((before.0, before.2), (after.0, after.2));
}

#[test]
fn a_stored_response_is_counted_and_keeps_no_field_of_a_limit() {
    let isolate = ten(&world(), "");
    let first = from(&isolate, "192.0.2.1", "/api/same", &[]);
    let second = from(&isolate, "192.0.2.1", "/api/same", &[]);
    assert!(second.field("cache-status").is_some_and(|status| status.contains("hit")), "{second:?}");
    assert_eq!(
        (first.field("ratelimit"), second.field("ratelimit")),
        (Some("\"ten\";r=9;t=6"), Some("\"ten\";r=8;t=12"))
    );
    assert_eq!(from(&isolate, "192.0.2.1", "/other", &[]).field("ratelimit"), None, "the route has no limit");
}

#[test]
fn a_limit_by_user_counts_who_is_signed_in_wherever_they_are() {
    let limits = limit("mine", "\"user\"", "\"3/1m\"", "");
    let isolate = Isolate::new(&world(), &configuration(&limits, "\"mine\""));
    let (ada, bob) = (sign_in(&isolate, r#"{"user":"ada"}"#), sign_in(&isolate, r#"{"user":"bob"}"#));
    let again = sign_in(&isolate, r#"{"user":"ada"}"#);
    let ask = |address: &str, cookie: &str| from(&isolate, address, "/members/x", &[("cookie", cookie)]).status;
    assert_eq!([ask("192.0.2.1", &ada), ask("192.0.2.2", &again), ask("192.0.2.3", &ada)], [200, 200, 200]);
    assert_eq!((ask("192.0.2.4", &again), ask("192.0.2.1", &bob)), (429, 200));
    assert_eq!(from(&isolate, "192.0.2.1", "/members/x", &[]).status, 401, "nobody is signed in: nothing is counted");
    assert_eq!(passed(&isolate, "192.0.2.1", 9), 9);
}

#[test]
fn what_a_session_or_a_key_sends_is_counted_by_it() {
    let limits = limit("session", "\"session\"", "\"2/1m\"", "");
    let isolate = Isolate::new(&world(), &configuration(&limits, "\"session\""));
    let (one, two) = (sign_in(&isolate, r#"{"user":"ada"}"#), sign_in(&isolate, r#"{"user":"ada"}"#));
    let ask = |cookie: &str| from(&isolate, "192.0.2.1", "/members/x", &[("cookie", cookie)]).status;
    assert_eq!([ask(&one), ask(&one), ask(&one), ask(&two)], [200, 200, 429, 200]);
}

#[test]
fn failures_are_counted_where_only_failures_count() {
    let isolate = ten(&world(), "count = \"failures\"");
    isolate.world.origin(|heard| Ok(Message::new(if heard.url.contains("missing") { 404 } else { 200 }, &[], "")));
    assert_eq!(passed(&isolate, "192.0.2.1", 40), 40);
    let missing = |address: &str| from(&isolate, address, "/api/missing", &[]).status;
    assert_eq!((0..20).filter(|_| missing("192.0.2.1") == 404).count(), 10);
    assert_eq!(passed(&isolate, "192.0.2.1", 1), 0, "and then nothing passes");
    isolate.world.pass(6_000);
    assert_eq!(passed(&isolate, "192.0.2.1", 30), 30);
    // Those that are refused are no failures of their own.
    for _ in 0..30 {
        missing("192.0.2.2");
    }
    isolate.world.pass(60_000);
    assert_eq!((0..20).filter(|_| missing("192.0.2.2") == 404).count(), 10);
}

#[test]
fn unsafe_methods_are_counted_where_only_they_count() {
    let isolate = ten(&world(), "count = \"unsafe\"");
    assert_eq!(passed(&isolate, "192.0.2.1", 30), 30);
    let post = || isolate.ask("POST", &format!("{HOST}/api/x"), &[("cf-connecting-ip", "192.0.2.1")], "x").status;
    assert_eq!((0..20).filter(|_| post() == 200).count(), 10);
    assert_eq!(passed(&isolate, "192.0.2.1", 1), 1);
}

#[test]
fn objects_count_for_all_isolates_and_who_is_refused_is_not_asked_for_again() {
    let world = world();
    let (here, there) = (ten(&world, "scope = \"exact\""), ten(&world, "scope = \"exact\""));
    let all: usize = (0..25).map(|_| passed(&here, "192.0.2.1", 1) + passed(&there, "192.0.2.1", 1)).sum();
    assert_eq!(all, 10);
    assert_eq!(world.limits_asked.get(), 12, "each isolate asks until it is refused");
    let refused = from(&there, "192.0.2.1", "/api/x", &[]);
    assert_eq!((refused.status, refused.field("retry-after")), (429, Some("6")));
    world.pass(6_000);
    assert_eq!(passed(&here, "192.0.2.1", 3) + passed(&there, "192.0.2.1", 3), 1);
    let names: Vec<(String, String)> = world.counted.borrow().keys().cloned().collect();
    assert!(names.iter().all(|(object, key)| object.starts_with("ten/") && !key.contains("192")), "{names:?}");
}

#[test]
fn objects_take_back_what_is_no_failure() {
    let world = world();
    let (here, there) = (
        ten(&world, "scope = \"exact\"\ncount = \"failures\""),
        ten(&world, "scope = \"exact\"\ncount = \"failures\""),
    );
    assert_eq!(passed(&here, "192.0.2.1", 30) + passed(&there, "192.0.2.1", 30), 60);
    world.origin(|_| Ok(Message::new(403, &[], "")));
    let failed = |isolate: &Isolate| from(isolate, "192.0.2.1", "/api/x", &[]).status == 403;
    assert_eq!((0..30).filter(|number| failed(if number % 2 == 0 { &here } else { &there })).count(), 10);
}

#[test]
fn requests_pass_while_nobody_can_count_and_the_log_says_so() {
    let world = world();
    let isolate = ten(&world, "scope = \"exact\"");
    world.limits_down.set(true);
    assert_eq!(passed(&isolate, "192.0.2.1", 30), 30);
    let log = world.log.borrow().join("\n");
    assert!(log.contains("limit \\\"ten\\\" cannot be counted: requests pass"), "{log}");
    assert!(log.contains("\"limit.ten\":\"down\""), "{log}");
}

#[test]
fn a_location_counts_in_windows_of_the_clock_so_twice_the_limit_passes_over_an_edge() {
    let world = world();
    let isolate = ten(&world, "scope = \"location\"");
    let until_edge = 60_000 - world.now.get() % 60_000;
    world.pass(until_edge - 1_000);
    assert_eq!(passed(&isolate, "192.0.2.1", 30), 10);
    let refused = from(&isolate, "192.0.2.1", "/api/x", &[]);
    assert_eq!((refused.field("retry-after"), refused.field("ratelimit")), (Some("1"), None));
    assert_eq!(refused.field("ratelimit-policy"), Some("\"ten\";q=10;w=60"));
    world.pass(1_000);
    assert_eq!(passed(&isolate, "192.0.2.1", 30), 10, "twenty within two seconds, and no more");
}

#[test]
fn a_request_is_counted_by_all_limits_of_its_route_or_by_none() {
    let limits =
        limit("few", "\"address\"", "[\"2/1s\", \"5/1h\"]", "") + &limit("country", "\"country\"", "\"4/1h\"", "");
    let isolate = Isolate::new(&world(), &configuration(&limits, "\"few\", \"country\""));
    let first = from(&isolate, "192.0.2.1", "/api/x", &[]);
    assert_eq!(
        first.field("ratelimit-policy"),
        Some("\"few-1s\";q=2;w=1, \"few-3600s\";q=5;w=3600, \"country\";q=4;w=3600")
    );
    assert_eq!(passed(&isolate, "192.0.2.1", 9), 1);
    isolate.world.pass(1_000);
    assert_eq!(passed(&isolate, "192.0.2.1", 9), 2, "the hour's five are not used up by what was refused");
    isolate.world.pass(1_000);
    let refused = from(&isolate, "192.0.2.1", "/api/x", &[]);
    assert_eq!((refused.status, refused.field("retry-after")), (429, Some("898")), "the country's four are");
    let left = "\"few-1s\";r=2;t=0, \"few-3600s\";r=1;t=2878, \"country\";r=0;t=3598";
    assert_eq!(refused.field("ratelimit"), Some(left));
}

#[test]
fn a_request_may_cost_more_than_one() {
    let limits = limit("cost", "\"address\"", "\"10/1m\"", "");
    let isolate = Isolate::new(&world(), &configuration(&limits, "{ name = \"cost\", cost = 4 }"));
    assert_eq!(passed(&isolate, "192.0.2.1", 9), 2);
    let refused = from(&isolate, "192.0.2.1", "/api/x", &[]);
    assert_eq!((refused.field("ratelimit"), refused.field("retry-after")), (Some("\"cost\";r=2;t=48"), Some("12")));
}

#[test]
fn a_shadow_limit_counts_and_logs_and_refuses_nobody() {
    let world = world();
    let isolate = ten(&world, "shadow = true");
    assert_eq!(passed(&isolate, "192.0.2.1", 30), 30);
    assert_eq!(from(&isolate, "192.0.2.1", "/api/x", &[]).field("ratelimit-policy"), None);
    let logged = |text: &str| world.log.borrow().iter().filter(|line| line.contains(text)).count();
    assert_eq!(logged("\"limit.ten\":\"shadow\""), 21);
    let metrics = isolate.get(&format!("{HOST}/.usher/metrics"), &[OPERATOR]).body;
    assert!(metrics.contains("usher_limit_total{limit=\"ten\",verdict=\"passed\"} 10\n"), "{metrics}");
    assert!(metrics.contains("usher_limit_total{limit=\"ten\",verdict=\"shadow\"} 21\n"), "{metrics}");
}

#[test]
fn a_network_a_header_and_a_cookie_are_parts_of_a_key() {
    let limits = limit("asn", "\"asn\"", "\"4/1m\"", "")
        + &limit("device", "[\"header:x-device\", \"cookie:lab\"]", "\"2/1m\"", "");
    let world = world();
    world.network.borrow_mut().insert("asn".into(), "64500".into());
    let isolate = Isolate::new(&world, &configuration(&limits, "\"asn\", \"device\""));
    let ask = |device: &str, cookie: &str| {
        from(&isolate, "192.0.2.1", "/api/x", &[("x-device", device), ("cookie", cookie)]).status
    };
    assert_eq!([ask("a", "lab=1"), ask("a", "lab=1"), ask("a", "lab=1"), ask("a", "lab=2")], [200, 200, 429, 200]);
    assert_eq!([ask("b", ""), ask("c", "")], [200, 429], "whatever the client sends, its network has four");
    world.network.borrow_mut().insert("asn".into(), "64501".into());
    assert_eq!(ask("d", ""), 200);
}

#[test]
fn what_is_taken_back_elsewhere_is_asked_for_again_and_a_cost_that_is_refused_refuses_no_smaller_one() {
    let world = world();
    let isolate = ten(&world, "scope = \"exact\"\ncount = \"failures\"");
    // Ten pending requests of the same client, elsewhere.
    let other = ten(&world, "scope = \"exact\"");
    assert_eq!(passed(&other, "192.0.2.1", 10), 10);
    assert_eq!(passed(&isolate, "192.0.2.1", 2), 0);
    world.counted.borrow_mut().clear();
    assert_eq!(passed(&isolate, "192.0.2.1", 2), 2, "they were taken back: the refusal is not remembered");

    let limits = limit("cost", "\"address\"", "\"10/1m\"", "scope = \"exact\"");
    let toml = configuration(&limits, "{ name = \"cost\", cost = 6 }")
        + "[[route]]\nname = \"small\"\npath = \"/small\"\npool = \"app\"\nlimits = [\"cost\"]\n";
    let isolate = Isolate::new(&world, &toml);
    assert_eq!(passed(&isolate, "192.0.2.9", 3), 1);
    assert_eq!(from(&isolate, "192.0.2.9", "/small", &[]).status, 200);
}
