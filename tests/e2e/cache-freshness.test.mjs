// What ends the use of a stored answer, and what a stale one is still good for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { a, counted, hit, met, says, stored, usher } from "./cache.mjs";
import { origin, until } from "./harness.mjs";

test("an API's answer goes from miss to hit, and a purge by tag makes it a miss at once", async () => {
  says({ "cache-control": "max-age=60", "cache-tag": "product-42, shop" });
  const first = await usher.ask("/stored/one");
  assert.match(met(first), stored);
  const second = await usher.ask("/stored/one");
  assert.match(met(second), hit);
  assert.equal(second.text, first.text);
  assert.equal(second.headers["cache-control"], "max-age=60");
  assert.match(second.headers.age, /^\d+$/);
  for (const name of ["cache-tag", "usher-stored"]) assert.equal(second.headers[name], undefined);
  const receipt = await usher.admin("/.usher/purge", { tags: ["product-42"] });
  assert.deepEqual(JSON.parse(receipt.text).stamped, ["tag:product-42"]);
  const third = await usher.ask("/stored/one");
  assert.equal(met(third), "usher; fwd=miss; stored; detail=purged");
  assert.equal(counted.made, 2);
  assert.match(met(await usher.ask("/stored/one")), hit);
});

test("everything a stored answer is called can purge it, and nothing else does", async () => {
  const host = new URL(usher.url).host;
  await usher.ask("/stored/x/y?q=1");
  for (const miss of [{ tags: ["other"] }, { urls: ["/stored/x/y"] }, { prefixes: ["/stored/x/y/z"] }, { prefixes: ["https://other.example/"] }]) {
    await usher.admin("/.usher/purge", miss);
    assert.match(met(await usher.ask("/stored/x/y?q=1")), hit, JSON.stringify(miss));
  }
  for (const order of [{ tags: ["route"] }, { urls: ["/stored/x/y?q=1&utm=2"] }, { urls: [`https://${host}/stored/x/y?q=1`] }, { prefixes: ["/stored/x"] }, { prefixes: [`https://${host}/stored/`] }, { prefixes: ["/"] }, { everything: true }]) {
    const receipt = await usher.admin("/.usher/purge", order);
    assert.equal(receipt.status, 200);
    assert.match(met(await usher.ask("/stored/x/y?q=1")), /detail=purged/, JSON.stringify(order));
    assert.match(met(await usher.ask("/stored/x/y?q=1")), hit);
  }
});

test("a soft purge is asked for anew, and serves while the origin is down", async () => {
  await usher.ask("/stored/soft");
  await usher.admin("/.usher/purge", { prefixes: ["/stored/soft"], soft: true });
  a.answer = (asked) => asked.socket.destroy();
  const stale = await usher.ask("/stored/soft");
  assert.equal(stale.status, 200);
  assert.equal(met(stale), "usher; fwd=stale; detail=origin-down");
  assert.equal((await usher.line(stale.headers["x-request-id"])).blame, "origin");
  says({ "cache-control": "max-age=60" });
  // It failed a moment ago: nobody waits for it, and it is asked behind the answer.
  assert.match(met(await usher.ask("/stored/soft")), /^usher; hit; ttl=\d+; detail=origin-down$/);
  await until("what was asked behind it is there", async () => /^usher; hit; ttl=\d+; detail=memory$/.test(met(await usher.ask("/stored/soft"))));
  await usher.admin("/.usher/purge", { prefixes: ["/stored/soft"] });
  a.answer = (asked) => asked.socket.destroy();
  assert.equal((await usher.ask("/stored/soft")).status, 502, "after a hard one nothing serves");
});

test("an answer fetched before a purge is worthless after it, however late it comes", async () => {
  let answer;
  const asked = new Promise((resolve) => {
    a.answer = (_, response) => resolve((answer = response));
  });
  const slow = usher.ask("/stored/race");
  await asked;
  await usher.admin("/.usher/purge", { prefixes: ["/stored/race"] });
  answer.writeHead(200, { "cache-control": "max-age=60" }).end("from before");
  assert.equal((await slow).text, "from before");
  says({ "cache-control": "max-age=60" });
  const next = await usher.ask("/stored/race");
  assert.ok(!next.text.includes("from before"));
  assert.match(met(next), /fwd=miss/);
});

test("a stale answer is asked after, and a 304 brings it up to date", async () => {
  a.answer = (asked, response) => {
    counted.made += 1;
    if (asked.headers["if-none-match"] === '"v1"') return response.writeHead(304, { "cache-control": "max-age=60", etag: '"v1"', "x-new": "2" }).end();
    response.writeHead(200, { "cache-control": "no-cache", etag: '"v1"', "x-old": "1", expires: "0" }).end("the body");
  };
  assert.equal(met(await usher.ask("/stored/validate")), "usher; fwd=miss; stored");
  const second = await usher.ask("/stored/validate");
  assert.equal(met(second), "usher; fwd=stale; fwd-status=304; stored");
  assert.deepEqual([second.status, second.text, second.headers["x-old"], second.headers["x-new"]], [200, "the body", "1", "2"]);
  const third = await usher.ask("/stored/validate");
  assert.match(met(third), hit);
  assert.deepEqual([third.text, third.headers["cache-control"], third.headers["x-new"], third.headers.expires], ["the body", "max-age=60", "2", "0"]);
  assert.equal(counted.made, 2);
});

test("a 304 that speaks of another answer is not believed", async () => {
  says({ "cache-control": "no-cache", etag: '"v1"' });
  await usher.ask("/stored/doubtful");
  a.answer = (asked, response) => (asked.headers["if-none-match"] ? response.writeHead(304, { etag: '"v2"' }).end() : response.writeHead(200, { "cache-control": "max-age=60", etag: '"v2"' }).end("all of it"));
  assert.equal((await usher.ask("/stored/doubtful")).text, "all of it");
});

test("a stale answer serves while it is asked for anew, without the visitor's credentials", async () => {
  a.answer = (_, response) => response.writeHead(200, { "cache-control": "max-age=0, stale-while-revalidate=60", etag: '"old"' }).end("old");
  await usher.ask("/stored/swr");
  a.answer = (_, response) => response.writeHead(200, { "cache-control": "max-age=60" }).end("new");
  const before = a.heard.length;
  const stale = await usher.ask("/stored/swr", { headers: { cookie: "a=b", range: "bytes=0-0", "if-range": '"old"' } });
  assert.match(met(stale), /^usher; hit; ttl=-\d+; detail=revalidating$/);
  while (a.heard.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
  const { headers } = a.last;
  assert.equal(headers["if-none-match"], '"old"');
  for (const name of ["cookie", "authorization", "range", "if-range"]) assert.equal(headers[name], undefined, name);
  let next;
  do next = await usher.ask("/stored/swr");
  while (next.text === "old");
  assert.match(met(next), hit);
});

test("an answer serves while the origin fails, where and as long as it may", async () => {
  const fails = (status) => (a.answer = (asked, response) => (status ? response.writeHead(status).end("broken") : asked.socket.destroy()));
  for (const [path, control, status, served] of [
    ["/stored/sie-1", "max-age=0, stale-if-error=60", 503, "usher; fwd=stale; fwd-status=503; detail=stale-if-error"],
    ["/stored/sie-2", "max-age=0, stale-if-error=60", 0, "usher; fwd=stale; detail=origin-down"],
    ["/stored/sie-3", "max-age=0", 503, null],
    ["/stored/sie-4", "max-age=0", 0, "usher; fwd=stale; detail=origin-down"],
    ["/stored/sie-5", "max-age=0, must-revalidate, stale-if-error=60", 503, null],
    ["/stored/sie-6", "max-age=0, must-revalidate", 0, null],
    ["/patient/sie-7", "max-age=0", 500, "usher; fwd=stale; fwd-status=500; detail=stale-if-error"],
  ]) {
    says({ "cache-control": control, etag: '"v"' });
    await usher.ask(path);
    fails(status);
    const answer = await usher.ask(path);
    if (served) assert.deepEqual([answer.status, met(answer)], [200, served], path);
    else assert.equal(answer.status, status || 502, path);
  }
  const metrics = await usher.ask("/.usher/metrics", { headers: { authorization: "Bearer the-operators-token" } });
  assert.match(metrics.text, /usher_cache_requests_total\{met="stale",why="stale-if-error"\} [1-9]/);
  assert.equal((await usher.ask("/.usher/metrics")).status, 401);
});

test("parts of a long answer are given from store, also after it was validated", async () => {
  const large = Buffer.alloc(6 << 20, "0123456789abcdef");
  let asked = 0;
  a.answer = (asking, response) => {
    asked += 1;
    const same = asking.headers["if-none-match"] === '"film"';
    response.writeHead(same ? 304 : 200, { etag: '"film"', "cache-control": "max-age=60", ...(!same && { "content-length": large.length }) });
    response.end(same ? undefined : large);
  };
  const part = async (first) => {
    const answer = await usher.ask("/stored/film", { headers: { range: `bytes=${first}-${first + 9}` } });
    assert.deepEqual([answer.status, answer.text, answer.headers["content-range"]], [206, large.toString("latin1", first, first + 10), `bytes ${first}-${first + 9}/${large.length}`]);
    return met(answer);
  };
  assert.equal(await part(5 << 20), "usher; fwd=miss; stored");
  await until("it is stored", async () => /hit/.test(await part(3)));
  await usher.admin("/.usher/purge", { urls: ["/stored/film"], soft: true });
  assert.equal(await part(17), "usher; fwd=stale; fwd-status=304; stored");
  await until("it is stored anew", async () => /hit/.test(await part(4 << 20)));
  const before = asked;
  for (const first of [0, 5 << 20]) assert.match(await part(first), /hit/);
  assert.equal(asked, before);
});

test("a change makes what is stored invalid before its visitor sees the reply, and an origin may purge by tag", async () => {
  const warm = async (path, headers = {}) => {
    says({ "cache-control": "max-age=60", ...headers });
    await usher.ask(path);
    assert.match(met(await usher.ask(path)), hit);
  };
  for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
    await warm("/stored/change?q=1");
    says({}, 500);
    await usher.ask("/stored/change?q=1", { method, body: "x" });
    assert.match(met(await usher.ask("/stored/change?q=1")), hit, `a ${method} that failed`);
    says({}, 200);
    await usher.ask("/stored/change?q=1", { method, body: "x" });
    assert.match(met(await usher.ask("/stored/change?q=1")), /detail=purged/, method);
  }
  await warm("/stored/list");
  await warm("/stored/item");
  says({ location: "/stored/list", "content-location": "item" }, 201);
  await usher.ask("/stored/other", { method: "POST", body: "x" });
  for (const path of ["/stored/list", "/stored/item"]) assert.match(met(await usher.ask(path)), /detail=purged/, path);

  await warm("/stored/grouped", { "cache-groups": '"g one"', "cache-tag": "t-one" });
  const purges = { "cache-group-invalidation": '"g one"', "purge-cache-tag": "t-none" };
  says(purges);
  await usher.ask("/open/change", { method: "POST", body: "x" });
  assert.match(met(await usher.ask("/stored/grouped")), hit, "its route does not let it purge");
  says(purges);
  const answer = await usher.ask("/purges/change", { method: "POST", body: "x" });
  for (const name of Object.keys(purges)) assert.equal(answer.headers[name], undefined);
  assert.match(met(await usher.ask("/stored/grouped")), /detail=purged/);
});
