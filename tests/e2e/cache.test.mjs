import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { folder, gateway, origin } from "./harness.mjs";

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

const met = (answer) => answer.headers["cache-status"];
const hit = /^usher; hit; ttl=\d+$/;
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
    [{ "cache-control": "max-age=60", vary: "User-Agent" }, "vary"],
    [{ "cache-control": "max-age=0" }, "stale"],
    [{ "cache-control": "max-age=60", "cache-tag": Array.from({ length: 200 }, (_, n) => n).join() }, "tags"],
  ]) {
    says(headers);
    for (let n = 0; n < 2; n += 1) {
      const answer = await usher.ask(`/stored/never-${why}`);
      assert.equal(met(answer), `usher; fwd=miss; detail=${why}`);
    }
  }
  says({ "cache-control": "max-age=60" }, 500);
  assert.equal(met(await usher.ask("/stored/never-500")), "usher; fwd=miss; detail=status");
});

test("what is asked for in a way that cannot be shared goes past the cache", async () => {
  await usher.ask("/stored/past");
  for (const [options, field] of [
    [{ method: "POST" }, "usher; fwd=method"],
    [{ headers: { authorization: "Bearer x" } }, "usher; fwd=bypass; detail=authorization"],
    [{ headers: { range: "bytes=0-1" } }, "usher; fwd=bypass; detail=range"],
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
  assert.match(met(stale), /^usher; hit; ttl=\d+; detail=origin-down$/);
  says({ "cache-control": "max-age=60" });
  assert.match(met(await usher.ask("/stored/soft")), /^usher; fwd=stale; stored$/);
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
