// The Worker's entry: starts the gateway, resumes its requests, and recovers from panics.
//
// A request that does not wait is answered within `start`. A request that waits returns its promise, is resumed with the
// promise's value, and so on until it is done. A panic ends the gateway's instance and every request in it; `era` prevents
// that requests of the old instance resume tasks of the new one.
import { fetchForWorkersCache } from "./fetch.js";
import { call, era, usher } from "./instance.js";
import { pack } from "./message.js";
import { setRunner } from "./task.js";

export { Ledger } from "./ledger_object.js";
export { Limits } from "./limit_object.js";
export { Prober } from "./prober_object.js";

/** Resumes a task with the values of its promises until it is done; resolves to its result. */
async function drive(task, wait) {
  const started = era();
  do {
    const value = await wait;
    if (started !== era()) throw GONE;
    wait = call(usher.resume, task, value);
    task = usher.pending();
  } while (task !== 0);
  // The task was removed because too many waited.
  if (wait === undefined) throw GONE;
  return wait;
}

/** The gateway instance of a waiting request has ended: another request caused a panic. */
const GONE = new Error("the gateway that this request was in is gone");

// Whether the request can be started again: its method is safe, and it has no body.
const repeatable = (request) => request.body === null && ["GET", "HEAD", "OPTIONS"].includes(request.method);

function begin(request) {
  const first = call(usher.start, pack(request), request);
  const task = usher.pending();
  return task === 0 ? first : drive(task, first);
}

/** Starts a request once more if it only waited when the gateway panicked; otherwise sends the error reply. */
async function recover(error, request) {
  if (error === GONE && repeatable(request)) {
    try {
      return await begin(request);
    } catch {
      return broken(request);
    }
  }
  return broken(request);
}

/** The error reply after a panic: made by the new gateway instance, without access to anything and without details. */
function broken(request) {
  try {
    return call(usher.apologize, pack(request), request);
  } catch {
    const body = JSON.stringify({ type: "about:blank", title: "Something went wrong", status: 500 });
    const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
    return new Response(body, { status: 500, headers });
  }
}

setRunner((task) => drive(task, undefined).catch(() => {}));

export default {
  fetch(request, _, { props }) {
    if (props?.usher === "cached") return fetchForWorkersCache(request);
    try {
      const response = begin(request);
      return response instanceof Promise ? response.catch((error) => recover(error, request)) : response;
    } catch {
      return broken(request);
    }
  },
};
