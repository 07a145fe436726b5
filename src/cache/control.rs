//! What do the directives of an answer, and of a request, say? (RFC 9111 5.2, RFC 9213)

use crate::http::head::Fields;
use crate::http::list::members;
use crate::http::structured::{self, Item};

/// Seconds, as directives count.
type Seconds = u64;

/// Larger numbers of seconds count as this one (RFC 9111 1.2.2).
const MOST: Seconds = 1 << 31;

/// What an answer's directives say to a shared cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// `no-store`.
    pub no_store: bool,
    /// `no-cache`: never without asking.
    pub no_cache: bool,
    /// `private`.
    pub private: bool,
    /// `public`.
    pub public: bool,
    /// `must-revalidate`: never stale.
    pub must_revalidate: bool,
    /// `proxy-revalidate`: the same, but no leave to share what was made for somebody authorized.
    pub proxy_revalidate: bool,
    /// `must-understand`.
    pub must_understand: bool,
    /// `max-age`.
    pub max_age: Option<Seconds>,
    /// `s-maxage`.
    pub s_maxage: Option<Seconds>,
    /// `stale-while-revalidate` (RFC 5861 3).
    pub stale_while_revalidate: Option<Seconds>,
    /// `stale-if-error` (RFC 5861 4).
    pub stale_if_error: Option<Seconds>,
    /// Fields that `no-cache="a"` and `private="a"` name, in lower case: they are not stored.
    pub withheld: Vec<String>,
    /// Whether `CDN-Cache-Control` spoke: then `Expires` says nothing (RFC 9213 2.1).
    pub targeted: bool,
}

impl Directives {
    /// Reads an answer: `CDN-Cache-Control` when it is there and well-formed, else `Cache-Control`.
    #[must_use]
    pub fn of(fields: &Fields<'_>) -> Self {
        let targeted = fields.get("cdn-cache-control").and_then(structured::dictionary);
        match targeted.filter(|members| !members.is_empty()) {
            Some(members) => Self::targeted(&members),
            None => Self::plain(fields.get("cache-control").unwrap_or_default()),
        }
    }

    fn plain(value: &str) -> Self {
        // Behind a quote that does not end anything could stand.
        let mut said = Self { no_store: value.matches('"').count() % 2 == 1, ..Self::default() };
        for member in members(value) {
            let (name, argument) = member.split_once('=').map_or((member, None), |(n, a)| (n, Some(a.trim())));
            // OriginReport twice, the more restrictive counts: what is fresh by one and stale by the other is stale.
            let least = |known: Option<Seconds>| {
                let seconds = delta_seconds(argument.unwrap_or_default());
                Some(known.map_or(seconds, |known| known.min(seconds)))
            };
            match name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
                "no-store" => said.no_store = true,
                "no-cache" => said.no_cache |= !said.withhold(argument),
                "private" => said.private |= !said.withhold(argument),
                "public" => said.public = true,
                "must-revalidate" => said.must_revalidate = true,
                "proxy-revalidate" => said.proxy_revalidate = true,
                "must-understand" => said.must_understand = true,
                "max-age" => said.max_age = least(said.max_age),
                "s-maxage" => said.s_maxage = least(said.s_maxage),
                "stale-while-revalidate" => said.stale_while_revalidate = least(said.stale_while_revalidate),
                "stale-if-error" => said.stale_if_error = least(said.stale_if_error),
                _ => {}
            }
        }
        said
    }

    /// Members of an unexpected type say nothing.
    fn targeted(members: &[(&str, Item)]) -> Self {
        let mut said = Self { targeted: true, ..Self::default() };
        for (name, item) in members {
            let seconds = match item {
                Item::Integer(seconds) => Some(u64::try_from(*seconds).unwrap_or_default().min(MOST)),
                _ => None,
            };
            let flag = *item == Item::Flag(true);
            match (*name, item) {
                ("no-cache", Item::Text(names)) => said.no_cache |= !said.withhold(Some(names)),
                ("private", Item::Text(names)) => said.private |= !said.withhold(Some(names)),
                ("no-store", _) => said.no_store |= flag,
                ("no-cache", _) => said.no_cache |= flag,
                ("private", _) => said.private |= flag,
                ("public", _) => said.public |= flag,
                ("must-revalidate", _) => said.must_revalidate |= flag,
                ("proxy-revalidate", _) => said.proxy_revalidate |= flag,
                ("must-understand", _) => said.must_understand |= flag,
                ("max-age", _) => said.max_age = seconds,
                ("s-maxage", _) => said.s_maxage = seconds,
                ("stale-while-revalidate", _) => said.stale_while_revalidate = seconds,
                ("stale-if-error", _) => said.stale_if_error = seconds,
                _ => {}
            }
        }
        said
    }

    /// Takes in the fields that a directive names; `false` when it names none that can be understood,
    /// and so means everything.
    fn withhold(&mut self, names: Option<&str>) -> bool {
        let names = names.unwrap_or_default().trim_matches('"').split(',').map(|name| name.trim().to_ascii_lowercase());
        let names: Vec<String> = names.collect();
        let token = |name: &String| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        let good = names.iter().all(token);
        if good {
            self.withheld.extend(names);
        }
        good
    }

    /// Whether an answer to a request with `Authorization` may be given to others (RFC 9111 3.5).
    #[must_use]
    pub fn is_shareable(&self) -> bool {
        self.public || self.must_revalidate || self.s_maxage.is_some()
    }
}

/// What a visitor's directives ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Not without asking the origin.
    pub no_cache: bool,
    /// The answer is not to be kept.
    pub no_store: bool,
    /// Nothing but what is stored.
    pub only_if_cached: bool,
    /// No older than this.
    pub max_age: Option<Seconds>,
    /// Fresh for this long still.
    pub min_fresh: Option<Seconds>,
    /// Stale by no more than this.
    pub max_stale: Option<Seconds>,
}

impl Wanted {
    /// Reads a request; `Pragma: no-cache` counts where there is no `Cache-Control` (RFC 9111 5.4).
    #[must_use]
    pub fn of(fields: &Fields<'_>) -> Self {
        let mut wanted = Self::default();
        let Some(value) = fields.get("cache-control") else {
            wanted.no_cache =
                members(fields.get("pragma").unwrap_or_default()).any(|m| m.eq_ignore_ascii_case("no-cache"));
            return wanted;
        };
        for member in members(value) {
            let (name, argument) = member.split_once('=').unwrap_or((member, ""));
            let seconds = Some(delta_seconds(argument));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-cache" => wanted.no_cache = true,
                "no-store" => wanted.no_store = true,
                "only-if-cached" => wanted.only_if_cached = true,
                "max-age" => wanted.max_age = seconds,
                "min-fresh" => wanted.min_fresh = seconds,
                "max-stale" => wanted.max_stale = if argument.is_empty() { Some(MOST) } else { seconds },
                _ => {}
            }
        }
        wanted
    }
}

/// Delta-seconds (RFC 9111 1.2.2): too large counts as 2^31, malformed as 0, which is stale (4.2.1).
#[must_use]
pub fn delta_seconds(text: &str) -> Seconds {
    let digits = text.trim().trim_matches('"');
    let good = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if good { digits.parse().unwrap_or(MOST).min(MOST) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::answer;
    use proptest::prelude::*;

    fn said(fields: &str) -> Directives {
        let packed = format!("200\n{fields}\n");
        Directives::of(&answer(&packed).1)
    }

    #[test]
    fn directives_are_read_whatever_their_case_and_company() {
        let none = Directives::default();
        for (fields, found) in [
            ("cache-control:", none.clone()),
            ("cache-control:foo, bar=1, baz=\"no-store\"", none.clone()),
            ("cache-control:No-StOrE", Directives { no_store: true, ..none.clone() }),
            ("cache-control:max-age=60, max-age=90", Directives { max_age: Some(60), ..none.clone() }),
            ("cache-control:max-age=\"60\"", Directives { max_age: Some(60), ..none.clone() }),
            ("cache-control:max-age=99999999999999999999", Directives { max_age: Some(MOST), ..none.clone() }),
            ("cache-control:max-age=-1", Directives { max_age: Some(0), ..none.clone() }),
            ("cache-control:max-age=1.5", Directives { max_age: Some(0), ..none.clone() }),
            ("cache-control:max-age", Directives { max_age: Some(0), ..none.clone() }),
            (
                "cache-control:s-maxage=5, stale-while-revalidate=10, stale-if-error=20",
                Directives {
                    s_maxage: Some(5),
                    stale_while_revalidate: Some(10),
                    stale_if_error: Some(20),
                    ..none.clone()
                },
            ),
            (
                "cache-control:no-cache=\"Set-Cookie, X-A\", private=\"b\"",
                Directives { withheld: vec!["set-cookie".into(), "x-a".into(), "b".into()], ..none.clone() },
            ),
            ("cache-control:proxy-revalidate", Directives { proxy_revalidate: true, ..none.clone() }),
            (
                "cache-control:max-age=9, a=\"b, no-cache",
                Directives { no_store: true, max_age: Some(9), ..none.clone() },
            ),
            ("cache-control:private=", Directives { private: true, ..none.clone() }),
            ("cache-control:private=\"\"", Directives { private: true, ..none.clone() }),
            ("cache-control:private=\"x y\"", Directives { private: true, ..none.clone() }),
            ("cache-control:private;x", Directives { private: true, ..none.clone() }),
            ("cache-control:no-cache=\"\"", Directives { no_cache: true, ..none.clone() }),
        ] {
            assert_eq!(said(fields), found, "{fields}");
        }
    }

    #[test]
    fn a_targeted_field_speaks_alone_when_it_is_well_formed() {
        let targeted = Directives { targeted: true, ..Directives::default() };
        for (fields, found) in [
            (
                "cache-control:no-store\ncdn-cache-control:max-age=60",
                Directives { max_age: Some(60), ..targeted.clone() },
            ),
            ("cdn-cache-control:no-store", Directives { no_store: true, ..targeted.clone() }),
            ("cdn-cache-control:private=\"a\"", Directives { withheld: vec!["a".into()], ..targeted.clone() }),
            ("cdn-cache-control:max-age=\"60\"", targeted.clone()),
            ("cdn-cache-control:max-age=-5", Directives { max_age: Some(0), ..targeted.clone() }),
            (
                "cache-control:no-store\ncdn-cache-control:max-age=60, &&",
                Directives { no_store: true, ..Directives::default() },
            ),
            ("cache-control:no-store\ncdn-cache-control:", Directives { no_store: true, ..Directives::default() }),
        ] {
            assert_eq!(said(fields), found, "{fields}");
        }
    }

    #[test]
    fn a_visitors_wishes_are_read() {
        let none = Wanted::default();
        for (fields, found) in [
            ("pragma:no-cache", Wanted { no_cache: true, ..none }),
            ("pragma:no-cache\ncache-control:foo", none),
            ("cache-control:max-age=0", Wanted { max_age: Some(0), ..none }),
            ("cache-control:max-stale", Wanted { max_stale: Some(MOST), ..none }),
            ("cache-control:max-stale=5, min-fresh=9", Wanted { max_stale: Some(5), min_fresh: Some(9), ..none }),
            ("cache-control:Only-If-Cached, no-store", Wanted { only_if_cached: true, no_store: true, ..none }),
        ] {
            let packed = format!("200\n{fields}\n");
            assert_eq!(Wanted::of(&answer(&packed).1), found, "{fields}");
        }
    }

    proptest! {
        #[test]
        fn no_field_can_panic(value in "((max-age|s-maxage|private|no-store|no-cache|public)(=\"?[0-9a-z,]{0,22}\"?)?[, ]{0,2}){0,5}|\\PC{0,40}") {
            let found = said(&format!("cache-control:{value}\ncdn-cache-control:{value}"));
            prop_assert!(found.max_age.is_none_or(|seconds| seconds <= MOST));
            let packed = format!("200\ncache-control:{value}\n");
            let _ = Wanted::of(&answer(&packed).1);
        }
    }
}
