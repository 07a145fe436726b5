// Stored responses: this isolate's memory, and the Cache API of this location.
//
// A stored response is `{ status, headers, body, packed }`, whose body is bytes; or a Response when it is too large to
// be kept in memory.
import { waitUntil } from "cloudflare:workers";
import { failed, lines, unbodied } from "./message.js";

// The first level. A Map keeps the order of insertion, so the least recently used is first.
const memory = new Map();
let used = 0;
let most = { all: 0, object: 0 };

/** Sets how many bytes are kept in memory: of all responses together, and of one. */
export function limitMemory(all, object) {
  most = { all, object };
}

export function remember(key, entry) {
  drop(key);
  const bytes = entry.body?.byteLength ?? 0;
  entry.size = bytes + 2 * (entry.packed.length + key.length) + 512;
  if (entry.size > most.all || bytes > most.object) return;
  memory.set(key, entry);
  used += entry.size;
  for (const oldest of memory.keys()) {
    if (used <= most.all) break;
    drop(oldest);
  }
}

function drop(key) {
  const entry = memory.get(key);
  if (entry === undefined) return;
  memory.delete(key);
  used -= entry.size;
}

/** A stored response from this isolate's memory, or undefined. */
export function recall(key) {
  const entry = memory.get(key);
  if (entry !== undefined) {
    memory.delete(key);
    memory.set(key, entry);
  }
  return entry;
}

/** A stored response from the Cache API of this location, or undefined. */
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

/** Removes a response from memory and from the Cache API of this location. */
export function remove(key) {
  drop(key);
  waitUntil(caches.default.delete(key).catch((error) => failed("the cache", error)));
}

// The runtime decodes these codings when a body is read, and encodes again for each visitor.
const decoded = new Set(["br", "gzip"]);

export const isDecoded = (headers) => decoded.has(headers.get("content-encoding"));

export function made(status, headers, body) {
  if (isDecoded(headers)) headers.delete("content-encoding");
  headers.set("content-length", body.byteLength);
  return { status, headers, body: unbodied.has(status) ? null : body, packed: lines(status, headers) };
}

/**
 * Responses that were too large to be stored: until when they are not stored again (milliseconds since 1970), by URL
 * in the store.
 */
const large = new Map();

export function setOversized(key) {
  large.delete(key);
  large.set(key, Date.now() + 120_000);
  if (large.size > 1_024) large.delete(large.keys().next().value);
}

/** Whether the response with this URL in the store was too large to be stored a moment ago. */
export function oversized(key) {
  return Date.now() < (large.get(key) ?? 0);
}
