// Single flight: one request to the origin for all requests that wait for the same response.
import { waitUntil } from "cloudflare:workers";
import { oversized, stored } from "./cache_memory.js";
import { lines } from "./message.js";

/** What `join` resolves to when there is nothing to share. */
const ALONE = 6;

// Flights by name. A request that awaits only what another request started is cancelled as hung by the runtime, so each
// request that joins has a timer of its own. Bytes are shared, streams are not.
const flights = new Map();

class Flight {
  /** Resolves at the next change; there is none while nobody waits. */
  #next;
  /** When the last change was (milliseconds since 1970). */
  changed;
  /** How it ended without a response to share: a failure's number, or ALONE. */
  outcome = 0;
  /** The stored response, whole. */
  entry;
  /** Status and headers of a response that is being received and can be followed. */
  head;
  /** The received chunks of its body, without the first `passed` chunks, which all followers have read. */
  chunks = [];
  passed = 0;
  done = false;
  broken = false;
  /** The read positions of the followers. */
  followers = new Set();
  /** The URL in the store of a large response, once it is stored. */
  key;
  #resolveNext;

  constructor(id) {
    this.id = id;
    this.ended = new Promise((resolve) => (this.end = resolve));
    this.changed = Date.now();
  }

  change() {
    this.changed = Date.now();
    this.#resolveNext?.();
    this.#next = undefined;
    this.#resolveNext = undefined;
  }

  /** Waits for the next change, for at most `patience` milliseconds. */
  async waitForChange(patience) {
    let timer;
    this.#next ??= new Promise((resolve) => (this.#resolveNext = resolve));
    await Promise.race([this.#next, new Promise((resolve) => (timer = setTimeout(resolve, patience)))]);
    clearTimeout(timer);
  }

  /** The body as a stream, while it is received. */
  follow() {
    const position = { at: 0 };
    this.followers.add(position);
    return new ReadableStream({
      pull: async (controller) => {
        const end = Date.now() + PATIENCE;
        const ready = () => position.at < this.passed + this.chunks.length;
        while (!ready() && !this.done && !this.broken && Date.now() < end) await this.waitForChange(end - Date.now());
        if (ready() && position.at >= this.passed) controller.enqueue(this.chunks[position.at++ - this.passed]);
        else if (this.done && !ready()) controller.close();
        else controller.error(new Error("the origin broke off"));
      },
      cancel: () => {
        this.followers.delete(position);
      },
    });
  }

  /** Removes the chunks that all followers have read; returns how many bytes are still buffered. */
  trim() {
    const least = Math.min(this.passed + this.chunks.length, ...[...this.followers].map(({ at }) => at));
    this.chunks.splice(0, least - this.passed);
    this.passed = least;
    return this.chunks.reduce((size, chunk) => size + chunk.byteLength, 0);
  }
}

/** A body without new bytes for so long is given up, in milliseconds. */
const PATIENCE = 30_000;
/** A body that has paused for so long is not followed by new requests, in milliseconds. */
const PAUSE = 1_500;

let claims = 0;

/**
 * Begins a flight: returns its claim, or undefined while another request has the flight. Until the response begins, the
 * claim holds for about `patience` milliseconds, the deadline of the request that has it.
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
  // Other requests depend on this one, even when its own visitor disconnects.
  waitUntil(flight.ended);
  return `${name}@${flight.id}`;
}

/** The name and the flight of a claim; no flight when it has ended or another request has taken it over. */
export function claimed(claim) {
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

/** Ends a flight whose response is stored or cannot be shared. */
export function finish(name, flight) {
  land(name, flight, ALONE);
}

/** Ends a flight without a response to share; `failure` is 0 or a failure's number. */
export function release(claim, failure) {
  const [name, flight] = claimed(claim);
  if (flight !== undefined) land(name, flight, failure || ALONE);
}

/** Ends every flight, when the gateway instance that began them has ended. */
export function endFlights() {
  for (const [name, flight] of [...flights]) land(name, flight, ALONE);
}

/** Waits at most `patience` milliseconds for the response of the request that has the flight. */
export async function join(name, patience) {
  const flight = flights.get(name);
  const end = Date.now() + patience;
  while (flight !== undefined) {
    if (flight.entry !== undefined) return flight.entry;
    if (flight.key !== undefined) return (await stored(flight.key)) ?? ALONE;
    if (flight.outcome !== 0) return flight.outcome;
    const paused = Date.now() - flight.changed;
    if (flight.head !== undefined) {
      // The reply begins only when there are bytes to send.
      if (paused >= PAUSE) return ALONE;
      if (flight.chunks.length > 0) return following(flight);
    } else if (Date.now() >= end) {
      return ALONE;
    }
    await flight.waitForChange(flight.head === undefined ? end - Date.now() : PAUSE - paused);
  }
  return ALONE;
}

/** The response of a flight, while it is received. */
function following(flight) {
  const { status } = flight.head;
  const headers = new Headers(flight.head.headers);
  // The gateway gets the stated length; the visitor does not, because the body may end early.
  const packed = lines(status, headers);
  headers.delete("content-length");
  return { status, headers, body: flight.follow(), packed };
}
