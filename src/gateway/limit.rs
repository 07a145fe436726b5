//! Counts requests by the limits of their route, and refuses those that are too many.
//!
//! A limit by address, country, network, header or cookie is met before anybody asks who the visitor is, the others after
//! that. Of the limits that this isolate counts, a request is counted by all or, where one refuses it, by none. Where
//! an object or a binding cannot be asked, requests pass.

mod browser;
mod rule;
mod switch;

pub(super) use browser::protect;
pub(super) use rule::Met;

use super::apart::apart;
use super::context::Context;
use super::join_all::join_all;
use super::observe::Observer;
use super::record::Record;
use super::reply::After;
use crate::config::{Config, Limit, LimitCounts, LimitScope, Millis, Route, USES};
use crate::error::Error;
use crate::http::head::Edits;
use crate::identity::session::digest;
use crate::ledger::{Moment, STATES};
use crate::limit::bucket::{Nanos, Rate};
use crate::limit::{self, Charge, Lists, Table, Verdict, exact, fields, rates};
use crate::platform::{Platform, Unavailable};
use std::cell::RefCell;
use std::rc::Rc;

/// Whether requests depend on states of the ledger.
#[inline(always)]
pub(super) fn has_states(config: &Config) -> bool {
    let protection = || config.protection.get();
    STATES && (protection().switches.is_some() || !protection().dynamic_lists.is_empty())
}

/// Whether some limits are not counted by isolates.
pub(super) const COUNTS_ELSEWHERE: bool = USES.limits_exact || USES.limits_location;
/// How long an object may take to count, in milliseconds.
const DEADLINE: Millis = 1_000;
/// Nanoseconds in a millisecond.
const MILLISECOND: Nanos = 1_000_000;

/// What this isolate has counted.
pub(super) struct Limits {
    observer: Rc<Observer>,
    /// Of each limit a table for each rate, once it is used.
    tables: RefCell<Vec<Vec<Table>>>,
    /// Until when an object refuses a key: until then it is not asked.
    refused: RefCell<Option<Table>>,
    /// The lists that change, as the ledger had them at a moment.
    lists: RefCell<(Moment, Lists)>,
}

impl Limits {
    pub(super) fn new(observer: Rc<Observer>) -> Self {
        Self { observer, tables: RefCell::default(), refused: RefCell::default(), lists: RefCell::default() }
    }

    /// Counts a request by those limits whose key is known before it is known who is asking (`early`), or by
    /// the others. Returns those by which it is to be counted elsewhere: see [`Limits::ask`].
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]
    pub(super) fn count<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        limits: &[(usize, u32)],
        early: bool,
        record: &mut Record<'a>,
    ) -> Result<Vec<Charge>, Error> {
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for (place, cost) in limits {
            let Some(limit) = ctx.config.limit(*place) else { continue };
            if limit.is_early() != early || !limit::is_counted(limit, ctx.head) {
                continue;
            }
            let asn = || ctx.platform.network("asn");
            if let Some(key) = limit::key(limit, ctx.head, &ctx.visitor, &ctx.identity, asn) {
                let found = if limit.scope == LimitScope::Isolate { &mut here } else { &mut elsewhere };
                found.push(Charge { limit: *place, cost: *cost, key, buckets: Vec::new(), ahead: 0, counted: false });
            }
        }
        if here.is_empty() {
            return Ok(elsewhere);
        }
        let now = ctx.now() * MILLISECOND;
        let found: Vec<(Charge, Verdict)> = here.into_iter().map(|charge| self.look(ctx, charge, now)).collect();
        let passes = !found.iter().any(|(_, verdict)| matches!(verdict, Verdict::Refused(_)));
        let set = |(mut charge, verdict): (Charge, Verdict)| {
            charge.counted = passes && verdict == Verdict::Passed;
            if charge.counted {
                self.set(&charge, now);
            } else {
                charge.buckets = self.buckets(&charge, now);
            }
            (charge, verdict)
        };
        let found = found.into_iter().map(set).collect();
        self.settle(ctx, found, record).map(|()| elsewhere)
    }

    /// Counts a request by the limits of its route whose key is known before it is known who is asking. Returns
    /// those by which it is to be counted elsewhere.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]
    pub(super) fn count_early<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        route: &Route,
        record: &mut Record<'a>,
    ) -> Result<Vec<Charge>, Error> {
        match ctx.config.route_protection(route) {
            Some(route) if !route.limits.is_empty() => self.count(ctx, &route.limits, true, record),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether some limits of the route are met when it is known who is asking.
    pub(super) fn has_late<P: Platform>(ctx: &Context<'_, P>, route: &Route) -> bool {
        let its = ctx.config.route_protection(route).into_iter().flat_map(|route| &route.limits);
        its.filter_map(|(place, _)| ctx.config.limit(*place)).any(|limit| !limit.is_early())
    }

    /// Counts a request by the limits whose key is known when it is known who is asking.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]
    pub(super) async fn count_late<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        route: &Route,
        record: &mut Record<'a>,
    ) -> Result<(), Error> {
        let limits = ctx.config.route_protection(route).map_or(&[][..], |route| &route.limits);
        let elsewhere = self.count(ctx, limits, false, record)?;
        let asks = COUNTS_ELSEWHERE && !elsewhere.is_empty();
        match apart(asks, || self.count_elsewhere(ctx, elsewhere, record)) {
            Some(work) => work.await,
            None => Ok(()),
        }
    }

    /// Counts a request by limits that are counted elsewhere.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]
    pub(super) async fn count_elsewhere<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        charges: Vec<Charge>,
        record: &mut Record<'a>,
    ) -> Result<(), Error> {
        let found = self.ask(ctx, charges).await;
        self.settle(ctx, found, record)
    }

    /// What a limit that this isolate counts says.
    fn look<P: Platform>(&self, ctx: &Context<'_, P>, mut charge: Charge, now: Nanos) -> (Charge, Verdict) {
        let Some(limit) = ctx.config.limit(charge.limit) else {
            return (charge, Verdict::Passed);
        };
        let mut tables = self.tables.borrow_mut();
        tables.resize_with(ctx.config.protection.get().limits.len(), Vec::new);
        let mut wait = 0;
        if let Some(tables) = tables.get_mut(charge.limit) {
            tables.resize_with(limit.rates.len(), || Table::new(ctx.platform.random()));
            for (rate, table) in limit.rates.iter().map(Rate::of).zip(&*tables) {
                let empty = table.bucket(&charge.key, now);
                charge.buckets.push(rate.charged(empty, charge.cost, now).unwrap_or_else(|more| {
                    wait = more.max(wait);
                    empty
                }));
            }
        }
        let verdict = verdict(limit, wait);
        (charge, verdict)
    }

    /// The buckets of a key in this isolate.
    fn buckets(&self, charge: &Charge, now: Nanos) -> Vec<Nanos> {
        let tables = self.tables.borrow();
        tables.get(charge.limit).into_iter().flatten().map(|table| table.bucket(&charge.key, now)).collect()
    }

    /// Sets the buckets of a key in this isolate.
    fn set(&self, charge: &Charge, now: Nanos) {
        let mut tables = self.tables.borrow_mut();
        let tables = tables.get_mut(charge.limit).into_iter().flatten();
        tables.zip(&charge.buckets).for_each(|(table, empty)| table.set(&charge.key, *empty, now));
    }

    /// What limits say that are counted elsewhere.
    pub(super) async fn ask<P: Platform>(&self, ctx: &Context<'_, P>, charges: Vec<Charge>) -> Vec<(Charge, Verdict)> {
        join_all(charges.into_iter().map(|charge| self.ask_one(ctx, charge))).await
    }

    async fn ask_one<P: Platform>(&self, ctx: &Context<'_, P>, mut charge: Charge) -> (Charge, Verdict) {
        let Some(limit) = ctx.config.limit(charge.limit) else {
            return (charge, Verdict::Passed);
        };
        let wait = match limit.scope {
            LimitScope::Exact if USES.limits_exact => self.ask_object(ctx, limit, &mut charge).await,
            LimitScope::Location if USES.limits_location => ask_location(ctx, limit, &charge).await,
            _ => Ok(0),
        };
        let verdict = wait.map_or(Verdict::Down, |wait| verdict(limit, wait));
        charge.counted = verdict == Verdict::Passed;
        (charge, verdict)
    }

    /// How long a request has to wait, in nanoseconds, by the object that counts its key.
    async fn ask_object<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        limit: &Limit,
        charge: &mut Charge,
    ) -> Result<Nanos, Unavailable> {
        let now = ctx.now() * MILLISECOND;
        let name = format!("{}\n{}\n{}", limit.name, charge.cost, charge.key);
        let until = self.refused.borrow().as_ref().and_then(|refused| refused.known(&name));
        if let Some(wait) = until.map(|until| until.saturating_sub(now)).filter(|wait| *wait > 0) {
            return Ok(wait);
        }
        let (object, key) = object(limit, &charge.key);
        let request = exact::count(&rates(limit), charge.cost);
        let text = ctx.platform.count_exactly(&object, &key, &request, DEADLINE).await?;
        let exact::Response { now: theirs, wait, buckets } = exact::Response::read(&text).ok_or(Unavailable)?;
        // What counted may be taken back before the wait is over, where only failures count.
        if wait > 0 && limit.counts != LimitCounts::Failures {
            let mut refused = self.refused.borrow_mut();
            let refused = refused.get_or_insert_with(|| Table::new(ctx.platform.random()));
            refused.set(&name, now + wait, now);
        }
        charge.buckets = buckets;
        charge.ahead = theirs.cast_signed().wrapping_sub(now.cast_signed());
        Ok(wait)
    }

    /// Takes note of what limits said.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] where one refuses: the seconds until none does.
    pub(super) fn settle<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        found: Vec<(Charge, Verdict)>,
        record: &mut Record<'a>,
    ) -> Result<(), Error> {
        let mut wait = None;
        for (charge, verdict) in found {
            let Some(limit) = ctx.config.limit(charge.limit) else { continue };
            self.observer.counters().limited(&limit.name, verdict.as_str());
            if verdict != Verdict::Passed {
                record.more.retain(|(name, _)| *name != limit.log_name);
                record.more.push((&limit.log_name, verdict.as_str()));
            }
            if verdict == Verdict::Down {
                ctx.platform.warning(&format!("limit {:?} cannot be counted: requests pass", limit.name));
            }
            if let Verdict::Refused(time) = verdict {
                wait = wait.max(Some(time));
            }
            ctx.charges.borrow_mut().push(charge);
        }
        wait.map_or(Ok(()), |time| Err(Error::TooManyRequests(time.div_ceil(1_000).max(1))))
    }

    /// Tells the client of its limits, and takes back what does not count by the reply's status.
    pub(super) fn finish<P: Platform>(&self, ctx: &Context<'_, P>, status: u16, edits: &mut Edits) {
        let charges = ctx.charges.take();
        if charges.is_empty() {
            return;
        }
        let now = ctx.now() * MILLISECOND;
        let known = || charges.iter().filter_map(|charge| Some((ctx.config.limit(charge.limit)?, charge)));
        fields::add(known().filter(|(limit, _)| !limit.shadow), now, edits);
        for (limit, charge) in known().filter(|(limit, charge)| charge.counted && limit::is_taken_back(limit, status)) {
            match limit.scope {
                LimitScope::Isolate => self.take_back(ctx.config, charge, now),
                LimitScope::Exact if USES.limits_exact => {
                    let (object, key) = object(limit, &charge.key);
                    let request = exact::take_back(&rates(limit), charge.cost, &charge.buckets);
                    ctx.defer(After::TakeBack(format!("{object}\n{key}\n{request}")));
                }
                _ => {}
            }
        }
    }

    /// Has an object take back what it counted: see [`After::TakeBack`].
    pub(super) async fn take_back_there<P: Platform>(&self, platform: &P, lines: &str) -> Result<(), Unavailable> {
        let mut lines = lines.split('\n');
        let mut line = || lines.next().unwrap_or_default();
        platform.count_exactly(line(), line(), line(), DEADLINE).await.map(drop)
    }

    fn take_back(&self, config: &Config, charge: &Charge, now: Nanos) {
        let mut tables = self.tables.borrow_mut();
        let rates = config.limit(charge.limit).map(rates).unwrap_or_default();
        let tables = tables.get_mut(charge.limit).into_iter().flatten();
        for ((table, rate), charged) in tables.zip(rates).zip(&charge.buckets) {
            if let Some(empty) = table.known(&charge.key) {
                table.set(&charge.key, rate.taken_back(empty, charge.cost, *charged, now), now);
            }
        }
    }
}

/// How long a request has to wait, in nanoseconds, by Cloudflare's Rate Limiting binding: its windows end with the clock's
/// minute, or ten seconds.
async fn ask_location<P: Platform>(ctx: &Context<'_, P>, limit: &Limit, charge: &Charge) -> Result<Nanos, Unavailable> {
    if ctx.platform.count_in_location(&limit.binding(), &digest(&charge.key)).await? {
        return Ok(0);
    }
    let period = limit.rates.first().map_or(1, |rate| rate.period).max(1);
    Ok((period - ctx.now() % period) * MILLISECOND)
}

/// The object that counts a key, and the name of the key there: a hash, so that nothing about visitors is stored.
fn object(limit: &Limit, key: &str) -> (String, String) {
    let key = digest(&format!("{}\n{key}", limit.name));
    let shard = key.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % exact::SHARDS;
    (format!("{}/{shard}", limit.name), key)
}

/// What a limit says to a request that has to wait so many nanoseconds.
fn verdict(limit: &Limit, wait: Nanos) -> Verdict {
    match wait {
        0 => Verdict::Passed,
        _ if limit.shadow => Verdict::Shadow,
        _ => Verdict::Refused(wait.div_ceil(MILLISECOND)),
    }
}
