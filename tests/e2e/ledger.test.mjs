import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createServer } from "node:http";
import { once } from "node:events";
import { bare, until as eventually, folder, gateway, origin } from "./harness.mjs";

const maxDelay = 2_000;
let a, dirs;

before(async () => {
  dirs = [];
  a = await origin((_, response) => response.writeHead(200, { "cache-control": "max-age=600", "cache-tag": "t" }).end("hello"));
});
after(() => {
  a?.close();
  for (const dir of dirs) dir.remove();
});

const dir = () => {
  const made = folder();
  dirs.push(made);
  return made.path;
};
const vars = () => ({ A_URL: a.url, B_URL: a.url, DEAD_URL: a.url });

/** Asks until `good`, and says how long it took since `since`, in milliseconds. */
async function until(good, since) {
  for (;;) {
    const answer = await good();
    const took = performance.now() - since;
    if (answer) return took;
    assert.ok(took < 3 * maxDelay, `not within ${took} ms`);
  }
}

test("two isolates share one ledger: a purge and a sign-out hold here at once and there within max_delay", async (t) => {
  const registry = dir();
  const one = await gateway({ state: dir(), vars: vars(), registry, name: "usher" });
  t.after(() => one.stop());
  // More stamps than one page of the book holds, for the other to read when it starts.
  for (let n = 0; n < 5; n += 1) {
    const tags = Array.from({ length: 1_000 }, (_, m) => `bulk-${n}-${m}`);
    assert.equal((await one.admin("/.usher/purge", { tags })).status, 200);
  }
  const two = await gateway({ state: dir(), vars: vars(), registry, name: "usher-two", ledger: "usher" });
  t.after(() => two.stop());

  const met = async (usher) => (await usher.ask("/stored/shared")).headers["cache-status"];
  for (const usher of [one, two]) {
    await met(usher);
    assert.match(await met(usher), /hit/);
  }
  const receipt = await one.admin("/.usher/purge", { tags: ["t"] });
  const purged = performance.now();
  assert.equal(receipt.status, 200, receipt.text);
  assert.match(await met(one), /fwd=miss; stored; detail=purged/);
  const took = await until(async () => /detail=purged/.test(await met(two)), purged);
  assert.ok(took <= maxDelay + 500, `the other isolate served the old copy for ${took} ms`);
  t.diagnostic(`a purge held in the other isolate after ${took.toFixed(0)} ms (max_delay ${maxDelay} ms)`);

  // KV is not shared here: each isolate's own store keeps the record, as a slow replica would.
  const signed = await two.session({ user: "ada" });
  const status = async () => (await two.ask("/members/x", { headers: { cookie: signed.cookie } })).status;
  assert.equal(await status(), 200);
  await one.admin("/.usher/sessions", { user: "ada" }, "DELETE");
  const ended = performance.now();
  const out = await until(async () => (await status()) === 401, ended);
  assert.ok(out <= maxDelay + 500, `the other isolate let the visitor in for ${out} ms`);
  t.diagnostic(`a sign-out held in the other isolate after ${out.toFixed(0)} ms`);
});

test("killed and started again on the same state, sessions, stamps and stored answers are as they were", async (t) => {
  const state = dir();
  let usher = await gateway({ state, vars: vars() });
  t.after(() => usher.stop());
  const [kept, ended] = [await usher.session({ user: "ada" }), await usher.session({ user: "bob" })];
  // The host is part of the key, and the port of the second start is another.
  const ask = (path, headers = {}) => usher.ask(path, { headers: { host: "www.example.com", ...headers } });
  await ask("/stored/kept");
  assert.match((await ask("/stored/kept")).headers["cache-status"], /hit/);
  await ask("/stored/purged");
  await usher.admin("/.usher/purge", { prefixes: ["/stored/purged"] });
  await usher.admin("/.usher/sessions", { user: "bob" }, "DELETE");

  await usher.stop("SIGKILL");
  usher = await gateway({ state, vars: vars() });
  assert.equal((await ask("/members/x", { cookie: kept.cookie })).status, 200);
  assert.equal((await ask("/members/x", { cookie: ended.cookie })).status, 401);
  assert.match((await ask("/stored/kept")).headers["cache-status"], /hit/);
  assert.match((await ask("/stored/purged")).headers["cache-status"], /detail=purged/);
});

test("a var that is missing is named in the log and nowhere else", async (t) => {
  const usher = await gateway({ state: dir(), vars: { A_URL: a.url, B_URL: null, DEAD_URL: a.url } });
  t.after(() => usher.stop());
  const answer = await usher.ask("/fixed");
  assert.equal(answer.status, 503);
  assert.ok(!answer.text.includes("B_URL") && !JSON.stringify(answer.headers).includes("B_URL"));
  await usher.child.until(/B_URL.*no var or secret of that name is set/);
});

/** KV as workerd asks for it, counting reads. */
async function store() {
  const kept = new Map();
  const found = { reads: 0, down: false, late: 0 };
  const server = createServer(async (asked, response) => {
    const key = decodeURIComponent(asked.url.slice(1).split("?")[0]);
    if (found.down) return response.writeHead(500).end();
    if (asked.method === "PUT") {
      const chunks = [];
      for await (const chunk of asked) chunks.push(chunk);
      kept.set(key, Buffer.concat(chunks).toString());
      return response.end();
    }
    if (asked.method === "DELETE") kept.delete(key);
    if (asked.method === "GET") found.reads += 1;
    if (found.late) await new Promise((resolve) => setTimeout(resolve, found.late));
    response.writeHead(kept.has(key) ? 200 : 404).end(kept.get(key));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(found, { kept, url: `http://127.0.0.1:${server.address().port}`, close: () => (server.closeAllConnections(), server.close()) });
}

test("a burst of one session reads the store once, and the store knows no token", async (t) => {
  const kv = await store();
  t.after(() => kv.close());
  const usher = await bare({ state: dir(), kv: kv.url, vars: vars() });
  t.after(() => usher.stop());
  const { cookie, token, session } = await usher.session({ user: "ada", roles: ["member"], locale: "ja", data: { cart: 3 } });
  assert.ok(![...kv.kept.keys(), ...kv.kept.values()].some((text) => text.includes(token)));
  const record = JSON.parse(kv.kept.get(session));
  assert.deepEqual(Object.keys(record).sort(), ["authenticated", "created", "data", "expires", "locale", "roles", "user"]);

  // Another session's record, so that nothing of it is remembered.
  const { createHash, randomBytes } = await import("node:crypto");
  const fresh = randomBytes(32).toString("base64url");
  kv.kept.set(createHash("sha256").update(fresh).digest("base64url"), JSON.stringify(record));
  kv.late = 200;
  kv.reads = 0;
  const burst = await Promise.all(Array.from({ length: 50 }, () => usher.ask("/members/x", { headers: { cookie: `usher=${fresh}` } })));
  assert.deepEqual([...new Set(burst.map((answer) => answer.status))], [200]);
  assert.equal(kv.reads, 1, "one read for fifty requests at once");
  kv.late = 0;
  for (let n = 0; n < 5; n += 1) await usher.ask("/members/x", { headers: { cookie: `usher=${fresh}` } });
  assert.equal(kv.reads, 1, "and none while it is remembered");
  assert.equal((await usher.ask("/members/x", { headers: { cookie } })).status, 200);
  assert.equal(kv.reads, 1, "nor for one that was started here");
});

test("while the store is down, required is 503 and optional is anonymous", async (t) => {
  const kv = await store();
  t.after(() => kv.close());
  const usher = await bare({ state: dir(), kv: kv.url, vars: vars() });
  t.after(() => usher.stop());
  kv.down = true;
  const cookie = `usher=${"a".repeat(43)}`;
  const required = await usher.ask("/members/x", { headers: { cookie } });
  assert.equal(required.status, 503);
  assert.equal(required.headers["retry-after"], "5");
  assert.equal((await usher.ask("/optional/x", { headers: { cookie } })).status, 200);
  assert.equal(a.last.headers["x-user-id"], undefined);
  assert.equal((await usher.admin("/.usher/sessions", { user: "a" })).status, 503);
  kv.down = false;
  assert.equal((await usher.ask("/members/x", { headers: { cookie } })).status, 401);
});

test("a panic costs the request it happens in, and the gateway and its ledger go on", async (t) => {
  const kv = await store();
  t.after(() => kv.close());
  const usher = await bare({ state: dir(), kv: kv.url, vars: vars(), entry: "panic.js" });
  t.after(() => usher.stop());
  const { cookie } = await usher.session({ user: "ada" });
  await usher.ask("/arm");
  const seen = [];
  for (let n = 0; n < 60; n += 1) seen.push((await usher.ask("/members/x", { headers: { cookie } })).status);
  assert.equal(seen.filter((status) => status === 500).length, 1, seen.join());
  assert.equal(seen.at(-1), 200);
  assert.match(usher.child.said, /the gateway panicked and starts anew/);
  assert.equal((await usher.admin("/.usher/purge", { everything: true })).status, 200, "the ledger's object is built anew");
  assert.equal((await usher.admin("/.usher/sessions", { user: "ada" }, "DELETE")).status, 200);
  assert.equal((await usher.ask("/members/x", { headers: { cookie } })).status, 401);
});

test("what waits when the gateway panics and may be repeated begins again by itself, once", async (t) => {
  const kv = await store();
  t.after(() => kv.close());
  const usher = await bare({ state: dir(), kv: kv.url, vars: vars(), entry: "panic.js" });
  t.after(() => usher.stop());
  const own = a.answer;
  t.after(() => (a.answer = own));
  const held = [];
  a.answer = (asked, response) => (asked.url.endsWith("/waits") ? held.push(response) : response.end("hello"));
  const waiting = [..."12345"].map(() => usher.ask("/open/waits"));
  const posted = usher.ask("/open/waits", { method: "POST", body: "once" });
  await eventually("all of them wait", () => held.length === 6);
  await usher.ask("/arm");
  let broken;
  for (let n = 0; n < 60 && broken?.status !== 500; n += 1) broken = await usher.ask("/open/x");
  assert.deepEqual([broken.status, broken.headers["cache-status"]], [500, "usher; detail=generated"], "an error of Usher's own");
  // The dead gateway is resumed with an answer, and finds out.
  for (const response of held.splice(0)) response.end("too late");
  await eventually("they ask again", () => held.length === 5);
  for (const response of held) response.end("again");
  for (const answer of await Promise.all(waiting)) assert.deepEqual([answer.status, answer.text], [200, "again"]);
  assert.equal((await posted).status, 500, "nobody knows whether it may be repeated");
  assert.equal(held.length, 5);
});

test("a host is the same in any case, whoever hands it over", async (t) => {
  const kv = await store();
  t.after(() => kv.close());
  const usher = await bare({ state: dir(), kv: kv.url, vars: vars() });
  t.after(() => usher.stop());
  const answer = await usher.ask("/anything", { headers: { host: "Shop.TENANT.example" } });
  assert.deepEqual([answer.status, answer.text], [200, "a tenant"]);
  await usher.ask("/open/x", { headers: { host: "WWW.Example.COM" } });
  assert.equal(a.last.headers["x-forwarded-host"], "www.example.com");
});
