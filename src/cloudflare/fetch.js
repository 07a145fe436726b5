// Requests to origins and to identity providers. Every promise resolves; a failure is a number (see message.js).
import { env, exports } from "cloudflare:workers";
import { buffered, discard, fault, streamed, text } from "./body.js";
import { edit, failed, LATE } from "./message.js";
import { shared } from "./timing.js";

/** The scheme of an origin that is a bound Worker: `service:` and the binding's name. */
const SERVICE = "service:";

/** Fetches from a URL, or from a bound Worker. */
export function reach(url, init) {
  if (!url.startsWith(SERVICE)) return fetch(url, init);
  const slash = url.indexOf("/");
  const service = env[url.slice(SERVICE.length, slash)];
  if (typeof service?.fetch !== "function") throw new Error(`${url.slice(0, slash)} is not bound`);
  // The host does not exist: the bound Worker gets the request whatever the host.
  return service.fetch(`https://service.invalid${url.slice(slash)}`, init);
}

/**
 * Options for a fetch that does not use Cloudflare's cache: that cache has neither partitions nor the ledger. With
 * `cache: "no-store"` the runtime adds `no-cache` as `Cache-Control` and `Pragma` where they are absent, and many
 * origins never respond with 304 to that (`fresh`, which Express and others use). `no-transform` is set instead: it
 * does not change an origin's response, and the runtime then adds nothing.
 */
export function uncached(init) {
  for (const name of ["cache-control", "pragma"]) if (!init.headers.has(name)) init.headers.set(name, "no-transform");
  return { ...init, redirect: "manual", cache: "no-store" };
}

/**
 * The URL and options for an origin that gets the visitor's host as its own: the visitor's host, resolved as the
 * origin's. Only Cloudflare's edge can do that, where each request has a `CF-Ray` that names its data center. Elsewhere
 * it is the origin's own URL, because a visitor must not choose the host that Usher connects to.
 */
function withVisitorHost(request, url) {
  const colo = request.headers.get("cf-ray")?.split("-")[1];
  if (colo === undefined || colo !== request.cf?.colo) return [url, undefined];
  const target = new URL(url);
  const resolveOverride = target.hostname;
  target.hostname = new URL(request.url).hostname;
  return [target.href, { resolveOverride }];
}

/** A URL as it is logged: without its query. */
const named = (url) => url.split("?")[0];

const NOTHING = 0;
const STREAMED = 2;
const BUFFERED = 3;

/** URL, method, one more value, and edits: see src/cloudflare/fetch.rs. */
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
 * Sends a request to an origin. With `workersCache` (JSON) it is sent to this Worker's own entrypoint, in front of
 * which is Cloudflare's Workers Cache: its key is the URL and these props, which no request from outside can have.
 */
export function ask(request, packed, deadline, idle, flags) {
  const [url, method, workersCache, edits] = unpacked(packed);
  return send(new AbortController(), request, { url, method, workersCache, edits, deadline, idle, flags });
}

/** One attempt at an origin: the response, or a failure after `deadline` milliseconds or when `controller` aborts. */
async function send(controller, request, { url, method, workersCache, edits, deadline, idle, flags }) {
  const timer = setTimeout(() => controller.abort(LATE), deadline);
  const forward = flags & 3;
  const headers = edit(forward === NOTHING ? new Headers() : new Headers(request.headers), edits);
  // Cloudflare sets `Accept-Encoding: br, gzip` for every visitor; `clientAcceptEncoding` has the visitor's own value.
  if (request.cf?.clientAcceptEncoding === "") headers.delete("accept-encoding");
  try {
    if (workersCache !== "") {
      for (const name of ["authorization", "cache-control", "cookie", "pragma", "range"]) headers.delete(name);
      const own = new Request(url, { method, headers, redirect: "manual", signal: controller.signal });
      return await exports.default({ props: JSON.parse(workersCache) }).fetch(own);
    }
    const body = forward === BUFFERED ? buffered.get(request) : forward === STREAMED ? streamed(request, controller) : undefined;
    const [target, cf] = flags & 4 ? withVisitorHost(request, url) : [url, undefined];
    const response = await reach(target, uncached({ method, headers, body, signal: controller.signal, ...(cf && { cf }) }));
    if (response.status === 101 && !response.webSocket) return failed(named(url), `it switched to a protocol that is no web socket`);
    return idle > 0 && response.body !== null && !response.webSocket ? withIdleTimeout(response, idle) : response;
  } catch (error) {
    if (fault(request) !== 0) return failed(named(url), "the request's body is too large or too slow");
    return controller.signal.aborted ? failed(named(url), `no answer within ${deadline} ms`, LATE) : failed(named(url), error);
  } finally {
    clearTimeout(timer);
  }
}

/** A response whose body breaks off when no bytes are received for `idle` milliseconds. */
function withIdleTimeout(response, idle) {
  const reader = response.body.getReader();
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
  return new Response(body, response);
}

/**
 * Sends a request to one origin, and to a second one as well when the first has not begun to respond after `after`
 * milliseconds (hedging). Resolves to a pair: 1 when the response is the second origin's, else 0; and the response that
 * begins first. When one attempt fails, the other's outcome counts.
 */
export async function hedge(request, packed, times, flags) {
  const [url, method, other, edits] = unpacked(packed);
  // A view of wasm's memory: it is read before the first await.
  const [deadline, idle, after, otherDeadline] = times;
  const controllers = [new AbortController(), new AbortController()];
  const go = async (attempt, url, deadline) => {
    const how = { url, method, workersCache: "", edits, deadline, idle, flags };
    return [attempt, await send(controllers[attempt], request, how)];
  };
  const first = go(0, url, deadline);
  let timer;
  const early = await Promise.race([first, new Promise((resolve) => (timer = setTimeout(resolve, after)))]);
  clearTimeout(timer);
  if (early !== undefined) return early;
  const both = [first, go(1, other, otherDeadline)];
  let [attempt, response] = await Promise.race(both);
  if (typeof response === "number") [attempt, response] = await both[1 - attempt];
  else {
    controllers[1 - attempt].abort(LATE);
    both[1 - attempt].then(([, late]) => typeof late === "number" || discard(late));
  }
  return [attempt, response];
}

/** Forwards a request of this Worker to the origin when the Workers Cache does not have the response. */
export function fetchForWorkersCache(request) {
  return fetch(request, uncached({ headers: new Headers(request.headers) }));
}

/** A document of an identity provider: its status, a line feed, and the text. */
export function document(url, form, authorization, deadline, most) {
  const read = async () => {
    const headers = { accept: "application/json, application/jwk-set+json, */*;q=0.1" };
    if (form !== undefined) headers["content-type"] = "application/x-www-form-urlencoded";
    if (authorization !== undefined) headers.authorization = authorization;
    const signal = AbortSignal.timeout(deadline);
    try {
      const method = form === undefined ? "GET" : "POST";
      const response = await fetch(url, { method, headers, body: form, redirect: "manual", cache: "no-store", signal });
      const body = await text(response.body, most);
      return typeof body === "string" ? `${response.status}\n${body}` : body;
    } catch (error) {
      return failed("an issuer", error, signal.aborted ? LATE : undefined);
    }
  };
  return form === undefined ? shared(`issuer:${url}`, read, deadline) : read();
}
