// Workers KV: sessions, API keys, issuers' keys, and the lists of users' sessions. Every promise resolves; a failure is
// a number (see message.js).
import { env } from "cloudflare:workers";
import { shared, within } from "./timing.js";

/** A value as text; null when there is none. */
export function get(key, deadline) {
  return shared(`session:${key}`, async () => env.SESSIONS.get(key), deadline);
}

/** How long a write or a list may take, in milliseconds: `[session] deadline`. */
let limit = 5_000;

export function setDeadline(deadline) {
  limit = deadline;
}

/** Runs an operation on the store within `limit`: resolves to its value, to 0 without a value, or to a failure. */
const timed = (work) => within("SESSIONS", work().then((value) => value ?? 0), limit);

export function put(key, value, seconds) {
  return timed(async () => env.SESSIONS.put(key, value, { expirationTtl: seconds }));
}

export function remove(key) {
  return timed(async () => env.SESSIONS.delete(key));
}

/** Stores an entry of a list: its text is metadata of the key, so that `list` returns it. */
export function putEntry(name, text, seconds) {
  return timed(async () => env.SESSIONS.put(name, "", { expirationTtl: seconds, metadata: text }));
}

/** The entries whose names begin with `prefix`, as JSON: see `Listing` in src/platform/key_value.rs. */
export function list(prefix, from) {
  return timed(async () => {
    const found = await env.SESSIONS.list({ prefix, cursor: from, limit: 1000 });
    // An entry without text must not make the whole list fail.
    const entries = found.keys.map(({ name, metadata }) => [name, typeof metadata === "string" ? metadata : ""]);
    return JSON.stringify({ entries, next: found.cursor ?? null });
  });
}
