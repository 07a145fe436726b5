//! The cache as the RFCs' text has it, section by section: what each request of a conversation
//! meets. A `Cache-Status` is written without `usher; ` and `ttl`.

use super::{HOST, isolate, world};
use crate::world::{Isolate, Message, World};
use std::cell::Cell;
use std::rc::Rc;
use usher::platform::Failure;

/// Seconds that pass first; the request (`METHOD field:value | ...`); what the origin says if it is
/// asked (`status field:value | ...`, `down`); the status of the answer and how it met the cache.
type Step<'a> = (u64, &'a str, &'a str, &'a str);

const ROUTE: &str = "[log]\nrequests = false\n[[pool]]\nname = \"p\"\norigins = [\"http://p\"]\n[[route]]\nname = \"a\"\npath = \"/*\"\npool = \"p\"\nlocalized = false\n[route.cache]\n";

fn fields(text: &str) -> (&str, Vec<(&str, &str)>) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    (first, rest.split(" | ").filter_map(|field| field.split_once(':')).collect())
}

/// The origin's answers carry its clock, unless they say another.
fn says(isolate: &Isolate, text: &str) {
    let text = text.to_owned();
    let world = Rc::clone(&isolate.world);
    isolate.world.origin(move |_| {
        let (status, mut fields) = fields(&text);
        if status == "down" {
            return Err(Failure::Unreachable);
        }
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(world.now.get()));
        if !fields.iter().any(|(name, _)| *name == "date") {
            fields.push(("date", &date));
        }
        fields.retain(|(name, _)| *name != "no-date");
        Ok(Message::new(status.parse().unwrap(), &fields, "0123456789"))
    });
}

fn met(answer: &Message) -> String {
    let status = answer.field("cache-status").unwrap().strip_prefix("usher; ").unwrap();
    let kept: Vec<&str> = status.split("; ").filter(|part| !part.starts_with("ttl=")).collect();
    format!("{} {}", answer.status, kept.join("; ").replace("; detail=memory", ""))
}

fn holds(toml: &str, section: &str, steps: &[Step<'_>]) {
    let isolate = Isolate::new(&World::new(), &format!("{ROUTE}{toml}\n"));
    for (number, (seconds, request, origin, expected)) in steps.iter().enumerate() {
        isolate.world.pass(seconds * 1_000);
        says(&isolate, origin);
        let (method, sent) = fields(request);
        let answer = isolate.ask(method, &format!("{HOST}/x"), &sent, "");
        assert_eq!(met(&answer), *expected, "{section}, step {number}: {request} / {origin}");
    }
}

const STORED: &str = "200 fwd=miss; stored";

/// One answer, asked for twice at once: is it reused?
#[test]
fn rfc_9111_section_3_what_is_stored() {
    for (section, origin, second) in [
        ("3: explicit freshness", "200 cache-control:max-age=60", "200 hit"),
        ("3: any final status with explicit freshness", "299 cache-control:max-age=60", "299 hit"),
        ("3: no freshness", "200 x:y", "200 fwd=miss; detail=no-lifetime"),
        ("3: partial content", "206 cache-control:max-age=60", "206 fwd=miss; detail=status"),
        ("3.1: fields are stored", "200 cache-control:max-age=60 | x-any:1", "200 hit"),
        ("5.2.2.2: must-revalidate while fresh", "200 cache-control:max-age=60, must-revalidate", "200 hit"),
        (
            "5.2.2.3: must-understand beats no-store",
            "200 cache-control:no-store, must-understand, max-age=60",
            "200 hit",
        ),
        ("5.2.2.3: not understood", "299 cache-control:must-understand, max-age=60", "299 fwd=miss; detail=status"),
        ("5.2.2.4: no-cache without a validator", "200 cache-control:no-cache", "200 fwd=miss; detail=stale"),
        (
            "5.2.2.4: no-cache of fields",
            "200 cache-control:max-age=60, no-cache=\"set-cookie\" | set-cookie:a=b",
            "200 hit",
        ),
        ("5.2.2.5: no-store", "200 cache-control:max-age=60, no-store", "200 fwd=miss; detail=no-store"),
        ("5.2.2.7: private", "200 cache-control:private, max-age=60", "200 fwd=miss; detail=private"),
        ("5.2.2.7: private fields", "200 cache-control:max-age=60, private=\"x-me\" | x-me:1", "200 hit"),
        ("5.2.2.10: s-maxage beats max-age", "200 cache-control:max-age=0, s-maxage=60", "200 hit"),
        ("5.2.2.10: s-maxage beats Expires", "200 cache-control:s-maxage=60 | expires:0", "200 hit"),
        ("5.2: unknown directives", "200 cache-control:max-age=60, unknown=\"no-store\"", "200 hit"),
        ("5.2: directives in any case", "200 cache-control:MAX-AGE=60", "200 hit"),
        ("5.3: Expires", "200 expires:Fri, 01 Jan 2100 00:00:00 GMT", "200 hit"),
        ("5.3: an invalid Expires is stale", "200 expires:0", "200 fwd=miss; detail=stale"),
        ("5.4: Pragma in an answer says nothing", "200 cache-control:max-age=60 | pragma:no-cache", "200 hit"),
        ("4.1: Vary: *", "200 cache-control:max-age=60 | vary:*", "200 fwd=miss; detail=vary"),
        ("RFC 9213 2.1: the targeted field", "200 cache-control:no-store | cdn-cache-control:max-age=60", "200 hit"),
        (
            "RFC 9213 2.1: it speaks alone",
            "200 cache-control:max-age=60 | cdn-cache-control:no-store",
            "200 fwd=miss; detail=no-store",
        ),
        (
            "RFC 9213 2.1: without freshness",
            "200 expires:Fri, 01 Jan 2100 00:00:00 GMT | cdn-cache-control:foo",
            "200 fwd=miss; detail=no-lifetime",
        ),
        (
            "RFC 9213 2.2: malformed, so ignored",
            "200 cache-control:max-age=60 | cdn-cache-control:max-age=0, &",
            "200 hit",
        ),
        ("RFC 9213 2.2: empty, so ignored", "200 cache-control:max-age=60 | cdn-cache-control:", "200 hit"),
    ] {
        holds(
            "",
            section,
            &[(0, "GET", origin, &second.replace("hit", "fwd=miss; stored")), (0, "GET", origin, second)],
        );
    }
}

#[test]
fn rfc_9111_section_3_5_authorization() {
    for (control, second) in [
        ("max-age=60", "200 fwd=miss; stored"),
        ("max-age=60, public", "200 hit"),
        ("max-age=60, must-revalidate", "200 hit"),
        ("s-maxage=60", "200 hit"),
    ] {
        let origin = format!("200 cache-control:{control}");
        let first = if second.ends_with("hit") { STORED } else { "200 fwd=miss; detail=authorization" };
        holds("", control, &[(0, "GET authorization:Basic x", &origin, first), (0, "GET", &origin, second)]);
        let other = if second.ends_with("hit") { "200 hit" } else { "200 fwd=miss; detail=authorization" };
        holds("", control, &[(0, "GET", &origin, STORED), (0, "GET authorization:Basic y", &origin, other)]);
    }
}

#[test]
fn rfc_9111_section_4_1_variants() {
    let vary = "200 cache-control:max-age=60 | vary:Foo, Bar";
    holds(
        "",
        "4.1",
        &[
            (0, "GET foo:1", vary, STORED),
            (0, "GET foo:1", vary, "200 hit"),
            (0, "GET foo:1 | other:9", vary, "200 hit"),
            (0, "GET foo:2", vary, "200 fwd=vary-miss; stored"),
            (0, "GET foo:1 | bar:1", vary, "200 fwd=vary-miss; stored"),
            (0, "GET", vary, "200 fwd=vary-miss; stored"),
            (0, "GET bar:1 | foo: 1 ", vary, "200 hit"),
            (0, "GET", vary, "200 hit"),
            // The latest answer says what is varied on.
            (0, "GET foo:3", "200 cache-control:max-age=60", "200 fwd=vary-miss; stored"),
            (0, "GET foo:1", vary, "200 hit"),
        ],
    );
}

#[test]
fn rfc_9111_section_4_2_freshness_and_age() {
    let fresh = "200 cache-control:max-age=60";
    holds(
        "",
        "4.2",
        &[(0, "GET", fresh, STORED), (59, "GET", fresh, "200 hit"), (1, "GET", fresh, "200 fwd=stale; stored")],
    );
    for (section, origin, seconds, second) in [
        ("4.2.1: no Date", "200 cache-control:max-age=60 | no-date:1", 59, "200 hit"),
        ("4.2.3: Age", "200 cache-control:max-age=60 | age:30", 29, "200 hit"),
        ("4.2.3: Age", "200 cache-control:max-age=60 | age:30", 30, "200 fwd=stale; stored"),
        ("4.2.3: Date", "200 cache-control:max-age=4000000000 | date:Sun, 06 Nov 1994 08:49:37 GMT", 10, "200 hit"),
        ("5.1: the first Age of several", "200 cache-control:max-age=60 | age:0, 7200", 10, "200 hit"),
        ("5.1: an invalid Age is not there", "200 cache-control:max-age=60 | age:-7200", 10, "200 hit"),
        ("1.2.2: too many seconds", "200 cache-control:max-age=99999999999", 10, "200 hit"),
    ] {
        holds("", section, &[(0, "GET", origin, STORED), (seconds, "GET", origin, second)]);
    }
    let old = "200 last-modified:Sun, 06 Nov 1994 08:49:37 GMT";
    holds(
        "heuristic = true",
        "4.2.2",
        &[(0, "GET", old, STORED), (86_399, "GET", old, "200 hit"), (1, "GET", old, "200 fwd=stale; stored")],
    );
    holds(
        "negative = \"5s\"",
        "negative answers",
        &[
            (0, "GET", "404 cache-control:max-age=60", "404 fwd=miss; stored"),
            (5, "GET", fresh, "200 fwd=stale; stored"),
        ],
    );
}

#[test]
fn rfc_9111_section_4_2_4_and_rfc_5861_stale() {
    let down = "down";
    for (toml, control, seconds, origin, expected) in [
        ("", "max-age=60", 61, down, "200 fwd=stale; detail=origin-down"),
        ("", "max-age=60", 60 + 86_400, down, "502 fwd=stale; detail=origin-down"),
        ("", "max-age=60", 61, "503", "503 fwd=stale; detail=no-lifetime"),
        ("", "max-age=60, must-revalidate", 61, down, "502 fwd=stale; detail=origin-down"),
        ("", "max-age=60, proxy-revalidate", 61, down, "502 fwd=stale; detail=origin-down"),
        ("", "s-maxage=60", 61, down, "502 fwd=stale; detail=origin-down"),
        ("", "max-age=60, stale-if-error=10", 69, "500", "200 fwd=stale; fwd-status=500; detail=stale-if-error"),
        ("", "max-age=60, stale-if-error=10", 70, "500", "500 fwd=stale; detail=no-lifetime"),
        ("", "max-age=60, stale-if-error=10", 69, "404", "404 fwd=stale; detail=no-lifetime"),
        ("stale_if_error = \"10s\"", "max-age=60", 69, "503", "200 fwd=stale; fwd-status=503; detail=stale-if-error"),
        ("stale_if_error = \"10s\"", "max-age=60, stale-if-error=0", 69, "503", "503 fwd=stale; detail=no-lifetime"),
        (
            "",
            "max-age=60, stale-while-revalidate=10",
            69,
            "200 cache-control:max-age=60",
            "200 hit; detail=revalidating",
        ),
        ("", "max-age=60, stale-while-revalidate=10", 70, "200 cache-control:max-age=60", "200 fwd=stale; stored"),
        (
            "stale_while_revalidate = \"10s\"",
            "max-age=60",
            69,
            "200 cache-control:max-age=60",
            "200 hit; detail=revalidating",
        ),
    ] {
        let first = format!("200 cache-control:{control}");
        holds(toml, control, &[(0, "GET", &first, STORED), (seconds, "GET", origin, expected)]);
    }
    let swr = "200 cache-control:max-age=60, stale-while-revalidate=600";
    holds(
        "",
        "RFC 5861 3: the next one is served what was fetched behind",
        &[(0, "GET", swr, STORED), (61, "GET", swr, "200 hit; detail=revalidating"), (1, "GET", down, "200 hit")],
    );
    holds(
        "",
        "RFC 5861 3: an origin that fails then leaves what serves",
        &[
            (0, "GET", swr, STORED),
            (61, "GET", "500", "200 hit; detail=revalidating"),
            (0, "GET", "200", "200 hit; detail=revalidating"),
        ],
    );
    holds(
        "",
        "what may no longer be stored does not go on serving",
        &[
            (0, "GET", swr, STORED),
            (61, "GET", "200 cache-control:private", "200 hit; detail=revalidating"),
            (0, "GET", "down", "502 fwd=miss; detail=origin-down"),
        ],
    );
}

#[test]
fn rfc_9111_section_4_3_validation() {
    let weak = "200 cache-control:max-age=60 | etag:W/\"a\"";
    let same = "304 cache-control:max-age=60 | etag:W/\"a\"";
    holds(
        "",
        "4.3.1, 4.3.3, 4.3.4",
        &[
            (0, "GET", weak, STORED),
            (61, "GET", same, "200 fwd=stale; fwd-status=304; stored"),
            (59, "GET", same, "200 hit"),
            (2, "GET", weak, "200 fwd=stale; stored"),
        ],
    );
    holds(
        "",
        "4.3.1: no-cache",
        &[
            (0, "GET", "200 cache-control:no-cache | etag:\"a\"", STORED),
            (0, "GET", "304", "200 fwd=stale; fwd-status=304; stored"),
        ],
    );
    let strong = "200 cache-control:max-age=60 | etag:\"a\" | last-modified:Sun, 06 Nov 1994 08:49:37 GMT";
    for (condition, expected) in [
        ("if-none-match:\"a\"", "304 hit"),
        ("if-none-match:W/\"a\"", "304 hit"),
        ("if-none-match:\"b\", \"a\"", "304 hit"),
        ("if-none-match:*", "304 hit"),
        ("if-none-match:\"b\"", "200 hit"),
        ("if-modified-since:Sun, 06 Nov 1994 08:49:37 GMT", "304 hit"),
        ("if-modified-since:Sunday, 06-Nov-94 08:49:37 GMT", "304 hit"),
        ("if-modified-since:Sun Nov  6 08:49:37 1994", "304 hit"),
        ("if-modified-since:Sun, 06 Nov 1994 08:49:36 GMT", "200 hit"),
        ("if-none-match:\"b\" | if-modified-since:Sun, 06 Nov 1994 08:49:37 GMT", "200 hit"),
        ("if-match:\"a\"", "200 fwd=bypass; detail=condition"),
        ("if-unmodified-since:Sun, 06 Nov 1994 08:49:37 GMT", "200 fwd=bypass; detail=condition"),
    ] {
        holds("", "4.3.2", &[(0, "GET", strong, STORED), (0, &format!("GET {condition}"), strong, expected)]);
    }
    holds(
        "",
        "4.3.2: a miss with a condition is stored whole",
        &[(0, "GET if-none-match:\"a\"", strong, "304 fwd=miss; stored"), (0, "GET", strong, "200 hit")],
    );
}

#[test]
fn rfc_9111_section_4_4_invalidation() {
    let fresh = "200 cache-control:max-age=60";
    for (method, status, next) in [
        ("POST", "200", "200 fwd=miss; stored; detail=purged"),
        ("PUT", "204", "200 fwd=miss; stored; detail=purged"),
        ("DELETE", "303", "200 fwd=miss; stored; detail=purged"),
        ("PATCH", "201", "200 fwd=miss; stored; detail=purged"),
        ("POST", "400", "200 hit"),
        ("DELETE", "500", "200 hit"),
        ("OPTIONS", "200", "200 hit"),
    ] {
        let change = format!("{status} fwd=method");
        holds("", method, &[(0, "GET", fresh, STORED), (0, method, status, &change), (0, "GET", fresh, next)]);
    }
}

#[test]
fn rfc_9111_section_5_2_1_what_a_visitor_asks() {
    let fresh = "200 cache-control:max-age=60";
    for (toml, seconds, wanted, expected) in [
        ("", 10, "cache-control:no-cache", "200 fwd=request; stored"),
        ("", 10, "pragma:no-cache", "200 fwd=request; stored"),
        ("", 10, "pragma:no-cache | cache-control:foo", "200 hit"),
        ("", 10, "cache-control:max-age=9", "200 fwd=request; stored"),
        ("", 10, "cache-control:max-age=10", "200 hit"),
        ("", 10, "cache-control:min-fresh=51", "200 fwd=request; stored"),
        ("", 10, "cache-control:min-fresh=50", "200 hit"),
        ("", 70, "cache-control:max-stale=9", "200 fwd=stale; stored"),
        ("", 70, "cache-control:max-stale=10", "200 hit; detail=max-stale"),
        ("", 70, "cache-control:max-stale", "200 hit; detail=max-stale"),
        ("", 10, "cache-control:only-if-cached", "200 hit"),
        ("", 70, "cache-control:only-if-cached", "504 detail=only-if-cached"),
        ("", 70, "cache-control:no-store", "200 fwd=stale; detail=request-no-store"),
        ("request_directives = false", 10, "cache-control:no-cache", "200 hit"),
    ] {
        holds(toml, "5.2.1", &[(0, "GET", fresh, STORED), (seconds, &format!("GET {wanted}"), fresh, expected)]);
    }
}

#[test]
fn rfc_9110_section_14_parts_of_a_stored_answer() {
    let fresh = "200 cache-control:max-age=60 | etag:\"a\"";
    for (range, expected, body) in [
        ("range:bytes=0-1", "206 hit", "01"),
        ("range:bytes=-2", "206 hit", "89"),
        ("range:bytes=4-", "206 hit", "456789"),
        ("range:bytes=10-", "416 hit", ""),
        ("range:bytes=0-1, 3-4", "200 hit", "0123456789"),
        ("range:bytes=0-1 | if-range:\"b\"", "200 hit", "0123456789"),
        ("range:bytes=0-1 | if-none-match:\"a\"", "304 hit", ""),
    ] {
        let isolate = Isolate::new(&World::new(), ROUTE);
        says(&isolate, fresh);
        isolate.get(&format!("{HOST}/x"), &[]);
        let answer = isolate.get(&format!("{HOST}/x"), &fields(&format!("GET {range}")).1);
        assert_eq!((met(&answer).as_str(), answer.body.as_str()), (expected, body), "{range}");
    }
}

#[test]
fn head_is_answered_from_store_and_stores_nothing() {
    let fresh = "200 cache-control:max-age=60";
    holds(
        "",
        "HEAD",
        &[(0, "HEAD", fresh, "200 fwd=miss; detail=method"), (0, "GET", fresh, STORED), (0, "HEAD", fresh, "200 hit")],
    );
}

#[test]
fn a_hit_waits_for_nothing_while_the_view_of_the_ledger_is_young() {
    let isolate = isolate();
    let packed = format!("{HOST}/stored/quick\nGET\n0\n\n");
    isolate.serve(&packed, "");
    let reads = isolate.world.ledger_reads.get();
    for _ in 0..50 {
        let (answer, waits) = isolate.serve(&packed, "");
        assert_eq!((answer.status, waits), (200, 0), "{:?}", answer.field("cache-status"));
    }
    assert_eq!(isolate.world.ledger_reads.get(), reads, "no Durable Object is asked");
    isolate.world.pass(1_000);
    assert_eq!(isolate.serve(&packed, "").1, 0, "the view is read anew behind the answer");
    assert_eq!(isolate.world.ledger_reads.get(), reads + 1);
}

#[test]
fn variants_are_bounded_whatever_visitors_send() {
    let isolate = Isolate::new(&world(), ROUTE);
    says(&isolate, "200 cache-control:max-age=60 | vary:foo");
    for n in 0..200 {
        isolate.get(&format!("{HOST}/x"), &[("foo", &n.to_string())]);
    }
    assert!(isolate.stored() <= 33, "{} stored", isolate.stored());
}

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
fn while_the_ledger_is_down_a_change_still_succeeds_and_is_logged() {
    let isolate = isolate();
    isolate.get(&format!("{HOST}/stored/x"), &[]);
    isolate.world.ledger_down.set(true);
    assert_eq!(isolate.ask("POST", &format!("{HOST}/stored/x"), &[], "").status, 200);
    assert!(isolate.world.log.borrow().iter().any(|line| line.contains("the ledger did not take what a POST")));
}

#[test]
fn a_purge_wins_over_an_answer_that_was_asked_for_before_it() {
    let isolate = isolate();
    let other = isolate.beside(super::EVERY_ROUTE);
    let purged = Cell::new(false);
    let world = Rc::clone(&isolate.world);
    let stamps = Rc::clone(&world);
    isolate.world.origin(move |_| {
        // While the origin makes its answer, another isolate purges.
        if !purged.replace(true) {
            let moment = stamps.now.get() + 1;
            stamps.stamp("tag:route", moment);
        }
        Ok(Message::new(200, &[("cache-control", "max-age=60")], "old"))
    });
    isolate.get(&format!("{HOST}/stored/race"), &[]);
    world.pass(2_001);
    for isolate in [&isolate, &other] {
        let status = isolate.get(&format!("{HOST}/stored/race"), &[]);
        let status = status.field("cache-status").unwrap().to_owned();
        assert!(status.contains("fwd=miss") || status.contains("hit"), "{status}");
        assert!(!status.contains("hit") || isolate.world.heard.borrow().len() > 1, "{status}");
    }
    assert!(isolate.world.heard.borrow().len() >= 2, "what was made before the purge serves nobody");
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
    assert_eq!(super::purge(&isolate, r#"{"tags":["prod-9"]}"#).status, 200);
    says(&isolate, "200 cache-control:max-age=1");
    assert_eq!(met(&isolate.get(&format!("{HOST}/stored/t"), &[])), "200 fwd=miss; stored; detail=purged");
}

#[test]
fn a_304_that_sets_a_cookie_or_a_session_is_heard_and_kept_for_nobody_else() {
    let isolate = isolate();
    let user = super::sign_in(&isolate, r#"{"user":"ada","roles":["r"]}"#);
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
fn a_visitor_cannot_store_an_error_of_their_own_making() {
    let fresh = "200 cache-control:max-age=60";
    for origin in ["416 cache-control:max-age=60", "400 cache-control:max-age=60", "206 cache-control:max-age=60"] {
        let first = format!("{} fwd=miss; detail=status", fields(origin).0);
        holds("", origin, &[(0, "GET range:bytes=9-", origin, &first), (0, "GET", fresh, STORED)]);
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

/// An isolate whose only route caches, as `toml` says, before an origin that answers with `answer`.
fn before(toml: &str, answer: impl Fn(&crate::world::Heard) -> Result<Message, Failure> + 'static) -> Isolate {
    let isolate = Isolate::new(&World::new(), &format!("{ROUTE}{toml}\n"));
    isolate.world.origin(answer);
    isolate
}

#[test]
fn what_is_asked_for_in_parts_is_stored_whole_and_the_part_given_as_it_comes() {
    let isolate = before("", |heard| {
        assert_eq!((heard.field("range"), heard.field("if-range")), (None, None), "all of it is asked for");
        Ok(Message::new(
            200,
            &[("cache-control", "max-age=60"), ("content-length", "10"), ("etag", "\"a\"")],
            "0123456789",
        ))
    });
    let ask = |fields: &[(&str, &str)]| {
        let answer = isolate.get(&format!("{HOST}/film"), fields);
        let part = answer.field("content-range").map(str::to_owned);
        (met(&answer), part, answer.body)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ask(&[("range", "bytes=2-4")]), ("206 fwd=miss; stored".into(), text("bytes 2-4/10"), "234".into()));
    assert_eq!(ask(&[("range", "bytes=5-")]), ("206 hit".into(), text("bytes 5-9/10"), "56789".into()));
    assert_eq!(ask(&[]).2, "0123456789");
    let elsewhere = [("range", "bytes=0-1"), ("if-range", "\"b\"")];
    assert_eq!(ask(&elsewhere), ("200 hit".into(), None, "0123456789".into()));
    assert_eq!(isolate.world.heard.borrow().len(), 1);
    isolate.world.pass(61_000);
    assert_eq!(ask(&[("range", "bytes=20-")]).0, "416 fwd=stale; stored", "asked anew, with the stored ETag");
    assert_eq!(ask(&[("range", "bytes=0-0")]).2, "0");
    // Nobody's cache is to answer others with what one asked wrongly.
    let beyond = isolate.get(&format!("{HOST}/film"), &[("range", "bytes=99-")]);
    assert_eq!((beyond.status, beyond.field("cache-control"), beyond.field("etag")), (416, Some("no-store"), None));
}

#[test]
fn what_speaks_of_a_session_is_not_asked_for_twice_because_a_part_is_wanted() {
    let isolate = Isolate::new(
        &World::new(),
        &ROUTE.replace("localized = false", "localized = false\nauth = \"optional\"\nsessions = true"),
    );
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", r#"{"start":{"user":"7"}}"#)], "0123456789")));
    let answer = isolate.get(&format!("{HOST}/film"), &[("range", "bytes=0-1")]);
    assert_eq!((answer.status, isolate.world.heard.borrow().len()), (200, 1));
    assert!(answer.field("set-cookie").is_some());
}

#[test]
fn what_is_too_long_to_be_kept_is_asked_for_in_parts() {
    for (length, coding) in [(Some("2000"), None), (None, None), (Some("10"), Some("gzip"))] {
        let isolate = before("max_body = \"1KiB\"", move |heard| {
            let mut fields = vec![("cache-control", "max-age=60")];
            fields.extend(length.map(|length| ("content-length", length)));
            fields.extend(coding.map(|coding| ("content-encoding", coding)));
            match heard.field("range") {
                Some(_) => Ok(Message::new(206, &[("content-range", "bytes 0-1/2000"), ("content-length", "2")], "01")),
                None => Ok(Message::new(200, &fields, "0123456789")),
            }
        });
        let ask = || {
            let answer = isolate.get(&format!("{HOST}/film"), &[("range", "bytes=0-1")]);
            (answer.status, answer.body)
        };
        assert_eq!([ask(), ask()], [(206, "01".to_owned()), (206, "01".to_owned())]);
        let asked: Vec<bool> =
            isolate.world.heard.borrow().iter().map(|heard| heard.field("range").is_some()).collect();
        assert_eq!(asked, [false, true, true], "{length:?}: for two minutes nobody asks for all of it in vain");
        isolate.world.pass(121_000);
        ask();
        assert_eq!(isolate.world.heard.borrow().len(), 5);
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

#[test]
fn a_targeted_field_is_passed_on_only_where_nobody_is_asked_who_they_are() {
    let open = before("", |_| Ok(Message::new(200, &[("cdn-cache-control", "max-age=60")], "x")));
    for _ in 0..2 {
        assert_eq!(open.get(&format!("{HOST}/x"), &[]).field("cdn-cache-control"), Some("max-age=60"));
    }
    // Where a cookie goes along, no other cache may keep the answer.
    let toml = ROUTE
        .replace("[[route]]", "[[pool]]\nname = \"q\"\norigins = [\"http://q\"]\n[[route]]")
        .replace("localized = false", "localized = false\ncanary = { pool = \"q\", percent = 50 }");
    let world = World::new();
    world.vars.borrow_mut().insert("COOKIE_KEY".into(), "0123456789abcdef0123456789abcdef".into());
    let drawing = Isolate::new(&world, &toml);
    drawing.world.origin(|_| Ok(Message::new(200, &[("cdn-cache-control", "max-age=60")], "x")));
    for _ in 0..2 {
        let answer = drawing.get(&format!("{HOST}/x"), &[]);
        assert!(answer.field("set-cookie").is_some());
        assert_eq!(answer.field("cdn-cache-control"), None);
    }
    let guarded = ROUTE.replace("localized = false", "localized = false\nauth = \"optional\"");
    let isolate = Isolate::new(&World::new(), &guarded);
    isolate.world.origin(|_| Ok(Message::new(200, &[("cdn-cache-control", "max-age=60")], "x")));
    assert_eq!(isolate.get(&format!("{HOST}/x"), &[]).field("cdn-cache-control"), None);
}
