//! Asking one of several origins: whom first, whom then, and until when.

use super::crew::{Choice, Picked, Wanted, is_plain};
use super::forward::unreached;
use super::{Gateway, crew::Crew, visit::Visit};
use crate::balance::{mix, orca, rendezvous};
use crate::config::{Config, Down, HashBy, Millis, Pool};
use crate::error::Error;
use crate::head::{self, Edits, Fields};
use crate::health::Outcome;
use crate::hint::{self, Kind};
use crate::observe;
use crate::platform::{Answer, Ask, Carry, Failure, Platform};
use crate::replica::{self, Position, Written};
use crate::retry::{self, Body};
use crate::{session, steer};
use std::cell::RefCell;

/// What an origin says of its load (ORCA).
const LOAD: &str = "endpoint-load-metrics";
/// What an origin says of its place in the primary's history.
const POSITION: &str = "x-usher-position";
/// How far a replica says it is behind, in milliseconds.
const LAG: &str = "x-usher-lag-ms";
/// What an origin is told: in so many milliseconds nobody waits any more.
const DEADLINE: &str = "x-usher-deadline-ms";
/// How long a visitor stays with an origin unless they come again.
const STAYS: Millis = 86_400_000;
/// How often a read looks again whether a replica has come up.
const LOOK: Millis = 10;

/// What is sent, whoever gets it.
pub(super) struct Parcel<'p> {
    /// Path and query.
    pub(super) path: &'p str,
    /// See [`Ask::through`].
    pub(super) through: Option<&'p str>,
    /// When nobody waits any more (milliseconds since 1970).
    pub(super) until: Millis,
    /// Whether the body is held even where it is sent once at most.
    pub(super) hold: bool,
}

/// A request at an origin: over when this is dropped.
struct Flight<'g> {
    crew: Option<&'g RefCell<Crew>>,
    origin: usize,
    deadline: Millis,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(crew) = self.crew {
            crew.borrow_mut().fleet.ended(self.origin, self.deadline);
        }
    }
}

impl Gateway {
    /// Asks the origins of `pools`, from near to far, until one answers. What fails is asked again where
    /// that makes no difference to origins, while there is time.
    pub(super) async fn tries<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        pools: &[usize],
        parcel: &Parcel<'_>,
        edits: &mut Edits,
    ) -> Result<Answer<P::Body>, Error> {
        let head = visit.head;
        let mut pools = pools.to_vec();
        let Some(first) = pools.first().and_then(|place| config.pools.get(*place)) else { return Err(Error::Internal) };
        let attempts = retry::attempts(head, &first.retry);
        let carry = match retry::body(head, first.retry.max_body) {
            Body::None => Carry::Fields,
            Body::Held if attempts > 1 || parcel.hold => Carry::Held,
            Body::Held | Body::Streamed => Carry::Everything,
        };
        let purse = pools.first().and_then(|place| self.crews.of(*place));
        if let Some(crew) = purse.filter(|_| attempts > 1) {
            crew.borrow_mut().budget.earn(first.retry.budget, platform.now());
        }
        let mut tried: Vec<Choice> = Vec::new();
        let mut last: Option<Result<Answer<P::Body>, Error>> = None;
        for attempt in 0..attempts {
            let now = platform.now();
            if attempt > 0 && now >= parcel.until {
                break;
            }
            let (choice, why) = match self.next(platform, config, visit, &mut pools, &tried, now) {
                Ok(found) => found,
                // A replica may yet come up to what the visitor wrote; the primary is there anyway.
                Err(error) if attempt == 0 => return Err(error),
                Err(_) => break,
            };
            if attempt > 0 && !purse.is_some_and(|crew| crew.borrow_mut().budget.spend()) {
                self.counters.borrow_mut().origin("budget", &first.name);
                break;
            }
            if let Some(Ok(answer)) = last.take() {
                platform.discard(answer.body);
            }
            visit.steered = why.or(visit.steered);
            let (choice, result) =
                self.send(platform, config, visit, &pools, &mut tried, choice, carry, parcel, edits).await;
            let retried =
                |status: u16| config.pools.get(choice.pool).is_some_and(|pool| pool.retry.on.contains(&status));
            last = Some(match result {
                Ok(answer) => {
                    let (status, fields) = head::answer(&answer.packed);
                    match unreached(status) {
                        Some(error) => {
                            platform.discard(answer.body);
                            Err(error)
                        }
                        None if retried(status) => Ok(answer),
                        None => {
                            self.told(config, visit, choice, status, &fields);
                            return Ok(answer);
                        }
                    }
                }
                Err(Failure::Unreachable) => Err(Error::OriginUnreachable),
                Err(Failure::Timeout) => Err(Error::OriginTimeout),
            });
        }
        last.unwrap_or(Err(Error::Internal))
    }

    /// Whom to ask next, and why; `Err` when there is nobody.
    fn next<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        pools: &mut Vec<usize>,
        tried: &[Choice],
        now: Millis,
    ) -> Result<(Choice, Option<&'static str>), Error> {
        // What stands together often falls together: the third attempt goes to the next pool first.
        let start = usize::from(tried.len() > 1 && pools.len() > 1);
        let mut full = false;
        for place in pools.iter().skip(start).chain(pools.iter().take(start)) {
            match self.picked(config, visit, *place, tried, now, false) {
                Picked::One(origin, why) => return Ok((Choice { pool: *place, origin }, why)),
                Picked::Full => full = true,
                Picked::None => {}
            }
        }
        if full {
            self.counters.borrow_mut().origin("shed", self.name(config, pools.first()));
            return Err(Error::Busy);
        }
        let Some((place, pool)) = pools.first().and_then(|place| Some((*place, config.pools.get(*place)?))) else {
            return Err(Error::Internal);
        };
        if !tried.is_empty() {
            return Err(Error::PoolDown);
        }
        let policy = match (pool.fallback, pool.down) {
            (Some(_), _) => "fallback",
            (None, Down::FailOpen) => "fail_open",
            (None, Down::FailClosed) => "fail_closed",
            (None, Down::Stale) => "stale",
        };
        self.counters.borrow_mut().origin(policy, &pool.name);
        platform.log(&observe::event("error", &format!("pool {:?}: no origin is fit: {policy}", pool.name)));
        visit.steered = Some(policy);
        let (place, open) = match (pool.fallback, pool.down) {
            (Some(other), _) => {
                pools.push(other);
                (other, true)
            }
            (None, Down::FailOpen) => (place, true),
            (None, Down::FailClosed) => return Err(Error::PoolDown),
            (None, Down::Stale) => {
                visit.serves_stale = true;
                return Err(Error::PoolDown);
            }
        };
        match self.picked(config, visit, place, tried, now, false) {
            Picked::One(origin, _) => return Ok((Choice { pool: place, origin }, Some(policy))),
            Picked::Full => return Err(Error::Busy),
            Picked::None => {}
        }
        match self.picked(config, visit, place, tried, now, open) {
            Picked::One(origin, _) => Ok((Choice { pool: place, origin }, Some(policy))),
            Picked::Full => Err(Error::Busy),
            Picked::None => Err(Error::PoolDown),
        }
    }

    /// The first `most` to be asked, were the request of now sent: places of pools and origins.
    pub(super) fn order<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        pools: &[usize],
        most: usize,
    ) -> Vec<(usize, usize)> {
        let (mut pools, mut tried) = (pools.to_vec(), Vec::new());
        while tried.len() < most
            && let Ok((choice, _)) = self.next(platform, config, visit, &mut pools, &tried, platform.now())
        {
            tried.push(choice);
        }
        tried.into_iter().map(|Choice { pool, origin }| (pool, origin)).collect()
    }

    fn name<'c>(&self, config: &'c Config, place: Option<&usize>) -> &'c str {
        place.and_then(|place| config.pools.get(*place)).map_or("", |pool| pool.name.as_str())
    }

    /// Whom of one pool.
    fn picked<'a>(
        &self,
        config: &'a Config,
        visit: &Visit<'a>,
        place: usize,
        tried: &[Choice],
        now: Millis,
        open: bool,
    ) -> Picked {
        let (Some(pool), Some(crew)) = (config.pools.get(place), self.crews.of(place)) else { return Picked::None };
        let wanted = Wanted {
            safe: visit.head.is_safe(),
            written: if pool.is_replicated() { self.written(config, visit, pool) } else { None },
            stamped: visit.stamped,
            prefers: if pool.affinity { self.stays(config, visit, pool) } else { None },
            key: hash_key(pool, visit),
            tried,
            open,
            now,
            dice: mix(visit.dice ^ tried.len() as u64),
        };
        let region = visit.region.map(|(place, _)| place);
        let rank = |origin: usize| {
            let there = pool.origins.get(origin).and_then(|origin| origin.region);
            steer::rank(config, there, &visit.visitor, region)
        };
        crew.borrow_mut().pick(pool, place, &wanted, rank)
    }

    /// Waits a moment for a replica that shows a visitor what they wrote, where the pool says so.
    pub(super) async fn wait_for_replica<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &Visit<'a>,
        place: usize,
    ) {
        let Some(pool) = config.pools.get(place) else { return };
        if pool.replicas.wait == 0 || !pool.is_replicated() || !visit.head.is_safe() {
            return;
        }
        let written = self.written(config, visit, pool);
        if written.is_none() {
            return;
        }
        let until = platform.now() + pool.replicas.wait;
        loop {
            let now = platform.now();
            let there = self.crews.of(place).is_some_and(|crew| {
                let crew = crew.borrow();
                let mut origins = pool.origins.iter().enumerate();
                origins.any(|(origin, said)| said.replica && crew.may_read(pool, origin, written, visit.stamped, now))
            });
            if there || now >= until {
                return;
            }
            platform.pause(LOOK.min(until - now)).await;
        }
    }

    /// Sends a request to an origin, and to another as well when that is slow and the pool hedges.
    #[expect(clippy::too_many_arguments, reason = "what is sent, by whom, to whom, and who was asked before")]
    async fn send<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        pools: &[usize],
        tried: &mut Vec<Choice>,
        choice: Choice,
        carry: Carry,
        parcel: &Parcel<'_>,
        edits: &mut Edits,
    ) -> (Choice, Result<Answer<P::Body>, Failure>) {
        let Some((pool, base)) = url(config, choice) else { return (choice, Err(Failure::Unreachable)) };
        tried.push(choice);
        visit.attempts += 1;
        visit.origin = Some(base);
        visit.pool = Some(&pool.name);
        let asked = platform.now();
        let left = parcel.until.saturating_sub(asked).max(1);
        edits.set(DEADLINE, &left.to_string());
        let target = format!("{base}{}", parcel.path);
        let method = visit.head.method;
        let ask = |url, deadline| Ask { url, method, carry, edits, deadline, idle: pool.idle, through: parcel.through };
        let first = ask(target.as_str(), pool.first_byte.unwrap_or(left).min(left));
        if let Some((after, other)) = self.hedge(platform, config, visit, pools, tried, choice, asked) {
            let Some((_, base)) = url(config, other) else { return (choice, Err(Failure::Unreachable)) };
            let target = format!("{base}{}", parcel.path);
            let second = ask(target.as_str(), left.saturating_sub(after).max(1));
            let flights = (self.takes_off(config, choice, parcel.until), self.takes_off(config, other, parcel.until));
            let (others, result) = platform.hedge(&first, after, &second).await;
            drop(flights);
            let took = platform.now().saturating_sub(asked);
            let won = if others { other } else { choice };
            // How the other would have done is not known.
            let took = if others { took.saturating_sub(after) } else { took };
            self.went(platform, config, won, &result, took, visit.dice);
            if others {
                tried.push(other);
                visit.attempts += 1;
                visit.origin = Some(base);
                visit.steered = Some("hedged");
                self.counters.borrow_mut().origin("hedge_won", &pool.name);
            }
            return (won, result);
        }
        let flight = self.takes_off(config, choice, parcel.until);
        let result = platform.fetch(&first).await;
        drop(flight);
        self.went(platform, config, choice, &result, platform.now().saturating_sub(asked), visit.dice);
        (choice, result)
    }

    /// After how long a second origin is asked as well, and which.
    #[expect(clippy::too_many_arguments, reason = "what picking needs, and who was asked before")]
    fn hedge<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        pools: &[usize],
        tried: &[Choice],
        choice: Choice,
        now: Millis,
    ) -> Option<(Millis, Choice)> {
        config.pools.get(choice.pool).filter(|pool| pool.retry.hedge)?;
        if visit.head.method != "GET" || visit.head.has_body || visit.head.is_websocket() {
            return None;
        }
        let after = self.crews.of(choice.pool)?.borrow().fleet.p95()?.max(1);
        let steered = visit.steered;
        let (other, _) = self.next(platform, config, visit, &mut pools.to_vec(), tried, now).ok()?;
        visit.steered = steered;
        self.crews.of(choice.pool)?.borrow_mut().budget.spend().then_some((after, other))
    }

    fn takes_off<'g>(&'g self, config: &Config, choice: Choice, deadline: Millis) -> Flight<'g> {
        let plain = config.pools.get(choice.pool).is_none_or(is_plain);
        let crew = self.crews.of(choice.pool).filter(|_| !plain);
        if let Some(crew) = crew {
            crew.borrow_mut().fleet.began(choice.origin, deadline);
        }
        Flight { crew, origin: choice.origin, deadline }
    }

    /// Notes how an attempt went.
    pub(super) fn went<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        choice: Choice,
        result: &Result<Answer<P::Body>, Failure>,
        took: Millis,
        dice: u64,
    ) {
        let Some(pool) = config.pools.get(choice.pool) else { return };
        let (status, rest) = match result {
            Ok(answer) => {
                let (status, fields) = head::answer(&answer.packed);
                (status, fields.get("retry-after").filter(|_| status == 503).map(str::to_owned))
            }
            Err(_) => (0, None),
        };
        let bad = matches!(status, 0 | 500 | 502..=504 | 520..=527 | 530 | 600..);
        self.counters.borrow_mut().attempted(&pool.name, if bad { "failed" } else { "answered" });
        let Some(crew) = self.crews.of(choice.pool).filter(|_| !is_plain(pool)) else { return };
        let fleet = &mut crew.borrow_mut().fleet;
        let now = platform.now();
        fleet.at(now);
        let outcome = if bad { Outcome::Bad } else { Outcome::Good };
        if fleet.went(pool, choice.origin, outcome, took, dice) {
            let name = pool.origins.get(choice.origin).map_or("", |origin| origin.name.as_str());
            self.counters.borrow_mut().origin("ejected", &pool.name);
            let sentence = format!(
                "pool {:?}: origin {name:?} is ejected after {} failures in a row",
                pool.name, pool.ejection.failures
            );
            platform.log(&observe::event("warning", &sentence));
        }
        if let Some(rest) = retry::rest(rest.as_deref(), now) {
            fleet.rests(choice.origin, now + rest);
        }
    }

    /// Reads what an origin's answer tells of the origin, and what its visitor is to remember.
    fn told(&self, config: &Config, visit: &mut Visit<'_>, choice: Choice, status: u16, fields: &Fields<'_>) {
        let Some(pool) = config.pools.get(choice.pool).filter(|pool| !is_plain(pool)) else { return };
        let Some(crew) = self.crews.of(choice.pool) else { return };
        let fleet = &mut crew.borrow_mut().fleet;
        if let Some(load) = fields.get(LOAD).and_then(orca::utilization) {
            fleet.loaded(choice.origin, load);
        }
        let https = visit.is_https();
        let name = |kind| hint::name(&config.session.cookie, kind, &pool.name);
        if pool.is_replicated() {
            let position = fields.get(POSITION).and_then(Position::parse);
            let lag = fields.get(LAG).and_then(|lag| lag.trim().parse().ok());
            fleet.reached(choice.origin, position, lag);
            if !visit.head.is_safe() && status < 400 {
                let now = Written { position, at: visit.started };
                let wrote = self.written(config, visit, pool).map_or(now, |before| now.later(before));
                let value = hint::sealed(&self.cookie_key, Kind::Written, &pool.name, &wrote.text());
                visit.hints.push(hint::set_cookie(&name(Kind::Written), &value, replica::REMEMBERED, https));
            }
        }
        if pool.affinity && self.stays(config, visit, pool) != Some(choice.origin) {
            let origin = pool.origins.get(choice.origin).map_or("", |origin| origin.name.as_str());
            let value = hint::sealed(&self.cookie_key, Kind::Origin, &pool.name, origin);
            visit.hints.push(hint::set_cookie(&name(Kind::Origin), &value, STAYS, https));
        }
    }

    /// The origin that a visitor stays with, as their cookie says.
    fn stays(&self, config: &Config, visit: &Visit<'_>, pool: &Pool) -> Option<usize> {
        let said = self.hinted(config, visit, pool, Kind::Origin)?;
        pool.origins.iter().position(|origin| origin.name == said)
    }

    /// What a visitor wrote last, as their cookie says.
    fn written(&self, config: &Config, visit: &Visit<'_>, pool: &Pool) -> Option<Written> {
        Written::read(&self.hinted(config, visit, pool, Kind::Written)?)
    }

    fn hinted(&self, config: &Config, visit: &Visit<'_>, pool: &Pool, kind: Kind) -> Option<String> {
        let name = session::cookie_name(&hint::name(&config.session.cookie, kind, &pool.name), visit.is_https());
        let value = session::cookie(visit.head.fields.get("cookie"), &name)?;
        hint::opened(&self.cookie_key, kind, &pool.name, value)
    }
}

/// A pool, and the base URL of an origin of it.
pub(super) fn url(config: &Config, choice: Choice) -> Option<(&Pool, &str)> {
    let pool = config.pools.get(choice.pool)?;
    Some((pool, pool.origins.get(choice.origin)?.url.text()))
}

/// What decides where hashing does.
fn hash_key(pool: &Pool, visit: &Visit<'_>) -> Option<u64> {
    use crate::config::Balance;
    let head = visit.head;
    let by = match pool.balance {
        Balance::IpHash => &HashBy::Ip,
        Balance::Hash => &pool.hash,
        _ => return None,
    };
    let text = match by {
        HashBy::Ip => return visit.visitor.network().map(|network| rendezvous::hash(&network)),
        HashBy::User => visit.identity.record().map(|record| record.user.as_str()),
        HashBy::Path => Some(head.url.path),
        HashBy::Cookie(name) => session::cookie(head.fields.get("cookie"), name),
        HashBy::Header(name) => head.fields.get(name),
    };
    text.map(rendezvous::hash)
}
