//! May a response be stored, is it fresh, and under which key and tags is it stored? (RFC 9111, RFC 9211)

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

/// Why a request bypasses the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bypass {
    /// The route does not cache.
    Route,
    /// Only GET and HEAD are served from the store.
    Method,
    /// The request has a condition that only the origin can evaluate.
    Condition,
    /// A WebSocket upgrade.
    Upgrade,
    /// The visitor is signed in and the route's `shared` is not set.
    NotShared,
    /// The visitor wrote a moment ago, and the stored response may be older than the write.
    Wrote,
}

impl Bypass {
    /// The reason's name in `Cache-Status` and the log.
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

/// The cache policy and the partition of a request that may be served from the store.
///
/// # Errors
/// Why the request bypasses the cache.
pub fn admits<'c>(route: &'c Route, head: &Head<'_>, identity: &Identity) -> Result<(&'c Cache, Partition), Bypass> {
    let cache = route.cache.as_ref().ok_or(Bypass::Route)?;
    if !matches!(head.method, "GET" | "HEAD") {
        return Err(Bypass::Method);
    }
    if validate::needs_origin(&head.fields) {
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

/// A route with a pool and this `cache`, for the tests of the submodules.
#[cfg(test)]
fn route(toml: &str) -> Route {
    let text = format!(
        "[[pool]]\nname = \"p\"\norigins = [\"http://p\"]\n[[route]]\nname = \"a\"\npath = \"/*\"\npool = \"p\"\n[route.cache]\n{toml}\n"
    );
    let (_, config) = crate::config::source::read(&text, "test.toml").expect("a configuration");
    config.routes.into_iter().next().expect("a route")
}

/// A route's `cache`, for the tests of the submodules.
#[cfg(test)]
fn policy(toml: &str) -> Cache {
    route(toml).cache.expect("a cache")
}
