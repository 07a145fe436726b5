//! Which messages do isolates, operators and a pool's prober exchange?

use crate::config::{Millis, Probe};
use crate::origin::replica::Position;
use serde::{Deserialize, Serialize};

/// An isolate's measurements of one origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OriginStats {
    /// The origin's name.
    pub name: String,
    /// This isolate's requests in flight.
    pub in_flight: u32,
    /// Latency in milliseconds (peak EWMA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u32>,
    /// Load in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<u32>,
    /// Its replication position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// A request to a prober.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// An isolate reports its measurements, and asks for the prober's report.
    Sync {
        /// Random, for as long as the isolate lives.
        isolate: String,
        /// Its measurements.
        origins: Vec<OriginStats>,
    },
    /// The operator asks for the report of all origins, with history.
    Show,
    /// The operator gives an order.
    Order {
        /// The report's version on which the order is based.
        version: u64,
        /// The order.
        order: Order,
        /// The isolate that forwards it.
        #[serde(default)]
        isolate: String,
    },
    /// Another location's prober asks this one for its own probe results.
    Look,
}

/// An operator's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Name of the origin.
    pub origin: String,
    /// What to do with it.
    pub action: Action,
    /// For `weight`: 0 to 1000; without it the configured weight applies again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// For `drain`: its length in seconds; without it until `undrain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// See [`Order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Sends it no new requests.
    Drain,
    /// Sends it requests again.
    Undrain,
    /// Changes its weight.
    Weight,
}

/// The result of a probe of one origin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// The origin's name.
    pub name: String,
    /// Whether it was good.
    pub good: bool,
    /// Why it was good or not.
    pub reason: String,
    /// Its replication position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The replica lag that it reports, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Millis>,
    /// The load that it reports, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<u32>,
}

impl ProbeResult {
    /// Whether a response's status and body are as the pool expects, and the reason.
    #[must_use]
    pub fn judge(probe: &Probe, status: u16, body: &str) -> (bool, String) {
        if !probe.expect.iter().any(|(from, to)| (*from..=*to).contains(&status)) {
            return (false, format!("status {status}"));
        }
        match &probe.body {
            Some(wanted) if !body.contains(wanted.as_str()) => (false, format!("the body does not contain {wanted:?}")),
            _ => (true, format!("status {status}")),
        }
    }

    /// The combined result of several locations for one origin; `None` when fewer than `quorum` have a result.
    #[must_use]
    pub fn agreed(quorum: usize, results: &[Self]) -> Option<Self> {
        if results.len() < quorum {
            return None;
        }
        let good = results.iter().filter(|result| result.good).count();
        let verdict = good >= quorum;
        let of = results.iter().find(|result| result.good == verdict).or(results.first());
        let mut agreed = of.cloned().unwrap_or_default();
        agreed.good = verdict;
        if results.len() > 1 {
            agreed.reason = format!("{} ({good} of {} locations good)", agreed.reason, results.len());
        }
        Some(agreed)
    }
}

/// The prober's report of one origin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OriginReport {
    /// Its name.
    pub name: String,
    /// Whether probes find it up; `None` after too few probes, or without probes.
    pub up: Option<bool>,
    /// The last probe's reason.
    pub reason: String,
    /// Since when it is up or down (milliseconds since 1970).
    pub since: Millis,
    /// When it was last probed (milliseconds since 1970).
    pub probed: Millis,
    /// Whether the operator drains it.
    pub drained: bool,
    /// When the drain ends (milliseconds since 1970), if it has an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained_until: Option<Millis>,
    /// The operator's weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Requests in flight from the other isolates.
    pub in_flight: u32,
    /// The median latency of the other isolates, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u32>,
    /// Load in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<u32>,
    /// Its replication position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Replica lag in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Millis>,
}

/// A prober's report of its pool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Grows by one with each order of the operator.
    pub version: u64,
    /// Whether an order was rejected because it was based on another version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// One report for each origin.
    pub origins: Vec<OriginReport>,
    /// Events, the newest first; only for `Show`, `Look` and `Order`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Event>,
    /// The number of isolates that reported recently.
    #[serde(default)]
    pub isolates: usize,
    /// The number of probes since the prober woke up.
    #[serde(default)]
    pub probes: u64,
}

/// An event in an origin's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When (milliseconds since 1970).
    pub at: Millis,
    /// The origin's name.
    pub origin: String,
    /// What happened, and why.
    pub what: String,
}
