//! A configuration value that may differ per environment, and the errors of resolving it.

use super::data::{Data, Reader, data};
use super::phase::Phase;
use super::url;

/// A value that may differ per environment.
#[derive(Clone, PartialEq, Eq)]
pub enum Setting {
    /// The value itself.
    Is(String),
    /// A var or secret holds it; never in an isolate, which starts with the values.
    Open(Open),
}

/// The name of a var or secret, and what its value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// What its value must be.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}
data!(struct Open { kind, name });

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not empty.
    Text,
    /// A URL whose response can be trusted: [`url::is_secure`].
    Url,
    /// An origin's address: [`url::origin_url`].
    Origin,
    /// A whole number from 0 to 100.
    Percent,
    /// The name of a [`Phase`].
    Phase,
}
data!(enum Kind { Text, 1 = Url, 2 = Origin, 3 = Percent, 4 = Phase });

/// Hides the value: it may be a secret.
impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(_) => f.write_str("Is(..)"),
            Self::Open(open) => open.fmt(f),
        }
    }
}

impl Setting {
    /// The value; empty until it is resolved.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Is(text) => text,
            Self::Open(_) => "",
        }
    }
}

/// What a var or secret decides is a place in the reader's values.
impl Data for Setting {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut super::data::Writer) {
        match self {
            Self::Is(text) => {
                to.number(0);
                to.text(text);
            }
            Self::Open(open) => {
                let mut own = super::data::Writer::default();
                open.write(&mut own);
                let place = to.open.iter().position(|known| *known == own.bytes).unwrap_or_else(|| {
                    to.open.push(own.bytes);
                    to.open.len() - 1
                });
                to.number(place as u64 + 1);
            }
        }
    }

    fn read(from: &mut Reader) -> Self {
        match usize::read(from).checked_sub(1) {
            None => Self::Is(Data::read(from)),
            Some(place) => Self::Is(from.values.get(place).cloned().unwrap_or_default()),
        }
    }
}

impl Kind {
    /// The value as it is used; `None` when it is not of this kind.
    pub(super) fn accept(self, text: String) -> Option<String> {
        let good = match self {
            Self::Text => !text.is_empty(),
            Self::Url => url::is_secure(&text),
            Self::Origin => return url::origin_url(&text),
            Self::Percent => text.parse::<u32>().is_ok_and(|percent| percent <= 100),
            Self::Phase => Phase::parse(&text).is_some(),
        };
        good.then_some(text)
    }
}

impl Open {
    /// The value that `var` has for it.
    ///
    /// # Errors
    /// The var is missing, or its value is not of the kind.
    pub(super) fn value(&self, var: impl Fn(&str) -> Option<String>) -> Result<String, SettingError> {
        let value = var(&self.name).ok_or_else(|| SettingError::Missing(self.name.clone()))?;
        self.kind.accept(value).ok_or_else(|| {
            let bad = match self.kind {
                Kind::Text => SettingError::Empty,
                Kind::Url => SettingError::NotSecure,
                Kind::Origin => SettingError::NotAUrl,
                Kind::Percent => SettingError::NotAPercentage,
                Kind::Phase => SettingError::NotAPhase,
            };
            bad(self.name.clone())
        })
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
        "{0} hands visitors signed cookies (`affinity`, replicas, `canary`, challenges), but the secret COOKIE_KEY is not set or has less than 32 characters: run `wrangler secret put COOKIE_KEY` with random text"
    )]
    NoCookieKey(String),
    /// Workers Cache cannot be used in front of a bound Worker.
    #[error(
        "route {0:?} with `workers_cache` before an origin that is a Worker (\"service:\"), which Workers Cache cannot stand before: take one of the two away"
    )]
    Bound(String),
    /// The data was written by another build than this one.
    #[error("the configuration belongs to another build of Usher: build and deploy again")]
    OtherBuild,
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
