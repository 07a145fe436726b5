//! The canary: a new version that some visitors get.

use super::Origins;
use super::outgoing::{Outgoing, Sent};
use crate::config::{Canary, Route, USES};
use crate::gateway::context::Context;
use crate::gateway::record::Record;
use crate::http::head;
use crate::http::signed_cookie::Purpose;
use crate::origin::canary::{self, Analysis};
use crate::platform::Platform;

/// How long a browser keeps its draw, in seconds: longer than a canary lives.
const KEPT: u64 = 30 * 86_400;

impl Origins {
    /// Whether this visitor gets the route's canary. The number that decides is drawn once and kept in a signed cookie,
    /// so that the visitor stays where they are when their address changes and when they sign in.
    pub(in crate::gateway) fn gets_canary<P: Platform>(&self, ctx: &Context<'_, P>, route: &Route) -> bool {
        let Some(canary) = &route.canary else { return false };
        if self.analyses.borrow().get(&route.place).is_some_and(Analysis::is_aborted) {
            return false;
        }
        let percent = canary.percent.text().parse().unwrap_or(0);
        // At 0 and 100 % no draw is needed.
        if percent == 0 || percent >= 100 {
            return percent > 0;
        }
        let kept = self.signed_cookie(ctx, Purpose::CanaryDraw, &route.name).and_then(|draw| draw.parse::<u64>().ok());
        let draw = kept.unwrap_or_else(|| {
            let network = ctx.visitor.network();
            let user = ctx.identity.record().map(|record| record.user.as_str());
            canary::draw(&route.name, user.or(network.as_deref()).unwrap_or(&ctx.request_id))
        });
        if kept.is_none() {
            self.set_signed_cookie(ctx, (Purpose::CanaryDraw, &route.name), &draw.to_string(), KEPT);
        }
        draw < percent
    }

    /// Asks the route's pools; for some visitors the canary's first.
    pub(super) async fn ask_pools<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        pools: &[usize],
        outgoing: &mut Outgoing<'_>,
    ) -> Sent<P::Body> {
        let route = ctx.route;
        if let Some((pool, percent)) = route.and_then(|route| route.shadow).filter(|_| USES.shadow) {
            self.shadow_later(ctx, outgoing, pool, percent);
        }
        let asked = (USES.canary && ctx.canary).then(|| ctx.now());
        record.steered = asked.map(|_| "canary").or(record.steered);
        let sent = self.attempt(ctx, record, pools, outgoing).await;
        if USES.canary
            && let Some((route, asked)) = route.zip(asked)
        {
            self.judge_canary(ctx, record, route, (&sent, asked));
        }
        sent
    }

    /// Counts how a visitor's request to the canary, asked at `asked`, ended.
    fn judge_canary<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        record: &mut Record<'_>,
        route: &Route,
        (sent, asked): (&Sent<P::Body>, u64),
    ) {
        let Some(canary) = &route.canary else { return };
        // When another pool answered in the end, the canary has failed.
        let own = sent.from.is_some_and(|from| from.pool == canary.pool);
        if !own {
            record.steered = Some("not-canary");
        }
        let good = own && sent.result.as_ref().is_ok_and(|response| head::status(&response.packed) < 500);
        // With a body, latency and failures may be the visitor's.
        if !ctx.head.has_body {
            let took = if own { ctx.now().saturating_sub(asked) } else { 0 };
            self.analyse(ctx, (route, canary), good, took);
        }
    }

    fn analyse<P: Platform>(&self, ctx: &Context<'_, P>, (route, canary): (&Route, &Canary), good: bool, took: u64) {
        let mut analyses = self.analyses.borrow_mut();
        if let Some(why) = analyses.entry(route.place).or_default().record(canary, good, took) {
            ctx.platform.error(&format!("route {:?}: the canary is given up in this isolate: {why}", route.name));
        }
    }
}
