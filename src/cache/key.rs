//! Under which name is an answer stored?

use crate::config::Cache;
use crate::head::Url;
use crate::path;

/// Among whom a stored answer is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partition {
    /// Everybody; the origin is told of nobody.
    Public,
    /// Visitors with these roles, sorted; the origin is told the roles only.
    Roles(Vec<String>),
    /// This user, with these roles, sorted.
    User {
        /// Who.
        user: String,
        /// What they may do.
        roles: Vec<String>,
    },
}

impl Partition {
    /// The partition of everybody who has exactly these roles.
    #[must_use]
    pub fn roles(roles: &[String]) -> Self {
        Self::Roles(sorted(roles))
    }

    /// The partition of one user while they have these roles.
    #[must_use]
    pub fn user(user: &str, roles: &[String]) -> Self {
        Self::User { user: user.to_owned(), roles: sorted(roles) }
    }

    /// Its name, as one path segment.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Public => "public".into(),
            Self::Roles(roles) => format!("roles:{}", path::encode(&roles.join(","))),
            Self::User { user, roles } => format!("user:{}:{}", path::encode(user), path::encode(&roles.join(","))),
        }
    }
}

fn sorted(roles: &[String]) -> Vec<String> {
    let mut roles = roles.to_vec();
    roles.sort();
    roles.dedup();
    roles
}

/// The name of a stored answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The URL it has in the store.
    pub url: String,
    /// `host/path?query`: what an operator would call it.
    pub resource: String,
    /// The chosen query with its `?`, or nothing: what the origin is asked.
    pub query: String,
    /// Among whom it is shared.
    pub partition: String,
}

impl Key {
    /// The key of what is asked for. `edition` tells static files of one build from another's;
    /// `locale` is what the origin is told of language: the negotiated one, and whether the path
    /// said it.
    #[must_use]
    pub fn new(
        url: &Url<'_>,
        path: &str,
        cache: &Cache,
        edition: &str,
        locale: Option<&str>,
        partition: &Partition,
    ) -> Self {
        let query = chosen_query(url, cache);
        let resource = format!("{}{path}{query}", url.authority);
        let partition = partition.name();
        let locale = locale.unwrap_or("-");
        let scheme = url.scheme;
        let url = format!("https://usher.invalid/{edition}/{scheme}/{locale}/{partition}/{resource}");
        Self { url, resource, query, partition }
    }
}

/// The parameters that make a different answer, as sent, with the `?`.
#[must_use]
pub fn chosen_query(url: &Url<'_>, cache: &Cache) -> String {
    let query = match (&cache.query, url.query) {
        (_, None) => return String::new(),
        (None, Some(query)) => query.to_owned(),
        (Some(chosen), Some(query)) => {
            let kept = |pair: &&str| chosen.iter().any(|name| pair.split('=').next() == Some(name));
            query.split('&').filter(kept).collect::<Vec<_>>().join("&")
        }
    };
    if query.is_empty() { query } else { format!("?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cache(query: Option<&[&str]>) -> Cache {
        Cache { ttl: None, shared: None, query: query.map(|names| names.iter().map(|n| (*n).to_owned()).collect()) }
    }

    #[test]
    fn the_key_names_resource_locale_partition_and_edition() {
        let url = Url::parse("https://a.example:8443/x?b=2&a=1&utm=9").expect("a URL");
        let key = Key::new(
            &url,
            "/x",
            &cache(Some(&["a", "b"])),
            "e1",
            Some("ja"),
            &Partition::user("zoë/1", &["b".into(), "a".into()]),
        );
        assert_eq!(key.url, "https://usher.invalid/e1/https/ja/user:zo%C3%AB%2F1:a%2Cb/a.example:8443/x?b=2&a=1");
        assert_eq!((key.resource.as_str(), key.query.as_str()), ("a.example:8443/x?b=2&a=1", "?b=2&a=1"));
        let plain = Key::new(&url, "/x", &cache(Some(&[])), "-", None, &Partition::Public);
        assert_eq!(plain.url, "https://usher.invalid/-/https/-/public/a.example:8443/x");
        assert_eq!(chosen_query(&url, &cache(None)), "?b=2&a=1&utm=9");
    }

    proptest! {
        /// Whatever two visitors are called, they never share a key.
        #[test]
        fn different_visitors_have_different_keys(a in "\\PC{1,12}", b in "\\PC{1,12}", roles in prop::collection::vec("[!-+.-~]{1,6}", 0..3)) {
            let url = Url { scheme: "https", authority: "a", path: "/x", query: None };
            let key = |partition: &Partition| Key::new(&url, "/x", &cache(None), "-", None, partition).url;
            prop_assert_eq!(a == b, key(&Partition::user(&a, &roles)) == key(&Partition::user(&b, &roles)));
            prop_assert_ne!(key(&Partition::user(&a, &roles)), key(&Partition::roles(&roles)));
            prop_assert_ne!(key(&Partition::roles(&roles)), key(&Partition::Public));
        }
    }
}
