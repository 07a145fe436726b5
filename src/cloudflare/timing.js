// Deadlines, and reads that concurrent requests share.
import { failed, DOWN } from "./message.js";

/** Resolves after `time` milliseconds. */
export function sleep(time) {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** Resolves to the promise's value, or to a failure when it rejects, or (`late`) when it takes longer than `deadline` milliseconds. */
export function within(service, promise, deadline, late = DOWN) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(failed(service, `no answer within ${deadline} ms`, late)), deadline);
    promise.then(
      (value) => (clearTimeout(timer), resolve(value)),
      (error) => (clearTimeout(timer), resolve(failed(service, error))),
    );
  });
}

// Shared reads by name. A request must not await what another request started (the runtime has cancelled such requests
// as hung), so each request that joins polls with timers of its own. When the first request seems to be gone, the next
// one takes over.
const flights = new Map();

/** The value of `start`, or the value of the same read that another request has started. */
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
