//! What isolates, operators and a pool's prober tell one another.

use crate::config::{Millis, Probe};
use crate::origin::replica::Position;
use serde::{Deserialize, Serialize};

/// What an isolate tells of one origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OriginStats {
    /// The origin's name.
    pub name: String,
    /// Requests that this isolate has there.
    pub in_flight: u32,
    /// Milliseconds (peak EWMA).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u32>,
    /// Thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<u32>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// What is said to a prober.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// An isolate tells what it knows, and wants to know what is known.
    Sync {
        /// Random, for as long as the isolate lives.
        isolate: String,
        /// What it knows.
        origins: Vec<OriginStats>,
    },
    /// The operator wants to see.
    Show,
    /// The operator orders something.
    Order {
        /// The version that they have seen.
        version: u64,
        /// What.
        order: Order,
        /// The isolate that passes it on.
        #[serde(default)]
        isolate: String,
    },
    /// Another location's prober wants this one to look.
    Look,
}

/// What an operator orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Name of the origin.
    pub origin: String,
    /// What is to happen to it.
    pub action: Action,
    /// With `weight`: 0 to 1000; without one the configuration's again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// With `drain`: for so many seconds, then it is back; without it until `undrain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// See [`Order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It gets no new requests.
    Drain,
    /// It gets them again.
    Undrain,
    /// It gets another share.
    Weight,
}

/// What a probe found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// The origin's name.
    pub name: String,
    /// Whether it was good.
    pub good: bool,
    /// Why, or why not.
    pub reason: String,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// How far it says it is behind, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Millis>,
    /// Thousandths of its load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<u32>,
}

impl ProbeResult {
    /// Judges an answer: status and body, as the pool expects them.
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

    /// What several locations found of one origin, as one; nothing when fewer than it takes could look.
    #[must_use]
    pub fn agreed(quorum: usize, findings: &[Self]) -> Option<Self> {
        if findings.len() < quorum {
            return None;
        }
        let good = findings.iter().filter(|finding| finding.good).count();
        let verdict = good >= quorum;
        let of = findings.iter().find(|finding| finding.good == verdict).or(findings.first());
        let mut agreed = of.cloned().unwrap_or_default();
        agreed.good = verdict;
        if findings.len() > 1 {
            agreed.reason = format!("{} ({good} of {} locations good)", agreed.reason, findings.len());
        }
        Some(agreed)
    }
}

/// What the prober says of one origin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OriginReport {
    /// Its name.
    pub name: String,
    /// What probes find; nothing while too few were made, or none are.
    pub up: Option<bool>,
    /// The last probe's reason.
    pub reason: String,
    /// Since when it is up or down (milliseconds since 1970).
    pub since: Millis,
    /// When it was last asked (milliseconds since 1970).
    pub probed: Millis,
    /// Whether the operator takes it out.
    pub drained: bool,
    /// Until when, if that is known (milliseconds since 1970).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained_until: Option<Millis>,
    /// The operator's weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Requests of the other isolates.
    pub in_flight: u32,
    /// Milliseconds, of the other isolates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u32>,
    /// Thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<u32>,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// How far it is behind, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<Millis>,
}

/// What the prober says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Grows with each order of the operator.
    pub version: u64,
    /// Whether an order was not followed, because it was of somebody who had not seen this version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// Of each origin.
    pub origins: Vec<OriginReport>,
    /// What happened, the newest first; only where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Event>,
    /// Isolates that tell of themselves.
    #[serde(default)]
    pub isolates: usize,
    /// Probes that were made since the prober woke up.
    #[serde(default)]
    pub probes: u64,
}

/// Something that happened to an origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When (milliseconds since 1970).
    pub at: Millis,
    /// To which.
    pub origin: String,
    /// What, and why.
    pub what: String,
}
