//! What the pool's prober keeps: what its probes found and how often in a row, what the operator
//! ordered, what happened, and what the isolates told it of themselves.
//!
//! Plain data that is kept as JSON: the object around it only asks, waits and stores.

use super::protocol::{Action, Event, Order, OriginReport, OriginStats, ProbeResult, Report, Request};
use crate::config::{Millis, Probe};
use crate::origin::replica::Position;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Events that are kept.
const HISTORY: usize = 100;
/// An isolate that says nothing for so long is gone.
const GONE: Millis = 10_000;
/// Isolates that are listened to at one time.
const MOST: usize = 1_000;

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
pub struct ProberState {
    version: u64,
    origins: BTreeMap<String, Entry>,
    history: VecDeque<Event>,
    /// When each isolate spoke last, and what it said.
    #[serde(skip)]
    isolates: BTreeMap<String, (Millis, BTreeMap<String, OriginStats>)>,
    #[serde(skip)]
    probes: u64,
}

impl ProberState {
    /// What a round of probes found. Whether anything is to be stored.
    pub fn found(&mut self, probe: &Probe, findings: Vec<ProbeResult>, now: Millis) -> bool {
        let mut changed = false;
        for finding in findings {
            self.probes += 1;
            let ProbeResult { name, good, reason, position, lag, load } = finding;
            let entry = self.origins.entry(name.clone()).or_default();
            entry.probed = now;
            entry.position = Position::later(entry.position, position);
            (entry.lag, entry.load) = (lag, load);
            entry.reason.clone_from(&reason);
            if entry.up == Some(good) {
                changed |= entry.streak > 0;
                entry.streak = 0;
                continue;
            }
            // To be stored as well: the object may be gone before the next probe.
            entry.streak += 1;
            changed = true;
            // Of whom nothing is known, the first word is taken when it is good.
            let needed = match (entry.up, good) {
                (None, true) => 1,
                (_, true) => probe.rise,
                (_, false) => probe.fall,
            };
            if entry.streak >= needed {
                let first = entry.up.is_none() && good;
                (entry.up, entry.streak, entry.since) = (Some(good), 0, now);
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
    pub fn answer(&mut self, letter: Request, now: Millis) -> (Report, bool) {
        match letter {
            Request::Sync { isolate, origins } => {
                let names: Vec<String> = origins.iter().map(|digest| digest.name.clone()).collect();
                self.told(&isolate, origins, now);
                self.report(Some(&isolate), &names, now)
            }
            Request::Show | Request::Look => {
                let names = self.names();
                self.report(None, &names, now)
            }
            Request::Order { version, order, isolate } => {
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
    fn told(&mut self, isolate: &str, digests: Vec<OriginStats>, now: Millis) {
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

    fn said(&self, name: &str, isolate: Option<&str>, now: Millis) -> OriginReport {
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
        OriginReport {
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
