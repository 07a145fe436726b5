//! Is this origin healthy? Results of this isolate's own requests (passive) and of the pool's prober (active), which
//! also passes on what other isolates reported to it.
//!
//! An origin gets no requests while the operator drains it, while probes find it down, while it is ejected for
//! failures, or while it rests because it sent `Retry-After`. Afterwards its share grows slowly (slow start).

mod exchange;
mod gauge;
pub mod prober;
pub mod protocol;

use crate::config::{Millis, Pool};
use crate::origin::balance::{View, WHOLE, mix, orca::Load, rendezvous};
use crate::origin::replica::Position;
use crate::sort;
use gauge::{InFlight, Peak};

/// A prober's report is valid for so many milliseconds, unless a newer one comes.
const REPORT_VALID: Millis = 60_000;
/// The smallest share during slow start, in thousandths.
const MIN_SHARE: u32 = 50;
/// The count of ejections falls by one after so many milliseconds without an ejection.
const EJECTION_DECAY: Millis = 300_000;
/// The number of latencies that are kept to compute percentiles.
const SAMPLES: usize = 128;

/// Whether an origin gets requests, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It gets its whole share.
    Healthy,
    /// Slow start: it gets a part of its share.
    Returning,
    /// The operator drains it.
    Drained,
    /// Probes find it down.
    Down,
    /// It failed too often in a row.
    Ejected,
    /// It sent `Retry-After`.
    Resting,
}

impl State {
    /// Its name in logs and the admin API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "fit",
            Self::Returning => "returning",
            Self::Drained => "drained",
            Self::Down => "down",
            Self::Ejected => "ejected",
            Self::Resting => "resting",
        }
    }
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A response that shows that the origin works.
    Good,
    /// A response that shows a failure, or no response.
    Bad,
    /// A response that rejects the visitor (429): no failure, but the origin must not seem idle for being quick at it.
    Refused,
}

/// A finished attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Its outcome.
    pub outcome: Outcome,
    /// Milliseconds until the response began.
    pub took: Millis,
    /// Random bits: isolates end an ejection at different times.
    pub random: u64,
}

/// One origin's state in this isolate.
#[derive(Debug, Default)]
struct OriginHealth {
    seed: u64,
    weight: u32,
    replica: bool,
    flights: InFlight,
    latency: Peak,
    load: Option<Load>,
    failures_in_a_row: u32,
    /// Whether it sent `Retry-After` since its last good response.
    sent_retry_after: bool,
    /// The share of its recent responses that were not good, smoothed.
    error_rate: f64,
    ejected_until: Millis,
    ejections: u32,
    /// When it was last ejected or put to rest, or when the count of ejections last fell.
    judged: Millis,
    resting_until: Millis,
    /// When its slow start began, or will begin.
    back: Option<Millis>,
    /// See [`View::bias`].
    bias: f64,
    verdict: Verdict,
    /// The furthest replication position it is known to have reached.
    position: Option<Position>,
    /// The replica lag it last reported and when (both in milliseconds).
    lag: Option<(Millis, Millis)>,
}

/// The prober's report of one origin.
#[derive(Debug, Default, Clone)]
struct Verdict {
    down: bool,
    drained: bool,
    weight: Option<u32>,
    /// Requests in flight from other isolates.
    others: u32,
    reason: String,
}

/// The health of a pool's origins, as one isolate knows it.
#[derive(Debug, Default)]
pub struct PoolHealth {
    origins: Vec<OriginHealth>,
    slow_start: Millis,
    sync: Millis,
    heaviest: f64,
    now: Millis,
    first_deadline: Millis,
    /// When the prober's last report was requested.
    pub synced_at: Millis,
    has_valid_report: bool,
    /// Until when no other request asks the prober.
    pub syncing_until: Millis,
    samples: Vec<u32>,
    next_sample: usize,
}

impl OriginHealth {
    /// Starts the slow start at `at`, and resets the bias.
    fn returns(&mut self, at: Millis) {
        self.back = Some(at);
        self.bias = 1.0;
    }
}

impl PoolHealth {
    /// All origins healthy, without any report.
    #[must_use]
    pub fn new(pool: &Pool) -> Self {
        let origin_health = |origin: &crate::config::Origin| OriginHealth {
            seed: rendezvous::hash(&origin.name),
            weight: origin.weight,
            replica: origin.replica,
            bias: 1.0,
            ..OriginHealth::default()
        };
        let origins = pool.origins.iter().map(origin_health).collect();
        let mut health = Self { origins, slow_start: pool.slow_start, sync: pool.sync, ..Self::default() };
        health.weigh();
        health
    }

    fn weigh(&mut self) {
        let places = 0..self.origins.len();
        self.heaviest = places.map(|place| f64::from(self.weight(place)) * self.bias(place)).fold(0.0, f64::max);
    }

    /// Requests in flight to an origin: this isolate's, and those that other isolates reported.
    #[must_use]
    pub fn in_flight_everywhere(&self, place: usize) -> u32 {
        // Older reports do not show the present load.
        let recent = self.now.saturating_sub(self.synced_at) < 3 * self.sync;
        self.in_flight(place) + self.origins.get(place).filter(|_| recent).map_or(0, |origin| origin.verdict.others)
    }

    /// Sets the time, and drops an expired report and expired requests; usually there are none, and no loop runs.
    pub fn at(&mut self, now: Millis) {
        self.now = now;
        if self.has_valid_report && now.saturating_sub(self.synced_at) >= REPORT_VALID {
            self.has_valid_report = false;
            for origin in &mut self.origins {
                if std::mem::take(&mut origin.verdict.down) {
                    origin.returns(now);
                }
            }
        }
        if now >= self.first_deadline {
            self.origins.iter_mut().for_each(|origin| origin.flights.0.retain(|end| *end > now));
            let ends = self.origins.iter().flat_map(|origin| origin.flights.0.iter().copied());
            self.first_deadline = ends.min().unwrap_or(Millis::MAX);
        }
    }

    /// The furthest replication position that an origin is known to have reached.
    #[must_use]
    pub fn position(&self, place: usize) -> Option<Position> {
        self.origins.get(place)?.position
    }

    /// The replica lag in milliseconds, as last reported; it expires, or the origin would never be asked again.
    #[must_use]
    pub fn lag(&self, place: usize) -> Option<Millis> {
        let (lag, at) = self.origins.get(place)?.lag?;
        (self.now.saturating_sub(at) < REPORT_VALID).then_some(lag)
    }

    /// Whether an origin gets requests, and if not why.
    #[must_use]
    pub fn state(&self, place: usize) -> State {
        let Some(origin) = self.origins.get(place) else { return State::Down };
        match () {
            () if origin.verdict.drained => State::Drained,
            () if origin.verdict.down => State::Down,
            () if self.now < origin.ejected_until => State::Ejected,
            () if self.now < origin.resting_until => State::Resting,
            () if self.share(place) < WHOLE => State::Returning,
            () => State::Healthy,
        }
    }

    /// The reason in the prober's report: why an origin is up or down.
    #[must_use]
    pub fn reason(&self, place: usize) -> &str {
        self.origins.get(place).map_or("", |origin| &origin.verdict.reason)
    }

    /// Counts a request to an origin until [`PoolHealth::request_ended`], at most until `deadline` (ms since 1970).
    pub fn request_began(&mut self, place: usize, deadline: Millis) {
        if let Some(origin) = self.origins.get_mut(place) {
            origin.flights.0.push(deadline);
            self.first_deadline = self.first_deadline.min(deadline);
        }
    }

    /// Ends the request to an origin that was counted with this `deadline`.
    pub fn request_ended(&mut self, place: usize, deadline: Millis) {
        if let Some(origin) = self.origins.get_mut(place) {
            origin.flights.remove(deadline);
        }
    }

    /// Records an attempt. Returns whether this ejects the origin, for too many failures in a row.
    pub fn record(&mut self, pool: &Pool, place: usize, attempt: Attempt) -> bool {
        let (Attempt { outcome, took, random }, now) = (attempt, self.now);
        let may_eject = outcome == Outcome::Bad && self.may_take_out(place);
        let Some(origin) = self.origins.get_mut(place) else { return false };
        origin.error_rate += (f64::from(u8::from(outcome != Outcome::Good)) - origin.error_rate) * 0.05;
        if outcome == Outcome::Refused {
            return false;
        }
        if outcome == Outcome::Good {
            origin.failures_in_a_row = 0;
            origin.sent_retry_after = false;
            origin.latency.observe(took as f64, now);
            if origin.ejections > 0 && now.saturating_sub(origin.judged) > EJECTION_DECAY {
                origin.ejections -= 1;
                origin.judged = now;
            }
            self.sample(took);
            return false;
        }
        origin.failures_in_a_row += 1;
        let enough = pool.ejection.failures > 0 && origin.failures_in_a_row >= pool.ejection.failures;
        if !enough || now < origin.ejected_until || !may_eject {
            return false;
        }
        origin.ejections += 1;
        origin.failures_in_a_row = 0;
        origin.judged = now;
        let duration = pool.ejection.base.saturating_mul(u64::from(origin.ejections)).min(pool.ejection.max);
        // A jitter of a tenth: isolates do not all return to the origin at once.
        let duration = duration * 9 / 10 + mix(random) % (duration / 5).max(1);
        origin.ejected_until = now + duration;
        origin.returns(origin.ejected_until);
        true
    }

    /// Whether an origin may be ejected or rest: never more than half of the pool, and never the last of its role.
    fn may_take_out(&self, place: usize) -> bool {
        let is_out = |origin: &&OriginHealth| self.now < origin.ejected_until || self.now < origin.resting_until;
        let role = |place: usize| self.origins.get(place).map(|origin| origin.replica);
        let other = |other: usize| other != place && role(other) == role(place) && self.share(other) > 0;
        self.origins.iter().filter(is_out).count() < self.origins.len() / 2 && (0..self.origins.len()).any(other)
    }

    /// Records that an origin sent `Retry-After`. Returns whether it did so before, without a good response since.
    pub fn repeats_retry_after(&mut self, place: usize) -> bool {
        self.origins.get_mut(place).is_some_and(|origin| std::mem::replace(&mut origin.sent_retry_after, true))
    }

    /// Lets an origin rest until `until` (milliseconds since 1970), as its `Retry-After` asks.
    pub fn rest_until(&mut self, place: usize, until: Millis) {
        let (may_rest, now) = (self.may_take_out(place), self.now);
        // An origin that is out already does not count twice.
        let already = |origin: &OriginHealth| now < origin.resting_until || now < origin.ejected_until;
        if let Some(origin) = self.origins.get_mut(place).filter(|origin| may_rest || already(origin)) {
            origin.resting_until = origin.resting_until.max(until);
            origin.judged = now;
            origin.returns(origin.resting_until);
        }
    }

    /// Records that an origin had not responded after `took` milliseconds, when the request was cancelled.
    pub fn record_wait(&mut self, place: usize, took: Millis) {
        let now = self.now;
        if let Some(origin) = self.origins.get_mut(place) {
            origin.latency.observe(took as f64, now);
        }
    }

    /// Records the load that an origin reports, in thousandths.
    pub fn record_load(&mut self, place: usize, load: u32) {
        let now = self.now;
        if let Some(origin) = self.origins.get_mut(place) {
            origin.load = Some(Load::merged(origin.load, load, now));
        }
    }

    /// Records an origin's position, which never goes back, and its lag in milliseconds.
    pub fn record_position(&mut self, place: usize, position: Option<Position>, lag: Option<Millis>) {
        let now = self.now;
        if let Some(origin) = self.origins.get_mut(place) {
            origin.position = Position::later(origin.position, position);
            origin.lag = lag.map(|lag| (lag, now)).or(origin.lag);
        }
    }

    fn sample(&mut self, took: Millis) {
        let took = u32::try_from(took).unwrap_or(u32::MAX);
        match self.samples.get_mut(self.next_sample) {
            Some(sample) => *sample = took,
            None => self.samples.push(took),
        }
        self.next_sample = (self.next_sample + 1) % SAMPLES;
    }

    /// The 95th percentile of latencies in milliseconds; `None` below 20 samples.
    #[must_use]
    pub fn p95(&self) -> Option<Millis> {
        let mut sorted = self.samples.clone();
        sort::ascending(&mut sorted);
        (sorted.len() >= 20).then(|| sorted.get(sorted.len() * 95 / 100).map(|took| Millis::from(*took)))?
    }
}

impl View for PoolHealth {
    fn len(&self) -> usize {
        self.origins.len()
    }

    fn share(&self, place: usize) -> u32 {
        let Some(origin) = self.origins.get(place) else { return 0 };
        let out = origin.verdict.drained || origin.verdict.down;
        if out || self.now < origin.ejected_until || self.now < origin.resting_until {
            return 0;
        }
        match origin.back.map(|back| self.now.saturating_sub(back)).filter(|since| *since < self.slow_start) {
            Some(since) => u32::try_from(u64::from(WHOLE) * since / self.slow_start).unwrap_or(WHOLE).max(MIN_SHARE),
            None => WHOLE,
        }
    }

    fn weight(&self, place: usize) -> u32 {
        self.origins.get(place).map_or(0, |origin| origin.verdict.weight.unwrap_or(origin.weight))
    }

    fn bias(&self, place: usize) -> f64 {
        self.origins.get(place).map_or(1.0, |origin| origin.bias)
    }

    fn heaviest(&self) -> f64 {
        self.heaviest
    }

    fn in_flight(&self, place: usize) -> u32 {
        self.origins.get(place).map_or(0, |origin| origin.flights.count())
    }

    fn latency(&self, place: usize) -> Option<f64> {
        self.origins.get(place)?.latency.now(self.now)
    }

    fn load(&self, place: usize) -> Option<u32> {
        self.origins.get(place)?.load?.now(self.now)
    }

    fn seed(&self, place: usize) -> u64 {
        self.origins.get(place).map_or(0, |origin| origin.seed)
    }
}

#[cfg(test)]
mod tests;
