import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { request } from "node:http";
import { folder, gateway, origin, until } from "./harness.mjs";

let usher, a, dir, made;

before(async () => {
  dir = folder();
  a = await origin();
  usher = await gateway({ state: dir.path, vars: { A_URL: a.url, B_URL: a.url, DEAD_URL: a.url } });
});
after(async () => {
  await usher?.stop();
  a?.close();
  dir?.remove();
});
beforeEach(() => {
  made = 0;
  says({ "cache-control": "max-age=60" });
});

/** The origin answers with these headers and a body that tells its answers apart. */
function says(headers, status = 200) {
  a.answer = (asked, response) => {
    made += 1;
    const who = [asked.headers["x-user-id"], asked.headers["x-user-roles"], asked.headers["x-locale"], asked.headers.cookie].join("|");
    response.writeHead(status, headers).end(`${made} ${who}`);
  };
}

/** An answer whose chunks are taken one by one. */
const open = (url) =>
  new Promise((resolve, reject) => {
    request(url, { headers: { "accept-encoding": "identity" }, agent: false }, (answer) => {
      const chunks = answer[Symbol.asyncIterator]();
      resolve({ chunk: async () => (await chunks.next()).value?.toString() });
    }).on("error", reject).end();
  });

const met = (answer) => answer.headers["cache-status"];
const hit = /^usher; hit; ttl=\d+; detail=(memory|store)$/;
const stored = /^usher; fwd=miss; stored/;

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
  assert.equal(made, 2);
  assert.match(met(await usher.ask("/stored/one")), hit);
});

test("a static file goes from miss to hit in each language, and purging it purges them all", async () => {
  const ask = (language) => usher.ask("/about", { headers: { "accept-language": language } });
  for (const language of ["en", "ja", "de"]) {
    const first = await ask(language);
    assert.match(met(first), stored);
    assert.equal(first.headers["content-language"], language);
    assert.match(first.text, new RegExp(`<html lang="${language}"`));
    assert.match(met(await ask(language)), hit);
  }
  await usher.admin("/.usher/purge", { urls: [`${usher.url}/ja/about`] });
  for (const language of ["en", "ja", "de"]) assert.match(met(await ask(language)), stored);
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

test("only the chosen query makes another answer, and only it reaches the origin", async () => {
  await usher.ask("/stored/query?utm_source=a&q=1&x=9");
  assert.equal(a.last.url, "/stored/query?q=1");
  assert.match(met(await usher.ask("/stored/query?q=1&utm_source=b")), hit);
  assert.match(met(await usher.ask("/stored/query?q=2")), stored);
});

test("a visitor who has it already gets 304", async () => {
  says({ "cache-control": "max-age=60", etag: '"v1"' });
  const first = await usher.ask("/stored/etag", { headers: { "if-none-match": '"v1"' } });
  assert.deepEqual([first.status, first.text], [304, ""]);
  assert.equal(a.last.headers["if-none-match"], undefined, "the origin is asked for all of it");
  for (const [etag, status] of [['"v1"', 304], ['W/"v1"', 304], ['"v0"', 200], ["*", 304]]) {
    const answer = await usher.ask("/stored/etag", { headers: { "if-none-match": etag } });
    assert.match(met(answer), hit);
    assert.equal(answer.status, status, etag);
    assert.equal(answer.headers.etag, '"v1"');
  }
  const head = await usher.ask("/stored/etag", { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [200, ""]);
  assert.match(met(head), hit);
});

test("what must not be shared is never stored", async () => {
  for (const [headers, why] of [
    [{}, "no-lifetime"],
    [{ "cache-control": "no-store, max-age=60" }, "no-store"],
    [{ "cache-control": "private, max-age=60" }, "private"],
    [{ "cache-control": "max-age=60", "set-cookie": "a=b" }, "set-cookie"],
    [{ "cache-control": "max-age=60", vary: "*" }, "vary"],
    [{ "cache-control": "max-age=60", vary: "X-Request-Id" }, "vary"],
    [{ "cache-control": "max-age=0" }, "stale"],
    [{ "cache-control": "max-age=60", "cache-tag": Array.from({ length: 200 }, (_, n) => n).join() }, "tags"],
  ]) {
    says(headers);
    for (let n = 0; n < 2; n += 1) {
      const answer = await usher.ask(`/stored/never-${why}`);
      assert.equal(met(answer), `usher; fwd=miss; detail=${why}`);
    }
  }
});

test("what is asked for in a way that cannot be shared goes past the cache", async () => {
  for (const [options, field] of [
    [{ method: "POST" }, "usher; fwd=method"],
    [{ headers: { "if-match": '"x"' } }, "usher; fwd=bypass; detail=condition"],
    [{ headers: { authorization: "Bearer x" } }, "usher; fwd=miss; detail=authorization"],
  ]) {
    assert.equal(met(await usher.ask("/stored/past", options)), field);
  }
  const { cookie } = await usher.session({ user: "ada" });
  assert.equal(met(await usher.ask("/unshared/past", { headers: { cookie } })), "usher; fwd=bypass; detail=not-shared");
});

test("no visitor is given another's answer, on any route", async () => {
  const ada = await usher.session({ user: "ada", roles: ["member"] });
  const bob = await usher.session({ user: "bob", roles: ["member"] });
  const eve = await usher.session({ user: "eve", roles: ["admin"] });
  const visitors = { ada, bob, eve, nobody: { cookie: "theme=secret-of-nobody" } };
  for (const path of ["/stored/leak", "/private/leak", "/roles/leak", "/unshared/leak", "/optional/leak", "/open/leak"]) {
    for (let round = 0; round < 2; round += 1) {
      for (const [name, { cookie }] of Object.entries(visitors)) {
        const { text, headers } = await usher.ask(path, { headers: { cookie } });
        for (const other of ["ada", "bob", "eve", "secret-of-nobody"]) {
          const own = other === name || (name === "nobody" && other === "secret-of-nobody");
          assert.ok(own || !text.includes(other), `${path}: ${name} was given ${other}'s answer: ${text}`);
        }
        assert.ok(!text.includes("admin") || name === "eve", `${path}: ${name} ${text}`);
        assert.ok(!text.includes("member") || name === "ada" || name === "bob", `${path}: ${name} ${text}`);
        if (name !== "nobody" && ["/private/leak", "/roles/leak"].includes(path)) assert.equal(headers["cache-control"], "private, max-age=60");
      }
    }
  }
  const before = made;
  assert.match(met(await usher.ask("/private/leak", { headers: { cookie: ada.cookie } })), hit);
  assert.match(met(await usher.ask("/roles/leak", { headers: { cookie: bob.cookie } })), hit);
  assert.equal(made, before);
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

test("files that are not there are told so in the visitor's language, and tidied paths keep it", async () => {
  const missing = await usher.ask("/nothing-here", { headers: { "accept-language": "ja", accept: "text/html" } });
  assert.equal(missing.status, 404);
  assert.match(missing.text, /<html lang="ja"/);
  const tidy = await usher.ask("/de/about.html");
  assert.deepEqual([tidy.status, tidy.headers.location], [307, "/de/about"]);
  const plain = await usher.ask("/about.html", { headers: { "accept-language": "ja" } });
  assert.deepEqual([plain.status, plain.headers.location], [307, "/about"]);
});

test("a hit comes from this isolate's memory, and from the store what is too large for it", async () => {
  await usher.ask("/stored/level");
  assert.match(met(await usher.ask("/stored/level")), /detail=memory$/);
  a.answer = (_, response) => response.writeHead(200, { "cache-control": "max-age=60" }).end("x".repeat(100_000));
  const first = await usher.ask("/stored/level-large");
  const second = await usher.ask("/stored/level-large");
  assert.match(met(second), /hit; ttl=\d+; detail=store$/);
  assert.equal(second.text, first.text);
});

test("200 cold clients at once are one question to the origin, whatever the length is known to be", async () => {
  for (const [path, framed] of [["/stored/crowd", true], ["/stored/crowd-chunked", false]]) {
    let release;
    const gate = new Promise((resolve) => (release = resolve));
    a.answer = async (_, response) => {
      made += 1;
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
      made += 1;
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
    made += 1;
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
    made += 1;
    response.writeHead(200, { "cache-control": "max-age=60" }).end("w".repeat(5_000));
  };
  for (let n = 0; n < 2; n += 1) {
    const answer = await usher.ask("/small/large");
    assert.equal(answer.text.length, 5_000);
    assert.match(met(answer), /^usher; fwd=miss/);
  }
  assert.equal(made, 10);
});

test("an encoded answer is stored once and reads the same from every level", async () => {
  const { gzipSync, gunzipSync } = await import("node:zlib");
  const text = "compress me ".repeat(2_000);
  a.answer = (_, response) => response.writeHead(200, { "cache-control": "max-age=60", "content-encoding": "gzip", "content-type": "text/plain" }).end(gzipSync(text));
  for (const [n, encoding] of ["gzip", "gzip", "identity", "gzip"].entries()) {
    const answer = await usher.ask("/stored/gzip", { headers: { "accept-encoding": encoding } });
    const body = answer.headers["content-encoding"] === "gzip" ? gunzipSync(answer.body) : answer.body;
    assert.equal(body.toString(), text, `${n} ${encoding} ${answer.headers["content-encoding"]}`);
    if (n > 0) assert.match(met(answer), hit);
  }
  // What the runtime does not know it leaves as it is, and so do we.
  a.answer = (_, response) => response.writeHead(200, { "cache-control": "max-age=60", "content-encoding": "GZIP" }).end(gzipSync(text));
  for (let n = 0; n < 2; n += 1) {
    const answer = await usher.ask("/stored/gzip-odd", { headers: { "accept-encoding": "identity" } });
    assert.deepEqual([answer.headers["content-encoding"], gunzipSync(answer.body).toString()], ["GZIP", text], met(answer));
  }
});

test("each variant is stored, chosen by what the origin was told", async () => {
  a.answer = (asked, response) => {
    made += 1;
    response.writeHead(200, { "cache-control": "max-age=60", vary: "X-Shape, X-Country" }).end(`${asked.headers["x-shape"]} ${asked.headers["x-country"]}`);
  };
  const ask = (shape, country) => usher.ask("/stored/vary", { headers: { "accept-language": "en", "x-shape": shape, "x-country": "XX", "MF-CF-Blob": JSON.stringify({ country, clientAcceptEncoding: "identity" }) } });
  for (const [shape, country, status] of [
    ["round", "JP", /fwd=miss; stored/],
    ["round", "JP", hit],
    ["square", "JP", /fwd=vary-miss; stored/],
    ["square", "FR", /fwd=vary-miss; stored/],
    [" square ", "FR", hit],
    ["round", "JP", hit],
  ]) {
    const answer = await ask(shape, country);
    assert.match(met(answer), status);
    assert.equal(answer.text, `${shape.trim()} ${country}`);
  }
  assert.equal(made, 3);
  await usher.admin("/.usher/purge", { urls: ["/stored/vary"] });
  assert.match(met(await ask("round", "JP")), /detail=purged/);
});

test("a stale answer is asked after, and a 304 brings it up to date", async () => {
  a.answer = (asked, response) => {
    made += 1;
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
  assert.equal(made, 2);
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

test("part of a stored answer is given, and none that is not there", async () => {
  a.answer = (_, response) => response.writeHead(200, { "cache-control": "max-age=60", etag: '"v"' }).end("0123456789");
  await usher.ask("/stored/range");
  for (const [headers, status, text, range] of [
    [{ range: "bytes=2-4" }, 206, "234", "bytes 2-4/10"],
    [{ range: "bytes=-3" }, 206, "789", "bytes 7-9/10"],
    [{ range: "bytes=8-" }, 206, "89", "bytes 8-9/10"],
    [{ range: "bytes=10-" }, 416, "", "bytes */10"],
    [{ range: "bytes=0-1,3-4" }, 200, "0123456789", undefined],
    [{ range: "bytes=2-4", "if-range": '"v"' }, 206, "234", "bytes 2-4/10"],
    [{ range: "bytes=2-4", "if-range": '"w"' }, 200, "0123456789", undefined],
  ]) {
    const answer = await usher.ask("/stored/range", { headers });
    assert.deepEqual([answer.status, answer.text, answer.headers["content-range"]], [status, text, range], JSON.stringify(headers));
  }
  const large = Array.from({ length: 20_000 }, (_, n) => String(n).padStart(5, "0")).join("");
  a.answer = (_, response) => response.writeHead(200, { "cache-control": "max-age=60" }).end(large);
  await usher.ask("/stored/range-large");
  const answer = await usher.ask("/stored/range-large", { headers: { range: "bytes=70000-70009" } });
  assert.deepEqual([answer.status, answer.text, met(answer).endsWith("detail=store")], [206, large.slice(70_000, 70_010), true]);
  a.answer = (asked, response) => response.writeHead(206, { "cache-control": "max-age=60", "content-range": "bytes 0-1/10" }).end("01");
  for (let n = 0; n < 2; n += 1) assert.equal(met(await usher.ask("/stored/range-cold", { headers: { range: "bytes=0-1" } })), "usher; fwd=miss; detail=status");
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

test("what a visitor asks of the cache is obeyed, unless the route says not to", async () => {
  says({ "cache-control": "max-age=60" });
  await usher.ask("/stored/wishes");
  const ask = (path, control) => usher.ask(path, { headers: { "cache-control": control } });
  assert.match(met(await ask("/stored/wishes", "only-if-cached")), hit);
  assert.equal(met(await ask("/stored/wishes", "no-cache")), "usher; fwd=request; stored");
  assert.equal(met(await ask("/stored/wishes", "max-age=0")), "usher; fwd=request; stored");
  const cold = await ask("/stored/wishes-cold", "only-if-cached");
  assert.deepEqual([cold.status, met(cold)], [504, "usher; detail=only-if-cached"]);
  assert.equal(met(await ask("/stored/wishes-none", "no-store")), "usher; fwd=miss; detail=request-no-store");
  await usher.ask("/deaf/wishes");
  assert.match(met(await ask("/deaf/wishes", "no-cache")), hit);
});

test("an answer cannot be poisoned by what is not in its key", async () => {
  const evil = "evil.example";
  a.answer = (asked, response) => response.writeHead(200, { "cache-control": "max-age=60" }).end(JSON.stringify({ headers: asked.headers, url: asked.url }));
  const reflected = ["x-forwarded-host", "x-forwarded-scheme", "x-forwarded-port", "x-forwarded", "x-host", "x-original-url", "x-rewrite-url", "x-override-url", "x-original-host", "x-http-method-override", "x-method-override", "forwarded", "x_forwarded_host", "x-http-host-override", "cookie"];
  const headers = Object.fromEntries(reflected.map((name) => [name, evil]));
  const answer = await usher.ask("/stored/poison?utm_source=evil.example", { headers });
  assert.ok(!answer.text.includes(evil), answer.text);
  const next = await usher.ask("/stored/poison");
  assert.match(met(next), hit);
  assert.ok(!next.text.includes(evil));
  // A GET with a body, and other spellings of a path, are other requests or none.
  assert.equal((await usher.ask("/stored/fat", { headers: { "content-length": "3" }, body: "q=1" })).status, 400);
  await usher.ask("/stored/case");
  for (const path of ["/stored/CASE", "/stored//case", "/stored/case%2F", "/stored/cas%65%20"]) assert.match(met(await usher.ask(path)), /fwd=miss|generated/, path);
  assert.match(met(await usher.ask("/stored/c%61se")), hit, "the same path in another spelling");
});

test("a page that is asked for as a file is not stored for everybody", async () => {
  a.answer = (_, response) => response.writeHead(200, { "cache-control": "max-age=60", "content-type": "text/html" }).end("somebody's account");
  for (let n = 0; n < 2; n += 1) assert.equal(met(await usher.ask("/stored/account/x.css")), "usher; fwd=miss; detail=disguised");
});

test("the operator is told the key, and why tags keep an answer out", async () => {
  says({ "cache-control": "max-age=60", "cache-tag": Array.from({ length: 200 }, (_, n) => n).join() });
  const explain = { headers: { "usher-explain": "the-operators-token" } };
  const told = await usher.ask("/stored/explain", explain);
  assert.match(met(told), /; detail=tags; key="https:\/\/usher\.invalid\/.*\/stored\/explain"$/);
  assert.match(told.headers["x-usher-warning"], /at most 128 tags/);
  assert.equal(a.last.headers["usher-explain"], undefined);
  for (const headers of [{}, { "usher-explain": "guess" }]) {
    const answer = await usher.ask("/stored/explain", { headers });
    assert.ok(!met(answer).includes("key=") && answer.headers["x-usher-warning"] === undefined);
  }
});

test("the origin is asked through a stage of our own, and nobody from outside enters there", async () => {
  const { cookie } = await usher.session({ user: "ada", roles: ["member"] });
  says({ "cache-control": "max-age=60", "cache-tag": "through" });
  const first = await usher.ask("/through/x", { headers: { cookie, pragma: "x", "accept-language": "ja" } });
  assert.deepEqual([first.status, first.text.split(" ")[1], met(first)], [200, "|member|ja|", "usher; fwd=miss; stored"]);
  assert.equal(first.headers["cloudflare-cdn-cache-control"], "no-store");
  assert.match(met(await usher.ask("/through/x", { headers: { cookie, "accept-language": "ja" } })), hit);
  await usher.admin("/.usher/purge", { tags: ["through"] });
  assert.match(met(await usher.ask("/through/x", { headers: { cookie, "accept-language": "ja" } })), /detail=purged/);
  for (const headers of [{ props: '{"usher":"cached"}' }, { "cf-props": '{"usher":"cached"}' }, { "ctx-props": '{"usher":"cached"}' }, { "cf-ew-via": "15", usher: "cached" }]) {
    const answer = await usher.ask("/members/x", { headers });
    assert.equal(answer.status, 401);
    assert.match(met(answer), /generated/);
  }
  a.answer = (asked) => asked.socket.destroy();
  assert.equal((await usher.ask("/through/down")).status, 502);
});

test("a page names its other languages, and a switch is remembered and stays on the page", async () => {
  const host = new URL(usher.url).host;
  for (let n = 0; n < 2; n += 1) {
    const page = await usher.ask("/ja/about");
    for (const tag of ["en", "de", "ja", "ar"]) assert.ok(page.headers.link.includes(`<http://${host}/${tag}/about>; rel="alternate"; hreflang="${tag}"`), page.headers.link);
    assert.ok(page.headers.link.endsWith(`<http://${host}/about>; rel="alternate"; hreflang="x-default"`));
    assert.ok(!page.headers.link.includes('hreflang="fa"'), "there is no such page");
  }
  const go = (query) => usher.ask(`/.usher/language?${query}`);
  const switched = await go("to=ja&return_to=%2Fde%2Fabout%3Fx%3D1");
  assert.deepEqual([switched.status, switched.headers.location, switched.headers["set-cookie"]], [303, "/ja/about?x=1", ["lang=ja; Path=/; Max-Age=31536000; SameSite=Lax"]]);
  assert.equal((await go("to=ja&return_to=%2Fabout%3Flang%3Dde%26x%3D1")).headers.location, "/about?x=1");
  for (const back of ["//evil.example", "https://evil.example/", "/%5Cevil.example", "%2F%2Fevil.example"]) {
    for (const to of ["ja", "xx"]) assert.equal((await go(`to=${to}&return_to=${back}`)).headers.location, "/", back);
  }
  assert.equal((await go("to=xx")).headers["set-cookie"], undefined);
});
