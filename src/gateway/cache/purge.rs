//! Purges by stamping the ledger: at once in this isolate, and in others when they next read it, within `max_delay`.

use super::Cache;
use crate::cache::purge::Order;
use crate::config::LONGEST_STORED;
use crate::error::Error;
use crate::gateway::context::Context;
use crate::ledger::Moment;
use crate::platform::Platform;

impl Cache {
    /// Carries out an operator's purge; returns what was stamped, and the stamps' moment.
    pub(in crate::gateway) async fn purge<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        body: &str,
    ) -> Result<(Order, Moment), Error> {
        let order = Order::parse(ctx.config, body).map_err(Error::Malformed)?;
        let stamped = self.ledger.stamp(ctx.platform, order.subjects.clone(), order.soft, LONGEST_STORED).await;
        Ok((order, stamped.map_err(|_| Error::LedgerDown)?))
    }
}
