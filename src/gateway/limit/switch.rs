//! Asks the operator's switches.

use super::Limits;
use crate::config::USES;
use crate::error::Error;
use crate::gateway::challenge;
use crate::gateway::context::Context;
use crate::gateway::operator::{explains, is_operator};
use crate::gateway::record::Record;
use crate::ledger::View;
use crate::limit::Switch;
use crate::platform::Platform;

/// Maintenance that ends later than so says that its end is not known: it is on until it is turned off.
const LONGEST: u64 = 7 * 86_400_000;

impl Limits {
    /// Refuses a request to a route in maintenance, but not the operator's; challenges one where an attack goes on and no
    /// rule allows it.
    ///
    /// # Errors
    /// [`Error::Maintenance`], [`Error::Challenged`]
    pub(in crate::gateway) fn meet_switches<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        view: &View,
        record: &mut Record<'a>,
    ) -> Result<(), Error> {
        // Where nothing was ever turned on, nothing is looked up.
        let Some(route) = ctx.route.filter(|_| view.newest_state() > 0) else { return Ok(()) };
        let protection = ctx.config.protection.get();
        let now = view.moment(ctx.now());
        let host = ctx.head.url.host();
        let mut met = |name: &'static str, log_name: &'static str, action| {
            self.observer.counters().ruled(name, action);
            record.more.push((log_name, action));
        };
        if let Some(until) = Switch::Maintenance.until(view, now, host, route) {
            if !is_operator(ctx) && !explains(ctx) {
                met("switch:maintenance", "switch.maintenance", "block");
                let unknown = protection.switches.unwrap_or_default();
                let wait = Some(until.saturating_sub(now)).filter(|wait| *wait <= LONGEST).unwrap_or(unknown);
                return Err(Error::Maintenance(wait.div_ceil(1_000).max(1)));
            }
            met("switch:maintenance", "switch.maintenance", "passed");
        }
        let attack = USES.challenge && !ctx.allowed && Switch::Attack.until(view, now, host, route).is_some();
        if let Some(bits) = protection.challenge.get().as_ref().filter(|_| attack).map(|challenge| challenge.difficulty)
        {
            let passes = challenge::passes(ctx, bits);
            met("switch:attack", "switch.attack", if passes { "passed" } else { "challenge" });
            if !passes {
                return Err(Error::Challenged(bits));
            }
        }
        Ok(())
    }
}
