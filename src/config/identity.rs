//! Whose word is taken, for what, and what of it differs per environment.

use super::super::http::date::Millis;
use super::algorithm::Algorithm;
use super::setting::{Bad, Setting, Unset, secure};

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
