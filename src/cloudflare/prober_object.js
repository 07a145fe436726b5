// The prober: one Durable Object for each pool, woken by alarms. It probes the pool's origins, stores the results and the
// operator's orders, and reports them to isolates.
//
// It starts with an isolate's first report, and stops when no isolate has reported for five minutes. When a pool is
// probed from several locations, an object in each location probes on its behalf. What it decides is in
// prober_object.rs.
import { DurableObject } from "cloudflare:workers";
import { call, era, usher } from "./instance.js";
import { probe, prober } from "./prober.js";

const TABLE =
  "CREATE TABLE IF NOT EXISTS roster (row INTEGER PRIMARY KEY CHECK (row = 0), pool TEXT NOT NULL, kept TEXT NOT NULL, heard INTEGER NOT NULL)";
const SAVE =
  "INSERT INTO roster (row, pool, kept, heard) VALUES (0, ?, ?, ?) ON CONFLICT (row) DO UPDATE SET pool = excluded.pool, kept = excluded.kept, heard = excluded.heard";
/** Origins that are probed at one time: the most connections that an object may have. */
const AT_ONCE = 6;
/** After so long without a report of an isolate, probing stops, in milliseconds. */
const IDLE = 300_000;
/** Bytes of a probe's response body that are searched. */
const SEARCHED = 65_536;
/** The time of the last report is stored at most once in this time, in milliseconds. */
const SAVED_EVERY = 60_000;

/** How a pool is probed, or undefined when it is not: see `probing` in prober_object.rs. */
function plan(pool) {
  const text = call(usher.probing, pool);
  if (text === undefined) return undefined;
  const [line, end] = [text.indexOf("\n"), text.indexOf("\n\n")];
  const [every, timeout, method, searched, locations] = text.slice(0, line).split(" ");
  const edits = text.slice(line + 1, end + 1);
  return {
    every: Number(every),
    timeout: Number(timeout),
    locations: locations === "" ? [] : locations.split(","),
    urls: text.slice(end + 2).split("\n"),
    send: (url) => probe(url, method, edits, Number(timeout), searched === "1" ? SEARCHED : 0),
  };
}

/** Probes every origin of a pool from this location, a few at a time: the results as JSON. */
async function look(pool, { urls, send }) {
  const responses = [];
  for (let at = 0; at < urls.length; at += AT_ONCE) responses.push(...(await Promise.all(urls.slice(at, at + AT_ONCE).map(send))));
  return call(usher.judge, pool, responses);
}

/** Has the objects in all locations probe the pool: the results that a quorum of them agrees on, as JSON. */
async function lookFromLocations(pool, { urls, timeout, locations }) {
  const deadline = Math.ceil(urls.length / AT_ONCE) * timeout + 2_000;
  const answers = await Promise.all(locations.map((location) => prober(pool, location, '"look"', deadline)));
  return call(usher.agree, pool, answers.map((answer) => (typeof answer === "string" ? answer : "[]")));
}

/** A pool's prober. */
export class Prober extends DurableObject {
  #sql = this.ctx.storage.sql;
  #pool = "";
  /** When an isolate last reported, and the stored value of it. */
  #lastReport = 0;
  #savedReport = 0;
  /** Whether an alarm is known to be set. */
  #alarmSet = false;
  #state;
  #era = -1;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql.exec(TABLE);
    const row = this.#row();
    if (row !== undefined) [this.#pool, this.#lastReport, this.#savedReport] = [row.pool, row.heard, row.heard];
  }

  #row() {
    return this.#sql.exec("SELECT pool, kept, heard FROM roster").toArray()[0];
  }

  /** The pool's state in the present instance of the gateway. */
  get state() {
    if (this.#era !== era()) {
      const kept = this.#row()?.kept;
      this.#state = call(() => new usher.ProbedPool(kept));
      this.#era = era();
    }
    return this.#state;
  }

  /** Takes a request of src/origin/health/protocol.rs as JSON, returns a report as JSON; for "look" the results of probes. */
  async fetch(request) {
    const name = request.headers.get("x-pool");
    const message = await request.text();
    if (message === '"look"') {
      const found = plan(name);
      return new Response(found === undefined ? "[]" : await look(name, found));
    }
    const known = name === this.#pool;
    this.#pool = name;
    if (message.startsWith('{"sync"')) {
      await this.#wake(name);
      this.#lastReport = Date.now();
    }
    const report = call(() => this.state.answer(message, Date.now()));
    this.#save(!known || this.#lastReport - this.#savedReport > SAVED_EVERY);
    return new Response(report);
  }

  /** Probes the origins, and sets the next alarm. */
  async alarm() {
    const pool = this.#pool;
    this.#alarmSet = false;
    const found = plan(pool);
    if (found === undefined || Date.now() - this.#lastReport > IDLE) return;
    // The alarm is set first, so that a failure does not end the probing. Up to a tenth more or less, so that pools are
    // not all probed at once.
    await this.ctx.storage.setAlarm(Date.now() + found.every * (0.9 + 0.2 * Math.random()));
    this.#alarmSet = true;
    const results = await (found.locations.length === 0 ? look : lookFromLocations)(pool, found);
    call(() => this.state.record(pool, results, Date.now()));
    this.#save(false);
  }

  #save(always) {
    const kept = call(() => this.state.kept(always));
    if (kept === undefined) return;
    this.#sql.exec(SAVE, this.#pool, kept, this.#lastReport);
    this.#savedReport = this.#lastReport;
  }

  /** Starts to probe, unless an alarm is set. After a pause the results from before it are removed. */
  async #wake(name) {
    const found = this.#alarmSet ? undefined : plan(name);
    if (found === undefined) return;
    const alarm = await this.ctx.storage.getAlarm();
    // An alarm that was set when the pool was probed less often is too late.
    if (alarm === null || alarm > Date.now() + 1.2 * found.every) {
      if (Date.now() - this.#lastReport > IDLE) call(() => this.state.forget());
      await this.ctx.storage.setAlarm(Date.now());
    }
    this.#alarmSet = true;
  }
}
