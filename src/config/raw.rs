//! What may stand in `usher.toml`, key by key, before anything is checked.
//!
//! The same shape is read twice: from TOML when the crate is built, and from the JSON that the
//! build embeds when an isolate starts.

mod identity;

pub use identity::{ApiKey, Assertion, Authenticator, Cors, Fail, Issuer, Require};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Raw {
    /// `[session]`
    pub session: Session,
    /// `[ledger]`
    pub ledger: Ledger,
    /// `[cache]`
    pub cache: Memory,
    /// `[locale]`
    pub locale: Locale,
    /// `[log]`
    pub log: Log,
    /// `[api_key]`
    pub api_key: ApiKey,
    /// `[assertion]`
    pub assertion: Assertion,
    /// `[[issuer]]`
    pub issuer: Vec<Issuer>,
    /// `[[region]]`
    pub region: Vec<Region>,
    /// `[[pool]]`
    pub pool: Vec<Pool>,
    /// `[[route]]`
    pub route: Vec<Route>,
}

/// `[session]`: how sessions live and where they are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Session {
    /// Name of the cookie; on https it is prefixed with `__Host-`.
    pub cookie: String,
    /// A session unused for this long is over.
    pub idle: String,
    /// A session is over this long after sign-in, used or not.
    pub absolute: String,
    /// How long an isolate trusts a record it has read.
    pub memo: String,
    /// How many records an isolate remembers.
    pub memo_entries: usize,
    /// How long the session store may take to answer.
    pub deadline: String,
    /// Path of the page a browser without a session is sent to.
    pub sign_in: Option<String>,
    /// How long a session lives, used or not, that was started with `remember`.
    pub remember: Option<String>,
    /// Failed sign-ins of one account or address, in a quarter of an hour, before they have to wait.
    pub attempts: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            cookie: "usher".into(),
            idle: "12h".into(),
            absolute: "7d".into(),
            memo: "5s".into(),
            memo_entries: 1024,
            deadline: "2s".into(),
            sign_in: None,
            remember: None,
            attempts: 10,
        }
    }
}

/// `[ledger]`: how soon a purge or a sign-out holds everywhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// An isolate reads new pages at most this far apart.
    pub max_delay: String,
    /// While the book cannot be read, the last view serves for this long.
    pub max_outage: String,
    /// How long the book may take to answer.
    pub deadline: String,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { max_delay: "5s".into(), max_outage: "60s".into(), deadline: "2s".into() }
    }
}

/// `[cache]`: the first level, which is an isolate's own memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Bytes of all answers that an isolate remembers; the least recently used leave first.
    pub memory: String,
    /// Bytes of the largest answer that it remembers.
    pub memory_object: String,
}

impl Default for Memory {
    fn default() -> Self {
        Self { memory: "16MiB".into(), memory_object: "64KiB".into() }
    }
}

/// `[locale]`: the languages spoken here and how one is chosen.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Locale {
    /// Language tags (BCP 47) that the site speaks.
    pub supported: Vec<String>,
    /// The one spoken when nothing else decides; the first supported one when left out.
    pub default: Option<String>,
    /// Name of the query parameter that chooses a locale.
    pub query: String,
    /// Name of the cookie that chooses a locale.
    pub cookie: String,
    /// Whether `/de/about` means `/about` in German.
    pub prefix: bool,
    /// Whether a browser asking for `/about` is redirected to `/de/about`.
    pub redirect: bool,
    /// How a wish finds a locale.
    #[serde(rename = "match")]
    pub matching: Match,
    /// Country code (ISO 3166-1) to locale, when the header decides nothing.
    pub countries: BTreeMap<String, String>,
}

impl Default for Locale {
    fn default() -> Self {
        Self {
            supported: vec!["en".into()],
            default: None,
            query: "lang".into(),
            cookie: "lang".into(),
            prefix: true,
            redirect: false,
            matching: Match::Cldr,
            countries: BTreeMap::new(),
        }
    }
}

/// `match` of `[locale]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Match {
    /// The nearest by CLDR's distances: `es-MX` finds `es-419`, `zh-TW` finds `zh-Hant`.
    #[default]
    Cldr,
    /// The tag, then ever shorter prefixes of it (RFC 4647 3.4).
    Lookup,
}

/// `[log]`: what is written about a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Whether each request writes one JSON line.
    pub requests: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { requests: true }
    }
}

/// `[[region]]`: a place that origins stand in.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Unique name; the origin sees it as `X-Region`.
    pub name: String,
    /// Degrees north, -90 to 90.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Degrees east, -180 to 180.
    #[serde(default)]
    pub longitude: Option<f64>,
    /// Countries (ISO 3166-1) served from here when coordinates are unknown.
    #[serde(default)]
    pub countries: Vec<String>,
    /// Continents (AF AN AS EU NA OC SA) served from here when the country is in no list.
    #[serde(default)]
    pub continents: Vec<String>,
    /// Serves everybody else; the first region when none says so.
    #[serde(default)]
    pub default: bool,
}

/// `[[pool]]`: origins that are equals.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Unique name; routes refer to it.
    pub name: String,
    /// Name of the region it stands in.
    #[serde(default)]
    pub region: Option<String>,
    /// Base URLs, or `"${NAME}"` to read one from the worker's vars and secrets.
    pub origins: Vec<String>,
    /// Path that the health page asks each origin for.
    #[serde(default)]
    pub health: Option<String>,
    /// What `aud` of `Usher-Assertion` calls it; its name when left out.
    #[serde(default)]
    pub service: Option<String>,
}

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
    /// Whether the locale is negotiated here.
    #[serde(default = "yes")]
    pub localized: bool,
    /// Whether answers may be stored, and how.
    #[serde(default)]
    pub cache: Option<Cache>,
    /// Tags given to each stored answer, beside the origin's own.
    #[serde(default)]
    pub tags: Vec<String>,
}

fn yes() -> bool {
    true
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
