// The worker's entry: starts the gateway and keeps it running.
//
// The gateway is one wasm instance for each isolate. A request that needs no waiting is answered
// within `start`. One that waits hands its promise out, is resumed with what it resolved to, and
// so on until it is done. A panic kills the instance and every request in it; the glue makes a new
// instance for the next call, and `era` keeps the dead one's requests from waking strangers.
import { DurableObject } from "cloudflare:workers";
import * as usher from "../../build/usher.js";
import module from "../../build/usher_bg.wasm";
import { answerThrough } from "./fetch.js";
import { pack } from "./message.js";
import { scatter } from "./single_flight.js";
import { behind } from "./task.js";

usher.initSync({ module });
let era = 0;

/** Calls into the gateway; a trap ends the era. */
function enter(call, ...args) {
  try {
    return call(...args);
  } catch (error) {
    era += 1;
    scatter();
    usher.__wbg_reset_state();
    console.error(JSON.stringify({ level: "error", message: `the gateway panicked and starts anew: ${error}` }));
    throw error;
  }
}

async function drive(task, wait) {
  const mine = era;
  do {
    const value = await wait;
    if (mine !== era) throw GONE;
    wait = enter(usher.resume, task, value);
    task = usher.pending();
  } while (task !== 0);
  // A task that had to make room is gone as well.
  if (wait === undefined) throw GONE;
  return wait;
}

/** The gateway that a request waited in is gone: another request ended it. */
const GONE = new Error("the gateway that this request was in is gone");

// What may be asked again without a difference, and has no body that was read.
const repeatable = (request) => request.body === null && ["GET", "HEAD", "OPTIONS"].includes(request.method);

function begin(request) {
  const first = enter(usher.start, pack(request), request);
  const task = usher.pending();
  return task === 0 ? first : drive(task, first);
}

/** Whoever only waited when the gateway broke down begins again, once; else it is said that it did. */
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

/** The new gateway says that the old one broke down; nobody is let in, nothing is told. */
function broken(request) {
  try {
    return enter(usher.apologize, pack(request), request);
  } catch {
    const body = JSON.stringify({ type: "about:blank", title: "Something went wrong", status: 500 });
    const headers = { "content-type": "application/problem+json", "cache-control": "no-store" };
    return new Response(body, { status: 500, headers });
  }
}

behind((task) => drive(task, undefined).catch(() => {}));

export default {
  fetch(request, _, { props }) {
    if (props?.usher === "cached") return answerThrough(request);
    try {
      const answer = begin(request);
      return answer instanceof Promise ? answer.catch((error) => recover(error, request)) : answer;
    } catch {
      return broken(request);
    }
  },
};

/** An object whose inside is the gateway's; it is built anew when the gateway was. */
class Outside extends DurableObject {
  #inner;
  #era = -1;

  inside(make) {
    if (this.#era !== era) {
      this.#inner = make();
      this.#era = era;
    }
    return this.#inner;
  }
}

/** The book. */
export class Ledger extends Outside {
  fetch(request) {
    return enter(() => this.inside(() => new usher.Ledger(this.ctx, this.env)).fetch(request));
  }
}

/** Whoever watches over a pool. */
export class Prober extends Outside {
  #prober() {
    return this.inside(() => new usher.Prober(this.ctx, this.env));
  }

  fetch(request) {
    return enter(() => this.#prober().fetch(request));
  }

  alarm() {
    return enter(() => this.#prober().alarm());
  }
}
