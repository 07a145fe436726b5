//! What a pool's prober decides: the object around it is `prober_object.js`, which waits, stores and sends probes.
//!
//! Its state is kept by the gateway's instance; after a panic the object makes it anew from what it has stored.

use super::instance::gateway;
use crate::config::{Millis, Pool, Probe, USES};
use crate::gateway::Gateway;
use crate::http::head::{self, Edits};
use crate::http::{json, search};
use crate::origin::balance::orca;
use crate::origin::health::prober::ProberState;
use crate::origin::health::protocol::{ProbeResult, Request};
use crate::origin::replica::{self, Position};
use std::mem::ManuallyDrop;
use wasm_bindgen::prelude::*;

/// Why there is no state in a build without this part.
const UNUSED: &str = "no pool of this configuration has a prober";

/// A pool's state.
#[wasm_bindgen]
pub struct ProbedPool {
    /// Not dropped: an object has one for as long as it lives.
    state: ManuallyDrop<ProberState>,
    /// Whether the state must be stored since the last call of [`ProbedPool::kept`].
    changed: bool,
}

#[wasm_bindgen]
impl ProbedPool {
    /// The state that was stored (JSON), or a new one.
    ///
    /// # Errors
    /// What is stored cannot be read, and must not be overwritten.
    #[wasm_bindgen(constructor)]
    pub fn new(kept: Option<String>) -> Result<Self, String> {
        if !USES.balance {
            return Err(UNUSED.into());
        }
        let state = kept.map_or_else(|| Ok(ProberState::default()), |kept| json::read(&kept));
        let state = state.map_err(|error| format!("what is kept of the pool cannot be read: {error}"))?;
        Ok(Self { state: ManuallyDrop::new(state), changed: false })
    }

    /// The report that answers a [`Request`], both as JSON.
    ///
    /// # Errors
    /// It is no request.
    pub fn answer(&mut self, request: &str, now: f64) -> Result<String, String> {
        if !USES.balance {
            return Err(UNUSED.into());
        }
        let request: Request = json::read(request).map_err(|error| error.to_string())?;
        let (report, changed) = self.state.answer(request, now as Millis);
        self.changed |= changed;
        Ok(json::text(&report))
    }

    /// Records a round of probes, as [`judge`] or [`agree`] returned it.
    pub fn record(&mut self, pool: &str, results: &str, now: f64) {
        let gateway = gateway();
        if let Some((_, probe)) = probed(gateway, pool) {
            let results = json::read(results).unwrap_or_default();
            self.changed |= self.state.record_results(probe, results, now as Millis);
        }
    }

    /// Forgets probe results, when they are too old.
    pub fn forget(&mut self) {
        self.state.forget();
    }

    /// The state to store, as JSON; `None` when what is stored is still true, unless `always`.
    pub fn kept(&mut self, always: bool) -> Option<String> {
        if !USES.balance {
            return None;
        }
        let wanted = std::mem::take(&mut self.changed) || always;
        wanted.then(|| json::text(&*self.state))
    }
}

/// How a pool is probed. A line: `every` and `timeout` (milliseconds), the method, whether the body is searched (1 or 0),
/// its locations (separated by commas, or none), separated by spaces. Then the fields to send as edits, an empty line, and
/// the URLs, a line each. `None` when it is not probed.
#[wasm_bindgen]
#[must_use]
pub fn probing(pool: &str) -> Option<String> {
    let gateway = gateway();
    let (pool, probe) = probed(gateway, pool)?;
    let mut edits = Edits::new();
    edits.set("user-agent", "usher-prober");
    for (name, value) in &probe.headers {
        edits.set(name, value);
    }
    let Probe { every, timeout, method, locations, .. } = probe;
    let searched = u8::from(probe.body.is_some());
    let locations = locations.join(",");
    let mut text = format!("{every} {timeout} {method} {searched} {locations}\n{}", edits.packed());
    for origin in &pool.origins {
        text.push('\n');
        text.push_str(origin.url.text());
        text.push_str(&pool.health);
    }
    Some(text)
}

/// The results of the probes of a pool's origins, in their order: of each a failure's number (see `message.js`), or the
/// head of its response, an empty line, and the beginning of its body.
#[wasm_bindgen]
#[must_use]
pub fn judge(pool: &str, responses: Vec<JsValue>) -> String {
    let gateway = gateway();
    let Some((pool, probe)) = probed(gateway, pool) else { return "[]".into() };
    let pairs = pool.origins.iter().zip(&responses);
    let results: Vec<ProbeResult> =
        pairs.map(|(origin, response)| result(&origin.name, probe, response.as_f64(), response.as_string())).collect();
    json::text(&results)
}

/// The results that a quorum of locations agrees on, from those of each location. One that could not probe has no vote.
#[wasm_bindgen]
#[must_use]
pub fn agree(pool: &str, locations: Vec<String>) -> String {
    let gateway = gateway();
    let Some((pool, probe)) = probed(gateway, pool) else { return "[]".into() };
    let by_location: Vec<Vec<ProbeResult>> =
        locations.iter().map(|text| json::read(text).unwrap_or_default()).collect();
    let of = |name: &str| {
        let found = |results: &Vec<ProbeResult>| results.iter().find(|result| result.name == name).cloned();
        ProbeResult::agreed(probe.quorum, &by_location.iter().filter_map(found).collect::<Vec<_>>())
    };
    let agreed: Vec<ProbeResult> = pool.origins.iter().filter_map(|origin| of(&origin.name)).collect();
    json::text(&agreed)
}

/// The pool with this name and its probe, if it is probed.
fn probed<'g>(gateway: &'g Gateway, name: &str) -> Option<(&'g Pool, &'g Probe)> {
    let pool = gateway.pool(name).filter(|_| USES.balance)?;
    Some((pool, pool.probe.as_ref()?))
}

fn result(name: &str, probe: &Probe, failure: Option<f64>, response: Option<String>) -> ProbeResult {
    let name = name.to_owned();
    let Some(response) = response else {
        let reason = if failure == Some(2.0) { "no answer in time" } else { "it cannot be reached" };
        return ProbeResult { name, reason: reason.into(), ..ProbeResult::default() };
    };
    let (packed, body) = search::split_once(&response, "\n\n").unwrap_or((&response, ""));
    let (status, fields) = head::response(packed);
    let (good, reason) = ProbeResult::judge(probe, status, body);
    ProbeResult {
        name,
        good,
        reason,
        position: fields.get(replica::POSITION).and_then(Position::parse),
        lag: fields.get(replica::LAG).and_then(|lag| lag.trim().parse().ok()),
        load: fields.get(orca::FIELD).and_then(orca::utilization),
    }
}
