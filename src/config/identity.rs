//! Whose word is taken, for what, and what of it differs per environment.

use super::shard::Phase;
use super::{Algorithm, Millis, origin_url};

/// How it is said that a var holds something else than it should.
type Bad = fn(String) -> Unset;

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
    origin_url(&text).ok_or(Unset::NotAUrl)
}

/// A share in a hundred.
pub(super) fn percent(text: String) -> Result<String, Bad> {
    if is_percent(&text) { Ok(text) } else { Err(Unset::NotAPercentage) }
}

/// How far a move of shards is.
pub(super) fn phase(text: String) -> Result<String, Bad> {
    if Phase::parse(&text).is_some() { Ok(text) } else { Err(Unset::NotAPhase) }
}

/// Whether this is a whole number from 0 to 100.
pub(super) fn is_percent(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|percent| percent <= 100)
}

/// A URL whose answer can be believed.
pub(super) fn secure(text: String) -> Result<String, Bad> {
    if is_secure(&text) { Ok(text) } else { Err(Unset::NotSecure) }
}

/// Whether a URL's answer can be believed: it comes by https, or from this very machine.
#[must_use]
pub fn is_secure(text: &str) -> bool {
    let local = text.strip_prefix("http://").is_some_and(|rest| {
        let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
        matches!(host, "localhost" | "127.0.0.1")
    });
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"#@\\<>\"{}|^`".contains(&b));
    plain
        && (local
            || text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?'])))
}

/// Whether a `typ` tells access tokens from ID tokens, which may say `JWT`.
pub(super) fn is_telling(typ: Option<&str>) -> bool {
    typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt") && !typ.eq_ignore_ascii_case("application/jwt"))
}

/// Checked `[[issuer]]`.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Unique name.
    pub name: String,
    /// The `iss` of its tokens.
    pub iss: Setting,
    /// What `aud` must name one of; empty where its tokens are not taken from visitors.
    pub audience: Vec<Setting>,
    /// How its tokens may be signed: with a shared secret, or by such as have the private key; never both.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub keys: KeySource,
    /// The `typ` that its tokens must have.
    pub typ: Option<String>,
    /// The claim that names the user.
    pub user: String,
    /// The claim with the user's roles.
    pub roles: String,
    /// The claim with the token's scopes.
    pub scopes: String,
    /// Put before the user.
    pub prefix: String,
    /// Its keys are asked for anew after this long.
    pub refresh: Millis,
    /// Who Usher is to it, where visitors sign in with it.
    pub client: Option<Client>,
}

/// Who Usher is to an OpenID provider.
#[derive(Debug, Clone)]
pub struct Client {
    /// `client_id`.
    pub id: Setting,
    /// `client_secret`; none for a public client.
    pub secret: Option<Setting>,
    /// The scopes that are asked for.
    pub ask: Vec<String>,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// At this URL.
    Url(Setting),
    /// Here: a JWK Set.
    Set(Setting),
    /// Here: a secret shared with it.
    Secret(Setting),
    /// Where its discovery document says.
    Discovered,
}

impl Issuer {
    pub(super) fn resolve(&mut self, var: &impl Fn(&str) -> Option<String>) -> Result<(), Unset> {
        let as_it_is =
            |text: String| -> Result<String, Bad> { if text.is_empty() { Err(Unset::Empty) } else { Ok(text) } };
        let discovered = matches!(self.keys, KeySource::Discovered);
        self.iss.resolve(var, if discovered { secure } else { as_it_is })?;
        for audience in &mut self.audience {
            audience.resolve(var, as_it_is)?;
        }
        match &mut self.keys {
            KeySource::Url(url) => url.resolve(var, secure)?,
            KeySource::Set(text) | KeySource::Secret(text) => text.resolve(var, as_it_is)?,
            KeySource::Discovered => {}
        }
        if let Some(client) = &mut self.client {
            client.id.resolve(var, as_it_is)?;
            if let Some(secret) = &mut client.secret {
                secret.resolve(var, as_it_is)?;
            }
            if !is_telling(self.typ.as_deref()) && self.audience.contains(&client.id) {
                return Err(Unset::Confusing(self.name.clone()));
            }
        }
        Ok(())
    }
}

/// Checked `cors` of a route.
#[derive(Debug, Clone)]
pub struct Cors {
    /// Origins, or all of them.
    pub origins: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
    /// Fields that may be sent.
    pub headers: Vec<String>,
    /// Fields that may be read.
    pub expose: Vec<String>,
    /// Whether cookies come along.
    pub credentials: bool,
    /// How long it may be remembered.
    pub max_age: Millis,
}
