//! `/.usher/health`: are all dependencies of the gateway healthy?

use super::{Admin, Checked};
use crate::config::{Millis, Pool};
use crate::gateway::context::Context;
use crate::gateway::join_all::join_all;
use crate::http::head::{self, Edits};
use crate::http::json::json_object;
use crate::platform::{Forward, OriginRequest, Platform};
use crate::respond::Generated;
use futures_util::future::join3;
use serde_json::{Map, Value};

/// Each dependency may take this long, in milliseconds.
const DEADLINE: Millis = 2_000;
/// A result is reused for this long, in milliseconds, so that requests to this page cannot flood the origins.
const VALID: Millis = 1_000;

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
        let sessions = ctx.platform.get("health", DEADLINE);
        let ledger = ctx.platform.ledger_read(since, DEADLINE);
        let pools = join_all(ctx.config.pools.iter().map(|pool| ask_origins(ctx.platform, pool)));
        let (sessions, ledger, origins) = join3(sessions, ledger, pools).await;
        let describe = |ok: bool| if ok { "ok" } else { "down" };
        let well = |pool: &Map<String, Value>| pool.values().any(|state| state == "ok");
        let ok = sessions.is_ok() && ledger.is_ok() && origins.iter().all(well);
        self.health.set(Some(Checked { ok, at: ctx.now() }));
        let names = ctx.config.pools.iter().map(|pool| pool.name.clone());
        let mut pools = Map::new();
        pools.extend(names.zip(origins.into_iter().map(Value::from)));
        let checks = json_object!({ "sessions": describe(sessions.is_ok()), "ledger": describe(ledger.is_ok()), "pools": pools });
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

/// The state of each origin of a pool. A status below 500 counts as healthy.
async fn ask_origins<P: Platform>(platform: &P, pool: &Pool) -> Map<String, Value> {
    let urls = pool.origins.iter().map(|origin| format!("{}{}", origin.url.text(), pool.health)).enumerate();
    let states = join_all(urls.map(|(place, url)| async move {
        let request = OriginRequest {
            url: &url,
            method: "GET",
            forward: Forward::Nothing,
            edits: &Edits::default(),
            deadline: DEADLINE,
            idle: 0,
            workers_cache: None,
            visitor_host: false,
        };
        let status = platform.fetch(&request).await.map(|response| {
            let status = head::response(&response.packed).0;
            platform.discard(response.body);
            status
        });
        let state = match status {
            Ok(200..500) => "ok",
            Ok(_) => "failing",
            Err(_) => "down",
        };
        (format!("origin {}", place + 1), Value::from(state))
    }));
    let mut all = Map::new();
    all.extend(states.await);
    all
}
