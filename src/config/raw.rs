//! What may stand in `usher.toml`, key by key, before anything is checked.
//!
//! The same shape is read twice: from TOML when the crate is built, and from the JSON that the
//! build embeds when an isolate starts.

mod identity;
mod plain;
mod pool;
mod route;
mod shard;

pub use identity::{ApiKey, Assertion, Authenticator, Cors, Fail, Issuer, Require};
pub use plain::Plain;
pub use pool::{Addressed, Algorithm, Down, Origin, Pool, Probe, Retry, Table};
pub use route::{Auth, Cache, Pools, Redirect, Route, Shared};
pub use shard::{Shard, ShardBy, Shards, Values};

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
    /// `[locale]`; without it nothing about language is touched.
    pub locale: Option<Locale>,
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
    /// `[[shards]]`
    pub shards: Vec<Shards>,
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
    /// How long the token that a session had before its rights changed stands, for the session as it was.
    pub grace: String,
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
            grace: "30s".into(),
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
