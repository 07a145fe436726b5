//! Which cache directives does a response, or a request, contain? (RFC 9111 5.2, RFC 9213)

use crate::http::head::Fields;
use crate::http::list::members;
use crate::http::structured::{self, Item};

/// Seconds, the unit of directives.
type Seconds = u64;

/// The largest number of seconds; a larger one is lowered to it (RFC 9111 1.2.2).
const MOST: Seconds = 1 << 31;

/// The directives of a response for a shared cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// `no-store`.
    pub no_store: bool,
    /// `no-cache`: never served without revalidation.
    pub no_cache: bool,
    /// `private`.
    pub private: bool,
    /// `public`.
    pub public: bool,
    /// `must-revalidate`: never served stale.
    pub must_revalidate: bool,
    /// `proxy-revalidate`: never served stale, but it does not allow to share the response to a request with
    /// `Authorization`.
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
    /// Fields that `no-cache="a"` and `private="a"` name, in lower case. They are not stored.
    pub withheld: Vec<String>,
    /// Whether the directives are from `CDN-Cache-Control`; then `Expires` is ignored (RFC 9213 2.1).
    pub targeted: bool,
}

impl Directives {
    /// Reads a response: `CDN-Cache-Control` when it is present and well-formed, else `Cache-Control`.
    #[must_use]
    pub fn of(fields: &Fields<'_>) -> Self {
        let targeted = fields.get("cdn-cache-control").and_then(structured::dictionary);
        match targeted.filter(|members| !members.is_empty()) {
            Some(members) => Self::targeted(&members),
            None => Self::plain(fields.get("cache-control").unwrap_or_default()),
        }
    }

    fn plain(value: &str) -> Self {
        // Any directive may be hidden behind a quote that is not closed.
        let mut found = Self { no_store: value.matches('"').count() % 2 == 1, ..Self::default() };
        for member in members(value) {
            let (name, argument) = member.split_once('=').map_or((member, None), |(n, a)| (n, Some(a.trim())));
            // Of a repeated directive the most restrictive value counts: a response that is stale by one of them is
            // stale.
            let least = |known: Option<Seconds>| {
                let seconds = delta_seconds(argument.unwrap_or_default());
                Some(known.map_or(seconds, |known| known.min(seconds)))
            };
            match name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
                "no-store" => found.no_store = true,
                "no-cache" => found.no_cache |= !found.withhold(argument),
                "private" => found.private |= !found.withhold(argument),
                "public" => found.public = true,
                "must-revalidate" => found.must_revalidate = true,
                "proxy-revalidate" => found.proxy_revalidate = true,
                "must-understand" => found.must_understand = true,
                "max-age" => found.max_age = least(found.max_age),
                "s-maxage" => found.s_maxage = least(found.s_maxage),
                "stale-while-revalidate" => found.stale_while_revalidate = least(found.stale_while_revalidate),
                "stale-if-error" => found.stale_if_error = least(found.stale_if_error),
                _ => {}
            }
        }
        found
    }

    /// Reads the members of `CDN-Cache-Control`. Members of an unexpected type are ignored.
    fn targeted(members: &[(&str, Item)]) -> Self {
        let mut found = Self { targeted: true, ..Self::default() };
        for (name, item) in members {
            let seconds = match item {
                Item::Integer(seconds) => Some(u64::try_from(*seconds).unwrap_or_default().min(MOST)),
                _ => None,
            };
            let flag = *item == Item::Flag(true);
            match (*name, item) {
                ("no-cache", Item::Text(names)) => found.no_cache |= !found.withhold(Some(names)),
                ("private", Item::Text(names)) => found.private |= !found.withhold(Some(names)),
                ("no-store", _) => found.no_store |= flag,
                ("no-cache", _) => found.no_cache |= flag,
                ("private", _) => found.private |= flag,
                ("public", _) => found.public |= flag,
                ("must-revalidate", _) => found.must_revalidate |= flag,
                ("proxy-revalidate", _) => found.proxy_revalidate |= flag,
                ("must-understand", _) => found.must_understand |= flag,
                ("max-age", _) => found.max_age = seconds,
                ("s-maxage", _) => found.s_maxage = seconds,
                ("stale-while-revalidate", _) => found.stale_while_revalidate = seconds,
                ("stale-if-error", _) => found.stale_if_error = seconds,
                _ => {}
            }
        }
        found
    }

    /// Adds the fields that a directive names to `withheld`. Returns `false` when it names none or a malformed name: it
    /// then applies to the whole response.
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

    /// Whether a response to a request with `Authorization` may be served to other requests (RFC 9111 3.5).
    #[must_use]
    pub fn is_shareable(&self) -> bool {
        self.public || self.must_revalidate || self.s_maxage.is_some()
    }
}

/// The directives of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `no-cache`: not without revalidation by the origin.
    pub no_cache: bool,
    /// `no-store`: the response must not be stored.
    pub no_store: bool,
    /// `only-if-cached`: only a stored response.
    pub only_if_cached: bool,
    /// `max-age`: no older than this.
    pub max_age: Option<Seconds>,
    /// `min-fresh`: fresh for at least this long.
    pub min_fresh: Option<Seconds>,
    /// `max-stale`: stale by no more than this.
    pub max_stale: Option<Seconds>,
}

impl Wanted {
    /// Reads a request. `Pragma: no-cache` counts when there is no `Cache-Control` (RFC 9111 5.4).
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

/// Reads delta-seconds (RFC 9111 1.2.2): a number that is too large becomes 2^31, a malformed one 0, which is stale
/// (4.2.1).
#[must_use]
pub fn delta_seconds(text: &str) -> Seconds {
    let digits = text.trim().trim_matches('"');
    let good = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if good { digits.parse().unwrap_or(MOST).min(MOST) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::response;
    use proptest::prelude::*;

    fn parsed(fields: &str) -> Directives {
        let packed = format!("200\n{fields}\n");
        Directives::of(&response(&packed).1)
    }

    #[test]
    fn directives_are_read_in_any_case_and_beside_unknown_ones() {
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
            assert_eq!(parsed(fields), found, "{fields}");
        }
    }

    #[test]
    fn a_well_formed_targeted_field_replaces_cache_control() {
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
            assert_eq!(parsed(fields), found, "{fields}");
        }
    }

    #[test]
    fn request_directives_are_read() {
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
            assert_eq!(Wanted::of(&response(&packed).1), found, "{fields}");
        }
    }

    proptest! {
        #[test]
        fn no_field_causes_a_panic(value in "((max-age|s-maxage|private|no-store|no-cache|public)(=\"?[0-9a-z,]{0,22}\"?)?[, ]{0,2}){0,5}|\\PC{0,40}") {
            let found = parsed(&format!("cache-control:{value}\ncdn-cache-control:{value}"));
            prop_assert!(found.max_age.is_none_or(|seconds| seconds <= MOST));
            let packed = format!("200\ncache-control:{value}\n");
            let _ = Wanted::of(&response(&packed).1);
        }
    }
}
