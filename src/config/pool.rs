//! Which origins form a pool, and how are requests sent to them?

use super::super::http::date::Millis;
use super::data::data;
use super::setting::Setting;
use super::uses::USES;

/// Checked `[[pool]]`.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Unique name.
    pub name: String,
    /// Index into [`super::Config::regions`].
    pub region: Option<usize>,
    /// At least one.
    pub origins: Vec<Origin>,
    /// Path that the health page and health checks request.
    pub health: String,
    /// The `aud` of `Usher-Assertion` for it.
    pub service: String,
    /// Which host name and `Origin` its origins receive.
    pub host: HostMode,
    /// Whether an origin's own address in a response is replaced by the visitor's.
    pub rewrite: bool,
    /// Algorithm that selects one of the origins.
    pub balance: Balance,
    /// Input of the hash, for hashing algorithms.
    pub hash: HashBy,
    /// Whether a sticky session keeps a visitor on one origin.
    pub affinity: bool,
    /// Interval at which isolates exchange statistics about the origins.
    pub sync: Millis,
    /// How long a recovered origin gets less than its share of requests.
    pub slow_start: Millis,
    /// Active health checks.
    pub probe: Option<Probe>,
    /// When a failing origin is ejected (outlier ejection).
    pub ejection: Ejection,
    /// What happens when no origin is healthy.
    pub down: Down,
    /// Index into [`super::Config::pools`] of the pool that serves then.
    pub fallback: Option<usize>,
    /// Which requests are retried.
    pub retry: Retry,
    /// Timeout of one attempt until the response begins.
    pub first_byte: Option<Millis>,
    /// Idle timeout of a response body that has begun; 0 = none.
    pub idle: Millis,
    /// Maximum number of concurrent requests per origin.
    pub max_in_flight: Option<u32>,
    /// Rules for reads from replicas.
    pub replicas: Replicas,
}

impl Pool {
    /// Whether some of its origins are replicas.
    #[must_use]
    pub fn is_replicated(&self) -> bool {
        USES.replicas && self.origins.iter().any(|origin| origin.replica)
    }

    /// Whether the prober has data that selection uses: a single origin without health checks is always selected.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        USES.balance && (self.origins.len() > 1 || self.probe.is_some())
    }
}

/// One origin.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Unique in its pool.
    pub name: String,
    /// Base URL without a trailing slash, or `service:BINDING`.
    pub url: Setting,
    /// Its weight relative to the other origins, 0 to 1000.
    pub weight: u32,
    /// Whether it is a replica, which gets reads only.
    pub replica: bool,
    /// Index into [`super::Config::regions`].
    pub region: Option<usize>,
}

/// Input of the hash that selects an origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HashBy {
    /// The visitor's address; for IPv6 its first 64 bits, which are one subscriber's network.
    #[default]
    Ip,
    /// The user who is signed in.
    User,
    /// The request's path.
    Path,
    /// A cookie's value.
    Cookie(String),
    /// A field's value.
    Header(String),
}

/// Checked `probe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Interval between health checks.
    pub every: Millis,
    /// Timeout of one health check.
    pub timeout: Millis,
    /// Consecutive successes after which an origin is up.
    pub rise: u32,
    /// Consecutive failures after which it is down.
    pub fall: u32,
    /// Request method.
    pub method: String,
    /// Request fields to send.
    pub headers: Vec<(String, String)>,
    /// Ranges of statuses that count as healthy, both ends included.
    pub expect: Vec<(u16, u16)>,
    /// Text that the body must contain.
    pub body: Option<String>,
    /// Cloudflare's location hints to check from.
    pub locations: Vec<String>,
    /// Number of locations from which an origin must be healthy.
    pub quorum: usize,
}

/// Checked `ejection`.
#[derive(Debug, Clone, Copy)]
pub struct Ejection {
    /// Consecutive failures that eject an origin; 0 = never.
    pub failures: u32,
    /// Duration of an ejection, multiplied by the number of ejections so far.
    pub base: Millis,
    /// Maximum duration of an ejection.
    pub max: Millis,
}

/// Checked `retry`.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Maximum number of origins that one request is sent to.
    pub attempts: u32,
    /// Retry budget: retries per hundred requests.
    pub budget: u32,
    /// Statuses that cause a retry at another origin.
    pub on: Vec<u16>,
    /// Largest request body that is buffered for a retry, in bytes.
    pub max_body: u64,
    /// Whether slow attempts are hedged.
    pub hedge: bool,
}

/// Checked `replicas`.
#[derive(Debug, Clone, Copy)]
pub struct Replicas {
    /// How long after a write its visitor reads from the primary, when the origins report no positions.
    pub window: Millis,
    /// Maximum replica lag; a replica further behind gets no reads.
    pub max_lag: Millis,
    /// How long a read may wait for a replica to catch up.
    pub wait: Millis,
}

/// `host` of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "lowercase"))]
pub enum HostMode {
    /// `Host` is the origin's; `X-Forwarded-Host` contains the visitor's.
    #[default]
    Forwarded,
    /// The same, and `Origin` and `Referer` that name the visitor's host are rewritten to the origin's.
    Origin,
    /// `Host` is the visitor's (Cloudflare's `resolveOverride`, within one zone, in production).
    Visitor,
}

/// `balance` of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "snake_case"))]
pub enum Balance {
    /// Each in turn.
    RoundRobin,
    /// Each in turn by weight, evenly spread (smooth weighted round robin).
    WeightedRoundRobin,
    /// The origin with the fewest requests in flight, by weight.
    LeastConnections,
    /// The origin with the lowest latency (peak EWMA), by requests in flight and weight.
    LeastResponseTime,
    /// By the spare capacity that each origin reports (ORCA).
    ResourceBased,
    /// The same origin for one address.
    IpHash,
    /// The same origin for one value of `hash`.
    Hash,
    /// The better of two origins drawn at random.
    #[default]
    RandomTwo,
}

/// `down` of a pool: what happens when none of its origins is healthy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "snake_case"))]
pub enum Down {
    /// All origins are used as if they were healthy.
    #[default]
    FailOpen,
    /// No origin is used: 503.
    FailClosed,
    /// A stored response is served, however stale; else 503.
    Stale,
}

data!(struct Pool {
    name, region, origins, health, service, host, rewrite, balance, hash, affinity, sync, slow_start, probe, ejection,
    down, fallback, retry, first_byte, idle, max_in_flight, replicas,
});
data!(struct Origin { name, url, weight, replica, region });
data!(enum HashBy { Ip, 1 = User, 2 = Path, 3 = Cookie(name), 4 = Header(name) });
data!(struct Probe { every, timeout, rise, fall, method, headers, expect, body, locations, quorum });
data!(struct Ejection { failures, base, max });
data!(struct Retry { attempts, budget, on, max_body, hedge });
data!(struct Replicas { window, max_lag, wait });
data!(enum HostMode { Forwarded, 1 = Origin, 2 = Visitor });
data!(enum Balance {
    RandomTwo, 1 = RoundRobin, 2 = WeightedRoundRobin, 3 = LeastConnections, 4 = LeastResponseTime, 5 = ResourceBased,
    6 = IpHash, 7 = Hash,
});
data!(enum Down { FailOpen, 1 = FailClosed, 2 = Stale });
