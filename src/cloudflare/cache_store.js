// Stores responses as they pass, and shares them with those who wait.
import { waitUntil } from "cloudflare:workers";
import { isDecoded, made, remember, setOversized } from "./cache_memory.js";
import { edit, failed } from "./message.js";
import { claimed, finish } from "./single_flight.js";

/** Bytes of a body that are held to be shared before its length is known. */
const HELD = 4 << 20;

/** And of one that others already follow. */
const MOST_HELD = 48 << 20;

/**
 * Stores a copy of an answer behind everything else. `how` is flight, key, edits, bytes at most, and
 * key and edits of what stands for all variants, each ended by a NUL: see src/cloudflare/cache_store.rs.
 */
export function keep(answer, how) {
  const [claim, key, edits, bytes, variantsKey, variantsEdits] = how.split("\0");
  const variants = () => (variantsKey === "" ? undefined : keepVariants(variantsKey, variantsEdits));
  const [name, flight] = claimed(claim);
  const work = store(answer, flight, key, edits, Number(bytes), variants).then((large) => large && setOversized(variantsKey || key));
  const over = () => flight !== undefined && finish(name, flight);
  waitUntil(work.catch((error) => failed("the cache", error)).finally(over));
}

async function keepVariants(key, edits) {
  const headers = edit(new Headers({ "cache-control": "public, max-age=2592000" }), edits);
  remember(key, made(200, headers, new Uint8Array()));
  await caches.default.put(key, new Response(null, { headers }));
}

/**
 * Stores an answer, and what stands for all `variants` with it. Nothing is stored of what is longer
 * than allowed or breaks off; whether it is too long is what is given back.
 */
async function store(answer, flight, key, edits, longest, variants) {
  const { status } = answer;
  const headers = edit(new Headers(answer.headers), edits);
  let body = answer.body ?? new Uint8Array();
  if (!(body instanceof Uint8Array)) {
    const said = isDecoded(headers) ? null : headers.get("content-length");
    if (isDecoded(headers)) for (const name of ["content-encoding", "content-length"]) headers.delete(name);
    if (flight !== undefined) {
      flight.head = { status, headers };
      flight.change();
    }
    const reader = reading(body);
    try {
      const received = await receive(reader, flight, longest);
      if (received.more && flight?.followers.size) return await relay(reader, flight);
      if (received.more) return await stream(received, reader, flight, { key, status, headers, longest, variants, said });
      body = joined(received);
    } catch (error) {
      if (flight !== undefined) flight.broken = true;
      throw error;
    }
    if (flight !== undefined) {
      flight.done = true;
      flight.change();
    }
    if (said !== null && Number(said) !== body.byteLength) throw new Error(`${body.byteLength} of ${said} bytes came`);
  }
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

/** Bytes that are read at one time. */
const CHUNK = 65_536;

/**
 * Reads a body in large chunks: each costs a turn of the runtime, whose own are of 4 KiB. `least` bytes are
 * waited for, or the end.
 */
function reading(body) {
  const cancel = (reader) => reader.cancel().catch(() => {});
  try {
    const reader = body.getReader({ mode: "byob" });
    const read = async (least) => {
      const { done, value } = await reader.readAtLeast(least, new Uint8Array(CHUNK));
      // What is held must not hold the rest of its buffer.
      return { done, value: value?.byteLength < CHUNK ? value.slice() : value };
    };
    return { read, cancel: () => cancel(reader) };
  } catch {
    // A stream of JavaScript's own gives what it has.
    const reader = body.getReader();
    return { read: () => reader.read(), cancel: () => cancel(reader) };
  }
}

/** Reads until the end, or until more has come than is held; what others follow is held for them. */
async function receive(reader, flight, longest) {
  const chunks = flight?.chunks ?? [];
  for (let size = 0; ; ) {
    // Of what comes slowly others get a part as it comes: a quarter more each time.
    const { done, value } = await reader.read(Math.min(CHUNK, (size >> 2) + 1));
    if (done) return { chunks, size, more: false };
    chunks.push(value);
    size += value.byteLength;
    flight?.change();
    if (size > Math.min(longest, flight?.followers.size ? MOST_HELD : HELD)) {
      // Whoever comes now waits for the store.
      if (flight !== undefined) flight.head = undefined;
      return { chunks, size, more: true };
    }
  }
}

/** Passes on to those who follow what is too large to be stored; who is too far behind is let go. */
async function relay(reader, flight) {
  while (flight.followers.size > 0) {
    const { done, value } = await reader.read(1);
    if (done) {
      flight.done = true;
      break;
    }
    flight.chunks.push(value);
    if (flight.trim() > MOST_HELD) {
      flight.broken = true;
      break;
    }
    flight.change();
  }
  flight.change();
  reader.cancel();
  return true;
}

/** What is too large to be held goes to the store as it comes. */
async function stream({ chunks, size }, reader, flight, { key, status, headers, longest, variants, said }) {
  let came = size;
  let whole = false;
  if (came > longest) {
    reader.cancel();
    return true;
  }
  const body = new ReadableStream({
    pull: async (controller) => {
      if (chunks.length > 0) return controller.enqueue(chunks.shift());
      const { done, value } = await reader.read(CHUNK);
      came += value?.byteLength ?? 0;
      whole = done && (said === null || came === Number(said));
      if (!done && came <= longest) return controller.enqueue(value);
      if (!done) reader.cancel();
      return controller.close();
    },
    cancel: () => reader.cancel(),
  });
  try {
    // Parts are served of that alone whose length is known; the store forgets it of a stream.
    if (said !== null) headers.set("usher-length", said);
    await caches.default.put(key, new Response(body, { status, headers }));
  } finally {
    // The store takes what it got of a body that breaks off for all of it.
    if (!whole) await caches.default.delete(key);
  }
  if (!whole) return came > longest;
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
