//! Sticky sessions: the origin that a visitor stays with.

use super::Origins;
use crate::config::Pool;
use crate::gateway::context::Context;
use crate::http::signed_cookie::Purpose;
use crate::origin::selection::OriginRef;
use crate::platform::Platform;

/// The lifetime of the affinity cookie, in seconds.
const STAYS: u64 = 86_400;

impl Origins {
    /// The origin that the visitor stays with, as their cookie states.
    pub(super) fn sticky<P: Platform>(&self, ctx: &Context<'_, P>, pool: &Pool) -> Option<usize> {
        let name = self.signed_cookie(ctx, Purpose::Affinity, &pool.name)?;
        pool.origins.iter().position(|origin| origin.name == name)
    }

    /// Lets the visitor stay with the origin that answered.
    pub(super) fn stick<P: Platform>(&self, ctx: &Context<'_, P>, pool: &Pool, to: OriginRef) {
        if pool.affinity && self.sticky(ctx, pool) != Some(to.origin) {
            let origin = pool.origins.get(to.origin).map_or("", |origin| origin.name.as_str());
            self.set_signed_cookie(ctx, (Purpose::Affinity, &pool.name), origin, STAYS);
        }
    }
}
