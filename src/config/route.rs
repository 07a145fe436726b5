//! Which requests go where, and on what terms?

use super::super::http::date::Millis;
use super::identity::Cors;
use super::pattern::{Host, Pattern};
use super::raw::{Auth, Authenticator, Fail, Require, Shared};
use super::setting::Setting;

/// Checked `[[route]]`.
#[derive(Debug, Clone)]
pub struct Route {
    /// Unique name.
    pub name: String,
    /// Hosts it is for.
    pub host: Host,
    /// Paths it is for.
    pub path: Pattern,
    /// Methods it is for; all when empty.
    pub methods: Vec<String>,
    /// Whether it is asked who is asking.
    pub auth: Auth,
    /// By which credentials, in this order.
    pub by: Vec<Authenticator>,
    /// Whose tokens are taken: places in [`Config::issuers`].
    pub issuers: Vec<usize>,
    /// What whoever asks must have.
    pub require: Require,
    /// They proved who they are at most so long ago.
    pub max_auth_age: Option<Millis>,
    /// What happens while it cannot be found out who is asking.
    pub fail: Fail,
    /// Whether the origin is handed the visitor's own token or key.
    pub forward_token: bool,
    /// Other sites whose pages may make browsers send unsafe requests with a session.
    pub trusted_origins: Vec<String>,
    /// Which other sites' scripts may read the answers.
    pub cors: Option<Cors>,
    /// Whether its unsafe requests are attempts to sign in.
    pub throttle: bool,
    /// Where its requests go.
    pub target: Target,
    /// The pools that its requests may go to, those of canary, shadow and fallback too: places in
    /// [`super::Config::pools`], each once.
    pub pools: Vec<usize>,
    /// Who gets another pool.
    pub canary: Option<Canary>,
    /// Which pool is shown a share of the safe requests: a place in [`Config::pools`], in a hundred.
    pub shadow: Option<(usize, u32)>,
    /// Until the origin's answer begins.
    pub deadline: Millis,
    /// Whether `Usher-Session` is honoured.
    pub sessions: bool,
    /// Whether the origin's answers may purge.
    pub purges: bool,
    /// Whether the locale is negotiated.
    pub localized: bool,
    /// Whether the origin is asked for the path without its locale prefix.
    pub strip_prefix: bool,
    /// Whether answers may be stored.
    pub cache: Option<Cache>,
    /// Tags of every stored answer.
    pub tags: Vec<String>,
}

/// Checked `canary` of a route.
#[derive(Debug, Clone)]
pub struct Canary {
    /// Place in [`Config::pools`].
    pub pool: usize,
    /// Visitors in a hundred, once it is resolved.
    pub percent: Setting,
    /// Failures in a hundred answers at which it is given up.
    pub abort_errors: Option<u32>,
    /// It is given up when one answer in a hundred takes longer.
    pub abort_p99: Option<Millis>,
}

/// Where the requests of a route go.
#[derive(Debug, Clone)]
pub enum Target {
    /// Files of the ASSETS binding.
    Static,
    /// Places in [`Config::pools`].
    Pools(Vec<usize>),
    /// A place in [`Config::shards`].
    Shards(usize),
    /// Elsewhere.
    Redirect {
        /// Path or URL with `{parameters}`.
        to: String,
        /// 301, 302, 303, 307 or 308.
        status: u16,
    },
    /// A fixed answer.
    Respond {
        /// 200 to 599.
        status: u16,
        /// The whole body.
        body: String,
        /// Media type.
        media: String,
    },
    /// What would have been forwarded.
    Echo,
    /// Signing in with an issuer: its place in [`Config::issuers`].
    SignIn(usize),
}

/// Checked `cache` of a route.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Lifetime of an answer that states none.
    pub ttl: Option<Millis>,
    /// Whether a lifetime may be guessed from `Last-Modified`.
    pub heuristic: bool,
    /// Longest lifetime of an answer with a status of 400 and above.
    pub negative: Millis,
    /// Statuses that are stored although one client's request may have provoked them.
    pub statuses: Vec<u16>,
    /// How long a stale answer serves while it is asked for anew.
    pub stale_while_revalidate: Option<Millis>,
    /// How long a stale answer serves while the origin fails.
    pub stale_if_error: Option<Millis>,
    /// Bytes of the largest answer that is stored.
    pub max_body: u64,
    /// Who may be given an answer made for a signed-in visitor.
    pub shared: Option<Shared>,
    /// Query parameters that make a different answer; all when `None`.
    pub query: Option<Vec<String>>,
    /// Query parameters that make no different answer; `utm_*` is a prefix.
    pub ignore: Vec<String>,
    /// Whether the order of query parameters makes no different answer.
    pub sort: bool,
    /// Whether a visitor's `Cache-Control` is obeyed.
    pub request_directives: bool,
    /// Whether the origin is asked through Cloudflare's Workers Cache.
    pub workers_cache: bool,
}

/// Query parameters that tell where a visitor came from, and nothing of what they want to see.
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
