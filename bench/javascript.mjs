// The hot path in hand-written JavaScript.
import { forward, ids, incoming, key, locale, log, outgoing, parts, refused, region, token } from "./by-hand.mjs";

export default {
  async fetch(request, env) {
    const started = Date.now();
    const url = parts(request.url);
    const facts = { ids: ids(request.headers), locale: "en", region: "eu", ip: request.headers.get("cf-connecting-ip") };
    const secret = token(request.headers.get("cookie"));
    const text = secret && (await env.SESSIONS.get(await key(secret)));
    const record = text ? JSON.parse(text) : null;
    facts.locale = locale(request.headers.get("accept-language"));
    facts.region = region(request.cf);
    facts.country = request.cf?.country;
    if (!record || record.expires <= Date.now()) {
      log(request, url, 401, facts, null, started, "generated");
      return refused(request, facts);
    }
    const answer = await forward(request, url, env, outgoing(request, url, record, facts));
    const reply = new Response(answer.body, answer);
    incoming(reply.headers, facts, started);
    log(request, url, reply.status, facts, record, started);
    return reply;
  },
};
