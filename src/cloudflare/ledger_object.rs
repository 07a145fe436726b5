//! The ledger: one Durable Object with SQLite storage.
//!
//! Its clock is milliseconds since 1970, but never repeats and never goes back, not even when the object starts on a
//! machine whose clock is behind: the object stores a limit some seconds ahead before it returns a moment up to that
//! limit. For each subject only the newest stamp of each kind is kept. New stamps remove those that are older than
//! anything they could invalidate.

use crate::ledger::{Entry, Moment, Page, Stamp};
use serde::Deserialize;
use std::cell::Cell;
use worker::{
    DurableObject, Env, Request, Response, Result, SqlStorage, SqlStorageValue, State, durable_object, wasm_bindgen,
};

/// The most stamps in one page: more than one purge can make at one moment (1,000), so that each page contains at least
/// one whole moment.
const MOST: usize = 2_000;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS stamps (subject TEXT NOT NULL, soft INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (subject, soft)) WITHOUT ROWID";
/// One row: the moment up to which the clock may return moments.
const CLOCK: &str = "CREATE TABLE IF NOT EXISTS clock (row INTEGER PRIMARY KEY CHECK (row = 0), told INTEGER NOT NULL)";
/// How far ahead that limit is stored, in milliseconds: at most one write in this time.
const AHEAD: Moment = 10_000;
const BY_MOMENT: &str = "CREATE INDEX IF NOT EXISTS by_moment ON stamps (since)";
const BY_END: &str = "CREATE INDEX IF NOT EXISTS by_end ON stamps (until)";

/// The ledger.
#[durable_object]
pub struct Ledger {
    sql: SqlStorage,
    /// The clock, or why the tables could not be created.
    clock: std::result::Result<Cell<Clock>, String>,
}

#[derive(Clone, Copy)]
struct Clock {
    /// The last moment that was returned.
    last: Moment,
    /// The limit that is stored.
    limit: Moment,
}

#[derive(Deserialize)]
struct Row {
    subject: String,
    soft: f64,
    since: f64,
    until: f64,
}

#[derive(Deserialize)]
struct ClockRow {
    #[serde(rename = "told")]
    limit: f64,
}

impl DurableObject for Ledger {
    fn new(state: State, _: Env) -> Self {
        let sql = state.storage().sql();
        let opened =
            [TABLE, BY_MOMENT, BY_END, CLOCK].iter().try_for_each(|statement| sql.exec(statement, None).map(|_| ()));
        let stored = opened.and_then(|()| sql.exec("SELECT told FROM clock", None)?.to_array::<ClockRow>());
        let clock = stored.map_err(|error| error.to_string()).map(|rows| {
            let limit = rows.first().map_or(0, |row| row.limit as Moment);
            Cell::new(Clock { last: limit, limit })
        });
        Self { sql, clock }
    }

    /// Takes an [`Entry`] as JSON, returns a [`Page`] as JSON.
    async fn fetch(&self, mut request: Request) -> Result<Response> {
        if let Err(error) = &self.clock {
            return Response::error(format!("the table of stamps could not be made: {error}"), 500);
        }
        let entry: Entry = request.json().await?;
        if !entry.subjects.is_empty() {
            self.stamp(&entry)?;
        }
        Response::from_json(&self.page(entry.since)?)
    }
}

impl Ledger {
    /// A moment that is not before any that was returned; with `tick`, one after all of them.
    fn now(&self, tick: bool) -> Result<Moment> {
        let clock = self.clock.as_ref().map_err(|error| worker::Error::from(error.as_str()))?;
        let Clock { last, mut limit } = clock.get();
        let now = (js_sys::Date::now() as Moment).max(last + Moment::from(tick));
        if now > limit {
            limit = now + AHEAD;
            self.sql.exec(
                "INSERT INTO clock (row, told) VALUES (0, ?) ON CONFLICT (row) DO UPDATE SET told = excluded.told",
                vec![number(limit)?],
            )?;
        }
        clock.set(Clock { last: now, limit });
        Ok(now)
    }

    fn stamp(&self, entry: &Entry) -> Result<()> {
        let moment = self.now(true)?;
        let until = moment.saturating_add(entry.lifetime);
        for subject in &entry.subjects {
            self.sql.exec(
                "INSERT INTO stamps (subject, soft, since, until) VALUES (?, ?, ?, ?) ON CONFLICT (subject, soft) DO UPDATE SET since = excluded.since, until = MAX(until, excluded.until)",
                vec![subject.as_str().into(), i32::from(entry.soft).into(), number(moment)?, number(until)?],
            )?;
        }
        self.sql.exec("DELETE FROM stamps WHERE until < ?", vec![number(moment)?])?;
        Ok(())
    }

    /// The stamps made after `since`. A page ends between moments, never within one.
    fn page(&self, since: Moment) -> Result<Page> {
        let bindings = vec![number(since)?, number(MOST as u64)?];
        let rows: Vec<Row> = self
            .sql
            .exec("SELECT subject, soft, since, until FROM stamps WHERE since > ? ORDER BY since LIMIT ?", bindings)?
            .to_array()?;
        let more = rows.len() == MOST;
        let mut stamps: Vec<Stamp> = rows
            .into_iter()
            .map(|row| Stamp {
                subject: row.subject,
                since: row.since as Moment,
                soft: row.soft != 0.0,
                until: row.until as Moment,
            })
            .collect();
        let as_of = match (more, stamps.last()) {
            (true, Some(last)) => last.since - 1,
            _ => self.now(false)?,
        };
        stamps.retain(|stamp| stamp.since <= as_of);
        Ok(Page { as_of, stamps, more })
    }
}

fn number(value: u64) -> Result<SqlStorageValue> {
    SqlStorageValue::try_from_i64(i64::try_from(value).unwrap_or(i64::MAX))
}
