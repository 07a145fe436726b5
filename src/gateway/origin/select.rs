//! Which origin of which pool is asked next, and what happens when none is healthy.

use super::Origins;
use super::outgoing::Course;
use crate::config::{Balance, Config, Down, HashBy, Pool, Route, USES};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::http::cookie;
use crate::ledger::Moment;
use crate::origin::balance::{mix, rendezvous};
use crate::origin::selection::{Criteria, OriginRef, Selected, is_plain};
use crate::origin::steer;
use crate::platform::Platform;

/// What is done next.
pub(super) enum Next {
    /// This origin is asked; why, where the balance algorithm did not decide.
    Origin(OriginRef, Option<&'static str>),
    /// No origin of the first pool is healthy: its policy, and the origin that is asked for it, if any.
    Down(&'static str, Result<OriginRef, Error>),
    /// The healthy origins have as many requests as they may.
    Full,
    /// Every origin has been asked.
    Exhausted,
}

impl Origins {
    /// The pools for a route's request, from near to far: the canary's before them, for those who get it.
    pub(in crate::gateway) fn nearest_pools<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        route: &Route,
        pools: &[usize],
    ) -> Vec<usize> {
        let region = ctx.region.map(|(place, _)| place);
        let mut pools = match USES.regions {
            true => steer::pools(ctx.config, pools, &ctx.visitor, region),
            false => pools.to_vec(),
        };
        if let Some(canary) = route.canary.as_ref().filter(|_| USES.canary && ctx.canary) {
            pools.retain(|pool| *pool != canary.pool);
            pools.insert(0, canary.pool);
        }
        pools
    }

    /// What is done next. The third attempt goes to the next pool first, or to a fallback, because origins of one
    /// pool often fail together; the second attempt already, where the first pool is a canary's.
    pub(super) fn next<P: Platform>(&self, ctx: &Context<'_, P>, course: &mut Course, stamped: Moment) -> Next {
        let Course { pools, tried, fail_open, .. } = course;
        if tried.len() >= 2 {
            fall_back(ctx.config, pools);
        }
        let criteria = self.criteria(ctx, tried, stamped);
        let attempts = if ctx.canary { 1 } else { 2 };
        let start = usize::from(tried.len() >= attempts && pools.len() > 1);
        let mut full = false;
        for place in pools.iter().skip(start).chain(pools.iter().take(start)) {
            match self.select(ctx, *place, criteria) {
                Selected::Origin(origin, why) => return Next::Origin(OriginRef { pool: *place, origin }, why),
                Selected::Full => full = true,
                Selected::None => {}
            }
        }
        if full {
            return Next::Full;
        }
        let first = pools.first().and_then(|place| Some((*place, ctx.config.pools.get(*place)?)));
        let Some((place, pool)) = first else { return Next::Exhausted };
        let down = |stale_serves| Err(Error::PoolDown { stale_serves });
        let from = |place: usize, fail_open: bool| match self.select(ctx, place, Criteria { fail_open, ..criteria }) {
            Selected::Origin(origin, _) => Ok(OriginRef { pool: place, origin }),
            Selected::Full => Err(Error::Busy),
            Selected::None => down(false),
        };
        // The fallback is also used when all origins that were asked have failed.
        if let Some(other) = fall_back(ctx.config, pools) {
            let opens = ctx.config.pools.get(other).is_some_and(|pool| pool.down == Down::FailOpen);
            let found = from(other, false).or_else(|error| if opens { from(other, true) } else { Err(error) });
            return Next::Down("fallback", found);
        }
        match pool.down {
            // All origins count as healthy, for this attempt and for those after it.
            Down::FailOpen if tried.is_empty() => Next::Down("fail_open", from(place, true)),
            Down::FailOpen if *fail_open => {
                from(place, true).map_or(Next::Exhausted, |to| Next::Origin(to, Some("fail_open")))
            }
            Down::FailClosed if tried.is_empty() => Next::Down("fail_closed", down(false)),
            Down::Stale if tried.is_empty() => Next::Down("stale", down(true)),
            _ => Next::Exhausted,
        }
    }

    /// The first `most` origins of these pools that would be asked, in this order; the turns do not advance.
    pub(in crate::gateway) fn order<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        pools: &[usize],
        criteria: Criteria<'_>,
        most: usize,
    ) -> Vec<OriginRef> {
        let mut tried = criteria.tried.to_vec();
        let before = tried.len();
        for pool in pools {
            let Some(state) = self.pools.get(*pool) else { continue };
            let turns = state.borrow().turns.clone();
            while tried.len() - before < most {
                let random = mix(ctx.random ^ tried.len() as u64);
                let criteria = Criteria { tried: &tried, random, ..criteria };
                let Selected::Origin(origin, _) = self.select(ctx, *pool, criteria) else { break };
                tried.push(OriginRef { pool: *pool, origin });
            }
            state.borrow_mut().turns = turns;
        }
        tried.split_off(before)
    }

    /// What decides about an origin, whichever pool it is of.
    pub(in crate::gateway) fn criteria<'t, P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        tried: &'t [OriginRef],
        stamped: Moment,
    ) -> Criteria<'t> {
        let random = mix(ctx.random ^ tried.len() as u64);
        Criteria { safe: only_reads(ctx), stamped, tried, now: ctx.now(), random, ..Criteria::default() }
    }

    /// Selects an origin of one pool.
    fn select<P: Platform>(&self, ctx: &Context<'_, P>, place: usize, criteria: Criteria<'_>) -> Selected {
        let (Some(pool), Some(state)) = (ctx.config.pools.get(place), self.pools.get(place)) else {
            return Selected::None;
        };
        if is_plain(pool) {
            return state.borrow_mut().pick(pool, place, &criteria, |_| (0, 0.0));
        }
        let criteria = Criteria {
            written: if pool.is_replicated() { self.written(ctx, pool) } else { None },
            sticky: if USES.affinity && pool.affinity { self.sticky(ctx, pool) } else { None },
            key: hash_key(pool, ctx),
            ..criteria
        };
        let region = ctx.region.map(|(place, _)| place);
        let rank = |origin: usize| {
            let there = pool.origins.get(origin).and_then(|origin| origin.region);
            steer::rank(ctx.config, there, &ctx.visitor, region)
        };
        state.borrow_mut().pick(pool, place, &criteria, rank)
    }
}

/// Whether a replica may have the request. What is written through a web socket must not be written to a replica.
pub(super) fn only_reads<P: Platform>(ctx: &Context<'_, P>) -> bool {
    ctx.head.is_safe() && !ctx.head.is_websocket()
}

/// Adds the next fallback of these pools that is not among them.
fn fall_back(config: &Config, pools: &mut Vec<usize>) -> Option<usize> {
    if !USES.fallback {
        return None;
    }
    let fallback = |place: &usize| config.pools.get(*place)?.fallback;
    let other = pools.iter().filter_map(fallback).find(|other| !pools.contains(other))?;
    pools.push(other);
    Some(other)
}

/// The hash key, where the algorithm hashes.
fn hash_key<P: Platform>(pool: &Pool, ctx: &Context<'_, P>) -> Option<u64> {
    let by = match pool.balance {
        Balance::IpHash => &HashBy::Ip,
        Balance::Hash => &pool.hash,
        _ => return None,
    };
    let text = match by {
        HashBy::Ip => return ctx.visitor.network().map(|network| rendezvous::hash(&network)),
        HashBy::User => ctx.identity.record().map(|record| record.user.as_str()),
        HashBy::Path => Some(ctx.head.url.path),
        HashBy::Cookie(name) => cookie::find(ctx.head.fields.get("cookie"), name).one(),
        HashBy::Header(name) => ctx.head.fields.get(name),
    };
    text.map(rendezvous::hash)
}
