//! May this be stored, is it fresh, under which key and tags? (RFC 9111, RFC 9211)

pub mod control;
pub mod freshness;
pub mod key;
pub mod marks;
pub mod purge;
pub mod range;
pub mod status;
pub mod store;
pub mod stored;
pub mod tag;
mod unstored;
pub mod validate;
pub mod vary;

pub use key::{Edition, Key};
pub use status::Status;
pub use stored::{Lookup, Stored};
pub use unstored::Unstored;

use crate::config::{Cache, Route, Shared};
use crate::http::head::Head;
use crate::identity::{Identity, Partition};

/// Why a request does not pass the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bypass {
    /// The route does not cache.
    Route,
    /// Only GET and HEAD are answered from store.
    Method,
    /// A condition that only the origin can judge.
    Condition,
    /// A web socket.
    Upgrade,
    /// Somebody is signed in and the route does not say who may share.
    NotShared,
    /// They wrote a moment ago, and what is stored may be older.
    Wrote,
}

impl Bypass {
    /// One word for `Cache-Status` and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Method => "method",
            Self::Condition => "condition",
            Self::Upgrade => "upgrade",
            Self::NotShared => "not-shared",
            Self::Wrote => "wrote",
        }
    }
}

/// Whether a request may be answered from store, and among whom an answer is shared.
///
/// # Errors
/// Why it goes past the cache.
pub fn admits<'c>(route: &'c Route, head: &Head<'_>, identity: &Identity) -> Result<(&'c Cache, Partition), Bypass> {
    let cache = route.cache.as_ref().ok_or(Bypass::Route)?;
    if !matches!(head.method, "GET" | "HEAD") {
        return Err(Bypass::Method);
    }
    if validate::is_for_the_origin(&head.fields) {
        return Err(Bypass::Condition);
    }
    if head.is_websocket() {
        return Err(Bypass::Upgrade);
    }
    let partition = match (identity.record(), cache.shared) {
        (None, _) | (Some(_), Some(Shared::Public)) => Partition::Public,
        (Some(record), Some(Shared::Role)) => Partition::roles(&record.roles),
        (Some(record), Some(Shared::User)) => Partition::user(&record.user, &record.rights()),
        (Some(_), None) => return Err(Bypass::NotShared),
    };
    Ok((cache, partition))
}

/// A route with a pool and this `cache`, for the tests of the topics.
#[cfg(test)]
fn route(toml: &str) -> Route {
    let text = format!(
        "[[pool]]\nname = \"p\"\norigins = [\"http://p\"]\n[[route]]\nname = \"a\"\npath = \"/*\"\npool = \"p\"\n[route.cache]\n{toml}\n"
    );
    let (_, config) = crate::config::source::read(&text, "test.toml").expect("a configuration");
    config.routes.into_iter().next().expect("a route")
}

/// A route's `cache`, for the tests of the topics.
#[cfg(test)]
fn policy(toml: &str) -> Cache {
    route(toml).cache.expect("a cache")
}
