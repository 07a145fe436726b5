// What a worker does that uses the Cache API and a map of this isolate, and nothing else: no variants, no validation, no
// purge by tag, no partitions.
import { parts } from "./by-hand.mjs";

/** Small answers by URL, each with the time at which it is no longer fresh (milliseconds since 1970). */
const memory = new Map();
const MOST = 4_096;
const LARGEST = 65_536;

export default {
  async fetch(request, env, context) {
    const known = memory.get(request.url);
    if (known !== undefined && Date.now() < known.until) return new Response(known.body, { headers: known.headers });
    const found = await caches.default.match(request);
    const answer = found ?? (await fetch(env.ORIGIN_URL + parts(request.url).target, { cache: "no-store" }));
    if (Number(answer.headers.get("content-length")) > LARGEST) {
      if (!found) context.waitUntil(caches.default.put(request, answer.clone()));
      return answer;
    }
    const body = await answer.arrayBuffer();
    const seconds = Number(answer.headers.get("cache-control")?.match(/max-age=(\d+)/)?.[1] ?? 0);
    if (memory.size >= MOST) memory.delete(memory.keys().next().value);
    const headers = [...answer.headers];
    memory.set(request.url, { body, headers, until: Date.now() + 1_000 * seconds });
    if (!found) context.waitUntil(caches.default.put(request, new Response(body, { headers })));
    return new Response(body, { headers });
  },
};
