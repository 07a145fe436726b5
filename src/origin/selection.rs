//! Which origin of a pool gets a request, by the state of the pool in this isolate?

use super::balance::{self, Turns, View, WHOLE};
use super::health::{PoolHealth, State};
use super::replica::{self, Written};
use super::retry::Budget;
use crate::config::{Config, Millis, Pool, USES};

/// The state of a pool in this isolate.
#[derive(Debug, Default)]
pub struct PoolState {
    /// The health of its origins.
    pub health: PoolHealth,
    /// The retry budget.
    pub budget: Budget,
    /// The position in the sequence, for the round robin algorithms.
    pub turns: Turns,
}

/// An origin, by its place in its pool and the pool's in [`crate::config::Config::pools`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginRef {
    /// Place of the pool.
    pub pool: usize,
    /// Place in the pool.
    pub origin: usize,
}

impl OriginRef {
    /// The pool, and the origin's base URL.
    #[must_use]
    pub fn of(self, config: &Config) -> Option<(&Pool, &str)> {
        let pool = config.pools.get(self.pool)?;
        Some((pool, pool.origins.get(self.origin)?.url.text()))
    }
}

/// What decides which origin a request gets.
#[derive(Debug, Clone, Copy, Default)]
pub struct Criteria<'c> {
    /// Whether the request only reads.
    pub safe: bool,
    /// The visitor's last write.
    pub written: Option<Written>,
    /// When the resource was last purged (milliseconds since 1970): a replica has to be newer.
    pub stamped: Millis,
    /// The origin that the visitor stays with.
    pub sticky: Option<usize>,
    /// The hash key, where the algorithm hashes.
    pub key: Option<u64>,
    /// Origins that this request was sent to already.
    pub tried: &'c [OriginRef],
    /// Whether origins that are down or ejected count as healthy (`down = "fail_open"`).
    pub fail_open: bool,
    /// The time (milliseconds since 1970).
    pub now: Millis,
    /// Random bits.
    pub random: u64,
}

/// The result of a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// This origin, and why, where the balance algorithm did not decide.
    Origin(usize, Option<&'static str>),
    /// Every healthy origin has `max_in_flight` requests.
    Full,
    /// No origin is healthy.
    None,
}

/// The origins of a pool among which the algorithm chooses.
struct Candidates<'h> {
    health: &'h PoolHealth,
    /// Which origins; `None` = all.
    only: Option<&'h [bool]>,
    fail_open: bool,
}

impl View for Candidates<'_> {
    fn len(&self) -> usize {
        self.health.len()
    }

    fn share(&self, place: usize) -> u32 {
        match self.only.is_some_and(|only| !only.get(place).copied().unwrap_or(false)) {
            true => 0,
            false if self.fail_open && self.health.state(place) != State::Drained => WHOLE,
            false => self.health.share(place),
        }
    }

    fn weight(&self, place: usize) -> u32 {
        self.health.weight(place)
    }

    fn bias(&self, place: usize) -> f64 {
        self.health.bias(place)
    }

    fn heaviest(&self) -> f64 {
        self.health.heaviest()
    }

    fn in_flight(&self, place: usize) -> u32 {
        self.health.in_flight(place)
    }

    fn latency(&self, place: usize) -> Option<f64> {
        self.health.latency(place)
    }

    fn load(&self, place: usize) -> Option<u32> {
        self.health.load(place)
    }

    fn seed(&self, place: usize) -> u64 {
        self.health.seed(place)
    }
}

/// Whether a pool has one origin that is asked whatever its state, so that no state is kept.
#[must_use]
pub fn is_plain(pool: &Pool) -> bool {
    !USES.balance || (!pool.is_watched() && pool.max_in_flight.is_none())
}

impl PoolState {
    /// A pool whose origins have not been asked yet.
    #[must_use]
    pub fn new(pool: &Pool) -> Self {
        Self { health: PoolHealth::new(pool), ..Self::default() }
    }

    /// Selects an origin of a pool at `place`. `rank` is an origin's distance from the visitor: less is nearer.
    pub fn pick(
        &mut self,
        pool: &Pool,
        place: usize,
        criteria: &Criteria<'_>,
        rank: impl Fn(usize) -> (u8, f64),
    ) -> Selected {
        if is_plain(pool) {
            let tried = criteria.tried.iter().any(|tried| tried.pool == place);
            return if tried { Selected::None } else { Selected::Origin(0, None) };
        }
        self.health.at(criteria.now);
        let replicated = pool.is_replicated();
        let tried = |origin: usize| criteria.tried.contains(&OriginRef { pool: place, origin });
        if criteria.tried.is_empty() && !replicated && pool.max_in_flight.is_none() {
            return self.balance(pool, criteria, None);
        }
        let full = |health: &PoolHealth, origin: usize| {
            pool.max_in_flight.is_some_and(|most| health.in_flight_everywhere(origin) >= most)
        };
        let mut busy = false;
        // Reads go to replicas before the primary; writes go to the primary.
        let roles: &[(bool, Option<&'static str>)] = match (replicated, criteria.safe) {
            (false, _) => &[(false, None)],
            (true, true) => &[(true, Some("replica")), (false, Some("primary"))],
            (true, false) => &[(false, Some("primary"))],
        };
        for (replicas, why) in roles {
            let usable = |origin: usize| {
                let Some(configured) = pool.origins.get(origin).filter(|origin| origin.replica == *replicas) else {
                    return false;
                };
                !tried(origin) && (!configured.replica || self.may_read(pool, origin, criteria))
            };
            let mut only: Vec<bool> = (0..pool.origins.len()).map(usable).collect();
            for (origin, usable) in only.iter_mut().enumerate().filter(|(_, usable)| **usable) {
                if full(&self.health, origin) {
                    busy |= self.health.share(origin) > 0;
                    *usable = false;
                }
            }
            if *replicas {
                nearest(&self.health, &mut only, &rank);
            }
            match self.balance(pool, criteria, Some(&only)) {
                Selected::Origin(origin, how) => return Selected::Origin(origin, how.or(*why)),
                _ => continue,
            }
        }
        if busy { Selected::Full } else { Selected::None }
    }

    /// Whether a replica has replicated the visitor's last write, and is newer than the last purge of the resource:
    /// its answer may be stored.
    #[must_use]
    pub fn may_read(&self, pool: &Pool, origin: usize, criteria: &Criteria<'_>) -> bool {
        let (position, lag) = (self.health.position(origin), self.health.lag(origin));
        let may = |written| replica::may_read(&pool.replicas, position, lag, written, criteria.now);
        may(criteria.written) && may(Some(Written::new(None, criteria.stamped)))
    }

    fn balance(&mut self, pool: &Pool, criteria: &Criteria<'_>, only: Option<&[bool]>) -> Selected {
        let candidates = Candidates { health: &self.health, only, fail_open: criteria.fail_open };
        if let Some(origin) = criteria.sticky.filter(|origin| candidates.share(*origin) > 0) {
            return Selected::Origin(origin, Some("affinity"));
        }
        match balance::pick(pool.balance, &candidates, &mut self.turns, criteria.key, criteria.random) {
            Some(origin) => Selected::Origin(origin, None),
            None => Selected::None,
        }
    }
}

/// Keeps of the healthy origins only the nearest.
fn nearest(health: &PoolHealth, only: &mut [bool], rank: &impl Fn(usize) -> (u8, f64)) {
    let healthy = |origin: usize, usable: bool| usable && health.share(origin) > 0;
    let ranks: Vec<Option<(u8, f64)>> =
        only.iter().enumerate().map(|(origin, usable)| healthy(origin, *usable).then(|| rank(origin))).collect();
    let best = ranks.iter().flatten().copied().min_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    if let Some(best) = best {
        for (usable, rank) in only.iter_mut().zip(ranks) {
            *usable &= rank == Some(best);
        }
    }
}
