//! Counts the requests that origins have.

use super::Origins;
use crate::config::{Config, Millis};
use crate::origin::selection::{OriginRef, PoolState, is_plain};
use std::cell::RefCell;

/// A request that an origin has: over when this is dropped.
pub(in crate::gateway) struct InFlight<'s> {
    pool: Option<&'s RefCell<PoolState>>,
    origin: usize,
    deadline: Millis,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(pool) = self.pool {
            pool.borrow_mut().health.request_ended(self.origin, self.deadline);
        }
    }
}

impl Origins {
    /// Counts a request to an origin, until the guard is dropped or `deadline` (milliseconds since 1970) is over.
    pub(in crate::gateway) fn in_flight(&self, config: &Config, to: OriginRef, deadline: Millis) -> InFlight<'_> {
        let plain = config.pools.get(to.pool).is_none_or(is_plain);
        let pool = self.pools.get(to.pool).filter(|_| !plain);
        if let Some(pool) = pool {
            pool.borrow_mut().health.request_began(to.origin, deadline);
        }
        InFlight { pool, origin: to.origin, deadline }
    }
}
