// The floor of the hot path: the calls into the platform that Usher makes for a request, in JavaScript, without wasm and
// without deciding anything: the same reads, headers, timers, log line and answer, from constants.
import { parts } from "./by-hand.mjs";

const ID = "0123456789abcdef0123456789abcdef";
const set = (headers, fields) => {
  for (const [name, value] of fields) headers.set(name, value);
};
const within = (promise, deadline) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("late")), deadline);
    promise.then((value) => (clearTimeout(timer), resolve(value)), reject);
  });

export default {
  async fetch(request, env) {
    let head = "";
    request.headers.forEach((value, name) => (head += `${name}:${value}\n`));
    const cookie = request.headers.get("cookie");
    const secret = cookie?.slice(cookie.indexOf("usher=") + 6, cookie.indexOf("usher=") + 49);
    crypto.getRandomValues(new Uint8Array(40));
    const name = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret ?? "")))));
    const text = secret && (await within(env.SESSIONS.get(name.replaceAll("+", "-").replaceAll("/", "_").replace("=", "")), 2_000));
    if (!text) return new Response(null, { status: 401 });
    const { scheme, host, target } = parts(request.url);
    const headers = new Headers(request.headers);
    for (const name of ["cf-connecting-ip", "x-user-id"]) headers.delete(name);
    set(headers, [["cookie", "theme=dark; consent=yes"], ["x-user-id", "user-7"], ["x-user-roles", "member,editor"], ["x-locale", "ja"], ["x-country", "JP"], ["x-region", "ap"], ["x-forwarded-for", "192.0.2.7"]]);
    set(headers, [["x-forwarded-proto", scheme], ["x-forwarded-host", host], ["x-request-id", ID], ["traceparent", `00-${ID}-0123456789abcdef-00`], ["x-usher-deadline-ms", "30000"], ["via", "1.1 usher"], ["cdn-loop", "usher"]]);
    set(headers, [["cache-control", "no-transform"], ["pragma", "no-transform"]]);
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), 30_000);
    const answer = await fetch(env.ORIGIN_URL + target, { method: request.method, headers, redirect: "manual", cache: "no-store", signal: controller.signal });
    clearTimeout(timer);
    answer.headers.forEach((value, name) => (head += `${name}:${value}\n`));
    const reply = new Response(answer.body, answer);
    for (const name of ["cache-tag", "keep-alive", "connection"]) reply.headers.delete(name);
    set(reply.headers, [["x-request-id", ID], ["cache-control", "private"], ["vary", "Cookie"], ["cache-status", "usher; fwd=bypass; detail=route"], ["server-timing", "usher-identity;dur=0, usher-origin;dur=0"]]);
    console.log(JSON.stringify({ id: ID, method: request.method, path: target, status: reply.status, bytes: head.length }));
    return reply;
  },
};
