//! Which requests does a route match, and how are they authenticated, forwarded and cached?

use super::super::http::date::Millis;
use super::data::data;
use super::identity::{Authenticator, Cors, Fail, Require};
use super::pattern::{Host, Pattern};
use super::setting::Setting;

/// Checked `[[route]]`.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its index in [`super::Config::routes`].
    pub place: usize,
    /// Unique name.
    pub name: String,
    /// Hosts it matches.
    pub host: Host,
    /// Paths it matches.
    pub path: Pattern,
    /// Methods it matches; all when empty.
    pub methods: Vec<String>,
    /// Whether requests are authenticated.
    pub auth: Auth,
    /// Credentials that are accepted, tried in this order.
    pub by: Vec<Authenticator>,
    /// Issuers whose tokens are accepted: indices into [`super::Config::issuers`].
    pub issuers: Vec<usize>,
    /// Roles, scopes and claims that the visitor must have.
    pub require: Require,
    /// Maximum time since the visitor last authenticated.
    pub max_auth_age: Option<Millis>,
    /// What happens while authentication is unavailable.
    pub fail: Fail,
    /// Whether the visitor's own token or API key is forwarded to the origin.
    pub forward_token: bool,
    /// Other sites whose pages may cause unsafe requests with a session cookie (CSRF exceptions).
    pub trusted_origins: Vec<String>,
    /// Which other sites' scripts may read the responses.
    pub cors: Option<Cors>,
    /// Whether its unsafe requests are sign-in attempts, which are throttled.
    pub throttle: bool,
    /// Where its requests go.
    pub target: Target,
    /// Pools that may get its requests, with those of canary, shadow and fallback: indices into
    /// [`super::Config::pools`], each once.
    pub pools: Vec<usize>,
    /// The share of visitors that gets another pool.
    pub canary: Option<Canary>,
    /// Shadow: index into [`super::Config::pools`], and the percentage of safe requests copied to that pool.
    pub shadow: Option<(usize, u32)>,
    /// How long the origin may take until its response begins.
    pub deadline: Millis,
    /// Whether the origin's `Usher-Session` field may start and end sessions.
    pub sessions: bool,
    /// Whether the origin's responses may purge.
    pub purges: bool,
    /// Whether the locale is negotiated.
    pub localized: bool,
    /// Whether the path is forwarded without its locale prefix.
    pub strip_prefix: bool,
    /// Cache rules; `None` = responses are not stored.
    pub cache: Option<Cache>,
    /// Tags added to every stored response.
    pub tags: Vec<String>,
}

/// Checked `canary` of a route.
#[derive(Debug, Clone)]
pub struct Canary {
    /// Index into [`super::Config::pools`].
    pub pool: usize,
    /// Percentage of visitors, once it is resolved.
    pub percent: Setting,
    /// Percentage of failed responses at which the canary is aborted.
    pub abort_errors: Option<u32>,
    /// The canary is aborted when its 99th percentile latency exceeds this.
    pub abort_p99: Option<Millis>,
}

/// Where the requests of a route go.
#[derive(Debug, Clone)]
pub enum Target {
    /// Files of the ASSETS binding.
    Static,
    /// Indices into [`super::Config::pools`].
    Pools(Vec<usize>),
    /// Index into [`super::Config::shards`].
    Shards(usize),
    /// A redirect.
    Redirect {
        /// Path or URL with `{parameters}`.
        to: String,
        /// 301, 302, 303, 307 or 308.
        status: u16,
    },
    /// A fixed response.
    Respond {
        /// 200 to 599.
        status: u16,
        /// The whole body.
        body: String,
        /// Media type.
        media: String,
    },
    /// Responds with the request that would have been forwarded.
    Echo,
    /// Sign-in with an issuer: its index in [`super::Config::issuers`].
    SignIn(usize),
}

/// Checked `cache` of a route.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Lifetime of a response that states none.
    pub ttl: Option<Millis>,
    /// Whether a lifetime may be derived from `Last-Modified` (heuristic freshness).
    pub heuristic: bool,
    /// Maximum lifetime of a response with a status of 400 or above.
    pub negative: Millis,
    /// Statuses that are stored although a single visitor's malformed request may have caused them.
    pub statuses: Vec<u16>,
    /// How long a stale response is served while it is revalidated.
    pub stale_while_revalidate: Option<Millis>,
    /// How long a stale response is served while the origin fails.
    pub stale_if_error: Option<Millis>,
    /// Largest response that is stored, in bytes.
    pub max_body: u64,
    /// Which visitors may get a response stored for a signed-in visitor.
    pub shared: Option<Shared>,
    /// Query parameters that are part of the cache key; all when `None`.
    pub query: Option<Vec<String>>,
    /// Query parameters left out of the cache key; `utm_*` is a prefix.
    pub ignore: Vec<String>,
    /// Whether query parameters are sorted in the cache key.
    pub sort: bool,
    /// Whether the request's `Cache-Control` is obeyed.
    pub request_directives: bool,
    /// Whether requests to the origin go through Cloudflare's Workers Cache.
    pub workers_cache: bool,
}

/// Tracking parameters: they identify a visitor's source and do not change the response.
pub const TRACKERS: [&str; 17] = [
    "utm_*",
    "gclid",
    "gclsrc",
    "gbraid",
    "wbraid",
    "dclid",
    "fbclid",
    "msclkid",
    "yclid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "igshid",
    "mc_cid",
    "mc_eid",
    "_hsenc",
    "_hsmi",
];

/// `auth` of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "lowercase"))]
pub enum Auth {
    /// Requests without valid credentials are refused.
    Required,
    /// Credentials are checked when a request has any.
    Optional,
    /// Credentials are ignored.
    #[default]
    None,
}

/// `shared` of a route's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "lowercase"))]
pub enum Shared {
    /// All visitors.
    Public,
    /// Visitors with the same roles.
    Role,
    /// The same user only.
    User,
}

data!(struct Route {
    place, name, host, path, methods, auth, by, issuers, require, max_auth_age, fail, forward_token, trusted_origins,
    cors, throttle, target, pools, canary, shadow, deadline, sessions, purges, localized, strip_prefix, cache, tags,
});
data!(struct Canary { pool, percent, abort_errors, abort_p99 });
data!(enum Target {
    Static, 1 = Pools(places), 2 = Shards(place), 3 = Redirect { to, status }, 4 = Respond { status, body, media },
    5 = Echo, 6 = SignIn(issuer),
});
data!(struct Cache {
    ttl, heuristic, negative, statuses, stale_while_revalidate, stale_if_error, max_body, shared, query, ignore, sort,
    request_directives, workers_cache,
});
data!(enum Auth { None, 1 = Optional, 2 = Required });
data!(enum Shared { Public, 1 = Role, 2 = User });
