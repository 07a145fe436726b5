//! The prober: one Durable Object for each pool, woken by alarms. It probes the pool's origins, stores the results and
//! the operator's orders, and reports them to isolates.
//!
//! It starts with an isolate's first report, and stops when no isolate has reported for five minutes. When a pool is
//! probed from several locations, an object in each location probes on its behalf.

use super::instance::gateway;
use super::prober::{probe as send_probe, prober as ask_prober};
use crate::config::{Millis, Pool, Probe};
use crate::http::head::{self, Edits};
use crate::origin::balance::orca;
use crate::origin::health::prober::ProberState;
use crate::origin::health::protocol::{self, ProbeResult};
use crate::origin::replica::{self, Position};
use js_sys::Promise;
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use worker::wasm_bindgen_futures::JsFuture;
use worker::{
    DurableObject, Env, Request, Response, Result, SqlStorage, SqlStorageValue, State, Storage, durable_object,
    wasm_bindgen,
};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS roster (row INTEGER PRIMARY KEY CHECK (row = 0), pool TEXT NOT NULL, kept TEXT NOT NULL, heard INTEGER NOT NULL)";
/// Origins that are probed at one time: the most connections that an object may have.
const AT_ONCE: usize = 6;
/// After so long without a report of an isolate, probing stops, in milliseconds.
const IDLE: Millis = 300_000;
/// Bytes of a probe's response body that are searched.
const SEARCHED: u32 = 65_536;
/// The time of the last report is stored at most once in this time, in milliseconds.
const SAVED_EVERY: Millis = 60_000;

/// A pool's prober.
#[durable_object]
pub struct Prober {
    storage: Storage,
    sql: SqlStorage,
    /// The pool's state; or why it cannot be read, so that it is not overwritten.
    pool_state: std::result::Result<RefCell<ProberState>, String>,
    pool: RefCell<String>,
    /// When an isolate last reported.
    last_report: Cell<Millis>,
    /// The stored value of `last_report`.
    saved_report: Cell<Millis>,
    /// Whether an alarm is known to be set.
    alarm_set: Cell<bool>,
}

#[derive(Deserialize)]
struct Row {
    pool: String,
    kept: String,
    #[serde(rename = "heard")]
    last_report: f64,
}

impl DurableObject for Prober {
    fn new(state: State, _: Env) -> Self {
        let sql = state.storage().sql();
        let read = sql
            .exec(TABLE, None)
            .and_then(|_| sql.exec("SELECT pool, kept, heard FROM roster", None)?.to_array::<Row>())
            .map_err(|error| error.to_string());
        let row = read.map(|rows| rows.into_iter().next());
        let pool_state = match &row {
            Ok(Some(row)) => serde_json::from_str(&row.kept).map_err(|error| error.to_string()),
            Ok(None) => Ok(ProberState::default()),
            Err(error) => Err(error.clone()),
        };
        let row = row.ok().flatten();
        let last_report = row.as_ref().map_or(0, |row| row.last_report as Millis);
        Self {
            storage: state.storage(),
            sql,
            pool_state: pool_state.map(RefCell::new),
            pool: RefCell::new(row.map(|row| row.pool).unwrap_or_default()),
            last_report: Cell::new(last_report),
            saved_report: Cell::new(last_report),
            alarm_set: Cell::new(false),
        }
    }

    /// Takes a [`protocol::Request`] as JSON, returns a report as JSON; for [`protocol::Request::Look`] the results of
    /// probes.
    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let name = request.headers().get("x-pool")?.unwrap_or_default();
        let message: protocol::Request = request.json().await?;
        if let protocol::Request::Look = message {
            let Some((pool, probe)) = probed_pool(&name) else {
                return Response::from_json(&Vec::<ProbeResult>::new());
            };
            return Response::from_json(&probe_all(&pool, &probe).await);
        }
        let pool_state = match &self.pool_state {
            Ok(pool_state) => pool_state,
            Err(error) => return Response::error(format!("what is kept of the pool cannot be read: {error}"), 500),
        };
        let known = self.pool.replace(name.clone()) == name;
        if matches!(message, protocol::Request::Sync { .. }) {
            self.wake(&name, pool_state).await?;
            self.last_report.set(now());
        }
        let (report, changed) = pool_state.borrow_mut().answer(message, now());
        if changed || !known || self.last_report.get().saturating_sub(self.saved_report.get()) > SAVED_EVERY {
            self.save(pool_state)?;
        }
        Response::from_json(&report)
    }

    /// Probes the origins, and sets the next alarm.
    async fn alarm(&self) -> Result<Response> {
        let name = self.pool.borrow().clone();
        self.alarm_set.set(false);
        let (Some((pool, probe)), Ok(pool_state)) = (probed_pool(&name), &self.pool_state) else {
            return Response::empty();
        };
        if now().saturating_sub(self.last_report.get()) > IDLE {
            return Response::empty();
        }
        // The alarm is set first, so that a failure does not end the probing. Up to a tenth more or less, so that pools
        // are not all probed at once.
        let jitter = getrandom::u64().unwrap_or_default() % (probe.every / 5).max(1);
        self.storage.set_alarm(i64::try_from(probe.every * 9 / 10 + jitter).unwrap_or(i64::MAX)).await?;
        self.alarm_set.set(true);
        let results = if probe.locations.is_empty() {
            probe_all(&pool, &probe).await
        } else {
            probe_from_locations(&pool, &probe).await
        };
        let changed = pool_state.borrow_mut().record_results(&probe, results, now());
        if changed {
            self.save(pool_state)?;
        }
        Response::empty()
    }
}

impl Prober {
    fn save(&self, pool_state: &RefCell<ProberState>) -> Result<()> {
        let kept = serde_json::to_string(&*pool_state.borrow())?;
        let last_report = SqlStorageValue::try_from_i64(i64::try_from(self.last_report.get()).unwrap_or(i64::MAX))?;
        self.sql.exec(
            "INSERT INTO roster (row, pool, kept, heard) VALUES (0, ?, ?, ?) ON CONFLICT (row) DO UPDATE SET pool = excluded.pool, kept = excluded.kept, heard = excluded.heard",
            vec![self.pool.borrow().as_str().into(), kept.into(), last_report],
        )?;
        self.saved_report.set(self.last_report.get());
        Ok(())
    }

    /// Starts to probe, unless an alarm is set. After a pause the results from before it are removed.
    async fn wake(&self, name: &str, pool_state: &RefCell<ProberState>) -> Result<()> {
        if let Some((_, probe)) = probed_pool(name).filter(|_| !self.alarm_set.get()) {
            let alarm = self.storage.get_alarm().await?;
            // An alarm that was set when the pool was probed less often is too late.
            let late = |at: i64| at as f64 > now() as f64 + 1.2 * probe.every as f64;
            if alarm.is_none_or(late) {
                if now().saturating_sub(self.last_report.get()) > IDLE {
                    pool_state.borrow_mut().forget();
                }
                self.storage.set_alarm(0_i64).await?;
            }
            self.alarm_set.set(true);
        }
        Ok(())
    }
}

fn now() -> Millis {
    js_sys::Date::now() as Millis
}

/// The pool with this name and its probe, if it is probed.
fn probed_pool(name: &str) -> Option<(Pool, Probe)> {
    let pool = gateway().pool(name).cloned()?;
    let probe = pool.probe.clone()?;
    Some((pool, probe))
}

/// Probes every origin of a pool from this location, a few at a time.
async fn probe_all(pool: &Pool, probe: &Probe) -> Vec<ProbeResult> {
    let mut edits = Edits::new();
    edits.set("user-agent", "usher-prober");
    for (name, value) in &probe.headers {
        edits.set(name, value);
    }
    let most = if probe.body.is_some() { SEARCHED } else { 0 };
    let send = |url: &str| send_probe(url, &probe.method, edits.packed(), probe.timeout as f64, most);
    let mut results = Vec::with_capacity(pool.origins.len());
    for some in pool.origins.chunks(AT_ONCE) {
        let sent: Vec<Promise> =
            some.iter().map(|origin| send(&format!("{}{}", origin.url.text(), pool.health))).collect();
        for (origin, promise) in some.iter().zip(sent) {
            let response = JsFuture::from(promise).await.unwrap_or_default();
            results.push(result(&origin.name, probe, response.as_f64(), response.as_string()));
        }
    }
    results
}

fn result(name: &str, probe: &Probe, failure: Option<f64>, response: Option<String>) -> ProbeResult {
    let name = name.to_owned();
    let Some(response) = response else {
        let reason = if failure == Some(2.0) { "no answer in time" } else { "it cannot be reached" };
        return ProbeResult { name, reason: reason.into(), ..ProbeResult::default() };
    };
    let (packed, body) = response.split_once("\n\n").unwrap_or((&response, ""));
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

/// Has the objects in all locations probe the pool, and returns the results that a quorum of them agrees on.
async fn probe_from_locations(pool: &Pool, probe: &Probe) -> Vec<ProbeResult> {
    let request = serde_json::to_string(&protocol::Request::Look).unwrap_or_default();
    let rounds = pool.origins.len().div_ceil(AT_ONCE) as u64;
    let deadline = (rounds * probe.timeout + 2_000) as f64;
    let sent: Vec<Promise> =
        probe.locations.iter().map(|location| ask_prober(&pool.name, Some(location), &request, deadline)).collect();
    let mut by_location: Vec<Vec<ProbeResult>> = Vec::with_capacity(sent.len());
    for promise in sent {
        let text = JsFuture::from(promise).await.ok().and_then(|response| response.as_string());
        by_location.push(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default());
    }
    // A location that could not probe has no vote.
    let of = |name: &str| {
        let found = |results: &Vec<ProbeResult>| results.iter().find(|result| result.name == name).cloned();
        ProbeResult::agreed(probe.quorum, &by_location.iter().filter_map(found).collect::<Vec<_>>())
    };
    pool.origins.iter().filter_map(|origin| of(&origin.name)).collect()
}
