//! What do the fields of an answer say about storing it? (RFC 9111 5.2, 5.3, 3)

use crate::config::{Cache, LONGEST_STORED, Millis};
use crate::head::{Fields, list};

/// Why an answer is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstored {
    /// Only answers to GET are stored.
    Method,
    /// Not one of the statuses that are stored.
    Status,
    /// `no-store`, or `no-cache`, which would need asking every time.
    NoStore,
    /// `private`.
    Private,
    /// `Set-Cookie`.
    SetCookie,
    /// `Vary` names something that is not in the key.
    Vary,
    /// It says no lifetime, and neither does the route.
    NoLifetime,
    /// It is stale already.
    Stale,
    /// More tags, or longer ones, than could be purged.
    Tags,
    /// More bytes than are stored, by its own `Content-Length`.
    Size,
    /// The ledger could not be read when it was asked for.
    Ledger,
}

impl Unstored {
    /// One word for `Cache-Status` and the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::SetCookie => "set-cookie",
            Self::Vary => "vary",
            Self::NoLifetime => "no-lifetime",
            Self::Stale => "stale",
            Self::Tags => "tags",
            Self::Size => "size",
            Self::Ledger => "ledger",
        }
    }
}

/// The directives that matter here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Directives {
    no_store: bool,
    private: bool,
    max_age: Option<u64>,
    s_maxage: Option<u64>,
}

impl Directives {
    fn read(value: &str) -> Self {
        let mut found = Self::default();
        for member in list(value) {
            let (name, argument) = member.split_once('=').unwrap_or((member, ""));
            let seconds = || Some(delta_seconds(argument));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => found.no_store = true,
                "private" => found.private = true,
                "max-age" => found.max_age = found.max_age.or_else(seconds),
                "s-maxage" => found.s_maxage = found.s_maxage.or_else(seconds),
                _ => {}
            }
        }
        found
    }
}

/// Delta-seconds (RFC 9111 1.2.2): too large counts as 2^31, malformed as stale.
fn delta_seconds(text: &str) -> u64 {
    let digits = text.trim().trim_matches('"');
    let good = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if good { digits.parse().unwrap_or(1 << 31).min(1 << 31) } else { 0 }
}

/// How long an answer may be stored, from the moment it is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Milliseconds it stays fresh from now on.
    pub remaining: Millis,
    /// Milliseconds it was old already.
    pub age: Millis,
}

/// Whether an answer may be stored, and for how long.
///
/// `fixed` is the lifetime of the route where it decides alone (static files); else the route's
/// lifetime serves for answers that state none.
///
/// # Errors
/// Why it is not stored.
pub fn lifetime(
    status: u16,
    fields: &Fields<'_>,
    cache: &Cache,
    fixed: bool,
    keyed: &[&str],
    now: Millis,
) -> Result<Lifetime, Unstored> {
    let said = Directives::read(fields.get("cache-control").unwrap_or_default());
    if !matches!(status, 200 | 203 | 301 | 308 | 404 | 410) {
        return Err(Unstored::Status);
    }
    if said.no_store {
        return Err(Unstored::NoStore);
    }
    if said.private {
        return Err(Unstored::Private);
    }
    if fields.get("set-cookie").is_some() {
        return Err(Unstored::SetCookie);
    }
    let length = fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > LARGEST) {
        return Err(Unstored::Size);
    }
    let mut varies = list(fields.get("vary").unwrap_or_default());
    if !varies.all(|name| keyed.iter().any(|known| known.eq_ignore_ascii_case(name))) {
        return Err(Unstored::Vary);
    }
    if fixed {
        let remaining = cache.ttl.ok_or(Unstored::NoLifetime)?;
        return Ok(Lifetime { remaining, age: 0 });
    }
    let explicit = said.s_maxage.or(said.max_age).map(|seconds| seconds * 1_000).or_else(|| expires(fields, now));
    let total = explicit.or(cache.ttl.filter(|_| status == 200)).ok_or(Unstored::NoLifetime)?;
    let age = fields.get("age").map_or(0, |age| delta_seconds(age.split(',').next().unwrap_or_default())) * 1_000;
    let remaining = total.min(LONGEST_STORED).saturating_sub(age);
    if remaining == 0 { Err(Unstored::Stale) } else { Ok(Lifetime { remaining, age }) }
}

/// `Expires` minus `Date` (RFC 9111 4.2.1); an invalid date means stale (5.3).
fn expires(fields: &Fields<'_>, now: Millis) -> Option<Millis> {
    let at = |text: &str| {
        let since = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(since.as_secs().saturating_mul(1_000))
    };
    let expires = fields.get("expires")?;
    let date = fields.get("date").and_then(at).unwrap_or(now);
    Some(at(expires).map_or(0, |expires| expires.saturating_sub(date)))
}

/// Bytes of an answer that is stored, at most: the store reads it as fast as the origin sends it,
/// and what a slow visitor has not read yet waits in memory.
const LARGEST: u64 = 25 << 20;

/// Tags an answer may have at most.
const MOST_TAGS: usize = 128;
/// Bytes of a tag at most.
const LONGEST_TAG: usize = 256;

/// The tags of an answer: the route's, `Cache-Tag` (commas) and `Surrogate-Key` (spaces).
///
/// # Errors
/// It has too many, too long ones, or ones that no purge can name: what could not be purged is not stored.
pub fn tags(fields: &Fields<'_>, route: &[String]) -> Result<Vec<String>, Unstored> {
    let comma = fields.get("cache-tag").unwrap_or_default().split(',');
    let space = fields.get("surrogate-key").unwrap_or_default().split([' ', ',']);
    let mut tags: Vec<String> = route.to_vec();
    tags.extend(comma.chain(space).map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned));
    tags.sort();
    tags.dedup();
    let good = tags.len() <= MOST_TAGS
        && tags.iter().all(|tag| tag.len() <= LONGEST_TAG && tag.bytes().all(|b| b.is_ascii_graphic()));
    if good { Ok(tags) } else { Err(Unstored::Tags) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::answer;
    use proptest::prelude::*;

    const NOW: Millis = 1_700_000_000_000;

    fn ask(packed: &str, ttl: Option<Millis>, fixed: bool) -> Result<Lifetime, Unstored> {
        let (status, fields) = answer(packed);
        lifetime(status, &fields, &Cache { ttl, shared: None, query: None }, fixed, &["accept-encoding"], NOW)
    }

    #[test]
    fn freshness_comes_from_s_maxage_then_max_age_then_expires_then_the_route() {
        let fresh = |packed: &str| ask(packed, Some(7_000), false).map(|lifetime| lifetime.remaining);
        assert_eq!(fresh("200\ncache-control:max-age=60, s-maxage=90\n"), Ok(90_000));
        assert_eq!(fresh("200\ncache-control:MAX-AGE=60\n"), Ok(60_000));
        assert_eq!(fresh("200\ncache-control:max-age=\"60\"\n"), Ok(60_000));
        assert_eq!(fresh("200\ncache-control:max-age=60\nage:50\n"), Ok(10_000));
        assert_eq!(fresh("200\ncache-control:max-age=60\nage:60\n"), Err(Unstored::Stale));
        assert_eq!(
            fresh("200\ndate:Tue, 14 Nov 2023 22:13:20 GMT\nexpires:Tue, 14 Nov 2023 22:14:20 GMT\n"),
            Ok(60_000)
        );
        assert_eq!(fresh("200\nexpires:Tue, 14 Nov 2023 22:13:30 GMT\n"), Ok(10_000));
        assert_eq!(fresh("200\nexpires:0\n"), Err(Unstored::Stale));
        assert_eq!(fresh("200\n"), Ok(7_000));
        assert_eq!(fresh("404\n"), Err(Unstored::NoLifetime));
        assert_eq!(fresh("404\ncache-control:max-age=5\n"), Ok(5_000));
        assert_eq!(ask("200\n", None, false), Err(Unstored::NoLifetime));
        assert_eq!(
            ask("200\ncache-control:public, max-age=0, must-revalidate\n", Some(9_000), true).map(|l| l.remaining),
            Ok(9_000)
        );
    }

    #[test]
    fn what_must_not_be_shared_is_not_stored() {
        for (packed, reason) in [
            ("200\ncache-control:no-store, max-age=60\n", Unstored::NoStore),
            ("200\ncache-control:no-cache\n", Unstored::NoStore),
            ("200\ncache-control:No-Store\n", Unstored::NoStore),
            ("200\ncache-control:private, max-age=60\n", Unstored::Private),
            ("200\ncache-control:private=\"a, b\", max-age=60\n", Unstored::Private),
            ("200\ncache-control:max-age=60\nset-cookie:a=b\n", Unstored::SetCookie),
            ("200\ncache-control:max-age=60\nvary:*\n", Unstored::Vary),
            ("200\ncache-control:max-age=60\nvary:Accept-Encoding, User-Agent\n", Unstored::Vary),
            ("206\ncache-control:max-age=60\n", Unstored::Status),
            ("302\ncache-control:max-age=60\n", Unstored::Status),
            ("500\ncache-control:max-age=60\n", Unstored::Status),
            ("200\ncache-control:max-age=x\n", Unstored::Stale),
            ("200\ncache-control:max-age=-1\n", Unstored::Stale),
        ] {
            assert_eq!(ask(packed, Some(1_000), false), Err(reason), "{packed}");
        }
        assert!(ask("200\ncache-control:max-age=60\nvary:Accept-Encoding\n", None, false).is_ok());
    }

    #[test]
    fn a_tag_that_no_purge_can_name_keeps_an_answer_from_being_stored() {
        for bad in ["a b", "caf\u{e9}"] {
            let packed = format!("200\ncache-tag:{bad}\n");
            assert_eq!(tags(&answer(&packed).1, &[]), Err(Unstored::Tags));
        }
        assert_eq!(ask("200\ncache-control:max-age=60\ncontent-length:26214401\n", None, false), Err(Unstored::Size));
        assert!(ask("200\ncache-control:max-age=60\ncontent-length:26214400\n", None, false).is_ok());
    }

    #[test]
    fn tags_come_from_the_route_and_both_fields() {
        let (_, fields) = answer("200\ncache-tag:a, b ,,a\nsurrogate-key:c d\n");
        assert_eq!(
            tags(&fields, &["site".into()]),
            Ok(vec!["a".into(), "b".into(), "c".into(), "d".into(), "site".into()])
        );
        let many = (0..129).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let packed = format!("200\ncache-tag:{many}\n");
        assert_eq!(tags(&answer(&packed).1, &[]), Err(Unstored::Tags));
        let packed = format!("200\ncache-tag:{}\n", "x".repeat(257));
        assert_eq!(tags(&answer(&packed).1, &[]), Err(Unstored::Tags));
    }

    proptest! {
        #[test]
        fn no_field_can_panic_and_no_lifetime_exceeds_the_bound(control in "((max-age|s-maxage|private|no-store|public)(=\"?[0-9a-z]{0,22}\"?)?[, ]{0,2}){0,5}|\\PC{0,40}", age in "[0-9]{0,30}|\\PC{0,5}") {
            let packed = format!("200\ncache-control:{control}\nage:{age}\n");
            if let Ok(lifetime) = ask(&packed, Some(1), false) {
                prop_assert!(lifetime.remaining > 0 && lifetime.remaining <= LONGEST_STORED);
            }
        }
    }
}
