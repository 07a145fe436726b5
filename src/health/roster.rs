//! What the pool's prober keeps: what its probes found and how often in a row, what the operator
//! ordered, what happened, and what the isolates told it of themselves.
//!
//! Plain data that is kept as JSON: the object around it only asks, waits and stores.

use crate::config::{Millis, Probe};
use crate::replica::Position;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Events that are kept.
const HISTORY: usize = 100;
/// An isolate that says nothing for so long is gone.
const GONE: Millis = 10_000;
/// Isolates that are listened to at one time.
const MOST: usize = 1_000;

/// What an isolate tells of one origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digest {
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
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Letter {
    /// An isolate tells what it knows, and wants to know what is known.
    Sync {
        /// Random, for as long as the isolate lives.
        isolate: String,
        /// What it knows.
        origins: Vec<Digest>,
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
pub struct Finding {
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

impl Finding {
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
pub struct Said {
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
    pub origins: Vec<Said>,
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

/// What is kept of one origin.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Entry {
    up: Option<bool>,
    /// Probes in a row that say otherwise than `up`.
    streak: u32,
    since: Millis,
    reason: String,
    drained: bool,
    drained_until: Option<Millis>,
    weight: Option<u32>,
    #[serde(skip)]
    probed: Millis,
    #[serde(skip)]
    position: Option<Position>,
    #[serde(skip)]
    lag: Option<Millis>,
    #[serde(skip)]
    load: Option<u32>,
}

/// What a prober keeps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Roster {
    version: u64,
    origins: BTreeMap<String, Entry>,
    history: VecDeque<Event>,
    /// When each isolate spoke last, and what it said.
    #[serde(skip)]
    isolates: BTreeMap<String, (Millis, BTreeMap<String, Digest>)>,
    #[serde(skip)]
    probes: u64,
}

impl Roster {
    /// What a round of probes found. Whether anything is to be stored.
    pub fn found(&mut self, probe: &Probe, findings: Vec<Finding>, now: Millis) -> bool {
        let mut changed = false;
        for finding in findings {
            self.probes += 1;
            let Finding { name, good, reason, position, lag, load } = finding;
            let entry = self.origins.entry(name.clone()).or_default();
            entry.probed = now;
            entry.position = Position::later(entry.position, position);
            (entry.lag, entry.load) = (lag, load);
            entry.reason.clone_from(&reason);
            if entry.up == Some(good) {
                entry.streak = 0;
                continue;
            }
            entry.streak += 1;
            // Of whom nothing is known, the first word is taken when it is good.
            let needed = match (entry.up, good) {
                (None, true) => 1,
                (_, true) => probe.rise,
                (_, false) => probe.fall,
            };
            if entry.streak >= needed {
                let first = entry.up.is_none() && good;
                (entry.up, entry.streak, entry.since) = (Some(good), 0, now);
                changed = true;
                if !first {
                    let what = if good { "up" } else { "down" };
                    self.note(now, &name, format!("{what}: {reason}"));
                }
            }
        }
        changed
    }

    /// Reads a letter, and answers. Whether anything is to be stored. Names are those of the letter, or of
    /// all that is known.
    pub fn answer(&mut self, letter: Letter, now: Millis) -> (Report, bool) {
        match letter {
            Letter::Sync { isolate, origins } => {
                let names: Vec<String> = origins.iter().map(|digest| digest.name.clone()).collect();
                self.told(&isolate, origins, now);
                self.report(Some(&isolate), &names, now)
            }
            Letter::Show | Letter::Look => {
                let names = self.names();
                self.report(None, &names, now)
            }
            Letter::Order { version, order, isolate } => {
                let ordered = self.order(version, &order, now).is_ok();
                let names = self.names();
                let (report, changed) = self.report(Some(&isolate), &names, now);
                let report = Report { history: self.history(), ..report };
                (Report { refused: !ordered, ..report }, changed || ordered)
            }
        }
    }

    /// Every origin of which anything is known.
    fn names(&self) -> Vec<String> {
        let told = self.isolates.values().flat_map(|(_, digests)| digests.keys());
        let mut names: Vec<String> = self.origins.keys().chain(told).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// An isolate's word.
    fn told(&mut self, isolate: &str, digests: Vec<Digest>, now: Millis) {
        self.isolates.retain(|_, (at, _)| now.saturating_sub(*at) < GONE);
        if self.isolates.len() < MOST || self.isolates.contains_key(isolate) {
            let digests = digests.into_iter().map(|digest| (digest.name.clone(), digest)).collect();
            self.isolates.insert(isolate.to_owned(), (now, digests));
        }
    }

    /// Does what an operator orders who has seen `version`.
    ///
    /// # Errors
    /// The version as it is now, when that is another.
    fn order(&mut self, version: u64, order: &Order, now: Millis) -> Result<(), u64> {
        if version != self.version {
            return Err(self.version);
        }
        self.version += 1;
        let entry = self.origins.entry(order.origin.clone()).or_default();
        let what = match order.action {
            Action::Drain => {
                entry.drained = true;
                entry.drained_until = order.seconds.map(|seconds| now.saturating_add(seconds.saturating_mul(1_000)));
                order.seconds.map_or("drained".into(), |seconds| format!("drained for {seconds} s"))
            }
            Action::Undrain => {
                (entry.drained, entry.drained_until) = (false, None);
                "undrained".into()
            }
            Action::Weight => {
                entry.weight = order.weight;
                order.weight.map_or("weight as configured".into(), |weight| format!("weight {weight}"))
            }
        };
        self.note(now, &order.origin, what);
        Ok(())
    }

    /// What is known, for one isolate (which knows of itself) or for all; and whether a drain is over.
    fn report(&mut self, isolate: Option<&str>, names: &[String], now: Millis) -> (Report, bool) {
        let over: Vec<String> = self
            .origins
            .iter()
            .filter(|(_, entry)| entry.drained_until.is_some_and(|until| now >= until))
            .map(|(name, _)| name.clone())
            .collect();
        let changed = !over.is_empty();
        for name in over {
            if let Some(entry) = self.origins.get_mut(&name) {
                (entry.drained, entry.drained_until) = (false, None);
            }
            self.note(now, &name, "the drain is over".into());
        }
        let origins = names.iter().map(|name| self.said(name, isolate, now)).collect();
        let history = if isolate.is_none() { self.history() } else { Vec::new() };
        let isolates = self.isolates.values().filter(|(at, _)| now.saturating_sub(*at) < GONE).count();
        let Self { version, probes, .. } = *self;
        (Report { version, refused: false, origins, history, isolates, probes }, changed)
    }

    fn said(&self, name: &str, isolate: Option<&str>, now: Millis) -> Said {
        let entry = self.origins.get(name).cloned().unwrap_or_default();
        let others = self
            .isolates
            .iter()
            .filter(|(id, (at, _))| isolate != Some(id.as_str()) && now.saturating_sub(*at) < GONE)
            .filter_map(|(_, (_, digests))| digests.get(name));
        let (mut in_flight, mut latencies, mut load, mut position) = (0_u32, Vec::new(), entry.load, entry.position);
        for digest in others {
            in_flight = in_flight.saturating_add(digest.in_flight);
            latencies.extend(digest.latency);
            load = load.max(digest.load);
            position = Position::later(position, digest.position);
        }
        latencies.sort_unstable();
        Said {
            name: name.to_owned(),
            up: entry.up,
            reason: entry.reason,
            since: entry.since,
            probed: entry.probed,
            drained: entry.drained,
            drained_until: entry.drained_until,
            weight: entry.weight,
            in_flight,
            latency: latencies.get(latencies.len() / 2).copied(),
            load,
            position,
            lag: entry.lag,
        }
    }

    /// What happened, the newest first.
    fn history(&self) -> Vec<Event> {
        self.history.iter().rev().cloned().collect()
    }

    /// Forgets what probes found: it was long ago.
    pub fn forget(&mut self) {
        for entry in self.origins.values_mut() {
            (entry.up, entry.streak) = (None, 0);
        }
    }

    fn note(&mut self, at: Millis, origin: &str, what: String) {
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(Event { at, origin: origin.to_owned(), what });
    }
}

#[cfg(test)]
mod tests;
