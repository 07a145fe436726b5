//! Which issuers are trusted, for what, and which of their settings differ per environment?

use super::super::http::date::Millis;
use super::algorithm::Algorithm;
use super::setting::{Bad, Setting, SettingError, secure};

/// Whether a `typ` distinguishes access tokens from ID tokens, whose `typ` may be `JWT`.
pub(super) fn distinguishes_access_tokens(typ: Option<&str>) -> bool {
    typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt") && !typ.eq_ignore_ascii_case("application/jwt"))
}

/// Checked `[[issuer]]`.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Unique name.
    pub name: String,
    /// The `iss` of its tokens.
    pub iss: Setting,
    /// Accepted audiences: `aud` must name one. Empty when visitors' tokens from it are not accepted.
    pub audience: Vec<Setting>,
    /// Accepted signature algorithms: either all of a shared secret or all of a public key.
    pub algorithms: Vec<Algorithm>,
    /// Where its key set comes from.
    pub keys: KeySource,
    /// The `typ` that its tokens must have, if any.
    pub typ: Option<String>,
    /// The claim that names the user.
    pub user: String,
    /// The claim with the user's roles.
    pub roles: String,
    /// The claim with the token's scopes.
    pub scopes: String,
    /// Prefix of the user's name.
    pub prefix: String,
    /// Its key set is fetched again after this time.
    pub refresh: Millis,
    /// Usher's client registration, when visitors sign in with it.
    pub client: Option<Client>,
}

/// Usher's client registration with an OpenID provider.
#[derive(Debug, Clone)]
pub struct Client {
    /// `client_id`.
    pub id: Setting,
    /// `client_secret`; none for a public client.
    pub secret: Option<Setting>,
    /// The scopes to request.
    pub ask: Vec<String>,
}

/// Where an issuer's key set comes from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// The URL of a JWK Set.
    Url(Setting),
    /// A JWK Set in the configuration.
    Set(Setting),
    /// A secret shared with the issuer.
    Secret(Setting),
    /// The `jwks_uri` of its discovery document.
    Discovered,
}

impl Issuer {
    pub(super) fn resolve(&mut self, var: &impl Fn(&str) -> Option<String>) -> Result<(), SettingError> {
        let non_empty =
            |text: String| -> Result<String, Bad> { if text.is_empty() { Err(SettingError::Empty) } else { Ok(text) } };
        let discovered = matches!(self.keys, KeySource::Discovered);
        self.iss.resolve(var, if discovered { secure } else { non_empty })?;
        for audience in &mut self.audience {
            audience.resolve(var, non_empty)?;
        }
        match &mut self.keys {
            KeySource::Url(url) => url.resolve(var, secure)?,
            KeySource::Set(text) | KeySource::Secret(text) => text.resolve(var, non_empty)?,
            KeySource::Discovered => {}
        }
        if let Some(client) = &mut self.client {
            client.id.resolve(var, non_empty)?;
            if let Some(secret) = &mut client.secret {
                secret.resolve(var, non_empty)?;
            }
            if !distinguishes_access_tokens(self.typ.as_deref()) && self.audience.contains(&client.id) {
                return Err(SettingError::Confusing(self.name.clone()));
            }
        }
        Ok(())
    }
}

/// Checked `cors` of a route.
#[derive(Debug, Clone)]
pub struct Cors {
    /// Allowed origins, or `*` for all.
    pub origins: Vec<String>,
    /// Allowed methods.
    pub methods: Vec<String>,
    /// Request fields that scripts may send.
    pub headers: Vec<String>,
    /// Response fields that scripts may read.
    pub expose: Vec<String>,
    /// Whether requests may carry cookies.
    pub credentials: bool,
    /// How long a browser may cache a preflight response.
    pub max_age: Millis,
}
