// Stores responses while they are sent to a visitor, and shares them with requests that wait (single flight).
import { waitUntil } from "cloudflare:workers";
import { isDecoded, made, remember, setOversized } from "./cache_memory.js";
import { edit, failed } from "./message.js";
import { claimed, finish } from "./single_flight.js";

/** The most bytes of a body that are buffered before it is streamed to the store. */
const BUFFERED = 4 << 20;

/** The most bytes of a body that are buffered while other requests follow it. */
const MOST_BUFFERED = 48 << 20;

/**
 * Stores a copy of a response in the background. `how` is claim, key, edits, largest body in bytes, and key and edits
 * of the list of variants, separated by NUL: see src/cloudflare/cache_store.rs. A body that was read already is `whole`.
 */
export function keep(response, how, whole) {
  const [claim, key, edits, bytes, variantsKey, variantsEdits] = how.split("\0");
  const variants = () => (variantsKey === "" ? undefined : keepVariants(variantsKey, variantsEdits));
  const [name, flight] = claimed(claim);
  const longest = Number(bytes);
  const to = { flight, key, variants };
  const work = whole === undefined ? store(response, edits, longest, to) : put(response.status, edit(new Headers(response.headers), edits), whole, longest, to);
  const marked = work.then((large) => large && setOversized(variantsKey || key));
  const end = () => flight !== undefined && finish(name, flight);
  waitUntil(marked.catch((error) => failed("the cache", error)).finally(end));
}

/** A body up to this length is likely to come in one piece, in bytes: TCP's first flight (RFC 6928). */
const SMALL = 14_600;

/** Whether a response states that its body is small. */
export function isSmall(response) {
  const length = response.headers.get("content-length");
  return length !== null && Number(length) <= SMALL && response.body !== null && !isDecoded(response.headers);
}

async function keepVariants(key, edits) {
  const headers = edit(new Headers({ "cache-control": "public, max-age=2592000" }), edits);
  remember(key, made(200, headers, new Uint8Array()));
  await caches.default.put(key, new Response(null, { headers }));
}

/**
 * Stores a response, and with `variants` the list of its variants. A response that is longer than `longest` bytes or
 * incomplete is not stored. Resolves to whether it is too long.
 */
async function store(response, edits, longest, { flight, key, variants }) {
  const { status } = response;
  const headers = edit(new Headers(response.headers), edits);
  let body = response.body ?? new Uint8Array();
  if (!(body instanceof Uint8Array)) {
    const length = isDecoded(headers) ? null : headers.get("content-length");
    if (isDecoded(headers)) for (const name of ["content-encoding", "content-length"]) headers.delete(name);
    if (flight !== undefined) {
      flight.head = { status, headers };
      flight.change();
    }
    const reader = reading(body);
    try {
      const received = await receive(reader, flight, longest);
      if (received.more && flight?.followers.size) return await relay(reader, flight);
      if (received.more) return await stream(received, reader, flight, { key, status, headers, longest, variants, length });
      body = joined(received);
    } catch (error) {
      if (flight !== undefined) flight.broken = true;
      throw error;
    }
    if (flight !== undefined) {
      flight.done = true;
      flight.change();
    }
    if (length !== null && Number(length) !== body.byteLength) throw new Error(`${body.byteLength} of ${length} bytes came`);
  }
  return put(status, headers, body, longest, { flight, key, variants });
}

/**
 * Puts a whole response into memory and into the store, and hands it to those who wait for it. Resolves to whether it is
 * too long.
 */
async function put(status, headers, body, longest, { flight, key, variants }) {
  if (body.byteLength > longest) return true;
  const entry = made(status, headers, body);
  remember(key, entry);
  const others = variants();
  if (flight !== undefined) {
    flight.entry = entry;
    flight.change();
  }
  await Promise.all([others, caches.default.put(key, new Response(entry.body, { status, headers }))]);
  return false;
}

/** The most bytes that are read at one time. */
const CHUNK = 65_536;

/**
 * A reader of a body in large chunks: each chunk costs a turn of the runtime, whose own chunks are 4 KiB. `read` waits
 * for `least` bytes, or the end.
 */
function reading(body) {
  const cancel = (reader) => reader.cancel().catch(() => {});
  try {
    const reader = body.getReader({ mode: "byob" });
    const read = async (least) => {
      const { done, value } = await reader.readAtLeast(least, new Uint8Array(CHUNK));
      // A copy, so that a small chunk does not retain the whole buffer.
      return { done, value: value?.byteLength < CHUNK ? value.slice() : value };
    };
    return { read, cancel: () => cancel(reader) };
  } catch {
    // A stream that was made in JavaScript has no BYOB reader.
    const reader = body.getReader();
    return { read: () => reader.read(), cancel: () => cancel(reader) };
  }
}

/** Reads until the end, or until more bytes are received than are buffered. Other requests follow the chunks. */
async function receive(reader, flight, longest) {
  const chunks = flight?.chunks ?? [];
  for (let size = 0; ; ) {
    // Each read waits for a quarter of the size so far, so that followers of a slow body get its bytes early.
    const { done, value } = await reader.read(Math.min(CHUNK, (size >> 2) + 1));
    if (done) return { chunks, size, more: false };
    chunks.push(value);
    size += value.byteLength;
    flight?.change();
    if (size > Math.min(longest, flight?.followers.size ? MOST_BUFFERED : BUFFERED)) {
      // New requests wait for the stored response.
      if (flight !== undefined) flight.head = undefined;
      return { chunks, size, more: true };
    }
  }
}

/** Streams a body that is too large to be stored to its followers; it breaks off when the slowest is too far behind. */
async function relay(reader, flight) {
  while (flight.followers.size > 0) {
    const { done, value } = await reader.read(1);
    if (done) {
      flight.done = true;
      break;
    }
    flight.chunks.push(value);
    if (flight.trim() > MOST_BUFFERED) {
      flight.broken = true;
      break;
    }
    flight.change();
  }
  flight.change();
  reader.cancel();
  return true;
}

/** Streams a body that is too large to be buffered to the store. Resolves to whether it is too long. */
async function stream({ chunks, size }, reader, flight, { key, status, headers, longest, variants, length }) {
  let received = size;
  let complete = false;
  if (received > longest) {
    reader.cancel();
    return true;
  }
  const body = new ReadableStream({
    pull: async (controller) => {
      if (chunks.length > 0) return controller.enqueue(chunks.shift());
      const { done, value } = await reader.read(CHUNK);
      received += value?.byteLength ?? 0;
      complete = done && (length === null || received === Number(length));
      if (!done && received <= longest) return controller.enqueue(value);
      if (!done) reader.cancel();
      return controller.close();
    },
    cancel: () => reader.cancel(),
  });
  try {
    // Parts are served only when the length is known, and the store does not keep the length of a stream.
    if (length !== null) headers.set("usher-length", length);
    await caches.default.put(key, new Response(body, { status, headers }));
  } finally {
    // The store keeps an incomplete body as if it were complete.
    if (!complete) await caches.default.delete(key);
  }
  if (!complete) return received > longest;
  await variants();
  if (flight !== undefined) flight.key = key;
  return false;
}

function joined({ chunks, size }) {
  if (chunks.length === 1) return chunks[0];
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
