// Express, whose `fresh` decides what is 304.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { Behind } from "./apps.mjs";

let app;
before(async () => (app = await Behind.start({ command: ["node", "express.mjs"] })));
after(() => app?.stop());

test("Express answers through Usher what it answers directly", async () => {
  for (const path of ["/", "/?a=b&a=c%20d", "/cookies", "/moved", "/absolute", "/stream", "/nowhere", "/door.png", "/fails", "/%E4%BD%A0?q=%&r=;", "/json?host=x"]) {
    await app.same(path);
    await app.same(path, { method: "HEAD" });
  }
  await app.same("/cookies", { headers: { cookie: 'a=b; c="d;e"; f=g,h' } });
  await app.same("/form", { method: "POST", body: "name=Ada&name=b%26", headers: { "content-type": "application/x-www-form-urlencoded" } });
  await app.same("/form", { method: "POST", body: "%", headers: { "content-type": "application/x-www-form-urlencoded" } });
  await app.same("/bytes", { method: "PUT", body: randomBytes(1 << 20) });
  await app.same("/things/1", { method: "DELETE" });
  await app.same("/json", { method: "OPTIONS" });
  for (const range of ["bytes=0-9", "bytes=-5", "bytes=100000-", "bytes=0-1,4-5"]) await app.same("/door.png", { headers: { range } });
});

test("Express answers 304 through Usher", async () => {
  for (const path of ["/", "/door.png"]) {
    const { headers } = await app.same(path);
    const again = await app.same(path, { headers: { "if-none-match": headers.etag } });
    assert.deepEqual([again.status, again.text], [304, ""]);
    assert.equal((await app.same(path, { headers: { "if-none-match": headers.etag, "cache-control": "no-cache" } })).status, 200);
  }
});

test("Express sees the visitor's host and never names its own", async () => {
  const said = JSON.parse((await app.ask(app.usher, `/json?host=${new URL(app.usher).host}`)).text);
  assert.deepEqual(said, { host: true, protocol: "http", words: "é ü 日本" });
  assert.equal((await app.ask(app.usher, "/absolute")).headers.location, `${app.usher}/json`);
});
