//! How old is an answer, and how long is it fresh? (RFC 9111 4.2)

use super::control::{Directives, delta_seconds};
use crate::config::{Cache, Millis};
use crate::http::date::date;
use crate::http::head::Fields;

/// A tenth of an answer's age since it was modified is how long it is guessed to stay as it is (RFC
/// 9111 4.2.2), for a day at most.
const LONGEST_GUESS: Millis = 86_400_000;

/// Statuses that may be stored though they state no lifetime (RFC 9110 15.1).
#[must_use]
pub fn is_heuristic(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// How long an answer is fresh, counted from when the origin made it; `None` when nothing says.
#[must_use]
pub fn lifetime(
    status: u16,
    fields: &Fields<'_>,
    said: &Directives,
    policy: &Cache,
    received: Millis,
) -> Option<Millis> {
    let stated = said.s_maxage.or(said.max_age).map(|seconds| seconds * 1_000);
    let stated = stated.or_else(|| expires(fields, received).filter(|_| !said.targeted));
    let stated = stated.or_else(|| policy.ttl.filter(|_| status == 200));
    let lifetime = stated.or_else(|| {
        let allowed = policy.heuristic && (is_heuristic(status) || said.public);
        let modified = fields.get("last-modified").filter(|_| allowed).and_then(date)?;
        let made = fields.get("date").and_then(date).unwrap_or(received);
        Some((made.saturating_sub(modified) / 10).min(LONGEST_GUESS))
    })?;
    Some(if status >= 400 { lifetime.min(policy.negative) } else { lifetime })
}

/// `Expires` minus `Date` (RFC 9111 4.2.1); an invalid date, or two of them, means stale (5.3).
fn expires(fields: &Fields<'_>, received: Millis) -> Option<Millis> {
    let expires = fields.get("expires")?;
    let made = fields.get("date").and_then(date).unwrap_or(received);
    Some(date(expires).map_or(0, |expires| expires.saturating_sub(made)))
}

/// How old an answer is when it is received (RFC 9111 4.2.3): `asked` and `received` are this
/// machine's clock.
#[must_use]
pub fn initial_age(fields: &Fields<'_>, asked: Millis, received: Millis) -> Millis {
    let made = fields.get("date").and_then(date);
    // `Date` counts whole seconds: what is younger than one is not old.
    let apparent = made.map_or(0, |made| received.saturating_sub(made) / 1_000 * 1_000);
    // A list is not allowed; its first member counts, and what is no number is not there (5.1).
    let stated = fields.get("age").and_then(|age| age.split(',').next()).map_or(0, delta_seconds) * 1_000;
    apparent.max(stated + received.saturating_sub(asked))
}

#[cfg(test)]
mod tests {
    use super::super::policy;
    use super::*;
    use crate::http::head::answer;
    use proptest::prelude::*;

    /// Tue, 14 Nov 2023 22:13:20 GMT
    const NOW: Millis = 1_700_000_000_000;

    fn lasts(packed: &str, toml: &str) -> Option<Millis> {
        let (status, fields) = answer(packed);
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
    fn a_guess_is_made_only_where_the_route_asks_and_the_status_allows() {
        let day = "last-modified:Mon, 13 Nov 2023 22:13:20 GMT\ndate:Tue, 14 Nov 2023 22:13:20 GMT\n";
        let on = "heuristic = true";
        assert_eq!(lasts(&format!("200\n{day}"), on), Some(8_640_000));
        assert_eq!(lasts(&format!("200\n{day}"), ""), None);
        assert_eq!(lasts(&format!("404\n{day}"), on), Some(600_000));
        assert_eq!(lasts(&format!("201\n{day}"), on), None);
        assert_eq!(lasts(&format!("599\n{day}cache-control:public\n"), on), Some(600_000));
        assert_eq!(lasts(&format!("200\ncache-control:max-age=1\n{day}"), on), Some(1_000));
        assert_eq!(lasts("200\nlast-modified:Sun, 06 Nov 1994 08:49:37 GMT\n", on), Some(LONGEST_GUESS));
        assert_eq!(lasts("200\nlast-modified:yesterday\n", on), None);
    }

    #[test]
    fn age_is_the_larger_of_what_the_date_shows_and_what_was_said() {
        let age = |fields: &str, asked: Millis| initial_age(&answer(&format!("200\n{fields}\n")).1, asked, NOW);
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
        /// 4.2: `response_is_fresh = (freshness_lifetime > current_age)`; nothing overflows on the way.
        #[test]
        fn no_arithmetic_overflows(max_age in any::<u64>(), age in any::<u64>(), asked in 0..NOW * 2, received in 0..NOW * 2) {
            let packed = format!("200\ncache-control:max-age={max_age}\nage:{age}\n");
            let (status, fields) = answer(&packed);
            let lifetime = lifetime(status, &fields, &Directives::of(&fields), &policy(""), received);
            prop_assert!(lifetime.is_some_and(|lifetime| lifetime <= (1 << 31) * 1_000));
            let found = initial_age(&fields, asked, received);
            prop_assert!(found >= received.saturating_sub(asked));
            prop_assert!(found >= age.min(1 << 31) * 1_000);
        }

        #[test]
        fn no_date_can_panic(text in "\\PC{0,40}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT") {
            let _ = date(&text);
        }
    }
}
