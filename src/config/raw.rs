//! Which keys may `usher.toml` contain? Every key as parsed, before it is checked.
//!
//! Compiled natively only; what an isolate reads is the checked [`super::Config`].

mod browser;
mod challenge;
mod identity;
mod limit;
mod plain;
mod pool;
mod route;
mod rule;
mod shard;
mod size;

pub use browser::{Profile, RobotsTxt, SecurityHeaders, SecurityTxt};
pub use challenge::Challenge;
pub use identity::{ApiKey, Assertion, Cors, Introspection, Issuer};
pub use limit::{Limit, LimitUse, OneOrMany};
pub use plain::Plain;
pub use pool::{Origin, Pool, Probe, Retry, Table};
pub use route::{Cache, Pools, Redirect, Respond, Route};
pub use rule::{Action, AddressList, HeaderValue, Rule, Switches};
pub use shard::{Shard, Shards};
pub use size::Sizes;

use serde::Deserialize;
use std::collections::BTreeMap;

/// The whole file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Raw {
    /// `[session]`
    pub session: Session,
    /// `[ledger]`
    pub ledger: Ledger,
    /// `[cache]`
    pub cache: Memory,
    /// `[locale]`; without it no locale is negotiated.
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
    /// `[request]`; without it requests may be as large as the platform takes.
    pub request: Option<Sizes>,
    /// `[security_headers]`; without it responses have the origin's fields only.
    pub security_headers: Option<SecurityHeaders>,
    /// `[security_txt]`
    pub security_txt: Option<SecurityTxt>,
    /// `[robots_txt]`
    pub robots_txt: Option<RobotsTxt>,
    /// `[challenge]`
    pub challenge: Option<Challenge>,
    /// `[switches]`; without it there are none.
    pub switches: Option<Switches>,
    /// `[[list]]`
    pub list: Vec<AddressList>,
    /// `[[rule]]`
    pub rule: Vec<Rule>,
    /// `[[limit]]`
    pub limit: Vec<Limit>,
    /// `[[route]]`
    pub route: Vec<Route>,
}

/// `[session]`: lifetimes, cookie and limits of sessions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Session {
    /// Name of the cookie; on https the prefix `__Host-` is added.
    pub cookie: String,
    /// A session unused for this long is over.
    pub idle: String,
    /// A session is over this long after sign-in, used or not.
    pub absolute: String,
    /// How long an isolate trusts a session record it has read.
    pub memo: String,
    /// How many session records an isolate keeps in memory.
    pub memo_entries: usize,
    /// Timeout of a session store request.
    pub deadline: String,
    /// How long a session's previous token stays valid after its rights change, with the rights from before.
    pub grace: String,
    /// Path of the page that a browser without a session is redirected to.
    pub sign_in: Option<String>,
    /// Lifetime of a session started with `remember`, used or not.
    pub remember: Option<String>,
    /// Failed sign-ins of one account or address within 15 minutes before the next one has to wait.
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

/// `[ledger]`: how soon a purge or a sign-out holds in every isolate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// Maximum interval at which an isolate reads new pages of the ledger.
    pub max_delay: String,
    /// How long an isolate uses its last view while the ledger cannot be read.
    pub max_outage: String,
    /// Timeout of a ledger request.
    pub deadline: String,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { max_delay: "5s".into(), max_outage: "60s".into(), deadline: "2s".into() }
    }
}

/// `[cache]`: the first cache level, an isolate's own memory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// Total size of the responses in an isolate's memory; the least recently used are evicted first.
    pub memory: String,
    /// Size of the largest response kept in memory.
    pub memory_object: String,
}

impl Default for Memory {
    fn default() -> Self {
        Self { memory: "16MiB".into(), memory_object: "64KiB".into() }
    }
}

/// `[locale]`: the supported locales and how one is negotiated.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Locale {
    /// Language tags (BCP 47) that the site supports.
    pub supported: Vec<String>,
    /// The locale used when nothing else decides; the first supported one when left out.
    pub default: Option<String>,
    /// Name of the query parameter that chooses a locale.
    pub query: String,
    /// Name of the cookie that chooses a locale.
    pub cookie: String,
    /// Whether `/de/about` means `/about` in German.
    pub prefix: bool,
    /// Whether a browser that requests `/about` is redirected to `/de/about`.
    pub redirect: bool,
    /// How a requested tag is matched to a locale.
    #[serde(rename = "match")]
    pub matching: Match,
    /// Country code (ISO 3166-1) to locale, used when the `Accept-Language` field decides nothing.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Match {
    /// The nearest locale by CLDR's distances: `es-MX` selects `es-419`, `zh-TW` selects `zh-Hant`.
    #[default]
    Cldr,
    /// Lookup: the tag, then ever shorter prefixes of it (RFC 4647 3.4).
    Lookup,
}

/// `[log]`: what is logged about a request.
#[derive(Debug, Clone, Deserialize)]
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

/// `[[region]]`: a region in which origins are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Unique name; forwarded to the origin as `X-Region`.
    pub name: String,
    /// Latitude in degrees north, -90 to 90.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// Longitude in degrees east, -180 to 180.
    #[serde(default)]
    pub longitude: Option<f64>,
    /// Countries (ISO 3166-1) served from this region when coordinates are unknown.
    #[serde(default)]
    pub countries: Vec<String>,
    /// Continents (AF AN AS EU NA OC SA) served from this region when no region lists the country.
    #[serde(default)]
    pub continents: Vec<String>,
    /// Whether it serves all other visitors; the first region does when none has `default`.
    #[serde(default)]
    pub default: bool,
}
