//! Is everything there that the gateway needs?

use super::{
    Gateway,
    join::{all, join},
};
use crate::config::{Config, Millis};
use crate::head::{self, Edits};
use crate::platform::{Ask, Carry, Platform};
use crate::respond::Generated;
use serde_json::{Map, Value, json};

/// Each dependency may take this long.
const DEADLINE: Millis = 2_000;
/// A verdict is good for this long, so that nobody can make the gateway hammer its origins.
const VALID: Millis = 1_000;

/// Whether all was well, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    ok: bool,
    at: Millis,
}

impl Gateway {
    /// 200 or 503; the operator is told which dependency is how.
    pub(super) async fn health<P: Platform>(&self, platform: &P, config: &Config, operator: bool) -> Generated {
        let now = platform.now();
        if let Some(verdict) = self.health.get().filter(|verdict| !operator && now.saturating_sub(verdict.at) < VALID) {
            return said(verdict.ok, None);
        }
        // While this one asks, others are told what is known; at first nothing is, and all ask.
        if let Some(known) = self.health.get() {
            self.health.set(Some(Verdict { at: now + DEADLINE, ..known }));
        }
        let since = self.view.borrow().as_of();
        let stores = join(platform.record_read("health", DEADLINE), platform.ledger_read(since, DEADLINE));
        let ((sessions, ledger), origins) =
            join(stores, all(config.pools.iter().map(|pool| probe(platform, pool)))).await;
        let word = |ok: bool| if ok { "ok" } else { "down" };
        let well = |pool: &Map<String, Value>| pool.values().any(|word| word == "ok");
        let ok = sessions.is_ok() && ledger.is_ok() && origins.iter().all(well);
        self.health.set(Some(Verdict { ok, at: platform.now() }));
        let pools: Map<String, Value> =
            config.pools.iter().map(|pool| pool.name.clone()).zip(origins.into_iter().map(Value::from)).collect();
        let map = json!({ "sessions": word(sessions.is_ok()), "ledger": word(ledger.is_ok()), "pools": pools });
        said(ok, operator.then_some(map))
    }
}

fn said(ok: bool, map: Option<Value>) -> Generated {
    let mut body = json!({ "status": if ok { "ok" } else { "unavailable" } });
    if let (Some(body), Some(map)) = (body.as_object_mut(), map) {
        body.insert("checks".into(), map);
    }
    Generated::json(if ok { 200 } else { 503 }, &body)
}

/// Each origin of a pool and how it is. An answer below 500 shows that somebody is there.
async fn probe<P: Platform>(platform: &P, pool: &crate::config::Pool) -> Map<String, Value> {
    let checks = pool.origins.iter().map(|origin| format!("{}{}", origin.url.text(), pool.health)).enumerate();
    let answers = all(checks.map(|(place, url)| async move {
        let ask = Ask {
            url: &url,
            method: "GET",
            carry: Carry::Nothing,
            edits: &Edits::default(),
            deadline: DEADLINE,
            idle: 0,
            through: None,
            as_visitor: false,
        };
        let status = platform.fetch(&ask).await.map(|answer| {
            let status = head::answer(&answer.packed).0;
            platform.discard(answer.body);
            status
        });
        let word = match status {
            Ok(200..500) => "ok",
            Ok(_) => "failing",
            Err(_) => "down",
        };
        (format!("origin {}", place + 1), Value::from(word))
    }));
    answers.await.into_iter().collect()
}
