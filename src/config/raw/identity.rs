//! Which keys configure issuers, API keys, assertions and CORS?

use super::super::Algorithm;
use serde::Deserialize;

/// `[[issuer]]`: an issuer whose tokens are accepted, or with which visitors sign in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Unique name; routes refer to it.
    pub name: String,
    /// The `iss` of its tokens, or `"${NAME}"`.
    pub iss: String,
    /// Accepted audiences: `aud` of its tokens must name one of them.
    #[serde(default)]
    pub audience: Vec<String>,
    /// Accepted signature algorithms; none where all its tokens are opaque.
    #[serde(default)]
    pub algorithms: Vec<Algorithm>,
    /// URL of its key set (RFC 7517). Without `jwks`, `keys` and `secret`, OpenID Connect Discovery finds it.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Its key set itself, as a JSON text.
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
    /// The claim with the user's roles; a nested claim is written `realm_access.roles`.
    #[serde(default = "roles")]
    pub roles: String,
    /// The claim with the token's scopes.
    #[serde(default = "scope")]
    pub scopes: String,
    /// Prefix of the user's name, so that users of two issuers never collide.
    #[serde(default)]
    pub prefix: String,
    /// Its key set is fetched again after this time, in the background.
    #[serde(default = "refresh")]
    pub refresh: String,
    /// Usher's `client_id` at the issuer, when visitors sign in with it.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Usher's client secret at the issuer; always `"${NAME}"`.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Whether who signs out here signs out with the provider as well.
    #[serde(default)]
    pub sign_out: bool,
    /// How it is asked about tokens that are no JWTs.
    #[serde(default)]
    pub introspection: Option<Introspection>,
    /// Scopes requested when a visitor signs in.
    #[serde(default = "openid")]
    pub ask: Vec<String>,
}

/// `introspection = { client_id = "usher", client_secret = "${NAME}" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introspection {
    /// Its URL; without it OpenID Connect Discovery finds it.
    #[serde(default)]
    pub url: Option<String>,
    /// The `client_id` with which Usher asks.
    pub client_id: String,
    /// The secret for it, always `"${NAME}"`.
    pub client_secret: String,
    /// How long an answer holds at most.
    #[serde(default = "memo")]
    pub memo: String,
}

fn memo() -> String {
    "30s".into()
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

/// `[api_key]`: long-lived keys of programs, stored like sessions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiKey {
    /// Name of the request field that carries an API key.
    pub header: String,
}

impl Default for ApiKey {
    fn default() -> Self {
        Self { header: "x-api-key".into() }
    }
}

/// `[assertion]`: the assertion sent to origins once the secret `SIGNING_KEYS` is set.
#[derive(Debug, Clone, Deserialize)]
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

/// `cors = { origins = ["https://app.example.com"], credentials = true }`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// Origins whose scripts may read responses; `"*"` is all, without credentials.
    pub origins: Vec<String>,
    /// Allowed methods besides GET, HEAD and POST; the route's when left out.
    pub methods: Vec<String>,
    /// Request fields that scripts may send besides the CORS-safelisted ones.
    pub headers: Vec<String>,
    /// Response fields that scripts may read besides the CORS-safelisted ones.
    pub expose: Vec<String>,
    /// Whether requests may carry cookies.
    pub credentials: bool,
    /// How long a browser may cache a preflight response.
    pub max_age: Option<String>,
}
