// Sends requests to the Durable Objects that probe pools, and sends their probes.
import { env } from "cloudflare:workers";
import { discard } from "./body.js";
import { reach, uncached } from "./fetch.js";
import { edit, failed, lines, DOWN, LATE } from "./message.js";
import { within } from "./timing.js";

/**
 * Sends a request (JSON) to a pool's prober, or to its prober in one location; resolves to the response (JSON): see
 * src/origin/health/protocol.rs.
 */
export function prober(pool, location, request, deadline) {
  return within("PROBER", send(pool, location, request), deadline);
}

async function send(pool, location, request) {
  const name = location === undefined ? pool : `${pool}@${location}`;
  const prober = env.PROBER.get(env.PROBER.idFromName(name), location === undefined ? {} : { locationHint: location });
  const response = await prober.fetch("https://prober.invalid/", { method: "POST", headers: { "x-pool": pool }, body: request });
  const text = await response.text();
  return response.ok ? text : failed("PROBER", `${response.status} ${text}`);
}

/** Probes an origin: resolves to its response's head, an empty line, and the beginning of its body; or to a failure. */
export async function probe(url, method, edits, deadline, most) {
  const signal = AbortSignal.timeout(deadline);
  try {
    const headers = edit(new Headers(), edits);
    const response = await reach(url, uncached({ method, headers, signal }));
    const read = most > 0 ? await beginning(response.body, most) : (discard(response), "");
    return `${lines(response.status, response.headers)}\n${read}`;
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
