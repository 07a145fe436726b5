//! Which keys configure a pool and its origins?

use super::super::{Balance, Down, HostMode};
use super::Plain;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// `[[pool]]`: interchangeable origins, or a primary and its replicas.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Unique name; routes refer to it.
    pub name: String,
    /// Name of the region it is in.
    #[serde(default)]
    pub region: Option<String>,
    /// The origins.
    pub origins: Vec<Origin>,
    /// Path that the health page and the prober request from each origin.
    #[serde(default)]
    pub health: Option<String>,
    /// The `aud` of `Usher-Assertion` for it; its name when left out.
    #[serde(default)]
    pub service: Option<String>,
    /// Which host name origins receive as `Host`: their own or the visitor's.
    #[serde(default)]
    pub host: HostMode,
    /// Whether an origin's own address in a response is replaced by the visitor's.
    #[serde(default = "yes")]
    pub rewrite: bool,
    /// Algorithm that selects one of the origins.
    #[serde(default)]
    pub balance: Balance,
    /// Input of `balance = "hash"`: `ip`, `user`, `path`, `cookie:NAME` or `header:NAME`.
    #[serde(default)]
    pub hash: Option<String>,
    /// Whether a signed cookie keeps a visitor on one origin (sticky session).
    #[serde(default)]
    pub affinity: bool,
    /// Maximum interval at which isolates exchange statistics about the origins.
    #[serde(default)]
    pub sync: Option<String>,
    /// Time after which a recovered origin gets its full share of requests.
    #[serde(default)]
    pub slow_start: Option<String>,
    /// Active health checks, if any.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// When a failing origin is ejected (outlier ejection).
    #[serde(default)]
    pub ejection: Ejection,
    /// What happens when no origin is healthy.
    #[serde(default)]
    pub down: Down,
    /// Name of the pool that serves then instead.
    #[serde(default)]
    pub fallback: Option<String>,
    /// Which requests are retried.
    #[serde(default)]
    pub retry: Retry,
    /// Timeout of one attempt until the response begins; the route's deadline when left out.
    #[serde(default)]
    pub first_byte: Option<String>,
    /// Idle timeout of a response body that has begun; none when left out.
    #[serde(default)]
    pub idle: Option<String>,
    /// Maximum number of concurrent requests per origin; unlimited when left out.
    #[serde(default)]
    pub max_in_flight: Option<u32>,
    /// Rules for reads from replicas.
    #[serde(default)]
    pub replicas: Replicas,
}

fn yes() -> bool {
    true
}

/// An origin: a URL alone, or a table with more keys.
#[derive(Debug, Clone, Default)]
pub struct Origin(pub Table);

/// `{ url = "https://app.example.com", weight = 5 }`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Base URL, `"${NAME}"` or `"service:BINDING"`.
    pub url: String,
    /// Unique in the pool, for the log, the operator and hashing; derived from the URL when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Its weight relative to the other origins, 0 to 1000.
    #[serde(default)]
    pub weight: Option<u32>,
    /// Whether it is a replica of the primary, which gets reads only.
    #[serde(default)]
    pub replica: bool,
    /// Name of the region it is in; the pool's when left out.
    #[serde(default)]
    pub region: Option<String>,
}

/// Written by hand, so that the error for an unknown key of the table names the key.
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

/// `probe` of a pool: health checks; `probe = {}` takes every default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// Interval between health checks, with a jitter of a tenth.
    pub every: String,
    /// Timeout of one health check.
    pub timeout: String,
    /// Consecutive successes after which an origin is up.
    pub rise: u32,
    /// Consecutive failures after which it is down.
    pub fall: u32,
    /// Request method.
    pub method: String,
    /// Request fields to send.
    pub headers: std::collections::BTreeMap<String, String>,
    /// Statuses that count as healthy, each `"200"` or `"200-399"`.
    pub expect: Vec<Plain>,
    /// Text that the body must contain.
    pub body: Option<String>,
    /// Cloudflare's location hints to check from, such as `weur`; one of Cloudflare's choice when left out.
    pub locations: Vec<String>,
    /// Number of locations from which an origin must be healthy; more than half when left out.
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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ejection {
    /// Consecutive failures that eject an origin; 0 = never.
    pub failures: u32,
    /// Duration of an ejection, multiplied by the number of ejections so far.
    pub base: String,
    /// Maximum duration of an ejection.
    pub max: String,
}

impl Default for Ejection {
    fn default() -> Self {
        Self { failures: 5, base: "30s".into(), max: "300s".into() }
    }
}

/// `retry` of a pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Maximum number of origins that one request is sent to, one after the other.
    pub attempts: u32,
    /// Retry budget: retries per hundred requests.
    pub budget: u32,
    /// Statuses that cause a retry at another origin.
    pub on: Vec<u16>,
    /// Size of the largest request body that is buffered for a retry.
    pub max_body: String,
    /// Whether a second attempt starts (hedging) when the first is slower than 19 of 20 requests.
    pub hedge: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, budget: 20, on: vec![502, 503, 504], max_body: "64KiB".into(), hedge: false }
    }
}

/// `replicas` of a pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replicas {
    /// How long after a write its visitor reads from the primary, when the origins report no positions.
    pub window: String,
    /// Maximum replica lag; a replica further behind gets no reads.
    pub max_lag: String,
    /// How long a read may wait for a replica to reach the visitor's last write.
    pub wait: String,
}

impl Default for Replicas {
    fn default() -> Self {
        Self { window: "5s".into(), max_lag: "30s".into(), wait: "0ms".into() }
    }
}
