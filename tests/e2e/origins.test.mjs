// Origins one request at a time: orders, held bodies, hedging, limits, bindings and probes.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bare, folder, gateway, origin, until } from "./harness.mjs";
import { admin, nothing, states, vars } from "./origins.mjs";

let usher, dir;
const origins = [];

before(async () => {
  dir = folder();
  for (let number = 0; number < 3; number += 1) origins.push(await origin());
  usher = await gateway({ state: dir.path, vars: { ...vars(origins), A_URL: origins[0].url } });
});
after(async () => {
  await usher?.stop();
  for (const one of origins) one.close();
  dir?.remove();
});

test("an operator's orders survive a restart, and need the version that was seen", async () => {
  const order = (version, body) => usher.ask("/.usher/origins", { method: "POST", headers: { ...admin, "if-match": `"${version}"` }, body: JSON.stringify({ pool: "trio", origin: "one", ...body }) });
  const drained = await order(0, { action: "drain", seconds: 3_600 });
  assert.deepEqual([drained.status, drained.headers.etag], [200, '"1"']);
  assert.equal((await order(0, { action: "undrain" })).status, 412);
  assert.equal((await order(1, { action: "weight", weight: 7 })).status, 200);
  await usher.stop();
  usher = await gateway({ state: dir.path, vars: { ...vars(origins), A_URL: origins[0].url } });
  const { shown } = await states(usher, "trio");
  const [one] = shown.origins;
  assert.deepEqual([shown.version, one.prober.drained, one.prober.weight], [2, true, 7]);
  assert.ok(one.drain_ends_in_s > 3_000 && one.drain_ends_in_s <= 3_600);
  assert.deepEqual(shown.history.map(({ what }) => what).slice(-2), ["weight 7", "drained for 3600 s"]);
  // A fresh isolate knows of it once it has exchanged news.
  await until("it is known to be drained", async () => {
    await usher.ask("/trio/x");
    return (await states(usher, "trio")).one === "drained";
  });
  const before = origins[0].heard.filter(({ url }) => url === "/trio/y").length;
  for (let number = 0; number < 9; number += 1) assert.equal((await usher.ask("/trio/y")).status, 200);
  assert.equal(origins[0].heard.filter(({ url }) => url === "/trio/y").length, before);
  assert.equal((await order(2, { action: "undrain" })).status, 200);
});

test("a body that is held arrives whole at the second origin", async () => {
  let broken;
  origins[0].streams = origins[1].streams = origins[2].streams = undefined;
  for (const one of origins) {
    one.answer = (asked, response, body) => {
      if (broken === undefined && asked.method === "PUT") broken = one;
      if (one === broken) return response.writeHead(503).end();
      response.end(`${asked.headers["content-length"]} ${body}`);
    };
  }
  const answer = await usher.ask("/trio/put", { method: "PUT", body: "a".repeat(5_000) });
  assert.equal(answer.status, 200);
  assert.ok(answer.text === `5000 ${"a".repeat(5_000)}`);
  for (const one of origins) one.answer = (_, response) => response.end("hello");
});

test("a slow answer is hedged, and one that stalls is broken off", async () => {
  for (let number = 0; number < 40; number += 1) await usher.ask("/hedged/x");
  origins[0].answer = (_, response) => setTimeout(() => response.end("slow"), 3_000).unref();
  const began = Date.now();
  const before = origins[0].heard.length;
  for (let number = 0; number < 4; number += 1) assert.equal((await usher.ask("/hedged/x")).text, "hello");
  assert.ok(origins[0].heard.length > before, "the slow one was asked");
  assert.ok(Date.now() - began < 2_500, "nobody waited for the slow one");
  for (const one of origins.slice(0, 2)) {
    one.answer = (_, response) => {
      response.writeHead(200, { "content-length": "10" });
      response.write("half");
    };
  }
  const stalled = await usher.ask("/hedged/x").catch((error) => error.code);
  assert.equal(stalled, "ECONNRESET");
  for (const one of origins) one.answer = (_, response) => response.end("hello");
});

test("what an origin may have at one time is kept, and the rest is told so at once", async () => {
  const waiting = [];
  // Probers of other pools may ask as well.
  origins[0].answer = (asked, response) => (asked.url === "/narrow/x" ? waiting.push(response) : response.end("hello"));
  const asked = Array.from({ length: 5 }, () => usher.ask("/narrow/x"));
  await until("two are there", async () => waiting.length === 2);
  const shed = [];
  for (const one of asked) one.then((answer) => answer.status === 503 && shed.push(answer));
  await until("three are told", async () => shed.length === 3);
  assert.deepEqual([shed[0].headers["retry-after"], shed[0].headers["proxy-status"]], ["1", "usher; error=connection_limit_reached"]);
  for (const response of waiting) response.end("done");
  const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, 200, 503, 503, 503]);
  origins[0].answer = (_, response) => response.end("hello");
});

test("an origin may be a Worker that is bound", async () => {
  const state = folder();
  const kv = await nothing();
  const back = "export default { async fetch(request) { const { pathname, search } = new URL(request.url); return new Response(`${request.method} ${pathname}${search} ${request.headers.get('x-request-id')} ${await request.text()}`); } }";
  const bound = await bare({ state: state.path, kv: kv.url, back });
  try {
    const answer = await bound.ask("/bound/x?a=1", { method: "POST", headers: { "x-request-id": "r1" }, body: "hello" });
    assert.deepEqual([answer.status, answer.text], [200, "POST /bound/x?a=1 r1 hello"]);
  } finally {
    await bound.stop();
    kv.close();
    state.remove();
  }
});

test("a binding that is not there is an origin that cannot be reached", async () => {
  assert.equal((await usher.ask("/bound/x")).status, 502);
});

test("several locations have to agree, on what the body says too", async () => {
  origins[0].answer = (_, response) => response.end("all is well");
  await usher.ask("/seen/x");
  const seen = await until("all are asked", async () => {
    const { shown } = await states(usher, "seen");
    const said = Object.fromEntries(shown.origins.map(({ name, prober }) => [name, prober]));
    return said.dead?.up === false && said.one?.reason === "status 200 (3 of 3 locations good)" && said;
  });
  assert.equal(seen.one.up, true);
  assert.equal(seen.dead.reason, "it cannot be reached (0 of 3 locations good)");
  const probes = origins[0].heard.filter(({ headers }) => headers["x-probe"] === "yes");
  assert.ok(probes.length >= 3 && probes.every(({ headers }) => headers["user-agent"] === "usher-prober"));
  origins[0].answer = (_, response) => response.end("ill");
  await until("it is down", async () => (await states(usher, "seen")).shown.origins[0].prober.reason.startsWith("the body does not contain"));
  origins[0].answer = (_, response) => response.end("hello");
});
