//! The shadow: a pool that gets copies of requests, and whose responses are discarded.

use super::Origins;
use super::address::{VisitorAddress, to_origin};
use super::outgoing::Outgoing;
use crate::config::{Config, HostMode, Millis};
use crate::gateway::context::Context;
use crate::gateway::reply::{After, Shadow};
use crate::http::head;
use crate::origin::balance::mix;
use crate::platform::{Forward, OriginRequest, Platform};

/// The longest deadline of a shadow request, in milliseconds: other deferred work waits for it.
const LONGEST: Millis = 5_000;

impl Origins {
    /// Leaves a copy of a safe request to be sent to the shadow `pool`, for a share of `percent`.
    pub(super) fn shadow_later<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        outgoing: &Outgoing<'_>,
        pool: usize,
        percent: u32,
    ) {
        let safe = matches!(ctx.head.method, "GET" | "HEAD") && !ctx.head.is_websocket();
        if !safe || mix(ctx.random ^ 0x5ad0) % 100 >= u64::from(percent) {
            return;
        }
        let criteria = self.criteria(ctx, &[], outgoing.stamped);
        let Some(origin) = self.order(ctx, &[pool], criteria, 1).pop() else { return };
        let mut edits = outgoing.edits.clone();
        edits.set("x-usher-shadow", "1");
        to_origin(ctx.config, origin, &VisitorAddress::of(ctx.head, ""), false, &mut edits);
        let deadline = ctx.route.map_or(LONGEST, |route| route.deadline.min(LONGEST));
        let (method, path) = (ctx.head.method.to_owned(), outgoing.path.to_owned());
        ctx.defer(After::Shadow(Box::new(Shadow { origin, method, path, edits, deadline })));
    }

    /// Sends a copy of a request to a shadow; its response is only counted.
    pub(in crate::gateway) async fn shadow<P: Platform>(&self, platform: &P, config: &Config, shadow: &Shadow) {
        let Some((pool, base)) = shadow.origin.of(config) else { return };
        let request = OriginRequest {
            url: &format!("{base}{}", shadow.path),
            method: &shadow.method,
            forward: Forward::Fields,
            edits: &shadow.edits,
            deadline: shadow.deadline,
            idle: pool.idle,
            workers_cache: None,
            visitor_host: pool.host == HostMode::Visitor,
        };
        let _counted = self.in_flight(config, shadow.origin, platform.now() + shadow.deadline);
        let good = match platform.fetch(&request).await {
            Ok(response) => {
                let status = head::status(&response.packed);
                platform.discard(response.body);
                status < 500
            }
            Err(_) => false,
        };
        self.observer.counters().attempted(&pool.name, if good { "answered" } else { "failed" });
    }
}
