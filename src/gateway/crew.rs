//! What this isolate knows of each pool: whom it picks there, and what it tells the pool's prober.

use super::{Gateway, join::all};
use crate::balance::{self, Turns, View, WHOLE};
use crate::config::{Config, Millis, Pool, Route};
use crate::health::letter::{Letter, Report};
use crate::health::{Fitness, Fleet};
use crate::observe;
use crate::platform::{After, Down, Platform};
use crate::replica::{self, REMEMBERED, Written};
use crate::retry::Budget;
use crate::session::Memo;
use crate::shard::Heat;
use crate::trial::Trial;
use std::cell::{Cell, RefCell};

/// Users whose last writes are remembered at one time.
const WRITERS: usize = 10_000;
/// How long a prober may take to answer.
const DEADLINE: Millis = 2_000;

/// A pool as this isolate knows it.
#[derive(Default)]
pub(super) struct Crew {
    pub(super) fleet: Fleet,
    pub(super) budget: Budget,
    pub(super) turns: Turns,
}

/// Everything that an isolate knows of origins.
pub(super) struct Crews {
    /// By the places of [`Config::pools`].
    pools: Vec<RefCell<Crew>>,
    /// By the places of [`Config::shards`].
    pub(super) heats: Vec<RefCell<Heat>>,
    /// Of routes with a canary, by their places.
    pub(super) trials: Vec<RefCell<Trial>>,
    /// What those who are signed in wrote last, by pool and user: programs that keep no cookies.
    pub(super) writers: RefCell<Memo<Written>>,
    /// What this isolate calls itself.
    isolate: Cell<Option<u64>>,
}

impl Default for Crews {
    fn default() -> Self {
        Self {
            pools: Vec::new(),
            heats: Vec::new(),
            trials: Vec::new(),
            writers: RefCell::new(Memo::new(WRITERS, REMEMBERED)),
            isolate: Cell::new(None),
        }
    }
}

/// An origin: places of the pool and of the origin in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) pool: usize,
    pub(super) origin: usize,
}

/// What a request wants of an origin.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted<'w> {
    /// Whether it only reads.
    pub(super) safe: bool,
    /// What its visitor wrote last.
    pub(super) written: Option<Written>,
    /// When what it asks for was last purged.
    pub(super) stamped: Millis,
    /// The origin that its visitor stays with.
    pub(super) prefers: Option<usize>,
    /// What decides where hashing does.
    pub(super) key: Option<u64>,
    /// Origins that were asked already.
    pub(super) tried: &'w [Choice],
    /// Whether all are taken for fit.
    pub(super) open: bool,
    pub(super) now: Millis,
    pub(super) dice: u64,
}

/// Whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picked {
    /// This one, and why, where it is not the balance's choice.
    One(usize, Option<&'static str>),
    /// Those that are fit have as many requests as they may.
    Full,
    /// None is fit.
    None,
}

/// Some of a pool's origins.
struct Among<'f> {
    fleet: &'f Fleet,
    /// Which; all where nothing is said.
    only: Option<&'f [bool]>,
    open: bool,
}

impl View for Among<'_> {
    fn len(&self) -> usize {
        self.fleet.len()
    }

    fn share(&self, place: usize) -> u32 {
        match self.only.is_some_and(|only| !only.get(place).copied().unwrap_or(false)) {
            true => 0,
            false if self.open && self.fleet.fitness(place) != Fitness::Drained => WHOLE,
            false => self.fleet.share(place),
        }
    }

    fn weight(&self, place: usize) -> u32 {
        self.fleet.weight(place)
    }

    fn bias(&self, place: usize) -> f64 {
        self.fleet.bias(place)
    }

    fn heaviest(&self) -> f64 {
        self.fleet.heaviest()
    }

    fn in_flight(&self, place: usize) -> u32 {
        self.fleet.in_flight(place)
    }

    fn latency(&self, place: usize) -> Option<f64> {
        self.fleet.latency(place)
    }

    fn load(&self, place: usize) -> Option<u32> {
        self.fleet.load(place)
    }

    fn seed(&self, place: usize) -> u64 {
        self.fleet.seed(place)
    }
}

/// Whether nothing about a pool needs to be known: its only origin is asked whatever happens.
pub(super) fn is_plain(pool: &Pool) -> bool {
    !pool.is_watched() && pool.max_in_flight.is_none()
}

impl Crews {
    pub(super) fn new(config: &Config) -> Self {
        let crew = |pool: &Pool| RefCell::new(Crew { fleet: Fleet::new(pool), ..Crew::default() });
        Self {
            pools: config.pools.iter().map(crew).collect(),
            heats: config.shards.iter().map(|_| RefCell::default()).collect(),
            trials: config.routes.iter().map(|_| RefCell::default()).collect(),
            ..Self::default()
        }
    }

    pub(super) fn of(&self, pool: usize) -> Option<&RefCell<Crew>> {
        self.pools.get(pool)
    }
}

impl Crew {
    /// Picks an origin. `rank` says how far from the visitor each is: the less the nearer.
    pub(super) fn pick(
        &mut self,
        pool: &Pool,
        place: usize,
        wanted: &Wanted<'_>,
        rank: impl Fn(usize) -> (u8, f64),
    ) -> Picked {
        if is_plain(pool) {
            let tried = wanted.tried.iter().any(|tried| tried.pool == place);
            return if tried { Picked::None } else { Picked::One(0, None) };
        }
        self.fleet.at(wanted.now);
        let replicated = pool.is_replicated();
        let tried = |origin: usize| wanted.tried.contains(&Choice { pool: place, origin });
        if wanted.tried.is_empty() && !replicated && pool.max_in_flight.is_none() {
            return self.of_all(pool, wanted, None);
        }
        let full =
            |fleet: &Fleet, origin: usize| pool.max_in_flight.is_some_and(|most| fleet.everywhere(origin) >= most);
        let mut busy = false;
        // Who reads asks replicas before the primary; who writes asks the primary.
        let turns: &[(bool, Option<&'static str>)] = match (replicated, wanted.safe) {
            (false, _) => &[(false, None)],
            (true, true) => &[(true, Some("replica")), (false, Some("primary"))],
            (true, false) => &[(false, Some("primary"))],
        };
        for (replicas, why) in turns {
            let usable = |origin: usize| {
                let Some(said) = pool.origins.get(origin).filter(|said| said.replica == *replicas) else {
                    return false;
                };
                !tried(origin)
                    && (!said.replica || self.may_read(pool, origin, wanted.written, wanted.stamped, wanted.now))
            };
            let mut only: Vec<bool> = (0..pool.origins.len()).map(usable).collect();
            for (origin, usable) in only.iter_mut().enumerate().filter(|(_, usable)| **usable) {
                if full(&self.fleet, origin) {
                    busy |= self.fleet.share(origin) > 0;
                    *usable = false;
                }
            }
            if *replicas {
                nearest(&self.fleet, &mut only, &rank);
            }
            match self.of_all(pool, wanted, Some(&only)) {
                Picked::One(origin, how) => return Picked::One(origin, how.or(*why)),
                _ => continue,
            }
        }
        if busy { Picked::Full } else { Picked::None }
    }

    /// Whether a replica is far enough for whoever wrote, and for what was purged: what is stored of it
    /// stays for a while.
    pub(super) fn may_read(
        &self,
        pool: &Pool,
        origin: usize,
        written: Option<Written>,
        stamped: Millis,
        now: Millis,
    ) -> bool {
        let (position, lag) = (self.fleet.position(origin), self.fleet.lag(origin));
        let may = |written| replica::may_read(&pool.replicas, position, lag, written, now);
        may(written) && may(Some(Written::new(None, stamped)))
    }

    fn of_all(&mut self, pool: &Pool, wanted: &Wanted<'_>, only: Option<&[bool]>) -> Picked {
        let among = Among { fleet: &self.fleet, only, open: wanted.open };
        if let Some(origin) = wanted.prefers.filter(|origin| among.share(*origin) > 0) {
            return Picked::One(origin, Some("affinity"));
        }
        match balance::pick(pool.balance, &among, &mut self.turns, wanted.key, wanted.dice) {
            Some(origin) => Picked::One(origin, None),
            None => Picked::None,
        }
    }
}

/// Leaves of the fit ones only the nearest.
fn nearest(fleet: &Fleet, only: &mut [bool], rank: &impl Fn(usize) -> (u8, f64)) {
    let fit = |origin: usize, usable: bool| usable && fleet.share(origin) > 0;
    let ranks: Vec<Option<(u8, f64)>> =
        only.iter().enumerate().map(|(origin, usable)| fit(origin, *usable).then(|| rank(origin))).collect();
    let best = ranks.iter().flatten().copied().min_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    if let Some(best) = best {
        for (usable, rank) in only.iter_mut().zip(ranks) {
            *usable &= rank == Some(best);
        }
    }
}

impl Gateway {
    /// Leaves it to be done behind the answer to exchange news with the probers of a route's pools, when
    /// it is time.
    pub(super) fn exchange_later(&self, config: &Config, route: &Route, now: Millis) -> Option<After> {
        let mut due = Vec::new();
        for place in route.pools.iter().copied() {
            let Some(pool) = config.pools.get(place).filter(|pool| pool.is_watched()) else { continue };
            let Some(crew) = self.crews.of(place) else { continue };
            let fleet = &mut crew.borrow_mut().fleet;
            if now.saturating_sub(fleet.heard) >= pool.sync && now >= fleet.busy_until {
                fleet.busy_until = now + DEADLINE;
                due.push(place);
            }
        }
        (!due.is_empty()).then_some(After::Sync(due))
    }

    /// Exchanges news with the probers of several pools at once.
    pub(super) async fn exchange_all<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        pools: &[usize],
    ) -> Result<(), Down> {
        let done = all(pools.iter().map(|place| self.exchange(platform, config, *place))).await;
        done.into_iter().collect()
    }

    /// What this isolate calls itself.
    pub(super) fn isolate<P: Platform>(&self, platform: &P) -> String {
        let isolate = self.crews.isolate.get().unwrap_or_else(|| u64::from_le_bytes(platform.random::<8>()));
        self.crews.isolate.set(Some(isolate));
        format!("{isolate:016x}")
    }

    /// Tells a pool's prober what is known here, and learns what it knows.
    async fn exchange<P: Platform>(&self, platform: &P, config: &Config, place: usize) -> Result<(), Down> {
        let (Some(pool), Some(crew)) = (config.pools.get(place), self.crews.of(place)) else { return Ok(()) };
        let asked = platform.now();
        let isolate = self.isolate(platform);
        let origins = {
            let fleet = &mut crew.borrow_mut().fleet;
            fleet.at(asked);
            fleet.digest(pool)
        };
        let letter = Letter::Sync { isolate, origins };
        let letter = serde_json::to_string(&letter).map_err(|_| Down)?;
        let heard = platform.prober(&pool.name, &letter, DEADLINE).await;
        let report = heard.and_then(|text| serde_json::from_str::<Report>(&text).map_err(|_| Down));
        let fleet = &mut crew.borrow_mut().fleet;
        let now = platform.now();
        match report {
            Ok(report) => {
                let before: Vec<Fitness> = (0..fleet.len()).map(|origin| fleet.fitness(origin)).collect();
                fleet.at(now);
                fleet.learn(pool, &report, asked);
                fleet.busy_until = 0;
                for (origin, (was, said)) in before.into_iter().zip(&pool.origins).enumerate() {
                    let is = fleet.fitness(origin);
                    if was != is && [was, is].iter().any(|one| matches!(one, Fitness::Down | Fitness::Drained)) {
                        let why = fleet.reason(origin);
                        let sentence = format!("pool {:?}: origin {:?} is {} ({why})", pool.name, said.name, is.word());
                        platform.log(&observe::event("warning", &sentence));
                    }
                }
                Ok(())
            }
            Err(Down) => {
                // It is left alone as long as an answer may take.
                fleet.busy_until = now + DEADLINE;
                Err(Down)
            }
        }
    }
}
