//! A configuration value that may differ per environment, and the errors of resolving it.

use super::url;

/// Builds the error for a var with an invalid value, from the var's name.
pub(super) type Bad = fn(String) -> SettingError;

/// A value that may differ per environment.
#[derive(Clone, PartialEq, Eq)]
pub enum Setting {
    /// The value itself.
    Is(String),
    /// The name of a var or secret that holds it.
    Var(String),
}

/// Hides the value: it may be a secret.
impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(_) => f.write_str("Is(..)"),
            Self::Var(name) => f.debug_tuple("Var").field(name).finish(),
        }
    }
}

impl Setting {
    /// The value; empty until it is resolved.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Is(text) => text,
            Self::Var(_) => "",
        }
    }

    /// Replaces a var or secret by its value, as parsed by `read`.
    ///
    /// # Errors
    /// The var is missing, or `read` refuses its value.
    pub(super) fn resolve(
        &mut self,
        var: impl Fn(&str) -> Option<String>,
        read: impl Fn(String) -> Result<String, Bad>,
    ) -> Result<(), SettingError> {
        if let Self::Var(name) = self {
            let value = var(name).ok_or_else(|| SettingError::Missing(name.clone()))?;
            *self = Self::Is(read(value).map_err(|bad| bad(name.clone()))?);
        }
        Ok(())
    }
}

/// A missing or invalid var or secret, without which no request can be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It is not set.
    #[error(
        "usher.toml reads \"${{{0}}}\", but no var or secret of that name is set: add it to [vars] in wrangler.toml or run `wrangler secret put {0}`"
    )]
    Missing(String),
    /// It is not a base URL. The error omits the value: it may be a secret.
    #[error("the var or secret {0} is no base URL: it must be http:// or https://, a host, and at most a path")]
    NotAUrl(String),
    /// It is not a URL whose response can be trusted.
    #[error(
        "the var or secret {0} is no https:// URL; http:// is allowed on this very machine only (localhost, 127.0.0.1)"
    )]
    NotSecure(String),
    /// It is not a percentage.
    #[error("the var or secret {0} is no share in a hundred: it must be a whole number from 0 to 100")]
    NotAPercentage(String),
    /// It is not a phase of a move.
    #[error("the var or secret {0} is no phase of a move: it must be prepare, dual_read, cut or retire")]
    NotAPhase(String),
    /// Signed cookies need a key, and none is set.
    #[error(
        "{0} hands visitors signed cookies (`affinity`, replicas, `canary`), but the secret COOKIE_KEY is not set or has less than 32 characters: run `wrangler secret put COOKIE_KEY` with random text"
    )]
    NoCookieKey(String),
    /// Workers Cache cannot be used in front of a bound Worker.
    #[error(
        "route {0:?} with `workers_cache` before an origin that is a Worker (\"service:\"), which Workers Cache cannot stand before: take one of the two away"
    )]
    Bound(String),
    /// It is empty.
    #[error("the var or secret {0} is empty")]
    Empty(String),
    /// Two issuers have the same `iss`.
    #[error("two issuers have the `iss` of issuer {0:?}: each issuer is said once")]
    Twice(String),
    /// ID tokens of this issuer would be accepted as access tokens (RFC 8725 3.12).
    #[error(
        "issuer {0:?} has its `client_id` among `audience`, so that an ID token could be used as an access token: give it another audience, or a `typ` that its access tokens have"
    )]
    Confusing(String),
}

/// Accepts an origin's address.
pub(super) fn origin(text: String) -> Result<String, Bad> {
    url::origin_url(&text).ok_or(SettingError::NotAUrl)
}

/// Accepts a percentage.
pub(super) fn percent(text: String) -> Result<String, Bad> {
    if is_percent(&text) { Ok(text) } else { Err(SettingError::NotAPercentage) }
}

/// Whether this is a whole number from 0 to 100.
pub(super) fn is_percent(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|percent| percent <= 100)
}

/// Accepts a URL whose response can be trusted.
pub(super) fn secure(text: String) -> Result<String, Bad> {
    if url::is_secure(&text) { Ok(text) } else { Err(SettingError::NotSecure) }
}
