// Counts requests by the keys of a limit: Durable Objects, each with a share of the keys (see src/limit/exact.rs). A key's
// buckets are stored until they are empty.
import { DurableObject } from "cloudflare:workers";
import { call, usher } from "./instance.js";

const TABLES = `
  CREATE TABLE IF NOT EXISTS buckets (key TEXT PRIMARY KEY, kept TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS by_end ON buckets (until);
`;
const SAVE = "INSERT INTO buckets (key, kept, until) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET kept = excluded.kept, until = excluded.until";
/** Empty buckets are removed each time so many were written. */
const WRITES = 256;

export class Limits extends DurableObject {
  #sql = this.ctx.storage.sql;
  #writes = 0;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sql.exec(TABLES);
    this.#clean();
  }

  /** Takes a request for the key that the field `x-key` names; returns the response. */
  async fetch(request) {
    const key = request.headers.get("x-key");
    const text = await request.text();
    // From here to the write nothing is awaited: requests are counted one after the other.
    const kept = this.#sql.exec("SELECT kept FROM buckets WHERE key = ?", key).toArray()[0]?.kept ?? "";
    const found = call(usher.countRequest, text, kept, Date.now());
    if (found === undefined) return new Response("it is no request", { status: 400 });
    const [until, stored, response] = found.split("\n");
    if (until !== "") this.#save(key, stored, Number(until));
    return new Response(response);
  }

  #save(key, kept, until) {
    this.#sql.exec(SAVE, key, kept, until);
    this.#writes += 1;
    if (this.#writes % WRITES === 0) this.#clean();
  }

  #clean() {
    this.#sql.exec("DELETE FROM buckets WHERE until < ?", Date.now());
  }
}
