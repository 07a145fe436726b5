// Switches and lists that change, by the operator's tools, over a restart.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { buildBundle, folder, gateway, origin, token } from "./harness.mjs";

const start = () => gateway({ state: dir.path, built: join(dir.path, "bundle"), vars: { A_URL: a.url } });
let usher, a, dir;

before(async () => {
  dir = folder();
  buildBundle("tests/e2e/switches.toml", join(dir.path, "bundle"));
  a = await origin();
  a.answer = (_, response) => response.end("hello");
  usher = await start();
});
after(async () => {
  await usher?.stop();
  a?.close();
  dir?.remove();
});

const run = (tool, ...words) => spawnSync("npm", ["run", "--silent", tool, "--", ...words, "--to", usher.url, "--token", token], { encoding: "utf8" });
const status = async (headers = {}) => (await usher.ask("/x", { headers })).status;

test("maintenance holds over a restart until it is turned off, and the history says who and why", async () => {
  assert.equal(await status(), 200);
  const on = run("switch", "maintenance", "on", "--who", "ada", "--why", "moving the database");
  assert.equal(on.status, 0, on.stderr);
  assert.match(on.stdout, /^maintenance is on for all requests\.\nIt holds there now, and everywhere by .* \(within 5000 ms\)/);
  const answer = await usher.ask("/x", { headers: { accept: "text/html" } });
  assert.deepEqual([answer.status, answer.headers["retry-after"]], [503, "300"]);
  assert.match(answer.text, /Under maintenance/);
  await usher.stop();
  usher = await start();
  assert.equal(await status(), 503);
  assert.equal(await status({ authorization: `Bearer ${token}` }), 200);
  assert.equal(run("switch", "maintenance", "off", "--who", "ben", "--why", "moved").status, 0);
  assert.equal(await status(), 200);
  // Shorter than before, by the ledger's own clock.
  assert.equal(run("switch", "maintenance", "on", "--for", "1s", "--who", "ada", "--why", "again").status, 0);
  const shown = run("switch", "show");
  assert.match(shown.stdout, /ada: again\n.* off  maintenance:all  ben: moved\n.* on   maintenance:all  ada: moving the database\n/);
  for (let tries = 0; (await status()) !== 200; tries++) assert.ok(tries < 500, "it does not end");
  // At its very end an isolate that reads the ledger anew may find that it is not over yet.
  assert.equal(run("switch", "maintenance", "off", "--who", "ben", "--why", "for the next test").status, 0);
});

test("a list blocks an address until it is removed, over a restart", async () => {
  const from = (ip) => status({ "cf-connecting-ip": ip });
  assert.deepEqual([await from("203.0.113.7"), await from("203.0.114.7")], [200, 200]);
  const added = run("list", "add", "bad", "203.0.113.0/24", "2001:db8::/32", "--for", "1h", "--who", "ada", "--why", "scans");
  assert.match(added.stdout, /^Added to bad: 203\.0\.113\.0\/24, 2001:db8::\/32, until /, added.stderr);
  assert.deepEqual([await from("203.0.113.7"), await from("203.0.114.7"), await from("2001:db8::7")], [404, 200, 404]);
  await usher.stop();
  usher = await start();
  assert.equal(await from("203.0.113.7"), 404);
  assert.match(run("list", "show", "bad").stdout, /^2001:db8::\/32  since .*\n203\.0\.113\.0\/24  since .*\n2 addresses and networks\n.*  add     203\.0\.113\.0\/24 and 1 more  ada: scans/);
  assert.equal(run("list", "remove", "bad", "203.0.113.0/24", "--who", "ben", "--why", "a mistake").status, 0);
  assert.deepEqual([await from("203.0.113.7"), await from("2001:db8::7")], [200, 404]);
});

test("a tool says what is wrong, and changes nothing", () => {
  for (const [words, says] of [
    [["switch", "maintenance", "on"], /say --why/],
    [["switch", "maintenance", "--why", "x"], /say "on" or "off"/],
    [["switch", "attack", "on", "--why", "x"], /answered 400: .*no \[challenge\]/],
    [["list", "add", "good", "192.0.2.1", "--why", "x"], /answered 400: "list": .*allowed: bad/],
    [["list", "add", "bad", "192.0.2.1/24", "--why", "x"], /has bits behind its prefix/],
  ]) {
    const done = run(...words);
    assert.notEqual(done.status, 0, words.join(" "));
    assert.match(done.stderr, says);
  }
});
