// Where answers are stored: this isolate's memory, and the Cache API of this place. And how several
// requests for one answer share one question to the origin.
//
// A stored answer is `{ status, headers, body, packed }`, its body bytes; or a Response where it is
// too large to be remembered.
import { waitUntil } from "cloudflare:workers";
import { edit, failed, lines, unbodied } from "./message.js";

/** What `join` says when there is nothing to share. */
const ALONE = 6;

/** Bytes of a body that are held to be shared before its length is known. */
const HELD = 4 << 20;

/** And of one that others already follow. */
const MOST_HELD = 48 << 20;

// The first level. A Map keeps the order of insertion, so the least recently used stands first.
const memory = new Map();
let taken = 0;
let most = { all: 0, object: 0 };

/** How many bytes are remembered: of all answers together, of one. */
export function remembers(all, object) {
  most = { all, object };
}

function remember(key, entry) {
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
export function forget(key) {
  drop(key);
  waitUntil(caches.default.delete(key).catch((error) => failed("the cache", error)));
}

// The runtime decodes these as a body is read, and encodes for each visitor anew.
const decoded = new Set(["br", "gzip"]);

const isDecoded = (headers) => decoded.has(headers.get("content-encoding"));

function made(status, headers, body) {
  if (isDecoded(headers)) headers.delete("content-encoding");
  headers.set("content-length", body.byteLength);
  return { status, headers, body: unbodied.has(status) ? null : body, packed: lines(status, headers) };
}

// One question to the origin for all who want its answer. A request must not await what another
// began without something of its own to wait for (the runtime takes it for hung), so those who join
// have timers of their own; bytes are shared, streams are not.
const flights = new Map();

class Flight {
  /** Resolves at the next change; replaced then. */
  turn;
  /** When that was. */
  changed;
  /** How it ended without an answer to share: a failure's number, or ALONE. */
  outcome = 0;
  /** The stored answer, whole. */
  entry;
  /** Status and headers of one that is being received, for those who may follow it. */
  head;
  /** What came of its body, but for the first `passed` chunks, which all who follow it have. */
  chunks = [];
  passed = 0;
  done = false;
  broken = false;
  /** The places of those who follow it. */
  followers = new Set();
  /** Where a large one is, once it is there. */
  key;
  #turned;

  constructor(id) {
    this.id = id;
    this.over = new Promise((resolve) => (this.end = resolve));
    this.change();
  }

  change() {
    this.changed = Date.now();
    this.#turned?.();
    this.turn = new Promise((resolve) => (this.#turned = resolve));
  }

  /** Waits for a change, or for so long. */
  async turned(patience) {
    let timer;
    await Promise.race([this.turn, new Promise((resolve) => (timer = setTimeout(resolve, patience)))]);
    clearTimeout(timer);
  }

  /** The body as it is received. */
  follow() {
    const place = { at: 0 };
    this.followers.add(place);
    return new ReadableStream({
      pull: async (controller) => {
        const end = Date.now() + PATIENCE;
        const there = () => place.at < this.passed + this.chunks.length;
        while (!there() && !this.done && !this.broken && Date.now() < end) await this.turned(end - Date.now());
        if (there() && place.at >= this.passed) controller.enqueue(this.chunks[place.at++ - this.passed]);
        else if (this.done && !there()) controller.close();
        else controller.error(new Error("the origin broke off"));
      },
      cancel: () => {
        this.followers.delete(place);
      },
    });
  }

  /** Lets go of what all who follow have; bytes that are held still. */
  trim() {
    const least = Math.min(this.passed + this.chunks.length, ...[...this.followers].map(({ at }) => at));
    this.chunks.splice(0, least - this.passed);
    this.passed = least;
    return this.chunks.reduce((size, chunk) => size + chunk.byteLength, 0);
  }
}

/** A body in which nothing comes for so long is given up, in milliseconds. */
const PATIENCE = 30_000;
/** One that has paused for so long is not worth following. */
const PAUSE = 1_500;

/** What was too large to be stored a moment ago, by its URL in the store, and until when that is not tried again. */
const large = new Map();

function setOversized(key) {
  large.delete(key);
  large.set(key, Date.now() + 120_000);
  if (large.size > 1_024) large.delete(large.keys().next().value);
}

/** Whether the body of what has this URL in the store turned out too large a moment ago. */
export function oversized(key) {
  return Date.now() < (large.get(key) ?? 0);
}

let claims = 0;

/**
 * Takes it on to ask for what others may want as well, and gives the name of the claim. Until the
 * answer begins it holds for `patience`, in which whoever claimed it hears or gives up.
 */
export function claim(name, patience) {
  const known = flights.get(name);
  const since = known === undefined ? Infinity : Date.now() - known.changed;
  if (since < (known?.head === undefined && known?.chunks.length === 0 ? patience + 5_000 : PATIENCE)) return undefined;
  if (oversized(name.slice(0, name.indexOf("#")))) return undefined;
  if (known !== undefined) land(name, known, ALONE);
  claims += 1;
  const flight = new Flight(claims);
  flights.set(name, flight);
  // Others depend on this request, even when its own visitor leaves.
  waitUntil(flight.over);
  return `${name}@${flight.id}`;
}

/** Name and flight of a claim; no flight when another has taken over. */
function claimed(claim) {
  const at = claim.lastIndexOf("@");
  const name = claim.slice(0, at);
  const flight = flights.get(name);
  return [name, flight?.id === Number(claim.slice(at + 1)) ? flight : undefined];
}

function land(name, flight, outcome) {
  if (flights.get(name) === flight) flights.delete(name);
  flight.outcome = outcome;
  flight.change();
  flight.end();
}

/** Says that there is nothing to share: 0, or a failure's number. */
export function release(claim, failure) {
  const [name, flight] = claimed(claim);
  if (flight !== undefined) land(name, flight, failure || ALONE);
}

/** Ends every flight: who began them is gone. */
export function scatter() {
  for (const [name, flight] of [...flights]) land(name, flight, ALONE);
}

/** Waits for what the request that claimed it finds out. */
export async function join(name, patience) {
  const flight = flights.get(name);
  const end = Date.now() + patience;
  while (flight !== undefined) {
    if (flight.entry !== undefined) return flight.entry;
    if (flight.key !== undefined) return (await stored(flight.key)) ?? ALONE;
    if (flight.outcome !== 0) return flight.outcome;
    const paused = Date.now() - flight.changed;
    if (flight.head !== undefined) {
      // Nothing is promised to this visitor before there is something to give.
      if (paused >= PAUSE) return ALONE;
      if (flight.chunks.length > 0) return followed(flight);
    } else if (Date.now() >= end) {
      return ALONE;
    }
    await flight.turned(flight.head === undefined ? end - Date.now() : PAUSE - paused);
  }
  return ALONE;
}

function followed(flight) {
  const { status } = flight.head;
  const headers = new Headers(flight.head.headers);
  // How long it is the gateway may know; whether so much comes is known when it ends.
  const packed = lines(status, headers);
  headers.delete("content-length");
  return { status, headers, body: flight.follow(), packed };
}

/**
 * Stores a copy of an answer behind everything else. `how` is flight, key, edits, bytes at most, and
 * key and edits of what stands for all variants, each ended by a NUL: see src/cloudflare/edge.rs.
 */
export function keep(answer, how) {
  const [claim, key, edits, bytes, variantsKey, variantsEdits] = how.split("\0");
  const variants = () => (variantsKey === "" ? undefined : keepVariants(variantsKey, variantsEdits));
  const [name, flight] = claimed(claim);
  const work = store(answer, flight, key, edits, Number(bytes), variants).then((large) => large && setOversized(variantsKey || key));
  const over = () => flight !== undefined && land(name, flight, ALONE);
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
