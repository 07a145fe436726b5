// The ledger: one Durable Object with SQLite storage.
//
// Its clock is milliseconds since 1970, but never repeats and never goes back, not even when the object starts on a
// machine whose clock is behind: the object stores a limit some seconds ahead before it returns a moment up to that
// limit. For each subject only the newest stamp of each kind is kept: of a state until the end that this one
// says, of anything else at least until the end of those before it. New stamps remove those that have ended.
import { DurableObject } from "cloudflare:workers";

/** The most stamps in one page: more than one purge can make at one moment (1,000), so that each page contains at least one whole moment. */
const MOST = 2_000;
/** How far ahead the clock's limit is stored, in milliseconds: at most one write in this time. */
const AHEAD = 10_000;

const TABLES = `
  CREATE TABLE IF NOT EXISTS stamps (subject TEXT NOT NULL, soft INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (subject, soft)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS by_moment ON stamps (since);
  CREATE INDEX IF NOT EXISTS by_end ON stamps (until);
  CREATE TABLE IF NOT EXISTS clock (row INTEGER PRIMARY KEY CHECK (row = 0), told INTEGER NOT NULL);
`;
const STAMP =
  "INSERT INTO stamps (subject, soft, since, until) VALUES (?, ?, ?, ?) ON CONFLICT (subject, soft) DO UPDATE SET since = excluded.since, until = CASE WHEN subject GLOB 'state:*' THEN excluded.until ELSE MAX(until, excluded.until) END";
const LIMIT = "INSERT INTO clock (row, told) VALUES (0, ?) ON CONFLICT (row) DO UPDATE SET told = excluded.told";

/**
 * Takes an entry as JSON, `{ subjects, soft, lifetime, since }`: stamps its subjects, if there are any, and returns the
 * page after the moment `since`, `{ as_of, stamps: [{ subject, since, soft, until }], more }`. See src/ledger.rs.
 */
export class Ledger extends DurableObject {
  #sql = this.ctx.storage.sql;
  /** The last moment that was returned, and the limit that is stored. */
  #last;
  #limit;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql.exec(TABLES);
    this.#last = this.#limit = this.#sql.exec("SELECT told FROM clock").toArray()[0]?.told ?? 0;
  }

  async fetch(request) {
    const { subjects, soft, lifetime, since } = await request.json();
    if (subjects.length > 0) this.#stamp(subjects, soft ? 1 : 0, lifetime);
    return Response.json(this.#page(since));
  }

  /** A moment that is not before any that was returned; with `tick` = 1, one after all of them. */
  #now(tick) {
    const now = Math.max(Date.now(), this.#last + tick);
    if (now > this.#limit) {
      this.#sql.exec(LIMIT, now + AHEAD);
      this.#limit = now + AHEAD;
    }
    return (this.#last = now);
  }

  #stamp(subjects, soft, lifetime) {
    const moment = this.#now(1);
    for (const subject of subjects) this.#sql.exec(STAMP, subject, soft, moment, moment + lifetime);
    this.#sql.exec("DELETE FROM stamps WHERE until < ?", moment);
  }

  /** The stamps made after `since`. A page ends between moments, never within one. */
  #page(since) {
    const query = "SELECT subject, soft, since, until FROM stamps WHERE since > ? ORDER BY since LIMIT ?";
    const rows = this.#sql.exec(query, since, MOST).toArray();
    const more = rows.length === MOST;
    const as_of = more ? rows.at(-1).since - 1 : this.#now(0);
    const stamps = rows.filter((row) => row.since <= as_of).map((row) => ({ ...row, soft: row.soft !== 0 }));
    return { as_of, stamps, more };
  }
}
