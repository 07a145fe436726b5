//! Is this origin fit? What an isolate knows of a pool: what its own requests met (passive), and
//! what the pool's prober says (active) and other isolates told it.
//!
//! An origin gets nothing while the operator drains it, while probes find it down, while it is
//! ejected for failing, or while it asked to be left alone (`Retry-After`). It comes back slowly.

mod exchange;
mod gauge;
pub mod prober;
pub mod protocol;

use crate::config::{Millis, Pool};
use crate::origin::balance::{View, WHOLE, mix, orca::Load, rendezvous};
use crate::origin::replica::Position;
use gauge::{InFlight, Peak};

/// What the prober said counts for this long without news of it.
const CREDIBLE: Millis = 60_000;
/// The least share of one that is coming back, in thousandths.
const LEAST: u32 = 50;
/// Ejections are forgotten one by one, each after so long without failure.
const FORGIVEN: Millis = 300_000;
/// Latencies that are remembered to find the slow ones.
const SAMPLES: usize = 128;

/// Why an origin gets nothing, or that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It gets its share.
    Fit,
    /// It gets a part of its share.
    Returning,
    /// The operator takes it out.
    Drained,
    /// Probes find it down.
    Down,
    /// It failed too often.
    Ejected,
    /// It asked to be left alone.
    Resting,
}

impl State {
    /// One word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Returning => "returning",
            Self::Drained => "drained",
            Self::Down => "down",
            Self::Ejected => "ejected",
            Self::Resting => "resting",
        }
    }
}

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An answer that says the origin works.
    Good,
    /// An answer that says it does not, or none.
    Bad,
    /// An answer that turns the visitor away: nothing is held against the origin, but it is not idle for
    /// being quick at that.
    Refused,
}

/// An attempt that is over.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Its outcome.
    pub outcome: Outcome,
    /// Milliseconds until the answer began.
    pub took: Millis,
    /// Random bits, so that isolates do not all end an ejection at once.
    pub random: u64,
}

/// What an isolate knows of one origin.
#[derive(Debug, Default)]
struct OriginHealth {
    seed: u64,
    weight: u32,
    replica: bool,
    flights: InFlight,
    latency: Peak,
    load: Option<Load>,
    /// Failures one after the other.
    failures: u32,
    /// Whether it asked to be left alone since its last good answer.
    pleaded: bool,
    /// The share of its last answers that were failures, smoothed.
    flaws: f64,
    ejected_until: Millis,
    ejections: u32,
    /// When it was last ejected or last forgiven.
    judged: Millis,
    resting_until: Millis,
    /// Since when it is back.
    back: Option<Millis>,
    /// See [`View::bias`].
    bias: f64,
    verdict: Verdict,
    /// The furthest it is known to have come.
    position: Option<Position>,
    /// How far it was behind when it last said, in milliseconds, and when that was.
    lag: Option<(Millis, Millis)>,
}

/// What the prober says of one.
#[derive(Debug, Default, Clone)]
struct Verdict {
    down: bool,
    drained: bool,
    weight: Option<u32>,
    /// Requests of the other isolates.
    others: u32,
    reason: String,
}

/// A pool as one isolate knows it.
#[derive(Debug, Default)]
pub struct PoolHealth {
    origins: Vec<OriginHealth>,
    slow_start: Millis,
    sync: Millis,
    heaviest: f64,
    now: Millis,
    /// When the first of all requests on their way is over at the latest.
    soonest: Millis,
    /// When the prober's last word was asked for.
    pub synced_at: Millis,
    /// Whether that word still counts.
    believed: bool,
    /// Until when nobody else asks it.
    pub syncing_until: Millis,
    samples: Vec<u32>,
    next_sample: usize,
}

impl OriginHealth {
    /// It is back from `at` on: slowly, and nothing of its former odds counts.
    fn returns(&mut self, at: Millis) {
        self.back = Some(at);
        self.bias = 1.0;
    }
}

impl PoolHealth {
    /// Nothing is known yet, and nothing held against anybody.
    #[must_use]
    pub fn new(pool: &Pool) -> Self {
        let standing = |origin: &crate::config::Origin| OriginHealth {
            seed: rendezvous::hash(&origin.name),
            weight: origin.weight,
            replica: origin.replica,
            bias: 1.0,
            ..OriginHealth::default()
        };
        let origins = pool.origins.iter().map(standing).collect();
        let mut fleet = Self { origins, slow_start: pool.slow_start, sync: pool.sync, ..Self::default() };
        fleet.weigh();
        fleet
    }

    fn weigh(&mut self) {
        let places = 0..self.origins.len();
        self.heaviest = places.map(|place| f64::from(self.weight(place)) * self.bias(place)).fold(0.0, f64::max);
    }

    /// Requests that an origin is at, of this isolate and, as they told, of all others.
    #[must_use]
    pub fn in_flight_everywhere(&self, place: usize) -> u32 {
        // What others told a while ago says nothing of now.
        let told = self.now.saturating_sub(self.synced_at) < 3 * self.sync;
        self.in_flight(place) + self.origins.get(place).filter(|_| told).map_or(0, |origin| origin.verdict.others)
    }

    /// The same a moment later: what has passed is let go. As a rule there is nothing, and origins are
    /// not gone through.
    pub fn at(&mut self, now: Millis) {
        self.now = now;
        if self.believed && now.saturating_sub(self.synced_at) >= CREDIBLE {
            self.believed = false;
            for origin in &mut self.origins {
                if std::mem::take(&mut origin.verdict.down) {
                    origin.returns(now);
                }
            }
        }
        if now >= self.soonest {
            self.origins.iter_mut().for_each(|origin| origin.flights.0.retain(|end| *end > now));
            let ends = self.origins.iter().flat_map(|origin| origin.flights.0.iter().copied());
            self.soonest = ends.min().unwrap_or(Millis::MAX);
        }
    }

    /// How far an origin is known to have come.
    #[must_use]
    pub fn position(&self, place: usize) -> Option<Position> {
        self.origins.get(place)?.position
    }

    /// How far it was behind when it last said, in milliseconds; old words do not count, or nobody would
    /// ask it again.
    #[must_use]
    pub fn lag(&self, place: usize) -> Option<Millis> {
        let (lag, at) = self.origins.get(place)?.lag?;
        (self.now.saturating_sub(at) < CREDIBLE).then_some(lag)
    }

    /// Whether an origin gets anything, and if not why.
    #[must_use]
    pub fn state(&self, place: usize) -> State {
        let Some(origin) = self.origins.get(place) else { return State::Down };
        match () {
            () if origin.verdict.drained => State::Drained,
            () if origin.verdict.down => State::Down,
            () if self.now < origin.ejected_until => State::Ejected,
            () if self.now < origin.resting_until => State::Resting,
            () if self.share(place) < WHOLE => State::Returning,
            () => State::Fit,
        }
    }

    /// What the prober says of an origin that is down.
    #[must_use]
    pub fn reason(&self, place: usize) -> &str {
        self.origins.get(place).map_or("", |origin| &origin.verdict.reason)
    }

    /// A request goes to an origin: it counts until [`PoolHealth::ended`], or until `deadline` (milliseconds
    /// since 1970) when its end is never told.
    pub fn request_began(&mut self, place: usize, deadline: Millis) {
        if let Some(origin) = self.origins.get_mut(place) {
            origin.flights.0.push(deadline);
            self.soonest = self.soonest.min(deadline);
        }
    }

    /// A request that went to an origin is over, one way or another.
    pub fn request_ended(&mut self, place: usize, deadline: Millis) {
        if let Some(origin) = self.origins.get_mut(place) {
            origin.flights.remove(deadline);
        }
    }

    /// Records an attempt. Whether the origin is ejected now, because it failed too often in a row.
    pub fn record(&mut self, pool: &Pool, place: usize, attempt: Attempt) -> bool {
        let (Attempt { outcome, took, random }, now) = (attempt, self.now);
        let room = outcome == Outcome::Bad && self.has_room(place);
        let Some(origin) = self.origins.get_mut(place) else { return false };
        origin.flaws += (f64::from(u8::from(outcome != Outcome::Good)) - origin.flaws) * 0.05;
        if outcome == Outcome::Refused {
            return false;
        }
        if outcome == Outcome::Good {
            origin.failures = 0;
            origin.pleaded = false;
            origin.latency.observe(took as f64, now);
            if origin.ejections > 0 && now.saturating_sub(origin.judged) > FORGIVEN {
                origin.ejections -= 1;
                origin.judged = now;
            }
            self.sample(took);
            return false;
        }
        origin.failures += 1;
        let enough = pool.ejection.failures > 0 && origin.failures >= pool.ejection.failures;
        if !enough || now < origin.ejected_until || !room {
            return false;
        }
        origin.ejections += 1;
        origin.failures = 0;
        origin.judged = now;
        let long = pool.ejection.base.saturating_mul(u64::from(origin.ejections)).min(pool.ejection.max);
        // A tenth more or less, so that isolates do not all come back at once.
        let long = long * 9 / 10 + mix(random) % (long / 5).max(1);
        origin.ejected_until = now + long;
        origin.returns(origin.ejected_until);
        true
    }

    /// Whether this one may be left alone for what it did: never more than half of the pool, and never
    /// the last of its role that gets anything.
    fn has_room(&self, place: usize) -> bool {
        let alone = |origin: &&OriginHealth| self.now < origin.ejected_until || self.now < origin.resting_until;
        let role = |place: usize| self.origins.get(place).map(|origin| origin.replica);
        let other = |other: usize| other != place && role(other) == role(place) && self.share(other) > 0;
        self.origins.iter().filter(alone).count() < self.origins.len() / 2 && (0..self.origins.len()).any(other)
    }

    /// An origin asks to be left alone (`Retry-After`); whether it asked before, with no good answer since.
    pub fn asks_again_for_rest(&mut self, place: usize) -> bool {
        self.origins.get_mut(place).is_some_and(|origin| std::mem::replace(&mut origin.pleaded, true))
    }

    /// Leaves an origin alone until a moment, because it asked for it.
    pub fn rest_until(&mut self, place: usize, until: Millis) {
        let (room, now) = (self.has_room(place), self.now);
        // Who is left alone already takes no room.
        let already = |origin: &OriginHealth| now < origin.resting_until || now < origin.ejected_until;
        if let Some(origin) = self.origins.get_mut(place).filter(|origin| room || already(origin)) {
            origin.resting_until = origin.resting_until.max(until);
            origin.judged = now;
            origin.returns(origin.resting_until);
        }
    }

    /// An origin has not answered for so long, and was asked no further.
    pub fn record_wait(&mut self, place: usize, took: Millis) {
        let now = self.now;
        if let Some(origin) = self.origins.get_mut(place) {
            origin.latency.observe(took as f64, now);
        }
    }

    /// What an origin says of its load.
    pub fn record_load(&mut self, place: usize, load: u32) {
        let now = self.now;
        if let Some(origin) = self.origins.get_mut(place) {
            origin.load = Some(Load::merged(origin.load, load, now));
        }
    }

    /// How far an origin has come; it never goes back.
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

    /// What 19 of 20 answers begin within, in milliseconds; `None` while too few are known.
    #[must_use]
    pub fn p95(&self) -> Option<Millis> {
        let mut sorted = self.samples.clone();
        sorted.sort_unstable();
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
            Some(since) => u32::try_from(u64::from(WHOLE) * since / self.slow_start).unwrap_or(WHOLE).max(LEAST),
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
