//! Whom to ask: which origin of which pool, for this visitor, and what happens when none is fit.

use super::crew::{Choice, Picked, Wanted};
use super::{Gateway, visit::Visit};
use crate::balance::{mix, rendezvous};
use crate::config::{Balance, Config, Down, HashBy, Millis, Pool, Route};
use crate::error::Error;
use crate::hint::{self, Kind};
use crate::platform::Platform;
use crate::replica::Written;
use crate::{cookie, session, steer};

/// How often a read looks again whether a replica has come up.
const LOOK: Millis = 10;

/// Whom to ask next.
pub(super) enum Next {
    /// This one, and why, where it is not the balance's choice.
    One(Choice, Option<&'static str>),
    /// None of the first pool's is fit: this is its policy, and who is asked for it, if anybody is.
    Down(&'static str, Result<Choice, Error>),
    /// Those that are fit have as many requests as they may.
    Full,
    /// Everybody has been asked.
    Nobody,
}

impl Gateway {
    /// Whom to ask next. The third attempt goes to the next pool first, or to a fallback, for what stands
    /// together often falls together; the second one already, where the first pool is a canary's.
    pub(super) fn next(
        &self,
        config: &Config,
        visit: &Visit<'_>,
        pools: &mut Vec<usize>,
        tried: &[Choice],
        now: Millis,
    ) -> Next {
        if tried.len() >= 2 {
            fall_back(config, pools);
        }
        let patience = if visit.canary { 1 } else { 2 };
        let start = usize::from(tried.len() >= patience && pools.len() > 1);
        let mut full = false;
        for place in pools.iter().skip(start).chain(pools.iter().take(start)) {
            match self.picked(config, visit, *place, tried, now, false) {
                Picked::One(origin, why) => return Next::One(Choice { pool: *place, origin }, why),
                Picked::Full => full = true,
                Picked::None => {}
            }
        }
        if full {
            return Next::Full;
        }
        let Some((place, pool)) = pools.first().and_then(|place| Some((*place, config.pools.get(*place)?))) else {
            return Next::Nobody;
        };
        let from = |place: usize, open: bool| match self.picked(config, visit, place, tried, now, open) {
            Picked::One(origin, _) => Ok(Choice { pool: place, origin }),
            Picked::Full => Err(Error::Busy),
            Picked::None => Err(Error::PoolDown),
        };
        // Whoever was asked has failed: the fallback is for that as well.
        if let Some(other) = fall_back(config, pools) {
            let opens = config.pools.get(other).is_some_and(|pool| pool.down == Down::FailOpen);
            let found = from(other, false).or_else(|error| if opens { from(other, true) } else { Err(error) });
            return Next::Down("fallback", found);
        }
        match pool.down {
            // All are taken for fit, and so is whoever is asked after the first.
            Down::FailOpen if tried.is_empty() => Next::Down("fail_open", from(place, true)),
            Down::FailOpen if visit.steered == Some("fail_open") => {
                from(place, true).map_or(Next::Nobody, |choice| Next::One(choice, Some("fail_open")))
            }
            Down::FailClosed if tried.is_empty() => Next::Down("fail_closed", Err(Error::PoolDown)),
            Down::Stale if tried.is_empty() => Next::Down("stale", Err(Error::PoolDown)),
            _ => Next::Nobody,
        }
    }

    /// The first `most` of these pools who would be asked after those who were: places of pools and of
    /// origins in them. It is nobody's turn for that.
    pub(super) fn order(
        &self,
        config: &Config,
        visit: &Visit<'_>,
        pools: &[usize],
        tried: &[Choice],
        most: usize,
        now: Millis,
    ) -> Vec<(usize, usize)> {
        let mut tried = tried.to_vec();
        let before = tried.len();
        for place in pools {
            let Some(crew) = self.crews.of(*place) else { continue };
            let turns = crew.borrow().turns.clone();
            while tried.len() - before < most
                && let Picked::One(origin, _) = self.picked(config, visit, *place, &tried, now, false)
            {
                tried.push(Choice { pool: *place, origin });
            }
            crew.borrow_mut().turns = turns;
        }
        tried.iter().skip(before).map(|choice| (choice.pool, choice.origin)).collect()
    }

    /// Whom of one pool.
    fn picked(
        &self,
        config: &Config,
        visit: &Visit<'_>,
        place: usize,
        tried: &[Choice],
        now: Millis,
        open: bool,
    ) -> Picked {
        let (Some(pool), Some(crew)) = (config.pools.get(place), self.crews.of(place)) else { return Picked::None };
        let wanted = Wanted {
            safe: only_reads(visit),
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
    pub(super) async fn wait_for_replica<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
        place: usize,
    ) {
        let Some(pool) = config.pools.get(place) else { return };
        if pool.replicas.wait == 0 || !pool.is_replicated() || !only_reads(visit) {
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

    /// The origin that a visitor stays with, as their cookie says.
    pub(super) fn stays(&self, config: &Config, visit: &Visit<'_>, pool: &Pool) -> Option<usize> {
        let said = self.hinted(config, visit, (Kind::Origin, &pool.name))?;
        pool.origins.iter().position(|origin| origin.name == said)
    }

    /// What a visitor wrote last: as their cookie says, and as this isolate remembers of who is signed in.
    pub(super) fn written(&self, config: &Config, visit: &Visit<'_>, pool: &Pool) -> Option<Written> {
        let said = self.hinted(config, visit, (Kind::Written, &pool.name)).and_then(|said| Written::read(&said));
        let known = writer(visit, pool).and_then(|writer| self.crews.writers.borrow().get(&writer, visit.started));
        match (said, known) {
            (Some(said), Some(known)) => Some(known.then(said)),
            (said, known) => said.or(known.as_deref().copied()),
        }
    }

    /// From when on what is stored may show this visitor what they wrote: to any of the route's pools.
    pub(super) fn shows_from(&self, config: &Config, visit: &Visit<'_>, route: &Route) -> Millis {
        let pools = route.pools.iter().filter_map(|place| config.pools.get(*place));
        let wrote = |pool: &Pool| Some(self.written(config, visit, pool)?.shown_from(&pool.replicas));
        pools.filter(|pool| pool.is_replicated()).filter_map(wrote).max().unwrap_or(0)
    }

    /// What a visitor's browser remembers of a pool or route.
    pub(super) fn hinted(&self, config: &Config, visit: &Visit<'_>, (kind, of): (Kind, &str)) -> Option<String> {
        let name = session::cookie_name(&hint::name(&config.session.cookie, kind, of), visit.is_https());
        let value = cookie::find(visit.head.fields.get("cookie"), &name).one()?;
        hint::opened(&self.cookie_key, kind, of, value)
    }
}

/// Whether a request may be a replica's. What is written through a web socket is not to be written there.
pub(super) fn only_reads(visit: &Visit<'_>) -> bool {
    visit.head.is_safe() && !visit.head.is_websocket()
}

/// Adds the next fallback there is of pools that are asked.
fn fall_back(config: &Config, pools: &mut Vec<usize>) -> Option<usize> {
    let fallback = |place: &usize| config.pools.get(*place)?.fallback;
    let other = pools.iter().filter_map(fallback).find(|other| !pools.contains(other))?;
    pools.push(other);
    Some(other)
}

/// What a signed-in visitor is remembered by as one who wrote.
pub(super) fn writer(visit: &Visit<'_>, pool: &Pool) -> Option<String> {
    visit.identity.record().map(|record| format!("{}\0{}", pool.name, record.user))
}

/// What decides where hashing does.
fn hash_key(pool: &Pool, visit: &Visit<'_>) -> Option<u64> {
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
        HashBy::Cookie(name) => cookie::find(head.fields.get("cookie"), name).one(),
        HashBy::Header(name) => head.fields.get(name),
    };
    text.map(rendezvous::hash)
}
