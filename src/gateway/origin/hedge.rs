//! Hedging: a slow request is sent to a second origin as well.

use super::Origins;
use super::finished::Finished;
use super::outgoing::{Course, Outgoing};
use crate::config::{HostMode, Millis, USES};
use crate::gateway::context::Context;
use crate::gateway::record::Record;
use crate::origin::selection::OriginRef;
use crate::platform::{Failure, Forward, OriginRequest, Platform, Response};

/// The second request of a hedge.
pub(super) struct Second<'s> {
    pub(super) first: &'s OriginRequest<'s>,
    /// Milliseconds after the first.
    pub(super) after: Millis,
    pub(super) origin: OriginRef,
    pub(super) url: &'s str,
    pub(super) deadline: Millis,
}

impl Origins {
    /// After how many milliseconds the origin that was tried last is too slow, and which origin is asked then.
    pub(super) fn hedges<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        course: &Course,
        outgoing: &Outgoing<'_>,
    ) -> Option<(Millis, OriginRef)> {
        let to = course.tried.last()?;
        let pool = ctx.config.pools.get(to.pool).filter(|pool| USES.hedge && pool.retry.hedge)?;
        let plain = ctx.head.method == "GET" && course.forward == Forward::Fields && outgoing.workers_cache.is_none();
        // Both get the same fields, of which these name the one origin alone.
        let addressed = pool.host == HostMode::Origin
            && ["origin", "referer"].iter().any(|name| ctx.head.fields.get(name).is_some());
        if !plain || addressed || ctx.head.is_websocket() {
            return None;
        }
        let state = self.pools.get(to.pool)?;
        let after = state.borrow().health.p95()?.max(1);
        let criteria = self.criteria(ctx, &course.tried, outgoing.stamped);
        let other = *self.order(ctx, &[to.pool], criteria, 1).first()?;
        state.borrow_mut().budget.spend().then_some((after, other))
    }

    /// Sends a request to the origin that was tried last, and to a second one when that is slow; returns the origin that
    /// answered.
    pub(super) async fn send_twice<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        course: &mut Course,
        Second { first: request, after, origin: other, url, deadline }: Second<'_>,
    ) -> (OriginRef, Result<Response<P::Body>, Failure>) {
        let to = course.tried.last().copied().unwrap_or(other);
        let asked = ctx.now();
        let until = asked + request.deadline.max(after + deadline);
        let second = OriginRequest { url, deadline, ..*request };
        let counted = (self.in_flight(ctx.config, to, until), self.in_flight(ctx.config, other, until));
        let (others, result) = ctx.platform.hedge(request, after, &second).await;
        drop(counted);
        let took = ctx.now().saturating_sub(asked);
        if took < after {
            // The other origin was not asked.
            if let Some(state) = self.pools.get(to.pool) {
                state.borrow_mut().budget.give_back();
            }
        } else {
            course.tried.push(other);
            record.attempts += 1;
        }
        if !others {
            self.record_attempt(ctx.platform, ctx.config, to, &Finished::of(&result, took, ctx.random));
            return (to, result);
        }
        // The slow origin's latency is not known, but it is at least this.
        if let Some(state) = self.pools.get(to.pool) {
            state.borrow_mut().health.record_wait(to.origin, took);
        }
        let finished = Finished::of(&result, took.saturating_sub(after), ctx.random);
        self.record_attempt(ctx.platform, ctx.config, other, &finished);
        record.steered = Some("hedged");
        if let Some((pool, base)) = other.of(ctx.config) {
            record.origin = Some(base);
            self.observer.counters().origin("hedge_won", &pool.name);
        }
        (other, result)
    }
}
