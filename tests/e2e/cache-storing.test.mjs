// What is stored, for whom, under which key, and what of it visitors are given.
import assert from "node:assert/strict";
import { test } from "node:test";
import { a, counted, hit, met, says, stored, usher } from "./cache.mjs";
import { origin } from "./harness.mjs";

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
  const before = counted.made;
  assert.match(met(await usher.ask("/private/leak", { headers: { cookie: ada.cookie } })), hit);
  assert.match(met(await usher.ask("/roles/leak", { headers: { cookie: bob.cookie } })), hit);
  assert.equal(counted.made, before);
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
    counted.made += 1;
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
  assert.equal(counted.made, 3);
  await usher.admin("/.usher/purge", { urls: ["/stored/vary"] });
  assert.match(met(await ask("round", "JP")), /detail=purged/);
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
