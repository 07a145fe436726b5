// The Worker's entry: starts the gateway, resumes its requests, and recovers from panics.
//
// The gateway is one wasm instance for each isolate. A request that does not wait is answered within `start`. A request
// that waits returns its promise, is resumed with the promise's value, and so on until it is done. A panic ends the
// instance and every request in it; the glue makes a new instance for the next call, and `era` prevents that requests
// of the old instance resume tasks of the new one.
import { DurableObject } from "cloudflare:workers";
import * as usher from "../../build/usher.js";
import module from "../../build/usher_bg.wasm";
import { fetchForWorkersCache } from "./fetch.js";
import { pack } from "./message.js";
import { endFlights } from "./single_flight.js";
import { setRunner } from "./task.js";

usher.initSync({ module });
let era = 0;

/** Calls into the gateway; a trap starts a new era. */
function enter(call, ...args) {
  try {
    return call(...args);
  } catch (error) {
    era += 1;
    endFlights();
    usher.__wbg_reset_state();
    console.error(JSON.stringify({ level: "error", message: `the gateway panicked and starts anew: ${error}` }));
    throw error;
  }
}

/** Resumes a task with the values of its promises until it is done; resolves to its result. */
async function drive(task, wait) {
  const started = era;
  do {
    const value = await wait;
    if (started !== era) throw GONE;
    wait = enter(usher.resume, task, value);
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
  const first = enter(usher.start, pack(request), request);
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
    return enter(usher.apologize, pack(request), request);
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

/**
 * A Durable Object that is implemented in the gateway; its inner object is made again with each new gateway instance.
 */
class GatewayObject extends DurableObject {
  #inner;
  #era = -1;

  inner(make) {
    if (this.#era !== era) {
      this.#inner = make();
      this.#era = era;
    }
    return this.#inner;
  }
}

/** The ledger: see src/cloudflare/ledger_object.rs. */
export class Ledger extends GatewayObject {
  fetch(request) {
    return enter(() => this.inner(() => new usher.Ledger(this.ctx, this.env)).fetch(request));
  }
}

/** The prober of a pool: see src/cloudflare/prober_object.rs. */
export class Prober extends GatewayObject {
  #prober() {
    return this.inner(() => new usher.Prober(this.ctx, this.env));
  }

  fetch(request) {
    return enter(() => this.#prober().fetch(request));
  }

  alarm() {
    return enter(() => this.#prober().alarm());
  }
}
