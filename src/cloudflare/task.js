// Work that is done after a reply.
import { waitUntil } from "cloudflare:workers";

let run;

/** Hands over what runs a task behind its answer. */
export function behind(runner) {
  run = runner;
}

/** Runs a task once the current call into the gateway has returned. */
export function later(task) {
  waitUntil(Promise.resolve(task).then(run));
}
