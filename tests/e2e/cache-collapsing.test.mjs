// Many visitors at once who want the same answer, and bodies on their way to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { a, counted, hit, met, open, says, usher } from "./cache.mjs";
import { origin } from "./harness.mjs";

test("200 cold clients at once are one question to the origin, whatever the length is known to be", async () => {
  for (const [path, framed] of [["/stored/crowd", true], ["/stored/crowd-chunked", false]]) {
    let release;
    const gate = new Promise((resolve) => (release = resolve));
    a.answer = async (_, response) => {
      counted.made += 1;
      const body = "y".repeat(30_000);
      response.writeHead(200, { "cache-control": "max-age=60", ...(framed && { "content-length": body.length }) });
      response.write(body.slice(0, 10_000));
      await gate;
      response.end(body.slice(10_000));
    };
    const before = a.heard.length;
    const crowd = Array.from({ length: 200 }, () => usher.ask(path));
    while (a.heard.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
    // The last of the crowd has been asked for when the first answers; none may ask for itself.
    setTimeout(release, 500);
    const answers = await Promise.all(crowd);
    assert.equal(a.heard.length - before, 1, path);
    assert.deepEqual([...new Set(answers.map((answer) => `${answer.status} ${answer.text.length}`))], ["200 30000"]);
    const collapsed = answers.filter((answer) => met(answer) === "usher; fwd=miss; collapsed").length;
    assert.equal(answers.filter((answer) => met(answer) === "usher; fwd=miss; stored").length, 1);
    assert.ok(collapsed > 100, `${collapsed} of 200 shared the answer`);
  }
});

test("a crowd before an origin that is down is told so together, and before one that answers each alone is not held up", async () => {
  a.answer = (asked) => setTimeout(() => asked.socket.destroy(), 200);
  let before = a.heard.length;
  let answers = await Promise.all(Array.from({ length: 30 }, () => usher.ask("/stored/crowd-down")));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [502]);
  assert.ok(a.heard.length - before <= 4, `${a.heard.length - before} questions`);

  says({ "cache-control": "private" });
  await usher.ask("/stored/crowd-private");
  let waiting = [];
  a.answer = (_, response) => {
    waiting.push(response);
    if (waiting.length === 10) for (const one of waiting) one.writeHead(200, { "cache-control": "private" }).end("own");
  };
  before = a.heard.length;
  answers = await Promise.all(Array.from({ length: 10 }, () => usher.ask("/stored/crowd-private")));
  assert.equal(a.heard.length - before, 10, "marked as uncacheable, nobody waits");
  assert.ok(answers.every((answer) => answer.text === "own"));
});

test("a crowd of several variants is one question for each, and nobody waits for what was purged", async () => {
  a.answer = (asked, response) => setTimeout(() => response.writeHead(200, { "cache-control": "max-age=60", vary: "X-Shape" }).end(asked.headers["x-shape"]), 100);
  let before = a.heard.length;
  const ask = (shape) => usher.ask("/stored/crowd-vary", { headers: { "x-shape": shape } });
  const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => ask(n % 2 ? "round" : "square").then((answer) => [n % 2 ? "round" : "square", answer.text])));
  assert.ok(answers.every(([wanted, got]) => wanted === got));
  assert.ok(a.heard.length - before <= 3, `${a.heard.length - before} questions for 2 variants`);
  for (const shape of ["round", "square"]) assert.match(met(await ask(shape)), hit, `${shape} is in store beside the other`);

  let release;
  a.answer = (_, response) => (release = () => response.writeHead(200, { "cache-control": "max-age=60" }).end("from before"));
  before = a.heard.length;
  const old = usher.ask("/stored/crowd-purged");
  while (!release) await new Promise((resolve) => setTimeout(resolve, 5));
  await usher.admin("/.usher/purge", { prefixes: ["/stored/crowd-purged"] });
  a.answer = (_, response) => setTimeout(() => response.writeHead(200, { "cache-control": "max-age=60" }).end("new"), 100);
  const crowd = await Promise.all(Array.from({ length: 20 }, () => usher.ask("/stored/crowd-purged")));
  assert.deepEqual([...new Set(crowd.map((answer) => answer.text))], ["new"]);
  assert.equal(a.heard.length - before, 2);
  release();
  assert.equal((await old).text, "from before");
  assert.equal((await usher.ask("/stored/crowd-purged")).text, "new");
});

test("who joins gets the body as it comes", async () => {
  let release;
  a.answer = async (_, response) => {
    response.writeHead(200, { "cache-control": "max-age=60" }).write("first");
    await new Promise((resolve) => (release = resolve));
    response.end("last");
  };
  const first = await open(`${usher.url}/stored/trickle`);
  const second = await open(`${usher.url}/stored/trickle`);
  assert.deepEqual([await first.chunk(), await second.chunk()], ["first", "first"], "both before the origin is done");
  release();
  assert.deepEqual([await first.chunk(), await second.chunk()], ["last", "last"]);
});

test("who comes while a body has stalled asks for itself", async () => {
  let release;
  a.answer = (_, response) => {
    if (release) return response.writeHead(200, { "cache-control": "max-age=60" }).end("all of it");
    response.writeHead(200, { "cache-control": "max-age=60", "content-length": 9 }).write("all");
    release = () => response.end(" of it");
  };
  const stalled = await open(`${usher.url}/stored/stalled`);
  assert.equal(await stalled.chunk(), "all");
  await new Promise((resolve) => setTimeout(resolve, 1_600));
  const next = await usher.ask("/stored/stalled");
  assert.deepEqual([next.status, next.text], [200, "all of it"]);
  release();
  assert.equal(await stalled.chunk(), " of it");
});

test("who joins what turns out too large gets all of it", async () => {
  const chunk = "u".repeat(500_000);
  a.answer = async (_, response) => {
    response.writeHead(200, { "cache-control": "max-age=60" });
    for (let n = 0; n < 16; n += 1) {
      if (!response.write(chunk)) await new Promise((resolve) => response.once("drain", resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    response.end();
  };
  const before = a.heard.length;
  const answers = await Promise.all([0, 50, 100].map(async (pause) => (await new Promise((resolve) => setTimeout(resolve, pause)), usher.ask("/bulky/joined"))));
  assert.deepEqual(answers.map((answer) => answer.text.length), [8_000_000, 8_000_000, 8_000_000]);
  assert.equal(a.heard.length - before, 1);
  await usher.ask("/bulky/joined");
  const alone = a.heard.length;
  await Promise.all([usher.ask("/bulky/joined"), usher.ask("/bulky/joined")]);
  assert.equal(a.heard.length - alone, 2, "nobody waits for what was too large a moment ago");
});

test("what breaks off is not stored, and neither is what turns out too large", async () => {
  for (const [path, headers] of [["/stored/cut-framed", { "content-length": 100_000 }], ["/stored/cut-chunked", {}], ["/stored/cut-large", { "content-length": 9_000_000 }], ["/stored/cut-chunked-large", {}]]) {
    a.answer = (_, response) => {
      counted.made += 1;
      response.writeHead(200, { "cache-control": "max-age=60", ...headers });
      response.write("z".repeat(path.endsWith("large") ? 6_000_000 : 50_000), () => setTimeout(() => response.socket.destroy(), 50));
    };
    await usher.ask(path).catch(() => {});
    says({ "cache-control": "max-age=60" });
    const next = await usher.ask(path);
    assert.match(met(next), /^usher; fwd=miss/, path);
    assert.ok(next.text.length < 100, path);
  }
  a.answer = (_, response) => {
    counted.made += 1;
    response.writeHead(200, { "cache-control": "max-age=60" }).end("w".repeat(5_000));
  };
  // Too large in the middle of going to the store.
  const chunk = "v".repeat(1_000_000);
  a.answer = async (_, response) => {
    response.writeHead(200, { "cache-control": "max-age=60" });
    for (let n = 0; n < 7; n += 1) if (!response.write(chunk)) await new Promise((resolve) => response.once("drain", resolve));
    response.end();
  };
  for (let n = 0; n < 2; n += 1) {
    const answer = await usher.ask("/bulky/x");
    assert.deepEqual([answer.text.length, /fwd=miss/.test(met(answer))], [7_000_000, true]);
  }
  a.answer = (_, response) => {
    counted.made += 1;
    response.writeHead(200, { "cache-control": "max-age=60" }).end("w".repeat(5_000));
  };
  for (let n = 0; n < 2; n += 1) {
    const answer = await usher.ask("/small/large");
    assert.equal(answer.text.length, 5_000);
    assert.match(met(answer), /^usher; fwd=miss/);
  }
  assert.equal(counted.made, 10);
});
