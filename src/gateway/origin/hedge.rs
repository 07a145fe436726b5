//! Hedging: a slow request is sent to a second origin as well.

use super::Origins;
use super::outgoing::{Course, Outgoing};
use crate::config::{HostMode, Millis};
use crate::gateway::context::Context;
use crate::origin::selection::OriginRef;
use crate::platform::{Forward, Platform};

impl Origins {
    /// After how many milliseconds the origin that was tried last is too slow, and which origin is asked then.
    pub(super) fn hedges<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        course: &Course,
        outgoing: &Outgoing<'_>,
    ) -> Option<(Millis, OriginRef)> {
        let to = course.tried.last()?;
        let pool = ctx.config.pools.get(to.pool).filter(|pool| pool.retry.hedge)?;
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
}
