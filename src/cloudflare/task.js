// Runs the work that is done after a reply.
import { waitUntil } from "cloudflare:workers";

let run;

/** Sets the function that runs a task after its reply. */
export function setRunner(runner) {
  run = runner;
}

/** Runs a task once the current call into the gateway has returned. */
export function later(task) {
  waitUntil(Promise.resolve(task).then(run));
}
