// What a worker does that uses the Cache API and nothing else: no variants, no validation, no
// purge by tag, no partitions.
export default {
  async fetch(request, env, context) {
    const found = await caches.default.match(request);
    if (found) return found;
    const url = new URL(request.url);
    const answer = await fetch(env.ORIGIN_URL + url.pathname + url.search, { cache: "no-store" });
    context.waitUntil(caches.default.put(request, answer.clone()));
    return answer;
  },
};
