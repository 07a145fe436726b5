//! Which keys configure a route?

use super::super::{Auth, Authenticator, Fail, Require, Shared};
use super::{Cors, LimitUse, Plain, SecurityHeaders, Sizes};
use serde::Deserialize;

/// `[[route]]`: which requests it matches, and how they are authenticated, forwarded and cached.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Unique name, for the log.
    pub name: String,
    /// `www.example.com` or `*.example.com`; any host when left out.
    #[serde(default)]
    pub host: Option<String>,
    /// `/exact`, `/prefix/*`, `/users/{id}/posts`.
    pub path: String,
    /// Methods; any when left out.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Whether requests are authenticated.
    #[serde(default)]
    pub auth: Auth,
    /// Credentials that are accepted, tried in this order.
    #[serde(default = "by_session")]
    pub by: Vec<Authenticator>,
    /// Names of the issuers whose tokens are accepted; every issuer with an `audience` when left out.
    #[serde(default)]
    pub issuers: Option<Vec<String>>,
    /// Roles, scopes and claims that the visitor must have.
    #[serde(default)]
    pub require: Require,
    /// Maximum time since the visitor last authenticated.
    #[serde(default)]
    pub max_auth_age: Option<String>,
    /// What happens while authentication is unavailable.
    #[serde(default)]
    pub fail: Option<Fail>,
    /// Whether the visitor's own token or API key is forwarded to the origin.
    #[serde(default)]
    pub forward_token: bool,
    /// Other sites' origins whose pages may cause unsafe requests with a session cookie (CSRF exceptions).
    #[serde(default)]
    pub trusted_origins: Vec<String>,
    /// Which other sites' scripts may read the responses.
    #[serde(default)]
    pub cors: Option<Cors>,
    /// Whether its unsafe requests are sign-in attempts, which are throttled.
    #[serde(default)]
    pub throttle: bool,
    /// Rate limits of its requests: names, or names with what a request counts.
    #[serde(default)]
    pub limits: Vec<LimitUse>,
    /// How large its requests may be.
    #[serde(default)]
    pub request: Option<Sizes>,
    /// Fields of its responses that protect browsers.
    #[serde(default)]
    pub security_headers: Option<SecurityHeaders>,
    /// Target: files of the ASSETS binding.
    #[serde(rename = "static", default)]
    pub files: bool,
    /// Target: pools by name; the nearest is used, the others are fallbacks.
    #[serde(default)]
    pub pool: Option<Pools>,
    /// Target: one pool of a shard map, selected by a key of the request.
    #[serde(default)]
    pub shards: Option<String>,
    /// Canary: a share of the visitors gets another pool, the same visitors each time.
    #[serde(default)]
    pub canary: Option<Canary>,
    /// Shadow: a pool that gets copies of a share of the safe requests; its responses are discarded.
    #[serde(default)]
    pub shadow: Option<Shadow>,
    /// Target: a redirect.
    #[serde(default)]
    pub redirect: Option<Redirect>,
    /// Target: a fixed response.
    #[serde(default)]
    pub respond: Option<Respond>,
    /// Target: responds with the request that would have been forwarded.
    #[serde(default)]
    pub echo: bool,
    /// Target: sign-in with this issuer (OpenID Connect).
    #[serde(default)]
    pub sign_in: Option<String>,
    /// How long the origin may take until its response begins.
    #[serde(default)]
    pub deadline: Option<String>,
    /// Whether the origin may start and end sessions (`Usher-Session`).
    #[serde(default)]
    pub sessions: bool,
    /// Whether the origin's responses to unsafe requests may purge (`Cache-Group-Invalidation`,
    /// `Purge-Cache-Tag`).
    #[serde(default)]
    pub purges: bool,
    /// Whether the locale is negotiated; when left out, it is if there is a `[locale]`.
    #[serde(default)]
    pub localized: Option<bool>,
    /// Whether the path is forwarded without its locale prefix.
    #[serde(default)]
    pub strip_prefix: bool,
    /// Cache rules; without them responses are not stored.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// Tags added to each stored response, besides the origin's own.
    #[serde(default)]
    pub tags: Vec<String>,
}

fn by_session() -> Vec<Authenticator> {
    vec![Authenticator::Session]
}

/// One pool's name, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Pools {
    /// `pool = "app"`
    One(String),
    /// `pool = ["app-eu", "app-us"]`
    Many(Vec<String>),
}

/// `canary = { pool = "app-v2", percent = "5" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Name of the pool.
    pub pool: String,
    /// Percentage of visitors, 0 to 100, or `"${NAME}"`.
    pub percent: Plain,
    /// Percentage of failed responses at which the canary is aborted.
    #[serde(default)]
    pub abort_errors: Option<u32>,
    /// The canary is aborted when its 99th percentile latency exceeds this.
    #[serde(default)]
    pub abort_p99: Option<String>,
}

/// `shadow = { pool = "app-v2", percent = 10 }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Name of the pool.
    pub pool: String,
    /// Percentage of safe requests.
    pub percent: u32,
}

/// `redirect = { to = "/new/{id}", status = 308 }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Path or URL; `{name}` is replaced by a parameter of the route's path.
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "found")]
    pub status: u16,
}

fn found() -> u16 {
    302
}

/// `respond = { status = 200, body = "ok", type = "text/plain" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Respond {
    /// 200 to 599.
    #[serde(default = "ok")]
    pub status: u16,
    /// The whole body.
    #[serde(default)]
    pub body: String,
    /// Media type of the body.
    #[serde(rename = "type", default = "plain")]
    pub media: String,
}

fn ok() -> u16 {
    200
}

fn plain() -> String {
    "text/plain; charset=utf-8".into()
}

/// `cache = { ttl = "5m", shared = "public", query = ["page"] }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Lifetime of a response that states none; of static files always.
    pub ttl: Option<String>,
    /// Whether a response that states no lifetime gets a tenth of its age since `Last-Modified`.
    pub heuristic: bool,
    /// Maximum lifetime of a response with a status of 400 or above.
    pub negative: String,
    /// Statuses of 400, 405, 413, 414 and 501 that are stored although a single visitor's malformed request may
    /// have caused them.
    pub statuses: Vec<u16>,
    /// How long a stale response is served while it is revalidated, unless the origin states it.
    pub stale_while_revalidate: Option<String>,
    /// How long a stale response is served while the origin fails, unless the origin states it.
    pub stale_if_error: Option<String>,
    /// Size of the largest response that is stored.
    pub max_body: String,
    /// Which visitors may get a response stored for a signed-in visitor.
    pub shared: Option<Shared>,
    /// Query parameters that are part of the cache key; all when left out.
    pub query: Option<Vec<String>>,
    /// Query parameters left out of the cache key; known trackers when not configured.
    pub ignore: Option<Vec<String>>,
    /// Whether query parameters are sorted in the cache key.
    pub sort: bool,
    /// Whether the request's `Cache-Control` is obeyed.
    pub request_directives: bool,
    /// Whether requests to the origin go through Cloudflare's Workers Cache.
    pub workers_cache: bool,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            ttl: None,
            heuristic: false,
            negative: "10m".into(),
            statuses: Vec::new(),
            stale_while_revalidate: None,
            stale_if_error: None,
            max_body: "25MiB".into(),
            shared: None,
            query: None,
            ignore: None,
            sort: true,
            request_directives: true,
            workers_cache: false,
        }
    }
}
