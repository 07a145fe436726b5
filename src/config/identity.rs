//! Which issuers are trusted, for what, and which of their settings differ per environment?

use super::super::http::date::Millis;
use super::algorithm::Algorithm;
use super::data::{Data, Reader, data};
use super::list::List;
use super::setting::{Setting, SettingError};
use std::collections::BTreeMap;

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
    /// How it is asked about tokens that are no JWTs.
    pub introspection: Option<Introspection>,
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
    /// Whether who signs out here signs out with the provider as well.
    pub signs_out: bool,
}

/// How an issuer is asked about tokens (RFC 7662).
#[derive(Debug, Clone)]
pub struct Introspection {
    /// The URL; that of its discovery document when `None`.
    pub url: Option<Setting>,
    /// `client_id` with which Usher asks.
    pub id: Setting,
    /// `client_secret`.
    pub secret: Setting,
    /// How long an answer holds at most.
    pub memo: Millis,
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

data!(struct Issuer { name, iss, audience, algorithms, keys, typ, user, roles, scopes, prefix, refresh, client, introspection });
data!(struct Introspection { url, id, secret, memo });
data!(struct Client { id, secret, ask, signs_out });
data!(enum KeySource { Discovered, 1 = Url(setting), 2 = Set(setting), 3 = Secret(setting) });
data!(struct Cors { origins, methods, headers, expose, credentials, max_age });
data!(enum Authenticator { Session, 1 = Jwt, 2 = ApiKey });
data!(enum Fail { Closed, 1 = Anonymous });

/// The first conflict between issuers, once their vars are resolved.
///
/// # Errors
/// An ID token of an issuer would be accepted as an access token; or two issuers have the same `iss`.
pub(super) fn distinct(issuers: &List<Issuer>) -> Result<(), SettingError> {
    for (place, issuer) in issuers.iter().enumerate() {
        let own = |client: &Client| issuer.audience.contains(&client.id);
        if !distinguishes_access_tokens(issuer.typ.as_deref()) && issuer.client.as_ref().is_some_and(own) {
            return Err(SettingError::Confusing(issuer.name.clone()));
        }
        if issuers.iter().take(place).any(|other| other.iss == issuer.iss) {
            return Err(SettingError::Twice(issuer.name.clone()));
        }
    }
    Ok(())
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

/// One member of `by` of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "snake_case"))]
pub enum Authenticator {
    /// The session cookie.
    Session,
    /// A bearer token that is a JWT.
    Jwt,
    /// A key of `[api_key]`.
    ApiKey,
}

/// `fail` of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "lowercase"))]
pub enum Fail {
    /// Responds with 503.
    Closed,
    /// Treats the request as anonymous.
    Anonymous,
}

/// `require = { roles_any = ["admin"], scopes_all = ["read"], claims = { tenant = "a" } }`
#[derive(Debug, Clone, Default)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(deny_unknown_fields, default))]
pub struct Require {
    /// At least one of these roles.
    pub roles_any: Vec<String>,
    /// All of these scopes.
    pub scopes_all: Vec<String>,
    /// These claims (of a session: members of its `data`) with these values.
    pub claims: BTreeMap<String, serde_json::Value>,
}

impl Data for Require {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut super::data::Writer) {
        self.roles_any.write(to);
        self.scopes_all.write(to);
        self.claims.clone().into_iter().collect::<Vec<_>>().write(to);
    }

    fn read(from: &mut Reader) -> Self {
        let (roles_any, scopes_all) = (Data::read(from), Data::read(from));
        let mut claims = BTreeMap::new();
        claims.extend(Vec::read(from));
        Self { roles_any, scopes_all, claims }
    }
}
