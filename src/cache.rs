//! May this be stored, is it fresh, under which key and tags? (RFC 9111, RFC 9211)

pub mod control;
pub mod key;
pub mod purge;
pub mod status;
pub mod stored;
pub mod validate;

pub use key::{Key, Partition};
pub use status::Status;
pub use stored::{Lookup, Stored};

use crate::config::{Cache, Route, Shared};
use crate::head::Head;
use crate::identity::Identity;

/// Why a request does not pass the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bypass {
    /// The route does not cache.
    Route,
    /// Only GET and HEAD are answered from store.
    Method,
    /// `Authorization` (RFC 9111 3.5).
    Authorization,
    /// `Range` is passed on.
    Range,
    /// A web socket.
    Upgrade,
    /// Somebody is signed in and the route does not say who may share.
    NotShared,
}

impl Bypass {
    /// One word for `Cache-Status` and the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Method => "method",
            Self::Authorization => "authorization",
            Self::Range => "range",
            Self::Upgrade => "upgrade",
            Self::NotShared => "not-shared",
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
    if head.fields.get("authorization").is_some() {
        return Err(Bypass::Authorization);
    }
    if head.fields.get("range").is_some() {
        return Err(Bypass::Range);
    }
    if head.is_websocket() {
        return Err(Bypass::Upgrade);
    }
    let partition = match (identity.record(), cache.shared) {
        (None, _) | (Some(_), Some(Shared::Public)) => Partition::Public,
        (Some(record), Some(Shared::Role)) => Partition::roles(&record.roles),
        (Some(record), Some(Shared::User)) => Partition::user(&record.user, &record.roles),
        (Some(_), None) => return Err(Bypass::NotShared),
    };
    Ok((cache, partition))
}
