// The gateway's wasm instance of this isolate. A panic ends it and everything in it; the glue makes a new one for the
// next call, and what belongs to the old one is recognized by its era.
import * as usher from "../../build/usher.js";
import module from "../../build/usher_bg.wasm";
import { endFlights } from "./single_flight.js";

export { usher };

usher.initSync({ module });
let current = 0;

/** The number of instances so far. */
export const era = () => current;

/** Calls into the gateway; a trap starts a new era. An error that the gateway returns is a text. */
export function call(work, ...args) {
  try {
    return work(...args);
  } catch (error) {
    if (typeof error === "string") throw new Error(error);
    current += 1;
    endFlights();
    usher.__wbg_reset_state();
    console.error(JSON.stringify({ level: "error", message: `the gateway panicked and starts anew: ${error}` }));
    throw error;
  }
}
