//! RFC 9111 section by section, with RFC 5861, RFC 9213 and the ranges of RFC 9110.

use super::{ROUTE, STORED, fields, holds, met, says};
use crate::HOST;
use crate::world::{Isolate, World};

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
