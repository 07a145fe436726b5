import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { request } from "node:http";
import { bare, folder, gateway, origin } from "./harness.mjs";

let usher, a, dir;

before(async () => {
  dir = folder();
  a = await origin();
  a.answer = (_, response) => response.end("hello");
  usher = await gateway({ state: dir.path, vars: { A_URL: a.url } });
});
after(async () => {
  await usher?.stop();
  a?.close();
  dir?.remove();
});

const statuses = async (count, ask) => (await Promise.all(Array.from({ length: count }, ask))).map(({ status }) => status);
const passed = (all) => all.filter((status) => status === 200).length;

test("of fifty at once at an exact limit of ten, ten pass, and the origin gets ten", async () => {
  const first = await usher.ask("/counted/x", { headers: { "x-who": "eve" } });
  assert.match(first.headers.ratelimit, /"exact";r=9;t=360/);
  const before = a.heard.length;
  const all = await statuses(50, (_, n) => usher.ask(`/counted/${n}`, { headers: { "x-who": "ada" } }));
  assert.equal(passed(all), 10);
  assert.equal(all.filter((status) => status === 429).length, 40);
  assert.equal(a.heard.length - before, 10);
  assert.equal(passed(await statuses(20, () => usher.ask("/counted/x", { headers: { "x-who": "bob" } }))), 10);
  const refused = await usher.ask("/counted/x", { headers: { "x-who": "ada" } });
  assert.equal(refused.status, 429);
  assert.equal(refused.headers["retry-after"] > 300, true, refused.headers["retry-after"]);
  // The isolate knows that the object refuses it, and does not ask again.
  assert.match(refused.headers.ratelimit, /^"here";r=\d+;t=[01]$/);
  assert.match(refused.headers["ratelimit-policy"], /"exact";q=10;w=3600/);
  assert.equal(JSON.parse(refused.text).title, "Too many requests");
});

test("two gateways on the same objects count together", async (t) => {
  const state = folder();
  const first = await bare({ state: state.path, kv: a.url, vars: { A_URL: a.url }, second: true });
  t.after(async () => {
    await first.stop();
    state.remove();
  });
  const both = [first, first.second];
  const all = await statuses(50, (_, n) => both[n % 2].ask(`/counted/${n}`, { headers: { "x-who": "dan" } }));
  assert.deepEqual([passed(all), all.filter((status) => status === 429).length], [10, 40]);
  assert.deepEqual(await statuses(2, (_, n) => both[n].ask("/counted/x", { headers: { "x-who": "dan" } })), [429, 429]);
});

test("security headers leave what the origin says", async () => {
  a.answer = (_, response) => {
    response.setHeader("x-frame-options", "DENY");
    response.setHeader("referrer-policy", "unsafe-url");
    response.end("hello");
  };
  const { headers } = await usher.ask("/browsers/x");
  a.answer = (_, response) => response.end("hello");
  assert.deepEqual(
    [headers["x-frame-options"], headers["referrer-policy"], headers["x-content-type-options"], headers["strict-transport-security"]],
    ["DENY", "strict-origin-when-cross-origin", "nosniff", undefined],
  );
});

test("an exact limit holds over a restart", async () => {
  assert.equal(passed(await statuses(12, () => usher.ask("/counted/x", { headers: { "x-who": "cy" } }))), 10);
  await usher.stop();
  usher = await gateway({ state: dir.path, vars: { A_URL: a.url } });
  assert.equal(passed(await statuses(3, () => usher.ask("/counted/x", { headers: { "x-who": "cy" } }))), 0);
});

test("a location's binding refuses what is above its window", async () => {
  const all = await statuses(12, () => usher.ask("/windowed/x", { headers: { "x-who": "ada" } }));
  // A window may end meanwhile: then twice as many pass, and never more.
  assert.ok(passed(all) === 5 || passed(all) === 10, all.join(" "));
  assert.equal(all.length - passed(all), all.filter((status) => status === 429).length);
});

/** Sends a chunked body piece by piece while `next` gives pieces: resolves to the status, whenever it comes. */
function stream(url, next) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: "POST", agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    // The gateway may close the connection while more is sent.
    asked.on("error", (error) => (error.code === "EPIPE" || error.code === "ECONNRESET" ? undefined : reject(error)));
    const send = async () => {
      for (let piece = await next(); piece !== undefined; piece = await next()) if (!asked.write(piece)) await new Promise((done) => asked.once("drain", done));
      asked.end();
    };
    send().catch(reject);
  });
}

test("a URL and fields that are too large are refused", async () => {
  const before = a.heard.length;
  const { status } = await usher.ask(`/sized/${"x".repeat(1_100)}`);
  assert.equal(status, 414);
  const fields = (count, size) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, "y".repeat(size)]));
  assert.equal((await usher.ask("/sized/x", { headers: fields(500, 1) })).status, 431);
  assert.equal((await usher.ask("/sized/x", { headers: fields(10, 15_000) })).status, 431);
  assert.equal((await usher.ask("/sized/x", { headers: { "x-long": "y".repeat(15_000), "x-more": "y".repeat(5_000) } })).status, 431);
  assert.equal(a.heard.length, before);
  assert.equal((await usher.ask("/sized/x", { method: "POST", body: "x".repeat(102_400) })).status, 200);
  assert.equal(a.last.headers["content-length"], "102400");
  assert.equal(a.last.body.length, 102_400);
});

test("a body that goes on without end is broken off with 413, and a slow one with 408", async (t) => {
  // In workerd alone: the proxy of `wrangler dev` loses a connection that is answered before its body has ended.
  const state = folder();
  const alone = await bare({ state: state.path, kv: a.url, vars: { A_URL: a.url } });
  t.after(async () => {
    await alone.stop();
    state.remove();
  });
  const url = `${alone.url}/sized/x`;
  const before = a.heard.length;
  assert.equal((await alone.ask("/sized/x", { method: "POST", body: "x".repeat(102_401) })).status, 413);
  assert.equal(a.heard.length, before, "a stated size is refused at once");
  // What the origin gets of a body that breaks off must not look like all of it.
  const complete = [];
  a.streams = async (asked, response) => {
    let size = 0;
    try {
      for await (const chunk of asked) size += chunk.length;
      complete.push(size);
      response.end(String(size));
    } catch {
      response.destroy();
    }
  };
  const piece = Buffer.alloc(10_000, "x");
  let sent = 0;
  assert.equal(await stream(url, async () => (sent++ < 200 ? piece : undefined)), 413);
  sent = 0;
  assert.equal(await stream(url, async () => (sent++ < 10 ? piece : undefined)), 200);
  // One byte, and nothing more until the gateway gives up.
  let over;
  const waiting = new Promise((done) => (over = done));
  let first = true;
  const slow = stream(url, async () => (first ? ((first = false), "x") : waiting));
  assert.equal(await slow, 408);
  over(undefined);
  // One that could be sent again is held first: the origin hears of it when it is whole.
  const asked = a.heard.length;
  const held = await new Promise((resolve, reject) => {
    const asked = request(url, { method: "PUT", agent: false, headers: { "content-length": 10 } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
      asked.destroy();
    });
    asked.on("error", (error) => (error.code === "EPIPE" || error.code === "ECONNRESET" ? undefined : reject(error)));
    asked.write("x");
  });
  assert.equal(held, 408);
  assert.equal(a.heard.length, asked);
  assert.deepEqual(complete, [100_000]);
  a.streams = undefined;
});
