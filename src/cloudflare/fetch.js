// Requests to origins and to identity providers. Every promise resolves; a failure is a number (see message.js).
import { env, exports } from "cloudflare:workers";
import { buffered, discard, text } from "./body.js";
import { edit, failed, LATE } from "./message.js";
import { shared } from "./timing.js";

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

/**
 * Cloudflare's own cache below fetch knows neither partitions nor the ledger: `cache: "no-store"` keeps it
 * out. The runtime then says `no-cache` in `Cache-Control` and `Pragma` to an origin that was told nothing
 * there, and many never answer 304 to that (`fresh`, which Express and others use). `no-transform` asks for
 * nothing that an origin would not do anyway, and leaves the runtime nothing to add.
 */
export function uncached(init) {
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

const NOTHING = 0;
const STREAMED = 2;
const BUFFERED = 3;

/** URL, method, one more, and edits: see src/cloudflare/fetch.rs. */
function unpacked(packed) {
  const parts = [];
  let at = 0;
  for (let part = 0; part < 3; part += 1) {
    const end = packed.indexOf("\n", at);
    parts.push(packed.slice(at, end));
    at = end + 1;
  }
  parts.push(packed.slice(at));
  return parts;
}

/**
 * Asks an origin. With `workersCache` (JSON) the request goes to this worker's own entrypoint, before which Cloudflare's
 * Workers Cache stands: its key is the URL and these props, which no request from outside can have.
 */
export function ask(request, packed, deadline, idle, flags) {
  const [url, method, workersCache, edits] = unpacked(packed);
  return asked(new AbortController(), request, { url, method, workersCache, edits, deadline, idle, flags });
}

async function asked(controller, request, { url, method, workersCache, edits, deadline, idle, flags }) {
  const timer = setTimeout(() => controller.abort(LATE), deadline);
  const forward = flags & 3;
  const headers = edit(forward === NOTHING ? new Headers() : new Headers(request.headers), edits);
  // Cloudflare says `Accept-Encoding: br, gzip` for every visitor, and beside it what the visitor said.
  if (request.cf?.clientAcceptEncoding === "") headers.delete("accept-encoding");
  try {
    if (workersCache !== "") {
      for (const name of ["authorization", "cache-control", "cookie", "pragma", "range"]) headers.delete(name);
      const question = new Request(url, { method, headers, redirect: "manual", signal: controller.signal });
      return await exports.default({ props: JSON.parse(workersCache) }).fetch(question);
    }
    const body = forward === BUFFERED ? buffered.get(request) : forward === STREAMED ? request.body : undefined;
    const [place, cf] = flags & 4 ? seenAs(request, url) : [url, undefined];
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
 * Asks one origin, and another as well when the first has not begun to answer after `after` milliseconds: the first
 * answer that begins, after whether it is the other's. A failure waits for what the other one says.
 */
export async function hedge(request, packed, times, flags) {
  const [url, method, other, edits] = unpacked(packed);
  // A view of wasm's memory: it is read before anything is waited for.
  const [deadline, idle, after, otherDeadline] = times;
  const controllers = [new AbortController(), new AbortController()];
  const go = async (place, url, deadline) => {
    const how = { url, method, workersCache: "", edits, deadline, idle, flags };
    return [place, await asked(controllers[place], request, how)];
  };
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

/** Answers a question of our own that the Workers Cache could not. */
export function answerThrough(question) {
  return fetch(question, uncached({ headers: new Headers(question.headers) }));
}

/** A document of an identity provider: its status, a line end, and the text. */
export function document(url, form, authorization, deadline, most) {
  const ask = async () => {
    const headers = { accept: "application/json, application/jwk-set+json, */*;q=0.1" };
    if (form !== undefined) headers["content-type"] = "application/x-www-form-urlencoded";
    if (authorization !== undefined) headers.authorization = authorization;
    const signal = AbortSignal.timeout(deadline);
    try {
      const method = form === undefined ? "GET" : "POST";
      const answer = await fetch(url, { method, headers, body: form, redirect: "manual", cache: "no-store", signal });
      const read = await text(answer.body, most);
      return typeof read === "string" ? `${answer.status}\n${read}` : read;
    } catch (error) {
      return failed("an issuer", error, signal.aborted ? LATE : undefined);
    }
  };
  return form === undefined ? shared(`issuer:${url}`, ask, deadline) : ask();
}
