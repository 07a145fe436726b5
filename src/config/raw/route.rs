//! What may be said of a route.

use super::{Authenticator, Cors, Fail, Plain, Require};
use serde::{Deserialize, Serialize};

/// `[[route]]`: which requests go where, and on what terms.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
    /// Whether it is asked who is asking.
    #[serde(default)]
    pub auth: Auth,
    /// By which credentials, in this order.
    #[serde(default = "by_session")]
    pub by: Vec<Authenticator>,
    /// Whose tokens are taken, by name; every issuer's that has an `audience` when left out.
    #[serde(default)]
    pub issuers: Option<Vec<String>>,
    /// What whoever asks must have.
    #[serde(default)]
    pub require: Require,
    /// How long ago they may have proven who they are.
    #[serde(default)]
    pub max_auth_age: Option<String>,
    /// What happens while it cannot be found out who is asking.
    #[serde(default)]
    pub fail: Option<Fail>,
    /// Whether the origin is handed the visitor's own token or key.
    #[serde(default)]
    pub forward_token: bool,
    /// Other sites' origins whose pages may make browsers send unsafe requests with a session.
    #[serde(default)]
    pub trusted_origins: Vec<String>,
    /// Which other sites' scripts may read the answers.
    #[serde(default)]
    pub cors: Option<Cors>,
    /// Whether its unsafe requests are attempts to sign in.
    #[serde(default)]
    pub throttle: bool,
    /// Target: files of the ASSETS binding.
    #[serde(rename = "static", default)]
    pub files: bool,
    /// Target: pools by name; the nearest is used, the others are the fallback.
    #[serde(default)]
    pub pool: Option<Pools>,
    /// Target: one pool of several, by a key of the request.
    #[serde(default)]
    pub shards: Option<String>,
    /// A share of the visitors who get another pool, and get it each time.
    #[serde(default)]
    pub canary: Option<Canary>,
    /// A pool that is shown a share of the safe requests, whose answers nobody sees.
    #[serde(default)]
    pub shadow: Option<Shadow>,
    /// Target: a redirect.
    #[serde(default)]
    pub redirect: Option<Redirect>,
    /// Target: a fixed answer.
    #[serde(default)]
    pub respond: Option<Respond>,
    /// Target: answers what would have been forwarded.
    #[serde(default)]
    pub echo: bool,
    /// Target: signs in with this issuer (OpenID Connect).
    #[serde(default)]
    pub sign_in: Option<String>,
    /// How long the origin may take until its answer begins.
    #[serde(default)]
    pub deadline: Option<String>,
    /// Whether the origin may start and end sessions (`Usher-Session`).
    #[serde(default)]
    pub sessions: bool,
    /// Whether the origin's answers to unsafe requests may purge (`Cache-Group-Invalidation`,
    /// `Purge-Cache-Tag`).
    #[serde(default)]
    pub purges: bool,
    /// Whether the locale is negotiated here; where there is a `[locale]` when left out.
    #[serde(default)]
    pub localized: Option<bool>,
    /// Whether the origin is asked for the path without its locale prefix.
    #[serde(default)]
    pub strip_prefix: bool,
    /// Whether answers may be stored, and how.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// Tags given to each stored answer, beside the origin's own.
    #[serde(default)]
    pub tags: Vec<String>,
}

fn by_session() -> Vec<Authenticator> {
    vec![Authenticator::Session]
}

/// `auth` of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Nobody enters unknown.
    Required,
    /// Who is asking is found out where they say.
    Optional,
    /// Nobody is asked.
    #[default]
    None,
}

/// One pool's name, or several.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Pools {
    /// `pool = "app"`
    One(String),
    /// `pool = ["app-eu", "app-us"]`
    Many(Vec<String>),
}

/// `canary = { pool = "app-v2", percent = "5" }`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Name of the pool.
    pub pool: String,
    /// Visitors in a hundred, 0 to 100, or `"${NAME}"`.
    pub percent: Plain,
    /// Failures in a hundred answers at which nobody gets it any more.
    #[serde(default)]
    pub abort_errors: Option<u32>,
    /// Nobody gets it any more when one answer in a hundred takes longer.
    #[serde(default)]
    pub abort_p99: Option<String>,
}

/// `shadow = { pool = "app-v2", percent = 10 }`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Name of the pool.
    pub pool: String,
    /// Requests in a hundred.
    pub percent: u32,
}

/// `redirect = { to = "/new/{id}", status = 308 }`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Path or URL; `{name}` stands for a parameter of the route's path.
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "found")]
    pub status: u16,
}

fn found() -> u16 {
    302
}

/// `respond = { status = 200, body = "ok", type = "text/plain" }`
#[derive(Debug, Clone, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Lifetime of an answer that states none; of static files always.
    pub ttl: Option<String>,
    /// Whether an answer that states no lifetime gets a tenth of its age since `Last-Modified`.
    pub heuristic: bool,
    /// Longest lifetime of an answer with a status of 400 and above.
    pub negative: String,
    /// Statuses that are stored although one client's request may have provoked them: of 400, 405, 413, 414
    /// and 501.
    pub statuses: Vec<u16>,
    /// How long a stale answer serves while it is asked for anew, unless the origin says.
    pub stale_while_revalidate: Option<String>,
    /// How long a stale answer serves while the origin fails, unless the origin says.
    pub stale_if_error: Option<String>,
    /// Bytes of the largest answer that is stored.
    pub max_body: String,
    /// Who may be given an answer made for a signed-in visitor.
    pub shared: Option<Shared>,
    /// Query parameters that make a different answer; all when left out.
    pub query: Option<Vec<String>>,
    /// Query parameters that make no different answer; known trackers when left out.
    pub ignore: Option<Vec<String>>,
    /// Whether the order of query parameters makes no different answer.
    pub sort: bool,
    /// Whether a visitor's `Cache-Control` is obeyed.
    pub request_directives: bool,
    /// Whether the origin is asked through Cloudflare's Workers Cache.
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

/// `shared` of a route's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shared {
    /// Everybody.
    Public,
    /// Visitors with the same roles.
    Role,
    /// The same user only.
    User,
}
