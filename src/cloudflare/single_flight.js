// Single flight: one request to the origin for all who want its response.
import { waitUntil } from "cloudflare:workers";
import { oversized, stored } from "./cache_memory.js";
import { lines } from "./message.js";

/** What `join` says when there is nothing to share. */
const ALONE = 6;

// A request must not await what another
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

/** Ends a flight: what was to be shared is stored. */
export function finish(name, flight) {
  land(name, flight, ALONE);
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
