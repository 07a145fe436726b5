//! Under which key is a response stored?

use crate::config::Cache;
use crate::http::head::Url;
use crate::identity::Partition;
use crate::sort;

/// What distinguishes responses to one URL, besides the partition.
#[derive(Debug, Clone, Copy)]
pub struct Edition<'a> {
    /// The build of static files, the canary, or the shard; `-` when there is none of them.
    pub name: &'a str,
    /// The negotiated locale that the origin gets, and whether the path named it.
    pub locale: Option<&'a str>,
}

/// The key of a stored response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its URL in the store.
    pub url: String,
    /// `host/path?query`: the name that an operator purges.
    pub resource: String,
    /// The query that is part of the key and is sent to the origin, with its `?`; empty without a query.
    pub query: String,
    /// The name of the partition that shares it.
    pub partition: String,
}

impl Key {
    /// The key of a request for `url`; `path` is its path at the origin.
    #[must_use]
    pub fn new(url: &Url<'_>, path: &str, cache: &Cache, edition: Edition<'_>, partition: &Partition) -> Self {
        let query = chosen_query(url, cache);
        let resource = format!("{}{path}{query}", url.authority);
        let partition = partition.name();
        let Edition { name, locale } = edition;
        let locale = locale.unwrap_or("-");
        let scheme = url.scheme;
        let url = format!("{STORE}{name}/{scheme}/{locale}/{partition}/{resource}");
        Self { url, resource, query, partition }
    }

    /// The host, with its port if there is one.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.resource.split('/').next().unwrap_or_default()
    }

    /// The URL in the store of one of several variants. No edition has the form of a slot's number.
    #[must_use]
    pub fn slot(&self, slot: usize) -> String {
        format!("{STORE}v{slot}/{}", self.url.strip_prefix(STORE).unwrap_or_default())
    }
}

/// The origin of the URLs in the store; it does not exist.
const STORE: &str = "https://usher.invalid/";

/// The query parameters that are part of the key, in the order in which the origin gets them, with the `?`.
#[must_use]
pub fn chosen_query(url: &Url<'_>, cache: &Cache) -> String {
    let Some(query) = url.query.filter(|query| !query.is_empty()) else { return String::new() };
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let kept = |pair: &&str| match &cache.query {
        Some(chosen) => chosen.contains(&name(pair)),
        None => !cache.ignore.iter().any(|ignored| match ignored.strip_suffix('*') {
            Some(prefix) => pair.starts_with(prefix),
            None => name(pair) == *ignored,
        }),
    };
    let mut pairs: Vec<&str> = query.split('&').filter(kept).collect();
    if cache.sort {
        // By name only: the order of parameters with the same name may be significant.
        sort::by(&mut pairs, |a, b| name(a).cmp(&name(b)));
    }
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::super::policy;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_key_names_resource_locale_partition_and_edition() {
        let url = Url::parse("https://a.example:8443/x?b=2&a=1&utm=9").expect("a URL");
        let key = Key::new(
            &url,
            "/x",
            &policy("query = [\"a\", \"b\"]"),
            Edition { name: "e1", locale: Some("ja") },
            &Partition::user("zoë/1", &["b".into(), "a".into()]),
        );
        assert_eq!(key.url, "https://usher.invalid/e1/https/ja/user:zo%C3%AB%2F1:a%2Cb/a.example:8443/x?a=1&b=2");
        assert_eq!((key.resource.as_str(), key.query.as_str()), ("a.example:8443/x?a=1&b=2", "?a=1&b=2"));
        let plain =
            Key::new(&url, "/x", &policy("query = []"), Edition { name: "-", locale: None }, &Partition::Public);
        assert_eq!(plain.url, "https://usher.invalid/-/https/-/public/a.example:8443/x");
        assert_eq!(plain.slot(3), "https://usher.invalid/v3/-/https/-/public/a.example:8443/x");
    }

    #[test]
    fn the_query_in_the_key_has_only_the_chosen_parameters() {
        for (query, toml, chosen) in [
            ("b=2&a=1", "", "?a=1&b=2"),
            ("b=2&a=1", "sort = false", "?b=2&a=1"),
            ("b=2&a=2&b=1", "", "?a=2&b=2&b=1"),
            ("utm_source=x&q=1&gclid=7&utm=2", "", "?q=1&utm=2"),
            ("utm_source=x&q=1", "ignore = []", "?q=1&utm_source=x"),
            ("utm_source=x&q=1", "ignore = [\"q\"]", "?utm_source=x"),
            ("a&b=&&c", "", "?&a&b=&c"),
            ("q=1&Q=2", "query = [\"q\"]", "?q=1"),
            ("fbclid=1", "", ""),
            ("", "", ""),
        ] {
            let url = Url { scheme: "https", authority: "a", path: "/", query: Some(query) };
            assert_eq!(chosen_query(&url, &policy(toml)), chosen, "{query} {toml}");
        }
    }

    proptest! {
        /// Two users never share a key, whatever their names.
        #[test]
        fn different_users_have_different_keys(a in "\\PC{1,12}", b in "\\PC{1,12}", roles in prop::collection::vec("[!-+.-~]{1,6}", 0..3)) {
            let url = Url { scheme: "https", authority: "a", path: "/x", query: None };
            let key = |partition: &Partition| Key::new(&url, "/x", &policy(""), Edition { name: "-", locale: None }, partition).url;
            prop_assert_eq!(a == b, key(&Partition::user(&a, &roles)) == key(&Partition::user(&b, &roles)));
            prop_assert_ne!(key(&Partition::user(&a, &roles)), key(&Partition::roles(&roles)));
            prop_assert_ne!(key(&Partition::roles(&roles)), key(&Partition::Public));
        }
    }
}
