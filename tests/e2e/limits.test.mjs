import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { folder, gateway, origin } from "./harness.mjs";

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
