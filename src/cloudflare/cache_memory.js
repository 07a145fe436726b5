// Stored responses: this isolate's memory, and the Cache API of this location.
//
// A stored response is `{ status, headers, body, packed }`, its body bytes; or a Response where it is too large to be kept
// in memory.
import { waitUntil } from "cloudflare:workers";
import { failed, lines, unbodied } from "./message.js";

// The first level. A Map keeps the order of insertion, so the least recently used stands first.
const memory = new Map();
let taken = 0;
let most = { all: 0, object: 0 };

/** How many bytes are remembered: of all answers together, of one. */
export function limitMemory(all, object) {
  most = { all, object };
}

export function remember(key, entry) {
  drop(key);
  const bytes = entry.body?.byteLength ?? 0;
  entry.size = bytes + 2 * (entry.packed.length + key.length) + 512;
  if (entry.size > most.all || bytes > most.object) return;
  memory.set(key, entry);
  taken += entry.size;
  for (const oldest of memory.keys()) {
    if (taken <= most.all) break;
    drop(oldest);
  }
}

function drop(key) {
  const entry = memory.get(key);
  if (entry === undefined) return;
  memory.delete(key);
  taken -= entry.size;
}

/** A stored answer that is remembered here, or undefined. */
export function recall(key) {
  const entry = memory.get(key);
  if (entry !== undefined) {
    memory.delete(key);
    memory.set(key, entry);
  }
  return entry;
}

/** A stored answer of this place, or undefined. */
export async function stored(key) {
  try {
    const response = await caches.default.match(key);
    const length = response?.headers.get("content-length");
    if (response === undefined || length === null || Number(length) > most.object) return response;
    const entry = made(response.status, new Headers(response.headers), new Uint8Array(await response.arrayBuffer()));
    remember(key, entry);
    return entry;
  } catch (error) {
    failed("the cache", error);
    return undefined;
  }
}

/** Takes an answer out of the store. */
export function remove(key) {
  drop(key);
  waitUntil(caches.default.delete(key).catch((error) => failed("the cache", error)));
}

// The runtime decodes these as a body is read, and encodes for each visitor anew.
const decoded = new Set(["br", "gzip"]);

export const isDecoded = (headers) => decoded.has(headers.get("content-encoding"));

export function made(status, headers, body) {
  if (isDecoded(headers)) headers.delete("content-encoding");
  headers.set("content-length", body.byteLength);
  return { status, headers, body: unbodied.has(status) ? null : body, packed: lines(status, headers) };
}

/** What was too large to be stored a moment ago, by its URL in the store, and until when that is not tried again. */
const large = new Map();

export function setOversized(key) {
  large.delete(key);
  large.set(key, Date.now() + 120_000);
  if (large.size > 1_024) large.delete(large.keys().next().value);
}

/** Whether the body of what has this URL in the store turned out too large a moment ago. */
export function oversized(key) {
  return Date.now() < (large.get(key) ?? 0);
}
