// The platform as the gateway asks for it: one call across the boundary for each thing done.
//
// Every promise handed to the gateway resolves; a failure is a number:
//   1 = down or unreachable, 2 = too late, 3 = too large, 4 = broken.
import { env, exports, waitUntil } from "cloudflare:workers";
import { edit, failed, lines, unbodied, BROKEN, DOWN, LARGE, LATE } from "./message.js";
import { keep } from "./store.js";

/** A request's head as lines: see src/head.rs. */
export function pack(request) {
  let fields = "";
  let empty = false;
  request.headers.forEach((value, name) => {
    fields += `${name}:${value}\n`;
    if (name === "content-length") empty = value === "0";
  });
  // Host names are the same in any case; the runtime hands over the client's spelling.
  const { url } = request;
  const slash = url.indexOf("/", url.indexOf("://") + 3);
  const target = url.slice(0, slash).toLowerCase() + url.slice(slash);
  const packed = `${target}\n${request.method}\n${empty || request.body === null ? 0 : 1}\n${fields}`;
  const cf = request.cf;
  if (!cf) return packed + "\n";
  return (
    `${packed}\n${cf.country ?? ""}\n${cf.continent ?? ""}\n${cf.latitude ?? ""}\n` +
    `${cf.longitude ?? ""}\n${cf.colo ?? ""}\n${cf.httpProtocol ?? ""}`
  );
}

/** An answer's head as lines. */
export function head(response) {
  return response.packed ?? lines(response.status, response.headers);
}

/** A var or secret; only strings count. */
export function variable(name) {
  const value = env[name];
  return typeof value === "string" ? value : undefined;
}

export function log(line) {
  console.log(line);
}

let run;

/** Hands over what runs a task behind its answer. */
export function behind(runner) {
  run = runner;
}

/** Runs a task once the current call into the gateway has returned. */
export function later(task) {
  waitUntil(Promise.resolve(task).then(run));
}

/** How a Worker that is bound is called: `service:` and the binding's name. */
const SERVICE = "service:";

/** fetch, or the same to a Worker that is bound here. */
export function reach(url, init) {
  if (!url.startsWith(SERVICE)) return fetch(url, init);
  const slash = url.indexOf("/");
  const service = env[url.slice(SERVICE.length, slash)];
  if (typeof service?.fetch !== "function") throw new Error(`${url.slice(0, slash)} is not bound`);
  // Not a place that anything could be at: who is bound is asked whatever the host.
  return service.fetch(`https://service.invalid${url.slice(slash)}`, init);
}

// Bodies that are held so that they can be sent again.
const held = new WeakMap();

/** Reads a request's body, so that it can be sent again: 0 when it is there, in time. */
export function hold(request, deadline) {
  const read = async () => (held.has(request) || held.set(request, await request.arrayBuffer()), 0);
  return within("a visitor", read(), deadline);
}

/**
 * Cloudflare's own cache below fetch knows neither partitions nor the ledger: `cache: "no-store"` keeps it
 * out. The runtime then says `no-cache` in `Cache-Control` and `Pragma` to an origin that was told nothing
 * there, and many never answer 304 to that (`fresh`, which Express and others use). `no-transform` asks for
 * nothing that an origin would not do anyway, and leaves the runtime nothing to add.
 */
function uncached(init) {
  for (const name of ["cache-control", "pragma"]) if (!init.headers.has(name)) init.headers.set(name, "no-transform");
  return { ...init, redirect: "manual", cache: "no-store" };
}

/**
 * Where an origin is that is to see the visitor's host as its own: the visitor's URL, resolved as the
 * origin's. Only Cloudflare's edge can do that, where each request has a `CF-Ray` that names the very
 * place; elsewhere it is the origin's own URL, for a visitor must not choose whom Usher asks.
 */
function seenAs(request, url) {
  const at = request.headers.get("cf-ray")?.split("-")[1];
  if (at === undefined || at !== request.cf?.colo) return [url, undefined];
  const place = new URL(url);
  const resolveOverride = place.hostname;
  place.hostname = new URL(request.url).hostname;
  return [place.href, { resolveOverride }];
}

/** What the log says of whom was asked: no query is ever written. */
const named = (url) => url.split("?")[0];

/**
 * Asks an origin. `carry`: 0 = nothing of the visitor's, 1 = the fields, 2 = the body too, streaming,
 * 3 = the body too, held. With `through` (JSON) the question goes to this worker's own entrypoint,
 * before which Cloudflare's Workers Cache stands: its key is the URL and these props, which no request
 * from outside can have.
 */
export function ask(request, url, method, carry, edits, deadline, idle, through, asVisitor) {
  return asked(new AbortController(), request, url, method, carry, edits, deadline, idle, through, asVisitor);
}

async function asked(controller, request, url, method, carry, edits, deadline, idle, through, asVisitor) {
  const timer = setTimeout(() => controller.abort(LATE), deadline);
  const headers = edit(carry > 0 ? new Headers(request.headers) : new Headers(), edits);
  // Cloudflare says `Accept-Encoding: br, gzip` for every visitor, and beside it what the visitor said.
  if (request.cf?.clientAcceptEncoding === "") headers.delete("accept-encoding");
  try {
    if (through !== undefined) {
      for (const name of ["authorization", "cache-control", "cookie", "pragma", "range"]) headers.delete(name);
      const question = new Request(url, { method, headers, redirect: "manual", signal: controller.signal });
      return await exports.default({ props: JSON.parse(through) }).fetch(question);
    }
    const body = carry === 3 ? held.get(request) : carry === 2 ? request.body : undefined;
    const [place, cf] = asVisitor ? seenAs(request, url) : [url, undefined];
    const answer = await reach(place, uncached({ method, headers, body, signal: controller.signal, ...(cf && { cf }) }));
    if (answer.status === 101 && !answer.webSocket) return failed(named(url), `it switched to a protocol that is no web socket`);
    return idle > 0 && answer.body !== null && !answer.webSocket ? impatient(answer, idle) : answer;
  } catch (error) {
    return controller.signal.aborted ? failed(named(url), `no answer within ${deadline} ms`, LATE) : failed(named(url), error);
  } finally {
    clearTimeout(timer);
  }
}

/** An answer that breaks off when nothing comes for so long. */
function impatient(answer, idle) {
  const reader = answer.body.getReader();
  const body = new ReadableStream({
    async pull(controller) {
      let timer;
      const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("nothing came for too long")), idle)));
      try {
        const { done, value } = await Promise.race([reader.read(), late]);
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        reader.cancel(error).catch(() => {});
        throw failed("an origin", error) && error;
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, answer);
}

/**
 * Asks one origin, and another as well when the first has not begun to answer after so long: the first
 * answer that begins, after whether it is the other's. A failure waits for the other one's word.
 */
export async function hedge(request, method, edits, idle, url, deadline, after, other, otherDeadline, asVisitor) {
  const controllers = [new AbortController(), new AbortController()];
  const go = async (place, to, within) => [place, await asked(controllers[place], request, to, method, 1, edits, within, idle, undefined, asVisitor)];
  const first = go(0, url, deadline);
  let timer;
  const early = await Promise.race([first, new Promise((resolve) => (timer = setTimeout(resolve, after)))]);
  clearTimeout(timer);
  if (early !== undefined) return early;
  const both = [first, go(1, other, otherDeadline)];
  let [place, answer] = await Promise.race(both);
  if (typeof answer === "number") [place, answer] = await both[1 - place];
  else {
    controllers[1 - place].abort(LATE);
    both[1 - place].then(([, late]) => typeof late === "number" || discard(late));
  }
  return [place, answer];
}

/** Lets go of an answer that nobody gets. */
export function discard(answer) {
  answer.body?.cancel?.().catch(() => {});
}

/** Waits, in milliseconds. */
export function pause(time) {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** Says something to a pool's prober, or to its prober in one location, and hears JSON: see src/health/letter.rs. */
export function prober(pool, location, letter, deadline) {
  return within("PROBER", watch(pool, location, letter), deadline);
}

async function watch(pool, location, letter) {
  const name = location === undefined ? pool : `${pool}@${location}`;
  const prober = env.PROBER.get(env.PROBER.idFromName(name), location === undefined ? {} : { locationHint: location });
  const response = await prober.fetch("https://prober.invalid/", { method: "POST", headers: { "x-pool": pool }, body: letter });
  const text = await response.text();
  return response.ok ? text : failed("PROBER", `${response.status} ${text}`);
}

/** Asks an origin how it is: its answer's head, an empty line, and the beginning of its body. */
export async function probe(url, method, edits, deadline, most) {
  const signal = AbortSignal.timeout(deadline);
  try {
    const headers = edit(new Headers(), edits);
    const answer = await reach(url, uncached({ method, headers, signal }));
    const read = most > 0 ? await beginning(answer.body, most) : (discard(answer), "");
    return `${lines(answer.status, answer.headers)}\n${read}`;
  } catch {
    return signal.aborted ? LATE : DOWN;
  }
}

async function beginning(body, most) {
  if (body === null) return "";
  const decoder = new TextDecoder();
  let read = "";
  for await (const chunk of body) {
    read += decoder.decode(chunk, { stream: true });
    if (read.length >= most) break;
  }
  return read.slice(0, most);
}

/** Answers a question of our own that the Workers Cache could not. */
export function answerThrough(question) {
  return fetch(question, uncached({ headers: new Headers(question.headers) }));
}

/** A file of static/, whole. */
export async function file(path) {
  try {
    return await env.ASSETS.fetch(`https://static.invalid${path}`, { redirect: "manual" });
  } catch (error) {
    return failed("ASSETS", error);
  }
}

// Simultaneous reads of one thing share one. A request must not await what another began (the
// runtime was seen to cancel it as hung), so those who join look again by timers of their own. When
// the one that began seems to be gone, the next takes over.
const flights = new Map();

/** What `start` gives, or, while another is at it, what that gives. */
export async function shared(name, start, deadline) {
  for (let flight = flights.get(name); flight !== undefined; flight = flights.get(name)) {
    const patience = Date.now() + deadline / 4;
    for (let pause = 1; !flight.done && Date.now() < patience; pause = Math.min(2 * pause, 16)) {
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    if (flight.done) return flight.value;
    if (flights.get(name) === flight) break;
  }
  const flight = { done: false, value: undefined };
  flights.set(name, flight);
  const value = await within(name.split(":")[0], start(), deadline);
  flight.done = true;
  flight.value = value;
  if (flights.get(name) === flight) flights.delete(name);
  return value;
}

function within(service, promise, deadline) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(failed(service, `no answer within ${deadline} ms`)), deadline);
    promise.then(
      (value) => (clearTimeout(timer), resolve(value)),
      (error) => (clearTimeout(timer), resolve(failed(service, error))),
    );
  });
}

/** A session's record as text, null when there is none. */
export function recordRead(key, deadline) {
  return shared(`session:${key}`, async () => env.SESSIONS.get(key), deadline);
}

/** How long the store may take, in milliseconds: `[session] deadline`. */
let patience = 5_000;

export function waits(deadline) {
  patience = deadline;
}

/** Does something with the store, in time: 0, or what it gives, or a failure. */
const stored = (work) => within("SESSIONS", work().then((value) => value ?? 0), patience);

export function recordWrite(key, value, seconds) {
  return stored(async () => env.SESSIONS.put(key, value, { expirationTtl: seconds }));
}

export function recordDelete(key) {
  return stored(async () => env.SESSIONS.delete(key));
}

/** A line of a user's list: it stands in the name's metadata, so that listing reads it. */
export function noteWrite(name, text, seconds) {
  return stored(async () => env.SESSIONS.put(name, "", { expirationTtl: seconds, metadata: text }));
}

/** The lines whose names begin so, as JSON: see `Notes` in src/platform.rs. */
export function notes(prefix, from) {
  return stored(async () => {
    const found = await env.SESSIONS.list({ prefix, cursor: from, limit: 1000 });
    // A line of another shape is none; it must not take the others along.
    const notes = found.keys.map(({ name, metadata }) => [name, typeof metadata === "string" ? metadata : ""]);
    return JSON.stringify({ notes, next: found.cursor ?? null });
  });
}

async function book(init) {
  const response = await env.LEDGER.getByName("book").fetch("https://ledger.invalid/", init);
  const text = await response.text();
  return response.ok ? text : failed("LEDGER", `${response.status} ${text}`);
}

/** The ledger's page from a moment on, after a line that says when the reading began. */
export function ledgerRead(entry, deadline) {
  const read = async () => {
    const began = Date.now();
    const page = await book({ method: "POST", body: entry });
    return page === DOWN ? DOWN : `${began}\n${page}`;
  };
  return shared(`ledger:${entry}`, read, deadline);
}

/** Stamps, and answers with the page from a moment on. Entries are JSON: see src/ledger.rs. */
export function ledgerStamp(entry, deadline) {
  return within("ledger", book({ method: "POST", body: entry }), deadline);
}

/** The request's body as text. */
export function body(request, most) {
  return text(request.body, most);
}

/** A body as text, of at most so many bytes. */
export async function text(body, most) {
  if (body === null) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let read = "";
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > most) return LARGE;
      read += decoder.decode(chunk, { stream: true });
    }
    return read + decoder.decode();
  } catch {
    return BROKEN;
  }
}

// What the runtime refuses to make a response of (a status it does not know, say) must not reach
// the gateway as an exception: it would end every request in it. It is told that there is none.
function tried(make) {
  try {
    return make();
  } catch (error) {
    console.error(JSON.stringify({ level: "error", message: `an answer cannot be given as it is: ${error}` }));
    return undefined;
  }
}

/** An answer made by the gateway. */
export function made(status, edits, text) {
  return tried(() => new Response(unbodied.has(status) ? null : text, { status, headers: edit(new Headers(), edits) }));
}

/** Another's answer with changes; a copy is kept when `store` says how (see `keep`). */
export function whole(response, edits, store) {
  return tried(() => {
    if (response.webSocket) {
      const { webSocket } = response;
      return new Response(null, { status: 101, webSocket, headers: edit(new Headers(response.headers), edits) });
    }
    if (response.packed !== undefined) {
      if (store !== undefined) keep(response, store);
      return new Response(response.body, { status: response.status, headers: edit(new Headers(response.headers), edits) });
    }
    if (store !== undefined) keep(response.clone(), store);
    const reply = new Response(response.body, response);
    edit(reply.headers, edits);
    return reply;
  });
}

/** Another's answer without its body. */
export function bare(response, status, edits, store) {
  return tried(() => {
    const reply = new Response(null, { status, headers: edit(new Headers(response.headers), edits) });
    if (store !== undefined) keep(response, store);
    else if (response.packed === undefined) response.body?.cancel().catch(() => {});
    return reply;
  });
}

/** These bytes of another's answer, both included; a copy of all of it is kept when `store` says how. */
export function part(response, edits, first, last, store) {
  return tried(() => {
    const headers = edit(new Headers(response.headers), edits);
    if (response.body instanceof Uint8Array) return new Response(response.body.subarray(first, last + 1), { status: 206, headers });
    if (store !== undefined) keep(response.clone(), store);
    const { readable, writable } = new FixedLengthStream(last - first + 1);
    waitUntil(slice(response.body, writable, first, last + 1).catch(() => {}));
    return new Response(readable, { status: 206, headers });
  });
}

async function slice(body, writable, from, to) {
  const [reader, writer] = [body.getReader(), writable.getWriter()];
  try {
    for (let at = 0; at < to; ) {
      const { done, value } = await reader.read();
      if (done) break;
      const end = at + value.byteLength;
      if (end > from) await writer.write(value.subarray(Math.max(0, from - at), Math.min(value.byteLength, to - at)));
      at = end;
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error);
  } finally {
    await reader.cancel();
  }
}
