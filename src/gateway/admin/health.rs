//! `/.usher/health`: are all dependencies of the gateway healthy?

use super::{Admin, Checked};
use crate::config::{Millis, Origin, Pool};
use crate::gateway::apart::Work;
use crate::gateway::context::Context;
use crate::gateway::join_all::join_all;
use crate::http::head::{self, Edits};
use crate::http::json::json_object;
use crate::platform::{Forward, OriginRequest, Platform};
use crate::respond::Generated;
use serde_json::{Map, Value};

/// Each dependency may take this long, in milliseconds.
const DEADLINE: Millis = 2_000;
/// A result is reused for this long, in milliseconds, so that requests to this page cannot flood the origins.
const VALID: Millis = 1_000;
/// The state of what is healthy.
const OK: &str = "ok";

impl Admin {
    /// Answers 200 or 503; the operator sees the state of each dependency.
    pub(super) async fn check_health<P: Platform>(&self, ctx: &Context<'_, P>, operator: bool) -> Generated {
        let now = ctx.now();
        let known = self.health.get();
        if let Some(known) = known.filter(|known| !operator && now.saturating_sub(known.at) < VALID) {
            return status(known.ok, None);
        }
        // While this request checks, others get the last result; without one, all check.
        if let Some(known) = known {
            self.health.set(Some(Checked { at: now + DEADLINE, ..known }));
        }
        let since = self.ledger.view().as_of();
        let state = |ok: bool| if ok { OK } else { "down" };
        let mut all: Vec<Work<'_, &'static str>> = vec![
            Box::pin(async { state(ctx.platform.get("health", DEADLINE).await.is_ok()) }),
            Box::pin(async { state(ctx.platform.ledger_read(since, DEADLINE).await.is_ok()) }),
        ];
        for pool in &ctx.config.pools {
            all.extend(pool.origins.iter().map(|origin| -> Work<'_, _> { Box::pin(ask(ctx.platform, pool, origin)) }));
        }
        let mut states = join_all(all).await.into_iter();
        let mut next = || states.next().unwrap_or_default();
        let (sessions, ledger) = (next(), next());
        let mut ok = sessions == OK && ledger == OK;
        let mut pools = Map::new();
        for pool in &ctx.config.pools {
            let mut found = Map::new();
            found.extend((1..=pool.origins.len()).map(|place| (format!("origin {place}"), next().into())));
            ok &= found.values().any(|state| state == OK);
            pools.insert(pool.name.clone(), found.into());
        }
        self.health.set(Some(Checked { ok, at: ctx.now() }));
        let checks = json_object!({ "sessions": sessions, "ledger": ledger, "pools": pools });
        status(ok, operator.then_some(checks))
    }
}

fn status(ok: bool, checks: Option<Value>) -> Generated {
    let mut body = json_object!({ "status": if ok { "ok" } else { "unavailable" } });
    if let (Some(body), Some(checks)) = (body.as_object_mut(), checks) {
        body.insert("checks".into(), checks);
    }
    Generated::json(if ok { 200 } else { 503 }, &body)
}

/// The state of a pool's origin. A status below 500 counts as healthy.
async fn ask<P: Platform>(platform: &P, pool: &Pool, origin: &Origin) -> &'static str {
    let request = OriginRequest {
        url: &format!("{}{}", origin.url.text(), pool.health),
        method: "GET",
        forward: Forward::Nothing,
        edits: &Edits::default(),
        deadline: DEADLINE,
        idle: 0,
        workers_cache: None,
        visitor_host: false,
    };
    let status = platform.fetch(&request).await.map(|response| {
        let status = head::status(&response.packed);
        platform.discard(response.body);
        status
    });
    match status {
        Ok(200..500) => OK,
        Ok(_) => "failing",
        Err(_) => "down",
    }
}
