//! Which messages do isolates, operators and a pool's prober exchange?

use crate::config::{Millis, Probe};
use crate::http::json::{Json, Malformed, Object, Reader, ToJson, json_struct};
use crate::http::search;
use crate::origin::replica::Position;

/// An isolate's measurements of one origin.
#[derive(Debug, Clone, PartialEq)]
pub struct OriginStats {
    /// The origin's name.
    pub name: String,
    /// This isolate's requests in flight.
    pub in_flight: u32,
    /// Latency in milliseconds (peak EWMA).
    pub latency: Option<u32>,
    /// Load in thousandths.
    pub load: Option<u32>,
    /// Its replication position.
    pub position: Option<Position>,
}
json_struct!(OriginStats {
    name,
    in_flight,
    latency = optional,
    load = optional,
    position = optional,
});

/// A request to a prober.
#[derive(Debug, Clone)]
pub enum Request {
    /// An isolate reports its measurements, and asks for the prober's report.
    Sync(Sync),
    /// The operator asks for the report of all origins, with history.
    Show,
    /// The operator gives an order.
    Order(Ordered),
    /// Another location's prober asks this one for its own probe results.
    Look,
}

/// See [`Request::Sync`].
#[derive(Debug, Clone)]
pub struct Sync {
    /// Random, for as long as the isolate lives.
    pub isolate: String,
    /// Its measurements.
    pub origins: Vec<OriginStats>,
}
json_struct!(Sync { isolate, origins });

/// See [`Request::Order`].
#[derive(Debug, Clone)]
pub struct Ordered {
    /// The report's version on which the order is based.
    pub version: u64,
    /// The order.
    pub order: Order,
    /// The isolate that forwards it.
    pub isolate: String,
}
json_struct!(Ordered { version, order, isolate = default });

impl Json for Request {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.alternative(&mut |name, value| match (name, value) {
            ("sync", Some(from)) => Sync::read(from).map(Self::Sync),
            ("order", Some(from)) => Ordered::read(from).map(Self::Order),
            ("show", None) => Ok(Self::Show),
            ("look", None) => Ok(Self::Look),
            _ => Err(Malformed("it is no request: sync, show, order, look".into())),
        })
    }
}

impl ToJson for Request {
    fn write(&self, to: &mut String) {
        let (name, value): (&str, &dyn ToJson) = match self {
            Self::Show => return "show".write(to),
            Self::Look => return "look".write(to),
            Self::Sync(sync) => ("sync", sync),
            Self::Order(ordered) => ("order", ordered),
        };
        let mut object = Object::new(to);
        object.member(name, value);
        object.end();
    }
}

/// An operator's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Name of the origin.
    pub origin: String,
    /// What to do with it.
    pub action: Action,
    /// For `weight`: 0 to 1000; without it the configured weight applies again.
    pub weight: Option<u32>,
    /// For `drain`: its length in seconds; without it until `undrain`.
    pub seconds: Option<u64>,
}
json_struct!((strict) Order { origin, action, weight = optional, seconds = optional });

/// See [`Order`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sends it no new requests.
    Drain,
    /// Sends it requests again.
    Undrain,
    /// Changes its weight.
    Weight,
}

impl Json for Action {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.string()?.as_str() {
            "drain" => Ok(Self::Drain),
            "undrain" => Ok(Self::Undrain),
            "weight" => Ok(Self::Weight),
            _ => Err(Malformed("it is no action: drain, undrain, weight".into())),
        }
    }
}

impl ToJson for Action {
    fn write(&self, to: &mut String) {
        let name = match self {
            Self::Drain => "drain",
            Self::Undrain => "undrain",
            Self::Weight => "weight",
        };
        name.write(to);
    }
}

/// The result of a probe of one origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeResult {
    /// The origin's name.
    pub name: String,
    /// Whether it was good.
    pub good: bool,
    /// Why it was good or not.
    pub reason: String,
    /// Its replication position.
    pub position: Option<Position>,
    /// The replica lag that it reports, in milliseconds.
    pub lag: Option<Millis>,
    /// The load that it reports, in thousandths.
    pub load: Option<u32>,
}
json_struct!(ProbeResult {
    name,
    good,
    reason,
    position = optional,
    lag = optional,
    load = optional,
});

impl ProbeResult {
    /// Whether a response's status and body are as the pool expects, and the reason.
    #[must_use]
    pub fn judge(probe: &Probe, status: u16, body: &str) -> (bool, String) {
        if !probe.expect.iter().any(|(from, to)| (*from..=*to).contains(&status)) {
            return (false, format!("status {status}"));
        }
        match &probe.body {
            Some(wanted) if !search::contains(body, wanted) => (false, format!("the body does not contain {wanted:?}")),
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
#[derive(Debug, Clone, Default, PartialEq)]
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
    pub drained_until: Option<Millis>,
    /// The operator's weight.
    pub weight: Option<u32>,
    /// Requests in flight from the other isolates.
    pub in_flight: u32,
    /// The median latency of the other isolates, in milliseconds.
    pub latency: Option<u32>,
    /// Load in thousandths.
    pub load: Option<u32>,
    /// Its replication position.
    pub position: Option<Position>,
    /// Replica lag in milliseconds.
    pub lag: Option<Millis>,
}
json_struct!(OriginReport {
    name,
    up,
    reason,
    since,
    probed,
    drained,
    drained_until = optional,
    weight = optional,
    in_flight,
    latency = optional,
    load = optional,
    position = optional,
    lag = optional,
});

/// A prober's report of its pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Grows by one with each order of the operator.
    pub version: u64,
    /// Whether an order was rejected because it was based on another version.
    pub refused: bool,
    /// One report for each origin.
    pub origins: Vec<OriginReport>,
    /// Events, the newest first; only for `Show`, `Look` and `Order`.
    pub history: Vec<Event>,
    /// The number of isolates that reported recently.
    pub isolates: usize,
    /// The number of probes since the prober woke up.
    pub probes: u64,
}
json_struct!(Report {
    version,
    refused = optional,
    origins,
    history = optional,
    isolates = default,
    probes = default,
});

/// An event in an origin's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When (milliseconds since 1970).
    pub at: Millis,
    /// The origin's name.
    pub origin: String,
    /// What happened, and why.
    pub what: String,
}
json_struct!(Event { at, origin, what });
