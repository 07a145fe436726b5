// The hot path on Hono, as its documentation would have it: one middleware for each concern.
import { Hono } from "hono";
import { getCookie } from "hono/cookie";
import { forward, ids, incoming, key, locale, log, outgoing, parts, refused, region } from "./by-hand.mjs";

const app = new Hono();

app.use(async (c, next) => {
  const started = Date.now();
  c.set("facts", { ids: ids(c.req.raw.headers), locale: "en", region: "eu", ip: c.req.header("cf-connecting-ip") });
  c.set("url", parts(c.req.url));
  await next();
  const known = c.get("record");
  if (known) incoming(c.res.headers, c.get("facts"), started);
  log(c.req.raw, c.get("url"), c.res.status, c.get("facts"), known, started, known ? "bypass" : "generated");
});

app.use(async (c, next) => {
  c.get("facts").locale = locale(c.req.header("accept-language"));
  c.get("facts").region = region(c.req.raw.cf);
  c.get("facts").country = c.req.raw.cf?.country;
  await next();
});

app.use(async (c, next) => {
  const secret = getCookie(c, "usher");
  const text = secret && (await c.env.SESSIONS.get(await key(secret)));
  const record = text ? JSON.parse(text) : null;
  if (!record || record.expires <= Date.now()) return refused(c.req.raw, c.get("facts"));
  c.set("record", record);
  await next();
});

app.all("*", async (c) => {
  const answer = await forward(c.req.raw, c.get("url"), c.env, outgoing(c.req.raw, c.get("url"), c.get("record"), c.get("facts")));
  return new Response(answer.body, answer);
});

export default app;
