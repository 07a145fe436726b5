//! What may be said of tokens, keys and browsers.

use super::super::Algorithm;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[[issuer]]`: somebody whose tokens are taken, or with whom visitors sign in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Unique name; routes refer to it.
    pub name: String,
    /// The `iss` of its tokens, or `"${NAME}"`.
    pub iss: String,
    /// What `aud` of its tokens must name one of.
    #[serde(default)]
    pub audience: Vec<String>,
    /// How its tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// URL of its keys (RFC 7517). Without `jwks`, `keys` and `secret` it is found as OpenID Connect Discovery says.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Its keys themselves, as a JSON text.
    #[serde(default)]
    pub keys: Option<String>,
    /// The secret shared with it, always `"${NAME}"`.
    #[serde(default)]
    pub secret: Option<String>,
    /// The `typ` that its tokens must have.
    #[serde(default)]
    pub typ: Option<String>,
    /// The claim that names the user.
    #[serde(default = "sub")]
    pub user: String,
    /// The claim with the user's roles; `realm_access.roles` is one inside another.
    #[serde(default = "roles")]
    pub roles: String,
    /// The claim with the token's scopes.
    #[serde(default = "scope")]
    pub scopes: String,
    /// Put before the user, so that no two issuers' users are one.
    #[serde(default)]
    pub prefix: String,
    /// Its keys are asked for anew after this long, behind an answer.
    #[serde(default = "refresh")]
    pub refresh: String,
    /// Who Usher is to it, when visitors sign in with it.
    #[serde(default)]
    pub client_id: Option<String>,
    /// With what Usher proves that; always `"${NAME}"`.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// What is asked of it when a visitor signs in.
    #[serde(default = "openid")]
    pub ask: Vec<String>,
}

fn sub() -> String {
    "sub".into()
}

fn roles() -> String {
    "roles".into()
}

fn scope() -> String {
    "scope".into()
}

fn refresh() -> String {
    "10m".into()
}

fn openid() -> Vec<String> {
    vec!["openid".into()]
}

/// `[api_key]`: long-lived keys of programs, kept like sessions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiKey {
    /// The request's field that carries one.
    pub header: String,
}

impl Default for ApiKey {
    fn default() -> Self {
        Self { header: "x-api-key".into() }
    }
}

/// `[assertion]`: what is sworn to origins once the secret `SIGNING_KEYS` is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Assertion {
    /// Its `iss`.
    pub issuer: String,
}

impl Default for Assertion {
    fn default() -> Self {
        Self { issuer: "usher".into() }
    }
}

/// One member of `by` of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authenticator {
    /// The session's cookie.
    Session,
    /// A bearer token that is a JWT.
    Jwt,
    /// A key of `[api_key]`.
    ApiKey,
}

/// `fail` of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fail {
    /// 503.
    Closed,
    /// As if nobody had said who they are.
    Anonymous,
}

/// `require = { roles_any = ["admin"], scopes_all = ["read"], claims = { tenant = "a" } }`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Require {
    /// At least one of these roles.
    pub roles_any: Vec<String>,
    /// Each of these scopes.
    pub scopes_all: Vec<String>,
    /// These claims (of a session: members of its `data`) with these values.
    pub claims: BTreeMap<String, serde_json::Value>,
}

/// `cors = { origins = ["https://app.example.com"], credentials = true }`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Origins whose scripts may read answers; `"*"` is all, without credentials.
    pub origins: Vec<String>,
    /// Methods beside GET, HEAD and POST; the route's when left out.
    pub methods: Vec<String>,
    /// Fields that scripts may send beside the safe ones.
    pub headers: Vec<String>,
    /// Fields of answers that scripts may read beside the safe ones.
    pub expose: Vec<String>,
    /// Whether cookies come along.
    pub credentials: bool,
    /// How long a browser may remember this.
    pub max_age: Option<String>,
}
