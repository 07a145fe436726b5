//! How old is a response, and how long is it fresh? (RFC 9111 4.2)

use super::control::{Directives, delta_seconds};
use crate::config::{Cache, Millis};
use crate::http::date::date;
use crate::http::head::Fields;

/// The longest heuristic lifetime, in milliseconds: one day. The heuristic is a tenth of the time since `Last-Modified`
/// (RFC 9111 4.2.2).
const LONGEST_HEURISTIC: Millis = 86_400_000;

/// Whether a response with this status may be stored without an explicit lifetime (RFC 9110 15.1).
#[must_use]
pub fn is_heuristic(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// How long a response is fresh, from the time the origin made it; `None` when neither the response nor the route
/// states a lifetime.
#[must_use]
pub fn lifetime(
    status: u16,
    fields: &Fields<'_>,
    directives: &Directives,
    policy: &Cache,
    received: Millis,
) -> Option<Millis> {
    let stated = directives.s_maxage.or(directives.max_age).map(|seconds| seconds * 1_000);
    let stated = stated.or_else(|| expires(fields, received).filter(|_| !directives.targeted));
    let stated = stated.or_else(|| policy.ttl.filter(|_| status == 200));
    let lifetime = stated.or_else(|| {
        let allowed = policy.heuristic && (is_heuristic(status) || directives.public);
        let modified = fields.get("last-modified").filter(|_| allowed).and_then(date)?;
        let made = fields.get("date").and_then(date).unwrap_or(received);
        Some((made.saturating_sub(modified) / 10).min(LONGEST_HEURISTIC))
    })?;
    Some(if status >= 400 { lifetime.min(policy.negative) } else { lifetime })
}

/// `Expires` minus `Date` (RFC 9111 4.2.1); an invalid date, or a list of dates, means stale (5.3).
fn expires(fields: &Fields<'_>, received: Millis) -> Option<Millis> {
    let expires = fields.get("expires")?;
    let made = fields.get("date").and_then(date).unwrap_or(received);
    Some(date(expires).map_or(0, |expires| expires.saturating_sub(made)))
}

/// The age of a response when it is received (RFC 9111 4.2.3). `asked` and `received` are the times of the request to
/// the origin and of the response, by this machine's clock.
#[must_use]
pub fn initial_age(fields: &Fields<'_>, asked: Millis, received: Millis) -> Millis {
    let made = fields.get("date").and_then(date);
    // `Date` has a resolution of one second, so a fraction of a second is no age.
    let apparent = made.map_or(0, |made| received.saturating_sub(made) / 1_000 * 1_000);
    // A list is not allowed: its first member counts. A value that is not a number is ignored (5.1).
    let stated = fields.get("age").and_then(|age| age.split(',').next()).map_or(0, delta_seconds) * 1_000;
    apparent.max(stated + received.saturating_sub(asked))
}

#[cfg(test)]
mod tests {
    use super::super::policy;
    use super::*;
    use crate::http::head::response;
    use proptest::prelude::*;

    /// Tue, 14 Nov 2023 22:13:20 GMT
    const NOW: Millis = 1_700_000_000_000;

    fn lasts(packed: &str, toml: &str) -> Option<Millis> {
        let (status, fields) = response(packed);
        lifetime(status, &fields, &Directives::of(&fields), &policy(toml), NOW)
    }

    #[test]
    fn freshness_comes_from_s_maxage_then_max_age_then_expires_then_the_route() {
        for (packed, toml, found) in [
            ("200\ncache-control:max-age=60, s-maxage=90\n", "", Some(90_000)),
            ("200\ncache-control:MAX-AGE=60\n", "", Some(60_000)),
            ("200\ncache-control:max-age=60\nexpires:Tue, 14 Nov 2023 22:13:30 GMT\n", "", Some(60_000)),
            ("200\ndate:Tue, 14 Nov 2023 22:13:10 GMT\nexpires:Tue, 14 Nov 2023 22:14:20 GMT\n", "", Some(70_000)),
            ("200\nexpires:Tuesday, 14-Nov-23 22:13:30 GMT\n", "", Some(10_000)),
            ("200\nexpires:Tue Nov 14 22:13:30 2023\n", "", Some(10_000)),
            ("200\nexpires:0\n", "ttl = \"7s\"", Some(0)),
            ("200\nexpires:Tue, 14 Nov 2023 22:13:30 GMT, Tue, 14 Nov 2023 22:13:31 GMT\n", "", Some(0)),
            ("200\nexpires:Tue, 14 Nov 2023 22:13:30 PST\n", "", Some(0)),
            ("200\ncdn-cache-control:no-cache\nexpires:Tue, 14 Nov 2023 22:13:30 GMT\n", "", None),
            ("200\n", "ttl = \"7s\"", Some(7_000)),
            ("404\n", "ttl = \"7s\"", None),
            ("200\n", "", None),
            ("404\ncache-control:max-age=5\n", "", Some(5_000)),
            ("404\ncache-control:max-age=9999\n", "", Some(600_000)),
            ("500\ncache-control:max-age=9999\n", "negative = \"3s\"", Some(3_000)),
            ("200\ncache-control:max-age=2147483648\n", "", Some(2_147_483_648_000)),
        ] {
            assert_eq!(lasts(packed, toml), found, "{packed} {toml}");
        }
    }

    #[test]
    fn the_heuristic_applies_only_where_the_route_and_the_status_allow_it() {
        let day = "last-modified:Mon, 13 Nov 2023 22:13:20 GMT\ndate:Tue, 14 Nov 2023 22:13:20 GMT\n";
        let on = "heuristic = true";
        assert_eq!(lasts(&format!("200\n{day}"), on), Some(8_640_000));
        assert_eq!(lasts(&format!("200\n{day}"), ""), None);
        assert_eq!(lasts(&format!("404\n{day}"), on), Some(600_000));
        assert_eq!(lasts(&format!("201\n{day}"), on), None);
        assert_eq!(lasts(&format!("599\n{day}cache-control:public\n"), on), Some(600_000));
        assert_eq!(lasts(&format!("200\ncache-control:max-age=1\n{day}"), on), Some(1_000));
        assert_eq!(lasts("200\nlast-modified:Sun, 06 Nov 1994 08:49:37 GMT\n", on), Some(LONGEST_HEURISTIC));
        assert_eq!(lasts("200\nlast-modified:yesterday\n", on), None);
    }

    #[test]
    fn age_is_the_larger_of_apparent_age_and_stated_age() {
        let age = |fields: &str, asked: Millis| initial_age(&response(&format!("200\n{fields}\n")).1, asked, NOW);
        assert_eq!(age("x:y", NOW), 0);
        assert_eq!(age("age:30", NOW - 1_500), 31_500);
        assert_eq!(age("date:Tue, 14 Nov 2023 22:13:10 GMT", NOW), 10_000);
        assert_eq!(age("date:Tue, 14 Nov 2023 22:13:10 GMT\nage:30", NOW), 30_000);
        assert_eq!(age("date:Tue, 14 Nov 2023 22:13:30 GMT", NOW), 0);
        assert_eq!(age("age:7200, 0", NOW), 7_200_000);
        assert_eq!(age("age:0, 7200", NOW), 0);
        for odd in ["abc", "-7200", "7200.0", "", "7200;a=b"] {
            assert_eq!(age(&format!("age:{odd}"), NOW), 0, "{odd}");
        }
    }

    proptest! {
        /// RFC 9111 4.2: `response_is_fresh = (freshness_lifetime > current_age)`; no step overflows.
        #[test]
        fn no_arithmetic_overflows(max_age in any::<u64>(), age in any::<u64>(), asked in 0..NOW * 2, received in 0..NOW * 2) {
            let packed = format!("200\ncache-control:max-age={max_age}\nage:{age}\n");
            let (status, fields) = response(&packed);
            let lifetime = lifetime(status, &fields, &Directives::of(&fields), &policy(""), received);
            prop_assert!(lifetime.is_some_and(|lifetime| lifetime <= (1 << 31) * 1_000));
            let found = initial_age(&fields, asked, received);
            prop_assert!(found >= received.saturating_sub(asked));
            prop_assert!(found >= age.min(1 << 31) * 1_000);
        }

        #[test]
        fn no_date_causes_a_panic(text in "\\PC{0,40}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT") {
            let _ = date(&text);
        }
    }
}
