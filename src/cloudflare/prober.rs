//! Who watches over a pool: one Durable Object each, woken by alarms. It asks the pool's origins how
//! they are, keeps the verdicts and the operator's orders, and tells isolates.
//!
//! It begins when an isolate first tells of itself, and sleeps when none has for five minutes. Where a
//! pool is asked from several locations, an object in each of them looks on its behalf.

use super::{GATEWAY, host};
use crate::balance::orca;
use crate::config::{Millis, Pool, Probe};
use crate::head::{self, Edits};
use crate::health::roster::{Finding, Letter, Roster};
use crate::replica::Position;
use js_sys::Promise;
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use worker::wasm_bindgen_futures::JsFuture;
use worker::{DurableObject, Env, Request, Response, Result, SqlStorage, State, Storage, durable_object, wasm_bindgen};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS roster (row INTEGER PRIMARY KEY CHECK (row = 0), pool TEXT NOT NULL, kept TEXT NOT NULL)";
/// Origins that are asked at one time: so many connections an object may have.
const AT_ONCE: usize = 6;
/// Without a word from any isolate for so long, nobody is probed.
const IDLE: Millis = 300_000;
/// Bytes of a probe's answer that are searched.
const SEARCHED: u32 = 65_536;
/// What a location says of an origin that could not be asked about.
const UNSEEN: &str = "the location could not be asked";

/// A pool's prober.
#[durable_object]
pub struct Prober {
    storage: Storage,
    sql: SqlStorage,
    roster: RefCell<Roster>,
    pool: RefCell<String>,
    /// When an isolate spoke last.
    heard: Cell<Millis>,
    /// Whether an alarm is known to be set.
    awake: Cell<bool>,
}

#[derive(Deserialize)]
struct Row {
    pool: String,
    kept: String,
}

impl DurableObject for Prober {
    fn new(state: State, _: Env) -> Self {
        let sql = state.storage().sql();
        let rows: Vec<Row> = sql
            .exec(TABLE, None)
            .and_then(|_| sql.exec("SELECT pool, kept FROM roster", None)?.to_array())
            .unwrap_or_default();
        let row = rows.into_iter().next();
        let roster = row.as_ref().and_then(|row| serde_json::from_str(&row.kept).ok()).unwrap_or_default();
        Self {
            storage: state.storage(),
            sql,
            roster: RefCell::new(roster),
            pool: RefCell::new(row.map(|row| row.pool).unwrap_or_default()),
            heard: Cell::new(now()),
            awake: Cell::new(false),
        }
    }

    /// Takes a [`Letter`] as JSON, answers with a report as JSON; to [`Letter::Look`] with findings.
    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let url = request.url()?;
        let name =
            url.query_pairs().find(|(key, _)| key == "pool").map(|(_, name)| name.into_owned()).unwrap_or_default();
        let letter: Letter = request.json().await?;
        if let Letter::Look = letter {
            let Some((pool, probe)) = probed(&name) else { return Response::from_json(&Vec::<Finding>::new()) };
            return Response::from_json(&looked(&pool, &probe).await);
        }
        let known = self.pool.replace(name.clone()) == name;
        let sync = matches!(letter, Letter::Sync { .. });
        let (report, changed) = self.roster.borrow_mut().answer(letter, now());
        if changed || !known {
            self.keep()?;
        }
        if sync {
            self.heard.set(now());
            self.wake(&name).await?;
        }
        Response::from_json(&report)
    }

    /// Asks the origins, and sets the next alarm.
    async fn alarm(&self) -> Result<Response> {
        let name = self.pool.borrow().clone();
        self.awake.set(false);
        let Some((pool, probe)) = probed(&name) else { return Response::empty() };
        if now().saturating_sub(self.heard.get()) > IDLE {
            return Response::empty();
        }
        let findings =
            if probe.locations.is_empty() { looked(&pool, &probe).await } else { from_everywhere(&pool, &probe).await };
        if self.roster.borrow_mut().found(&probe, findings, now()) {
            self.keep()?;
        }
        // A tenth more or less, so that pools are not all asked at once.
        let jitter = getrandom::u64().unwrap_or_default() % (probe.every / 5).max(1);
        self.storage.set_alarm(i64::try_from(probe.every * 9 / 10 + jitter).unwrap_or(i64::MAX)).await?;
        self.awake.set(true);
        Response::empty()
    }
}

impl Prober {
    fn keep(&self) -> Result<()> {
        let kept = serde_json::to_string(&*self.roster.borrow())?;
        self.sql.exec(
            "INSERT INTO roster (row, pool, kept) VALUES (0, ?, ?) ON CONFLICT (row) DO UPDATE SET pool = excluded.pool, kept = excluded.kept",
            vec![self.pool.borrow().as_str().into(), kept.into()],
        )?;
        Ok(())
    }

    async fn wake(&self, name: &str) -> Result<()> {
        if !self.awake.get() && probed(name).is_some() {
            if self.storage.get_alarm().await?.is_none() {
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
    let pool = GATEWAY.with(|gateway| gateway.pool(name).cloned())?;
    let probe = pool.probe.clone()?;
    Some((pool, probe))
}

/// Asks every origin of a pool from here, a few at a time.
async fn looked(pool: &Pool, probe: &Probe) -> Vec<Finding> {
    let mut edits = Edits::new();
    edits.set("user-agent", "usher-prober");
    for (name, value) in &probe.headers {
        edits.set(name, value);
    }
    let most = if probe.body.is_some() { SEARCHED } else { 0 };
    let ask = |url: &str| host::probe(url, &probe.method, edits.packed(), probe.timeout as f64, most);
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

fn finding(name: &str, probe: &Probe, failure: Option<f64>, answer: Option<String>) -> Finding {
    let name = name.to_owned();
    let Some(answer) = answer else {
        let reason = if failure == Some(2.0) { "no answer in time" } else { "it cannot be reached" };
        return Finding { name, reason: reason.into(), ..Finding::default() };
    };
    let (packed, body) = answer.split_once("\n\n").unwrap_or((&answer, ""));
    let (status, fields) = head::answer(packed);
    let (good, reason) = Finding::judge(probe, status, body);
    Finding {
        name,
        good,
        reason,
        position: fields.get("x-usher-position").and_then(Position::parse),
        lag: fields.get("x-usher-lag-ms").and_then(|lag| lag.trim().parse().ok()),
        load: fields.get("endpoint-load-metrics").and_then(orca::utilization),
    }
}

/// Lets the objects in all locations look, and takes what enough of them agree on.
async fn from_everywhere(pool: &Pool, probe: &Probe) -> Vec<Finding> {
    let letter = serde_json::to_string(&Letter::Look).unwrap_or_default();
    let asked: Vec<Promise> =
        probe.locations.iter().map(|location| host::watch(&pool.name, Some(location), &letter)).collect();
    let mut seen: Vec<Vec<Finding>> = Vec::with_capacity(asked.len());
    for promise in asked {
        let text = JsFuture::from(promise).await.ok().and_then(|answer| answer.as_string());
        seen.push(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default());
    }
    let of = |name: &str| {
        let found = |findings: &Vec<Finding>| findings.iter().find(|finding| finding.name == name).cloned();
        let unseen = || Finding { name: name.to_owned(), reason: UNSEEN.into(), ..Finding::default() };
        let all: Vec<Finding> = seen.iter().map(|findings| found(findings).unwrap_or_else(unseen)).collect();
        Finding::agreed(probe.quorum, &all)
    };
    pool.origins.iter().map(|origin| of(&origin.name)).collect()
}
