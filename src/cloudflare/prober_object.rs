//! Who watches over a pool: one Durable Object each, woken by alarms. It asks the pool's origins how
//! they are, keeps the verdicts and the operator's orders, and tells isolates.
//!
//! It begins when an isolate first tells of itself, and sleeps when none has for five minutes. Where a
//! pool is asked from several locations, an object in each of them looks on its behalf.

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
/// Origins that are asked at one time: so many connections an object may have.
const AT_ONCE: usize = 6;
/// Without a word from any isolate for so long, nobody is probed.
const IDLE: Millis = 300_000;
/// Bytes of a probe's answer that are searched.
const SEARCHED: u32 = 65_536;
/// How often it is written down, at most, when an isolate spoke last.
const NOTED: Millis = 60_000;

/// A pool's prober.
#[durable_object]
pub struct Prober {
    storage: Storage,
    sql: SqlStorage,
    /// What is kept; or why it cannot be read, so that nothing is written over it.
    roster: std::result::Result<RefCell<ProberState>, String>,
    pool: RefCell<String>,
    /// When an isolate spoke last.
    heard: Cell<Millis>,
    /// When that was written down last.
    noted: Cell<Millis>,
    /// Whether an alarm is known to be set.
    awake: Cell<bool>,
}

#[derive(Deserialize)]
struct Row {
    pool: String,
    kept: String,
    heard: f64,
}

impl DurableObject for Prober {
    fn new(state: State, _: Env) -> Self {
        let sql = state.storage().sql();
        let read = sql
            .exec(TABLE, None)
            .and_then(|_| sql.exec("SELECT pool, kept, heard FROM roster", None)?.to_array::<Row>())
            .map_err(|error| error.to_string());
        let row = read.map(|rows| rows.into_iter().next());
        let roster = match &row {
            Ok(Some(row)) => serde_json::from_str(&row.kept).map_err(|error| error.to_string()),
            Ok(None) => Ok(ProberState::default()),
            Err(error) => Err(error.clone()),
        };
        let row = row.ok().flatten();
        let heard = row.as_ref().map_or(0, |row| row.heard as Millis);
        Self {
            storage: state.storage(),
            sql,
            roster: roster.map(RefCell::new),
            pool: RefCell::new(row.map(|row| row.pool).unwrap_or_default()),
            heard: Cell::new(heard),
            noted: Cell::new(heard),
            awake: Cell::new(false),
        }
    }

    /// Takes a [`protocol::Request`] as JSON, answers with a report as JSON; to [`protocol::Request::Look`] with findings.
    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let name = request.headers().get("x-pool")?.unwrap_or_default();
        let message: protocol::Request = request.json().await?;
        if let protocol::Request::Look = message {
            let Some((pool, probe)) = probed(&name) else { return Response::from_json(&Vec::<ProbeResult>::new()) };
            return Response::from_json(&looked(&pool, &probe).await);
        }
        let roster = match &self.roster {
            Ok(roster) => roster,
            Err(error) => return Response::error(format!("what is kept of the pool cannot be read: {error}"), 500),
        };
        let known = self.pool.replace(name.clone()) == name;
        if matches!(message, protocol::Request::Sync { .. }) {
            self.wake(&name, roster).await?;
            self.heard.set(now());
        }
        let (report, changed) = roster.borrow_mut().answer(message, now());
        if changed || !known || self.heard.get().saturating_sub(self.noted.get()) > NOTED {
            self.keep(roster)?;
        }
        Response::from_json(&report)
    }

    /// Asks the origins, and sets the next alarm.
    async fn alarm(&self) -> Result<Response> {
        let name = self.pool.borrow().clone();
        self.awake.set(false);
        let (Some((pool, probe)), Ok(roster)) = (probed(&name), &self.roster) else { return Response::empty() };
        if now().saturating_sub(self.heard.get()) > IDLE {
            return Response::empty();
        }
        // First of all, so that nothing that fails ends it. A tenth more or less, so that pools are not
        // all asked at once.
        let jitter = getrandom::u64().unwrap_or_default() % (probe.every / 5).max(1);
        self.storage.set_alarm(i64::try_from(probe.every * 9 / 10 + jitter).unwrap_or(i64::MAX)).await?;
        self.awake.set(true);
        let findings =
            if probe.locations.is_empty() { looked(&pool, &probe).await } else { from_everywhere(&pool, &probe).await };
        let changed = roster.borrow_mut().found(&probe, findings, now());
        if changed {
            self.keep(roster)?;
        }
        Response::empty()
    }
}

impl Prober {
    fn keep(&self, roster: &RefCell<ProberState>) -> Result<()> {
        let kept = serde_json::to_string(&*roster.borrow())?;
        let heard = SqlStorageValue::try_from_i64(i64::try_from(self.heard.get()).unwrap_or(i64::MAX))?;
        self.sql.exec(
            "INSERT INTO roster (row, pool, kept, heard) VALUES (0, ?, ?, ?) ON CONFLICT (row) DO UPDATE SET pool = excluded.pool, kept = excluded.kept, heard = excluded.heard",
            vec![self.pool.borrow().as_str().into(), kept.into(), heard],
        )?;
        self.noted.set(self.heard.get());
        Ok(())
    }

    /// Begins to probe, unless it goes on already. What was found before it slept is long ago.
    async fn wake(&self, name: &str, roster: &RefCell<ProberState>) -> Result<()> {
        if let Some((_, probe)) = probed(name).filter(|_| !self.awake.get()) {
            let alarm = self.storage.get_alarm().await?;
            // One that was set when the pool was probed less often would come too late.
            let late = |at: i64| at as f64 > now() as f64 + 1.2 * probe.every as f64;
            if alarm.is_none_or(late) {
                if now().saturating_sub(self.heard.get()) > IDLE {
                    roster.borrow_mut().forget();
                }
                self.storage.set_alarm(0_i64).await?;
            }
            self.awake.set(true);
        }
        Ok(())
    }
}

fn now() -> Millis {
    js_sys::Date::now() as Millis
}

/// The pool of this name and how it is probed, if it is.
fn probed(name: &str) -> Option<(Pool, Probe)> {
    let pool = gateway().pool(name).cloned()?;
    let probe = pool.probe.clone()?;
    Some((pool, probe))
}

/// Asks every origin of a pool from here, a few at a time.
async fn looked(pool: &Pool, probe: &Probe) -> Vec<ProbeResult> {
    let mut edits = Edits::new();
    edits.set("user-agent", "usher-prober");
    for (name, value) in &probe.headers {
        edits.set(name, value);
    }
    let most = if probe.body.is_some() { SEARCHED } else { 0 };
    let ask = |url: &str| send_probe(url, &probe.method, edits.packed(), probe.timeout as f64, most);
    let mut findings = Vec::with_capacity(pool.origins.len());
    for some in pool.origins.chunks(AT_ONCE) {
        let asked: Vec<Promise> =
            some.iter().map(|origin| ask(&format!("{}{}", origin.url.text(), pool.health))).collect();
        for (origin, promise) in some.iter().zip(asked) {
            let answer = JsFuture::from(promise).await.unwrap_or_default();
            findings.push(finding(&origin.name, probe, answer.as_f64(), answer.as_string()));
        }
    }
    findings
}

fn finding(name: &str, probe: &Probe, failure: Option<f64>, answer: Option<String>) -> ProbeResult {
    let name = name.to_owned();
    let Some(answer) = answer else {
        let reason = if failure == Some(2.0) { "no answer in time" } else { "it cannot be reached" };
        return ProbeResult { name, reason: reason.into(), ..ProbeResult::default() };
    };
    let (packed, body) = answer.split_once("\n\n").unwrap_or((&answer, ""));
    let (status, fields) = head::answer(packed);
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

/// Lets the objects in all locations look, and takes what enough of them agree on.
async fn from_everywhere(pool: &Pool, probe: &Probe) -> Vec<ProbeResult> {
    let request = serde_json::to_string(&protocol::Request::Look).unwrap_or_default();
    let rounds = pool.origins.len().div_ceil(AT_ONCE) as u64;
    let patience = (rounds * probe.timeout + 2_000) as f64;
    let asked: Vec<Promise> =
        probe.locations.iter().map(|location| ask_prober(&pool.name, Some(location), &request, patience)).collect();
    let mut seen: Vec<Vec<ProbeResult>> = Vec::with_capacity(asked.len());
    for promise in asked {
        let text = JsFuture::from(promise).await.ok().and_then(|answer| answer.as_string());
        seen.push(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default());
    }
    // A location that could not look has no vote.
    let of = |name: &str| {
        let found = |findings: &Vec<ProbeResult>| findings.iter().find(|finding| finding.name == name).cloned();
        ProbeResult::agreed(probe.quorum, &seen.iter().filter_map(found).collect::<Vec<_>>())
    };
    pool.origins.iter().filter_map(|origin| of(&origin.name)).collect()
}
