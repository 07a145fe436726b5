//! What may be said of a pool and its origins.

use super::Plain;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// `[[pool]]`: origins that are equals, or a primary and its replicas.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Unique name; routes refer to it.
    pub name: String,
    /// Name of the region it stands in.
    #[serde(default)]
    pub region: Option<String>,
    /// Where the origins are.
    pub origins: Vec<Origin>,
    /// Path that the health page and the prober ask each origin for.
    #[serde(default)]
    pub health: Option<String>,
    /// What `aud` of `Usher-Assertion` calls it; its name when left out.
    #[serde(default)]
    pub service: Option<String>,
    /// Which address origins see: their own as `Host`, and what of the visitor's.
    #[serde(default)]
    pub host: Addressed,
    /// Whether answers that name an origin's own address name the visitor's instead.
    #[serde(default = "yes")]
    pub rewrite: bool,
    /// How one of the origins is picked.
    #[serde(default)]
    pub balance: Algorithm,
    /// What `balance = "hash"` hashes: `ip`, `user`, `path`, `cookie:NAME` or `header:NAME`.
    #[serde(default)]
    pub hash: Option<String>,
    /// Whether a visitor stays with an origin, by a signed cookie.
    #[serde(default)]
    pub affinity: bool,
    /// Isolates tell one another of their origins at most this far apart.
    #[serde(default)]
    pub sync: Option<String>,
    /// An origin that is back gets its whole share after this long.
    #[serde(default)]
    pub slow_start: Option<String>,
    /// Whether and how the origins are asked how they are.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// When an origin that fails is left alone.
    #[serde(default)]
    pub ejection: Ejection,
    /// What happens when no origin is fit.
    #[serde(default)]
    pub down: Down,
    /// The pool that serves then, instead.
    #[serde(default)]
    pub fallback: Option<String>,
    /// What is asked a second time.
    #[serde(default)]
    pub retry: Retry,
    /// How long one origin may take until its answer begins; the route's deadline when left out.
    #[serde(default)]
    pub first_byte: Option<String>,
    /// How long nothing may come of an answer that has begun; for ever when left out.
    #[serde(default)]
    pub idle: Option<String>,
    /// Requests that an origin is given at one time; any number when left out.
    #[serde(default)]
    pub max_in_flight: Option<u32>,
    /// How replicas are read from.
    #[serde(default)]
    pub replicas: Replicas,
}

fn yes() -> bool {
    true
}

/// `host` of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Addressed {
    /// `Host` is the origin's; `X-Forwarded-Host` says the visitor's.
    #[default]
    Forwarded,
    /// The same, and the visitor's own `Origin` and `Referer` are spelled as the origin's.
    Origin,
    /// `Host` is the visitor's (Cloudflare's `resolveOverride`, within one zone, in production).
    Visitor,
}

/// An origin: a URL alone, or a table of which more is said.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Origin(pub Table);

/// `{ url = "https://app.example.com", weight = 5 }`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Base URL, `"${NAME}"` or `"service:BINDING"`.
    pub url: String,
    /// Unique in the pool: for the log, the operator and hashing; of its URL when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Its share beside the others', 0 to 1000.
    #[serde(default)]
    pub weight: Option<u32>,
    /// Whether it follows the primary and is only read from.
    #[serde(default)]
    pub replica: bool,
    /// Name of the region it stands in; the pool's when left out.
    #[serde(default)]
    pub region: Option<String>,
}

/// By hand, so that a wrong key of the table is named.
impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Origin;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a base URL, or a table with `url`")
            }

            fn visit_str<E: Error>(self, url: &str) -> Result<Origin, E> {
                Ok(Origin(Table { url: url.to_owned(), ..Table::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Origin, A::Error> {
                Table::deserialize(MapAccessDeserializer::new(map)).map(Origin)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// `balance` of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// One after the other.
    RoundRobin,
    /// One after the other by weight, evenly spread.
    WeightedRoundRobin,
    /// Whoever has the fewest requests, by weight.
    LeastConnections,
    /// Whoever answers soonest (peak EWMA), by requests and weight.
    LeastResponseTime,
    /// By what is left of what each says that it can take (ORCA).
    ResourceBased,
    /// The same for one address.
    IpHash,
    /// The same for one value of `hash`.
    Hash,
    /// The better of two at random.
    #[default]
    RandomTwo,
}

/// `probe` of a pool: `probe = {}` asks as the defaults say.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// How far apart, give or take a tenth.
    pub every: String,
    /// How long an origin may take.
    pub timeout: String,
    /// So many good ones and an origin is up.
    pub rise: u32,
    /// So many bad ones and it is down.
    pub fall: u32,
    /// Method.
    pub method: String,
    /// Fields that go along.
    pub headers: std::collections::BTreeMap<String, String>,
    /// Statuses that are good, each `"200"` or `"200-399"`.
    pub expect: Vec<Plain>,
    /// What the body has to contain.
    pub body: Option<String>,
    /// Cloudflare's location hints to ask from, such as `weur`; one of its choice when left out.
    pub locations: Vec<String>,
    /// From how many of them an origin has to be good; more than half when left out.
    pub quorum: Option<u32>,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            every: "15s".into(),
            timeout: "2s".into(),
            rise: 2,
            fall: 2,
            method: "GET".into(),
            headers: std::collections::BTreeMap::new(),
            expect: vec![Plain("200-399".into())],
            body: None,
            locations: Vec::new(),
            quorum: None,
        }
    }
}

/// `ejection` of a pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ejection {
    /// So many failures one after the other; 0 = never.
    pub failures: u32,
    /// For this long, times how often it was.
    pub base: String,
    /// For this long at most.
    pub max: String,
}

impl Default for Ejection {
    fn default() -> Self {
        Self { failures: 5, base: "30s".into(), max: "300s".into() }
    }
}

/// `down` of a pool: when none of its origins is fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Down {
    /// They are asked as if all were.
    #[default]
    FailOpen,
    /// None is asked: 503.
    FailClosed,
    /// What is stored serves, however stale; else 503.
    Stale,
}

/// `retry` of a pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Origins that one request is sent to, one after the other.
    pub attempts: u32,
    /// Second attempts in a hundred requests.
    pub budget: u32,
    /// Statuses that another origin is asked after.
    pub on: Vec<u16>,
    /// Bytes of the largest request body that is held to be sent again.
    pub max_body: String,
    /// Whether a second origin is asked when the first is slower than 19 of 20.
    pub hedge: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, budget: 20, on: vec![502, 503, 504], max_body: "64KiB".into(), hedge: false }
    }
}

/// `replicas` of a pool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replicas {
    /// So long after a write whoever wrote reads from the primary, where no positions are told.
    pub window: String,
    /// A replica further behind is not read from.
    pub max_lag: String,
    /// How long a read may wait for a replica to come up to what its visitor wrote.
    pub wait: String,
}

impl Default for Replicas {
    fn default() -> Self {
        Self { window: "5s".into(), max_lag: "30s".into(), wait: "0ms".into() }
    }
}
