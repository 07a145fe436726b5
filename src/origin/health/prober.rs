//! Which state does a pool's prober keep? Probe results and how often in a row, the operator's orders, the history of
//! events, and the reports of isolates.
//!
//! Plain data that is stored as JSON: the object around it only probes, waits and stores.

use super::protocol::{Action, Event, Order, Ordered, OriginReport, OriginStats, ProbeResult, Report, Request, Sync};
use crate::config::{Millis, Probe};
use crate::http::json::json_struct;
use crate::origin::replica::Position;
use crate::sort;
use std::collections::{BTreeMap, VecDeque};

/// The number of events that are kept.
const HISTORY: usize = 100;
/// An isolate without a report for so many milliseconds is gone.
const GONE: Millis = 10_000;
/// The number of isolates whose reports are kept at one time.
const MAX_ISOLATES: usize = 1_000;

/// The state of one origin.
#[derive(Debug, Clone, Default)]
struct Entry {
    up: Option<bool>,
    /// Probes in a row whose result differs from `up`.
    streak: u32,
    since: Millis,
    reason: String,
    drained: bool,
    drained_until: Option<Millis>,
    weight: Option<u32>,
    probed: Millis,
    position: Option<Position>,
    lag: Option<Millis>,
    load: Option<u32>,
}
json_struct!(Entry {
    up = default,
    streak = default,
    since = default,
    reason = default,
    drained = default,
    drained_until = default,
    weight = default,
} skip { probed, position, lag, load });

/// The state of a pool's prober.
#[derive(Debug, Clone, Default)]
pub struct ProberState {
    version: u64,
    origins: BTreeMap<String, Entry>,
    history: VecDeque<Event>,
    /// The last report of each isolate by the origins' names, and when it came.
    isolates: BTreeMap<String, (Millis, BTreeMap<String, OriginStats>)>,
    probes: u64,
}
json_struct!(ProberState { version = default, origins = default, history = default } skip { isolates, probes });

impl ProberState {
    /// Records the results of a round of probes. Returns whether the state must be stored.
    pub fn record_results(&mut self, probe: &Probe, results: Vec<ProbeResult>, now: Millis) -> bool {
        let mut changed = false;
        for result in results {
            self.probes += 1;
            let ProbeResult { name, good, reason, position, lag, load } = result;
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
            // The streak is stored as well: the object may be evicted before the next probe.
            entry.streak += 1;
            changed = true;
            // For an origin without a state, one good probe is enough.
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

    /// Answers a request: with the origins that it names, else with all. Returns whether the state must be stored.
    pub fn answer(&mut self, request: Request, now: Millis) -> (Report, bool) {
        match request {
            Request::Sync(Sync { isolate, origins }) => {
                let names: Vec<String> = origins.iter().map(|stats| stats.name.clone()).collect();
                self.merge(&isolate, origins, now);
                self.report(Some(&isolate), &names, now)
            }
            Request::Show | Request::Look => {
                let names = self.names();
                self.report(None, &names, now)
            }
            Request::Order(Ordered { version, order, isolate }) => {
                let ordered = self.order(version, &order, now).is_ok();
                let names = self.names();
                let (report, changed) = self.report(Some(&isolate), &names, now);
                let report = Report { history: self.history(), ..report };
                (Report { refused: !ordered, ..report }, changed || ordered)
            }
        }
    }

    /// The names of all known origins.
    fn names(&self) -> Vec<String> {
        let reported = self.isolates.values().flat_map(|(_, stats)| stats.keys());
        let mut names: Vec<String> = self.origins.keys().chain(reported).cloned().collect();
        sort::ascending(&mut names);
        names.dedup();
        names
    }

    /// Stores an isolate's report in place of its last one.
    fn merge(&mut self, isolate: &str, stats: Vec<OriginStats>, now: Millis) {
        self.isolates.retain(|_, (at, _)| now.saturating_sub(*at) < GONE);
        if self.isolates.len() < MAX_ISOLATES || self.isolates.contains_key(isolate) {
            let stats = stats.into_iter().map(|stats| (stats.name.clone(), stats)).collect();
            self.isolates.insert(isolate.to_owned(), (now, stats));
        }
    }

    /// Carries out an operator's order that is based on `version`.
    ///
    /// # Errors
    /// The current version, when it is another.
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

    /// The report for one isolate, without its own stats, or for all; and whether a drain has ended.
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
        let origins = names.iter().map(|name| self.report_of(name, isolate, now)).collect();
        let history = if isolate.is_none() { self.history() } else { Vec::new() };
        let isolates = self.isolates.values().filter(|(at, _)| now.saturating_sub(*at) < GONE).count();
        let Self { version, probes, .. } = *self;
        (Report { version, refused: false, origins, history, isolates, probes }, changed)
    }

    /// The report of one origin, without the stats of `isolate`.
    fn report_of(&self, name: &str, isolate: Option<&str>, now: Millis) -> OriginReport {
        let entry = self.origins.get(name).cloned().unwrap_or_default();
        let others = self
            .isolates
            .iter()
            .filter(|(id, (at, _))| isolate != Some(id.as_str()) && now.saturating_sub(*at) < GONE)
            .filter_map(|(_, (_, stats))| stats.get(name));
        let (mut in_flight, mut latencies, mut load, mut position) = (0_u32, Vec::new(), entry.load, entry.position);
        for stats in others {
            in_flight = in_flight.saturating_add(stats.in_flight);
            latencies.extend(stats.latency);
            load = load.max(stats.load);
            position = Position::later(position, stats.position);
        }
        sort::ascending(&mut latencies);
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

    /// Events, the newest first.
    fn history(&self) -> Vec<Event> {
        self.history.iter().rev().cloned().collect()
    }

    /// Forgets probe results, when they are too old.
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
