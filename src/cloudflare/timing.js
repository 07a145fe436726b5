// Deadlines, and reads that simultaneous requests share.
import { failed } from "./message.js";

/** Resolves after so many milliseconds. */
export function sleep(time) {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** What a promise resolves to, or a failure when it rejects or takes longer than `deadline` milliseconds. */
export function within(service, promise, deadline) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(failed(service, `no answer within ${deadline} ms`)), deadline);
    promise.then(
      (value) => (clearTimeout(timer), resolve(value)),
      (error) => (clearTimeout(timer), resolve(failed(service, error))),
    );
  });
}

// A request must not await what another began (the runtime was seen to cancel it as hung), so those who join look again
// by timers of their own. When the one that began seems to be gone, the next takes over.
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
