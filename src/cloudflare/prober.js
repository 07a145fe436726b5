// The Durable Objects that probe pools, and their probes.
import { env } from "cloudflare:workers";
import { discard } from "./body.js";
import { reach, uncached } from "./fetch.js";
import { edit, failed, lines, DOWN, LATE } from "./message.js";
import { within } from "./timing.js";

/** Says something to a pool's prober, or to its prober in one location, and hears JSON: see src/health/letter.rs. */
export function prober(pool, location, letter, deadline) {
  return within("PROBER", watch(pool, location, letter), deadline);
}

async function watch(pool, location, letter) {
  const name = location === undefined ? pool : `${pool}@${location}`;
  const prober = env.PROBER.get(env.PROBER.idFromName(name), location === undefined ? {} : { locationHint: location });
  const response = await prober.fetch("https://prober.invalid/", { method: "POST", headers: { "x-pool": pool }, body: letter });
  const text = await response.text();
  return response.ok ? text : failed("PROBER", `${response.status} ${text}`);
}

/** Asks an origin how it is: its answer's head, an empty line, and the beginning of its body. */
export async function probe(url, method, edits, deadline, most) {
  const signal = AbortSignal.timeout(deadline);
  try {
    const headers = edit(new Headers(), edits);
    const answer = await reach(url, uncached({ method, headers, signal }));
    const read = most > 0 ? await beginning(answer.body, most) : (discard(answer), "");
    return `${lines(answer.status, answer.headers)}\n${read}`;
  } catch {
    return signal.aborted ? LATE : DOWN;
  }
}

async function beginning(body, most) {
  if (body === null) return "";
  const decoder = new TextDecoder();
  let read = "";
  for await (const chunk of body) {
    read += decoder.decode(chunk, { stream: true });
    if (read.length >= most) break;
  }
  return read.slice(0, most);
}
