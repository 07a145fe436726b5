// What an application and a browser see of the gateway: nothing that they did not ask for.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect } from "node:net";
import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { folder, gateway, origin } from "./harness.mjs";

let usher, a, dir;

before(async () => {
  dir = folder();
  a = await origin();
  usher = await gateway({ state: dir.path, vars: { A_URL: a.url, B_URL: a.url } });
});
after(async () => {
  await usher?.stop();
  a?.close();
  dir?.remove();
});

const met = (answer) => answer.headers["cache-status"];

/** Sends a request's very bytes, and gives the answer's. */
async function raw(text) {
  const { hostname, port } = new URL(usher.url);
  const socket = connect(Number(port), hostname);
  socket.end(Buffer.from(text, "latin1"));
  const chunks = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

test("an origin sees the visitor's Cache-Control, or one that changes nothing, and answers 304", async () => {
  a.answer = (asked, response) => {
    // As `fresh` does for Express, Next.js and Fastify: a request with no-cache gets the whole response.
    const reload = /(?:^|,)\s*no-cache\s*(?:,|$)/.test(asked.headers["cache-control"] ?? "");
    const same = !reload && asked.headers["if-none-match"] === '"v1"';
    response.writeHead(same ? 304 : 200, { etag: '"v1"' }).end(same ? undefined : "body");
  };
  const again = await usher.ask("/open/x", { headers: { "if-none-match": '"v1"' } });
  assert.deepEqual([again.status, again.text], [304, ""]);
  assert.deepEqual([a.last.headers["cache-control"], a.last.headers.pragma], ["no-transform", "no-transform"]);
  for (const own of ["no-cache", "max-age=0", "only-if-cached, max-stale=5"]) {
    await usher.ask("/open/x", { headers: { "cache-control": own, pragma: "no-cache" } });
    assert.deepEqual([a.last.headers["cache-control"], a.last.headers.pragma], [own, "no-cache"]);
  }
  // Usher's own validation.
  a.answer = (asked, response) => {
    const same = asked.headers["if-none-match"] === '"v1"' && !/no-cache/.test(asked.headers["cache-control"]);
    response.writeHead(same ? 304 : 200, { etag: '"v1"', "cache-control": "max-age=0" }).end(same ? undefined : "body");
  };
  await usher.ask("/stored/validated");
  assert.equal(met(await usher.ask("/stored/validated")), "usher; fwd=stale; fwd-status=304; stored");
});

test("an origin is told of no content coding where the visitor names none", async () => {
  a.answer = (_, response) => response.end("hello");
  await usher.ask("/open/x");
  assert.equal(a.last.headers["accept-encoding"], undefined);
  await usher.ask("/open/x", { headers: { "accept-encoding": "gzip" } });
  assert.equal(a.last.headers["accept-encoding"], "br, gzip", "as Cloudflare says, which decodes what the visitor cannot");
});

test("a cookie of the application keeps its bytes, whether or not somebody is signed in", async () => {
  a.answer = (_, response) => response.writeHead(200, { "set-cookie": ["b=\u00c3\u00a9; Path=/", "usher=planted"] }).end("hello");
  const { cookie } = await usher.session({ user: "ada" });
  const own = 'a=\u00c3\u00a9; q="x;y";  z=1,2';
  for (const sent of [own, `${own}; ${cookie}`]) {
    const answer = await raw(`GET /members/x HTTP/1.1\r\nHost: ${new URL(usher.url).host}\r\nCookie: ${sent}; ${cookie}\r\nConnection: close\r\n\r\n`.replace(`; ${cookie}; ${cookie}`, `; ${cookie}`));
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.equal(Buffer.from(a.last.raw[a.last.raw.findIndex((name) => name.toLowerCase() === "cookie") + 1], "latin1").toString("latin1"), own);
    assert.match(answer, /^set-cookie: b=\u00c3\u00a9; Path=\/\r$/im, "what an origin sets keeps its bytes as well");
    assert.doesNotMatch(answer, /planted/);
  }
});

test("a tracestate is passed on where it is one", async () => {
  a.answer = (_, response) => response.end("hello");
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const told = async (tracestate) => {
    await usher.ask("/open/x", { headers: { traceparent, tracestate } });
    return a.last.headers.tracestate;
  };
  assert.equal(await told("foo=1,bar=2"), "foo=1,bar=2");
  assert.equal(await told("foo=1 , bar=2,"), "foo=1,bar=2");
  assert.equal(await told(["foo=1", "bar=2"]), "foo=1,bar=2", "lines are one list");
  assert.equal(await told("foo =1"), undefined);
  assert.equal(await told(Array.from({ length: 33 }, (_, n) => `k${n}=1`).join(",")), undefined);
});

test("an origin's own address comes back as the visitor's", async () => {
  const { host } = new URL(a.url);
  a.answer = (_, response) => response.writeHead(301, { location: `${a.url}/docs/`, "cache-control": "max-age=60", link: `<//${host}/x>; rel=next` }).end();
  for (const path of ["/open/docs", "/stored/docs", "/stored/docs"]) {
    const { headers } = await usher.ask(path);
    assert.deepEqual([headers.location, headers.link], [`${usher.url}/docs/`, `<${usher.url}/x>; rel=next`], `${path} ${headers["cache-status"]}`);
  }
});

test("a pool that wants the visitor's Origin spelled as its own gets a web socket that agrees with its Host", async () => {
  const heard = new Promise((resolve) => a.server.once("upgrade", (asked, socket) => (resolve(asked.headers), socket.destroy())));
  await raw(`GET /same/ws HTTP/1.1\r\nHost: ${new URL(usher.url).host}\r\nOrigin: ${usher.url}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
  const { host, origin: said } = await heard;
  assert.equal(said, `http://${host}`);
  a.answer = (_, response) => response.end("hello");
  await usher.ask("/same/x", { method: "POST", body: "x", headers: { origin: "https://evil.example", referer: `${a.url}/` } });
  assert.deepEqual([a.last.headers.origin, a.last.headers.referer], ["https://evil.example", undefined]);
});

test("an origin that is to see the visitor's host is asked by it where Cloudflare resolves it", async () => {
  a.answer = (_, response) => response.end("hello");
  const { host, port } = new URL(a.url);
  const seen = async (headers) => {
    assert.equal((await usher.ask("/zone/x", { headers: { host: `localhost:${new URL(usher.url).port}`, "accept-encoding": "identity", ...headers } })).text, "hello");
    return a.last.headers.host;
  };
  assert.equal(await seen({}), host, "elsewhere by its own");
  assert.equal(await seen({ "cf-ray": "0123456789abcdef-ZZZ" }), host, "a visitor cannot claim to come by Cloudflare");
  // As it is there. Nobody resolves it here, so this name has to lead to the same origin.
  assert.equal(await seen({ "cf-ray": "0123456789abcdef-FRA", "mf-cf-blob": '{"colo":"FRA"}' }), `localhost:${port}`);
});

test("an answer that cannot be passed on is a failure in Usher's own words", async () => {
  a.streams = (asked) => asked.socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n");
  const json = await usher.ask("/open/x");
  assert.deepEqual([json.status, json.headers["content-type"]], [502, "application/problem+json"]);
  assert.equal(JSON.parse(json.text).status, 502);
  const page = await usher.ask("/open/x", { headers: { accept: "text/html", "accept-language": "de" } });
  assert.match(page.text, /<html lang="de"/);
  assert.match(page.headers["proxy-status"], /^usher; error=/);
  a.streams = undefined;
});

test("a script is told where to sign in, and a page is led there", async () => {
  const refused = await usher.ask("/members/x?y=1", { headers: { accept: "text/html", "sec-fetch-mode": "cors", referer: `${usher.url}/app?tab=1` } });
  assert.equal(refused.status, 401);
  assert.match(refused.headers["www-authenticate"], /^Cookie realm="usher"/);
  assert.equal(JSON.parse(refused.text).sign_in, "/sign-in?return_to=%2Fapp%3Ftab%3D1");
  const led = await usher.ask("/members/x?y=1", { headers: { accept: "*/*", "sec-fetch-mode": "navigate" } });
  assert.deepEqual([led.status, led.headers.location], [302, "/sign-in?return_to=%2Fmembers%2Fx%3Fy%3D1"]);
});

test("a change of rights signs nobody out who is on their way, and both of two changes count", async () => {
  const { cookie } = await usher.session({ user: "ada", roles: ["a", "b"] });
  a.answer = (asked, response) => {
    const to = asked.headers["x-do"];
    setTimeout(() => response.writeHead(200, to && { "usher-session": to }).end(asked.headers["x-user-roles"] ?? "-"), to ? 0 : 100);
  };
  const change = (roles) => usher.ask("/auth/x", { headers: { cookie, "x-do": JSON.stringify({ change: { roles } }) } });
  const slow = Array.from({ length: 12 }, () => usher.ask("/members/x", { headers: { cookie } }));
  const changes = await Promise.all([change(["b"]), change(["a"])]);
  const late = Array.from({ length: 12 }, () => usher.ask("/members/x", { headers: { cookie } }));
  assert.deepEqual(new Set((await Promise.all([...slow, ...late])).map(({ status, text }) => `${status} ${text}`)), new Set(["200 a,b"]));
  assert.deepEqual(changes.map(({ status }) => status), [200, 200]);
  const roles = await Promise.all(changes.map(async ({ headers }) => (await usher.ask("/members/x", { headers: { cookie: headers["set-cookie"][0].split(";")[0] } })).text));
  assert.ok(roles.includes("") || roles.includes("-"), `the later one has lost what both took away: ${roles}`);
});

test("what is stored decoded has a weak ETag, on the miss as well", async () => {
  const body = gzipSync("hello ".repeat(1_000));
  a.answer = (_, response) => response.writeHead(200, { "content-encoding": "gzip", etag: '"v1"', "cache-control": "max-age=60" }).end(body);
  for (const how of ["fwd=miss", "hit"]) {
    const answer = await usher.ask("/stored/coded", { headers: { "accept-encoding": "gzip" } });
    assert.ok(met(answer).includes(how), met(answer));
    assert.equal(answer.headers.etag, 'W/"v1"');
  }
  const spliced = await usher.ask("/stored/coded", { headers: { range: "bytes=10-", "if-range": '"v1"' } });
  assert.equal(spliced.status, 200, "a part of other bytes is never given");
});

test("a film that is asked for in parts is stored, also a long one, and parts come from the store", async () => {
  const film = Buffer.alloc(6 << 20, "0123456789abcdef");
  let asked = 0;
  a.answer = ({ headers }, response) => {
    asked += 1;
    assert.equal(headers.range, undefined);
    response.writeHead(200, { "content-length": film.length, "content-type": "video/mp4", "cache-control": "max-age=60", "accept-ranges": "bytes" }).end(film);
  };
  const part = async (range) => {
    const answer = await usher.ask("/stored/film", { headers: { range: `bytes=${range}` } });
    return [answer.status, answer.headers["content-range"], answer.body.toString()];
  };
  const { length } = film;
  assert.deepEqual(await part("0-15"), [206, `bytes 0-15/${length}`, "0123456789abcdef"], "as it comes");
  for (let tries = 0; tries < 100 && !/hit/.test(met(await usher.ask("/stored/film", { method: "HEAD" }))); tries += 1);
  const before = asked;
  assert.deepEqual(await part(`${length - 3}-`), [206, `bytes ${length - 3}-${length - 1}/${length}`, "def"], "from the store");
  assert.deepEqual((await part("4194304-4194305"))[2], "01");
  assert.equal(asked, before);
});

test("what turns out too large is asked for without an attempt to keep it, for a while", async () => {
  let closed = 0;
  a.answer = (_, response) => {
    response.writeHead(200, { "cache-control": "max-age=60" });
    for (let n = 0; n < 7; n += 1) response.write("v".repeat(1_000));
    response.end();
    closed += 1;
  };
  const first = await usher.ask("/small/late");
  assert.equal(met(first), "usher; fwd=miss; stored");
  for (let tries = 0; tries < 100; tries += 1) if (met(await usher.ask("/small/late")).includes("detail=size")) break;
  assert.equal(met(await usher.ask("/small/late")), "usher; fwd=miss; detail=size");
  assert.ok(closed > 0);
});
