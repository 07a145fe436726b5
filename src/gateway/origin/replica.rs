//! Reads from replicas that have the visitor's own writes, and what responses report of an origin's state.

use super::Origins;
use super::select::only_reads;
use crate::config::{Millis, Pool, Route};
use crate::gateway::context::Context;
use crate::http::head::Fields;
use crate::http::signed_cookie::Purpose;
use crate::ledger::Moment;
use crate::origin::balance::orca;
use crate::origin::replica::{self, Position, Written};
use crate::origin::selection::{Criteria, OriginRef, is_plain};
use crate::platform::Platform;
use std::rc::Rc;

/// The interval at which replicas' positions are checked, in milliseconds.
const INTERVAL: Millis = 10;

impl Origins {
    /// The visitor's last write: from their cookie, and from this isolate's memory of users.
    pub(super) fn written<P: Platform>(&self, ctx: &Context<'_, P>, pool: &Pool) -> Option<Written> {
        let sent = self.signed_cookie(ctx, Purpose::LastWrite, &pool.name).and_then(|text| Written::read(&text));
        let known = writer(ctx, pool).and_then(|writer| self.writers.borrow().get(&writer, ctx.started));
        match (sent, known) {
            (Some(sent), Some(known)) => Some(known.then(sent)),
            (sent, known) => sent.or(known.as_deref().copied()),
        }
    }

    /// From when on a stored response may show this visitor what they wrote, to any of the route's pools.
    pub(in crate::gateway) fn shows_writes_from<P: Platform>(&self, ctx: &Context<'_, P>, route: &Route) -> Millis {
        let pools = route.pools.iter().filter_map(|place| ctx.config.pools.get(*place));
        let wrote = |pool: &Pool| Some(self.written(ctx, pool)?.shown_from(&pool.replicas));
        pools.filter(|pool| pool.is_replicated()).filter_map(wrote).max().unwrap_or(0)
    }

    /// Waits for a replica that has the visitor's writes, for as long as the pool's `wait` permits.
    pub(super) async fn wait_for_replica<P: Platform>(&self, ctx: &Context<'_, P>, place: usize, stamped: Moment) {
        let Some(pool) = ctx.config.pools.get(place) else { return };
        if pool.replicas.wait == 0 || !pool.is_replicated() || !only_reads(ctx) {
            return;
        }
        let written = self.written(ctx, pool);
        if written.is_none() {
            return;
        }
        let until = ctx.now() + pool.replicas.wait;
        loop {
            let now = ctx.now();
            let criteria = Criteria { written, stamped, now, ..Criteria::default() };
            let is_ready = self.pools.get(place).is_some_and(|state| {
                let state = state.borrow();
                let mut origins = pool.origins.iter().enumerate();
                origins.any(|(place, origin)| origin.replica && state.may_read(pool, place, &criteria))
            });
            if is_ready || now >= until {
                return;
            }
            ctx.platform.sleep(INTERVAL.min(until - now)).await;
        }
    }

    /// Whether a response shows that its replica does not have the visitor's writes.
    pub(super) fn is_behind<P: Platform>(&self, ctx: &Context<'_, P>, from: OriginRef, stamped: Moment) -> bool {
        let Some(pool) = ctx.config.pools.get(from.pool).filter(|pool| pool.is_replicated()) else { return false };
        let Some(state) = self.pools.get(from.pool) else { return false };
        let criteria = Criteria { written: self.written(ctx, pool), stamped, now: ctx.now(), ..Criteria::default() };
        let replica = pool.origins.get(from.origin).is_some_and(|origin| origin.replica);
        replica && !state.borrow().may_read(pool, from.origin, &criteria)
    }

    /// Records the load, the position in the primary's history, and the lag that a response reports.
    pub(super) fn learn<P: Platform>(&self, ctx: &Context<'_, P>, from: OriginRef, fields: &Fields<'_>) {
        if ctx.config.pools.get(from.pool).is_none_or(is_plain) {
            return;
        }
        let Some(state) = self.pools.get(from.pool) else { return };
        let health = &mut state.borrow_mut().health;
        health.at(ctx.now());
        if let Some(load) = fields.get(orca::FIELD).and_then(orca::utilization) {
            health.record_load(from.origin, load);
        }
        let position = fields.get(replica::POSITION).and_then(Position::parse);
        let lag = fields.get(replica::LAG).and_then(|lag| lag.trim().parse().ok());
        health.record_position(from.origin, position, lag);
    }

    /// Sets the cookies that follow from a response: the visitor's last write, and the origin that they stay with.
    pub(super) fn remember<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        from: OriginRef,
        status: u16,
        fields: &Fields<'_>,
    ) {
        let Some(pool) = ctx.config.pools.get(from.pool).filter(|pool| !is_plain(pool)) else { return };
        if !(400..500).contains(&status) {
            self.wrote(ctx, from, fields.get(replica::POSITION).and_then(Position::parse));
        }
        self.stick(ctx, pool, from);
    }

    /// Remembers that the visitor wrote, where replicas are read.
    pub(super) fn wrote<P: Platform>(&self, ctx: &Context<'_, P>, to: OriginRef, position: Option<Position>) {
        let Some(pool) = ctx.config.pools.get(to.pool).filter(|pool| pool.is_replicated()) else { return };
        if only_reads(ctx) {
            return;
        }
        let now = ctx.now();
        // Of two concurrent responses the browser may keep the earlier one's cookie: so each contains the primary's
        // latest known position.
        let known = self.pools.get(to.pool).and_then(|state| state.borrow().health.position(to.origin));
        let position = position.and_then(|position| Position::later(known, Some(position)));
        let wrote = Written::new(position, now);
        let wrote = self.written(ctx, pool).map_or(wrote, |before| before.then(wrote));
        if let Some(writer) = writer(ctx, pool) {
            self.writers.borrow_mut().put(&writer, Rc::new(wrote), now);
        }
        self.set_signed_cookie(ctx, (Purpose::LastWrite, &pool.name), &wrote.text(), replica::REMEMBERED / 1_000);
    }
}

/// The name under which a user's last write is remembered.
fn writer<P: Platform>(ctx: &Context<'_, P>, pool: &Pool) -> Option<String> {
    ctx.identity.record().map(|record| format!("{}\0{}", pool.name, record.user))
}
