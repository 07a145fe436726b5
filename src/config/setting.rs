//! A value that may differ per environment, and what is wrong with the one that was found.

use super::url;

/// How it is said that a var holds something else than it should.
pub(super) type Bad = fn(String) -> Unset;

/// A value that may differ per environment.
#[derive(Clone, PartialEq, Eq)]
pub enum Setting {
    /// The value itself.
    Is(String),
    /// The name of a var or secret that holds it.
    Var(String),
}

/// The value may be a secret.
impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(_) => f.write_str("Is(..)"),
            Self::Var(name) => f.debug_tuple("Var").field(name).finish(),
        }
    }
}

impl Setting {
    /// The value; nothing until it is resolved.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Is(text) => text,
            Self::Var(_) => "",
        }
    }

    /// Reads the var or secret, and takes it as `read` understands it.
    ///
    /// # Errors
    /// It is missing, or is none.
    pub(super) fn resolve(
        &mut self,
        var: impl Fn(&str) -> Option<String>,
        read: impl Fn(String) -> Result<String, Bad>,
    ) -> Result<(), Unset> {
        if let Self::Var(name) = self {
            let value = var(name).ok_or_else(|| Unset::Missing(name.clone()))?;
            *self = Self::Is(read(value).map_err(|bad| bad(name.clone()))?);
        }
        Ok(())
    }
}

/// A var or secret without which nothing can be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unset {
    /// It is not there.
    #[error(
        "usher.toml reads \"${{{0}}}\", but no var or secret of that name is set: add it to [vars] in wrangler.toml or run `wrangler secret put {0}`"
    )]
    Missing(String),
    /// It is no base URL. The value itself is not repeated: it may be a secret.
    #[error("the var or secret {0} is no base URL: it must be http:// or https://, a host, and at most a path")]
    NotAUrl(String),
    /// It is no URL whose answer can be believed.
    #[error(
        "the var or secret {0} is no https:// URL; http:// is allowed on this very machine only (localhost, 127.0.0.1)"
    )]
    NotSecure(String),
    /// It is no share.
    #[error("the var or secret {0} is no share in a hundred: it must be a whole number from 0 to 100")]
    NotAPercentage(String),
    /// It is no phase of a move.
    #[error("the var or secret {0} is no phase of a move: it must be prepare, dual_read, cut or retire")]
    NotAPhase(String),
    /// What is signed for visitors' cookies needs a key.
    #[error(
        "{0} hands visitors signed cookies (`affinity`, replicas, `canary`), but the secret COOKIE_KEY is not set or has less than 32 characters: run `wrangler secret put COOKIE_KEY` with random text"
    )]
    NoCookieKey(String),
    /// Workers Cache cannot stand before a Worker that is bound.
    #[error(
        "route {0:?} with `workers_cache` before an origin that is a Worker (\"service:\"), which Workers Cache cannot stand before: take one of the two away"
    )]
    Bound(String),
    /// It is empty.
    #[error("the var or secret {0} is empty")]
    Empty(String),
    /// Two issuers turn out to be one.
    #[error("two issuers have the `iss` of issuer {0:?}: each issuer is said once")]
    Twice(String),
    /// Its ID tokens could be taken for access tokens (RFC 8725 3.12).
    #[error(
        "issuer {0:?} has its `client_id` among `audience`, so that an ID token could be used as an access token: give it another audience, or a `typ` that its access tokens have"
    )]
    Confusing(String),
}

/// What an origin is asked by.
pub(super) fn origin(text: String) -> Result<String, Bad> {
    url::origin_url(&text).ok_or(Unset::NotAUrl)
}

/// A share in a hundred.
pub(super) fn percent(text: String) -> Result<String, Bad> {
    if is_percent(&text) { Ok(text) } else { Err(Unset::NotAPercentage) }
}

/// Whether this is a whole number from 0 to 100.
pub(super) fn is_percent(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|percent| percent <= 100)
}

/// A URL whose answer can be believed.
pub(super) fn secure(text: String) -> Result<String, Bad> {
    if url::is_secure(&text) { Ok(text) } else { Err(Unset::NotSecure) }
}
