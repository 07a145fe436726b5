import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { folder, gateway, origin, send } from "./harness.mjs";

const browser = "text/html,application/xhtml+xml,*/*;q=0.8";
let usher, a, b, dir;

before(async () => {
  dir = folder();
  [a, b] = [await origin(), await origin()];
  const dead = await origin();
  dead.close();
  usher = await gateway({ state: dir.path, vars: { A_URL: a.url, B_URL: b.url, DEAD_URL: dead.url } });
});
after(async () => {
  await usher?.stop();
  a?.close();
  b?.close();
  dir?.remove();
});
beforeEach(() => {
  a.answer = (_, response) => response.end("hello");
  a.streams = undefined;
});

test("without a session a program is told 401 and a browser is sent to sign in", async () => {
  const program = await usher.ask("/members/x?a=1&b=2");
  assert.equal(program.status, 401);
  assert.equal(program.headers["content-type"], "application/problem+json");
  assert.match(program.headers["www-authenticate"], /realm="usher"/);
  assert.equal(JSON.parse(program.text).status, 401);
  const person = await usher.ask("/members/x?a=1&b=2", { headers: { accept: browser } });
  assert.equal(person.status, 302);
  assert.equal(person.headers.location, "/sign-in?return_to=%2Fmembers%2Fx%3Fa%3D1%26b%3D2");
  assert.equal(person.headers["cache-control"], "no-store");
  const german = await usher.ask("/de/members/x", { headers: { accept: browser } });
  assert.equal(german.headers.location, "/de/sign-in?return_to=%2Fde%2Fmembers%2Fx");
});

test("with a session the origin is told who, where, in which language, and nothing forged", async () => {
  const { cookie } = await usher.session({ user: "user-7", roles: ["admin", "editor"] });
  const forged = ["x-user-id", "x-user-roles", "x-user-email", "x_user_id", "x-usher-x", "usher-assertion", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "forwarded", "x-locale", "x-country", "x-region", "x-shard", "x-real-ip", "x-original-url", "x-rewrite-url", "x-http-method-override", "true-client-ip", "proxy-authorization", "te", "http2-settings"];
  const headers = Object.fromEntries(forged.map((name) => [name, "forged"]));
  const cf = JSON.stringify({ country: "JP", continent: "AS", latitude: "35.6", longitude: "139.7" });
  const answer = await usher.ask("/members/list?q=1", {
    headers: { ...headers, cookie: `theme=dark; ${cookie}; x=y`, "accept-language": "de-CH, de;q=0.9", "mf-cf-blob": cf, "x-request-id": "my-request-1", traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
  });
  assert.equal(answer.status, 200);
  const told = a.last.headers;
  assert.equal(told["x-user-id"], "user-7");
  assert.equal(told["x-user-roles"], "admin,editor");
  assert.equal(told["x-locale"], "de");
  assert.equal(told["x-country"], "JP");
  assert.equal(told["x-region"], "eu");
  assert.equal(told["x-request-id"], "my-request-1");
  assert.match(told.traceparent, /^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
  assert.equal(told.cookie, "theme=dark; x=y");
  assert.equal(told["x-forwarded-proto"], "http");
  assert.equal(told["x-forwarded-host"], new URL(usher.url).host);
  assert.ok(!JSON.stringify(a.last).includes("forged"), JSON.stringify(a.last.headers));
  assert.ok(!Object.keys(told).some((name) => name.startsWith("mf-")));
  assert.equal(a.last.url, "/members/list?q=1");
  assert.equal(answer.headers["content-language"], undefined, "which language it is in the application says");
  assert.equal(answer.headers["x-request-id"], "my-request-1");
});

test("forged headers are removed on every route that has an origin or echoes", async () => {
  const { cookie } = await usher.session({ user: "user-7" });
  const paths = ["/open/x", "/optional/x", "/members/x", "/auth/x", "/stored/x", "/private/x", "/roles/x", "/unshared/x", "/hasty/x", "/fallback/x", "/near/x"];
  const headers = { cookie, "x-user-id": "forged", "x-forwarded-for": "forged", "x-original-url": "/forged", x_user_roles: "forged", "x-forwarded-host": "forged" };
  for (const method of ["GET", "POST"]) {
    for (const path of paths) {
      const [before, beside] = [a.heard.length, b.heard.length];
      const answer = await usher.ask(path, { method, headers, body: method === "POST" ? "x" : undefined });
      const heard = [...a.heard.slice(before), ...b.heard.slice(beside)];
      if (path === "/fallback/x" && method === "POST") {
        assert.equal(answer.status, 502);
        continue;
      }
      assert.equal(heard.length, 1, `${method} ${path} ${answer.status}`);
      assert.ok(!JSON.stringify(heard).includes("forged"), `${method} ${path}: ${JSON.stringify(heard)}`);
      assert.ok(!(heard[0].headers.cookie ?? "").includes("usher="), path);
    }
  }
  const echo = await usher.ask("/echo/x", { headers });
  assert.ok(!echo.text.includes("forged") && !echo.text.includes(cookie));
});

test("a session is told apart from every lookalike in the log, and not in the answer", async () => {
  const { cookie, token } = await usher.session({ user: "user-8" });
  const random = randomBytes(32).toString("base64url");
  const answers = [];
  for (const [cookies, word] of [
    [undefined, "absent"],
    [`usher=${random}`, "unknown"],
    ["usher=nonsense", "malformed"],
    [`usher=${token}; usher=${token}`, "duplicated"],
  ]) {
    const answer = await usher.ask("/members/x", { headers: cookies ? { cookie: cookies } : {} });
    const { identity, user } = await usher.line(answer.headers["x-request-id"]);
    assert.equal(identity, word);
    assert.equal(user, undefined);
    const { request_id, ...said } = JSON.parse(answer.text);
    answers.push(JSON.stringify([answer.status, said]));
  }
  assert.equal(new Set(answers).size, 1);
  const good = await usher.ask("/members/x", { headers: { cookie } });
  const line = await usher.line(good.headers["x-request-id"]);
  assert.ok(!JSON.stringify(line).includes("user-8") && line.user.length === 16);
  assert.ok(!usher.child.said.includes(token), "the token must not be logged");
});

test("bodies stream both ways", async () => {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  a.streams = async (asked, response) => {
    response.writeHead(200, { "content-type": "text/plain" });
    for await (const chunk of asked) {
      response.write(chunk);
      await released;
    }
    response.end("end");
  };
  const { hostname, port } = new URL(usher.url);
  const socket = connect(Number(port), hostname);
  socket.setEncoding("utf8");
  let got = "";
  socket.on("data", (text) => (got += text));
  const until = async (text) => {
    while (!got.includes(text)) await new Promise((resolve) => socket.once("data", resolve));
  };
  socket.write("POST /open/stream HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\nfirst\r\n");
  await until("first");
  assert.ok(!got.includes("second"));
  socket.write("6\r\nsecond\r\n0\r\n\r\n");
  release();
  await until("second");
  await until("end");
  socket.destroy();
});

test("an origin that is late is a 504, one that is not there a 502, with Proxy-Status", async () => {
  a.answer = () => {};
  const late = await usher.ask("/hasty/x");
  assert.equal(late.status, 504);
  assert.match(late.headers["proxy-status"], /^usher; error=http_response_timeout/);
  a.server.closeAllConnections();
  const gone = await usher.ask("/dead/x", { headers: { "cf-ray": "as-in-production" } });
  assert.equal(gone.status, 502);
  assert.match(gone.headers["proxy-status"], /^usher; error=destination_unavailable/);
  assert.ok(!gone.text.includes("127.0.0.1"));
  const here = await usher.ask("/dead/x");
  assert.match(JSON.parse(here.text).detail, /^http:\/\/127\.0\.0\.1:\d+ cannot be reached: is the application running there\?$/);
  const page = await usher.ask("/dead/x", { headers: { accept: browser, "accept-language": "ar" } });
  assert.match(page.text, /<html lang="ar" dir="rtl">/);
  assert.equal(page.headers["content-language"], "ar");
});

test("a deadline bounds the wait for the answer's head and not its body", async () => {
  a.answer = (_, response) => {
    response.writeHead(200).write("head ");
    setTimeout(() => response.end("body"), 600);
  };
  const answer = await usher.ask("/hasty/x");
  assert.deepEqual([answer.status, answer.text], [200, "head body"]);
});

test("one retry, elsewhere, and only for what may be sent twice", async () => {
  const get = await usher.ask("/fallback/x");
  assert.deepEqual([get.status, get.text], [200, "hello"]);
  assert.equal((await usher.line(get.headers["x-request-id"])).attempts, 2);
  const count = a.heard.length;
  const post = await usher.ask("/fallback/x", { method: "POST", body: "once" });
  assert.equal(post.status, 502);
  assert.equal((await usher.line(post.headers["x-request-id"])).attempts, 1);
  assert.equal(a.heard.length, count);
});

test("the nearest pool is asked, by coordinates, country, continent", async () => {
  for (const [cf, nearest, by] of [
    [{ latitude: "48.8", longitude: "2.3" }, a, "distance"],
    [{ latitude: "40.7", longitude: "-74.0" }, b, "distance"],
    [{ country: "DE" }, a, "country"],
    [{ country: "CA", continent: "NA" }, b, "continent"],
    [{}, a, "default"],
  ]) {
    const count = nearest.heard.length;
    const answer = await usher.ask("/near/x", { headers: { "mf-cf-blob": JSON.stringify(cf) } });
    assert.equal(nearest.heard.length, count + 1, JSON.stringify(cf));
    assert.equal((await usher.line(answer.headers["x-request-id"])).region_by, by);
  }
});

test("a web socket passes through", async () => {
  const key = randomBytes(16).toString("base64");
  a.server.removeAllListeners("upgrade");
  a.server.on("upgrade", (asked, socket) => {
    const accept = createHash("sha1").update(`${asked.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`);
    socket.on("data", () => socket.end(Buffer.from([0x81, 0x02, 0x68, 0x69])));
    socket.on("error", () => {});
  });
  const { hostname, port } = new URL(usher.url);
  const socket = connect(Number(port), hostname);
  let got = Buffer.alloc(0);
  socket.on("data", (chunk) => (got = Buffer.concat([got, chunk])));
  socket.write(`GET /open/socket HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`);
  while (!got.includes("\r\n\r\n")) await new Promise((resolve) => socket.once("data", resolve));
  assert.match(got.toString("latin1"), /^HTTP\/1\.1 101 /);
  socket.write(Buffer.from([0x81, 0x82, 1, 2, 3, 4, 0x68 ^ 1, 0x6f ^ 2]));
  while (!got.includes("hi")) await new Promise((resolve) => socket.once("data", resolve));
  socket.destroy();
});

test("what an origin says to the gateway stays here, and hop-by-hop fields with it", async () => {
  a.answer = (_, response) =>
    response.writeHead(200, { "cache-tag": "t", "surrogate-key": "s", "usher-session": "end", "endpoint-load-metrics": "x", connection: "x-hop", "x-hop": "1", "keep-alive": "timeout=9", "x-kept": "1" }).end();
  const { headers } = await usher.ask("/open/x");
  for (const name of ["cache-tag", "surrogate-key", "usher-session", "endpoint-load-metrics", "x-hop", "keep-alive", "set-cookie"]) assert.equal(headers[name], undefined, name);
  assert.equal(headers["x-kept"], "1");
});

test("an origin starts, renews and ends a session where its route says so", async () => {
  a.answer = (asked, response) => response.writeHead(200, { "usher-session": asked.headers["x-do"] }).end("done");
  const start = JSON.stringify({ start: { user: "ada", roles: ["member"], locale: "ja", data: { cart: 3 } } });
  const signedIn = await usher.ask("/auth/in", { headers: { "x-do": start } });
  const [cookie] = signedIn.headers["set-cookie"];
  assert.match(cookie, /^usher=[\w-]{43}; Path=\/; Max-Age=60(4800|47\d\d); HttpOnly; SameSite=Lax$/);
  const first = cookie.split(";")[0];
  a.answer = (_, response) => response.end("hello");
  await usher.ask("/members/x", { headers: { cookie: first } });
  assert.equal(a.last.headers["x-user-id"], "ada");
  assert.equal(a.last.headers["x-locale"], "ja");

  a.answer = (asked, response) => response.writeHead(200, { "usher-session": asked.headers["x-do"] ?? "end" }).end("done");
  const again = await usher.ask("/auth/in", { headers: { "x-do": start, cookie: first } });
  const second = again.headers["set-cookie"][0].split(";")[0];
  assert.notEqual(second, first, "a new token at each sign-in");
  assert.equal((await usher.ask("/members/x", { headers: { cookie: first } })).status, 401, "the old one is over");
  assert.equal((await usher.ask("/members/x", { headers: { cookie: second } })).status, 200);

  const out = await usher.ask("/auth/out", { headers: { cookie: second } });
  assert.match(out.headers["set-cookie"][0], /^usher=; Path=\/; Max-Age=0/);
  assert.equal((await usher.ask("/members/x", { headers: { cookie: second } })).status, 401, "at once in this isolate");

  const ignored = await usher.ask("/open/in", { headers: { "x-do": start } });
  assert.equal(ignored.headers["set-cookie"], undefined, "only from routes that say so");
});

test("a request that comes back to the gateway ends there", async () => {
  assert.equal((await usher.ask("/open/x", { headers: { "cdn-loop": "usher" } })).status, 508);
});

test("routes answer by host, redirect with parameters, say which methods they take", async () => {
  const go = await usher.ask("/go/a%2Fb?x=1");
  assert.equal(go.status, 400, "an encoded slash can be read in two ways here");
  const plain = await usher.ask("/go/7");
  assert.deepEqual([plain.status, plain.headers.location], [308, "/open/7"]);
  assert.equal((await usher.ask("/fixed")).status, 418);
  const put = await usher.ask("/fixed", { method: "PUT" });
  assert.deepEqual([put.status, put.headers.allow], [405, "GET, HEAD"]);
  const head = await usher.ask("/fixed", { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [418, ""]);
  assert.equal((await usher.ask("/x", { headers: { host: "shop.tenant.example" } })).text, "a tenant");
});

test("what no origin can be asked is told so", async () => {
  const count = a.heard.length;
  const body = await usher.ask("/open/x", { method: "GET", body: "x" });
  assert.equal(body.status, 400);
  assert.match(body.text, /has no body/);
  const trace = await usher.ask("/open/x", { method: "TRACE" });
  assert.equal(trace.status, 405);
  assert.match(trace.headers.allow, /GET/);
  assert.equal(a.heard.length, count);
  const empty = await usher.ask("/open/x", { headers: { "content-length": "0" } });
  assert.equal(empty.status, 200, "no body is none");
});

test("a guarded path cannot be reached by another spelling", async () => {
  const paths = ["/%6dembers/x", "//members/x", "/open/..%2fmembers/x", "/open/%2e%2e/members/x", "/open/..%252fmembers/x", "/members;a/x", "/members/", "/members", "/en/de/members/x", "/open/..\\members/x", "/de//members/x"];
  for (const path of paths) {
    const count = a.heard.length;
    const { status } = await usher.ask(path);
    assert.ok([400, 401, 404].includes(status), `${path}: ${status}`);
    assert.equal(a.heard.length, count, path);
  }
});

test("every answer says how it met the cache", async () => {
  for (const path of ["/open/x", "/members/x", "/fixed", "/nowhere", "/dead/x", "/stored/x", "/about"]) {
    const { headers } = await usher.ask(path);
    assert.match(headers["cache-status"] ?? "", /(^|, )usher; /, path);
    assert.ok(headers["x-request-id"], path);
  }
});

test("the operator's pages are for the bearer of the token alone", async () => {
  for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: "Basic x" }, { cookie: "ADMIN_TOKEN=the-operators-token" }]) {
    const answer = await usher.ask("/.usher/purge", { method: "POST", headers, body: '{"everything":true}' });
    assert.equal(answer.status, 401);
  }
  const nonsense = await usher.admin("/.usher/purge", { tag: ["x"] });
  assert.equal(nonsense.status, 400);
  assert.match(JSON.parse(nonsense.text).detail, /"tag" is unknown.*did you mean "tags"/);
  assert.equal((await usher.ask("/.usher/purge", { headers: { authorization: "Bearer the-operators-token" } })).status, 405);
  const large = await send(`${usher.url}/.usher/purge`, { method: "POST", headers: { authorization: "Bearer the-operators-token" }, body: "x".repeat(70_000) });
  assert.equal(large.status, 413);
  assert.equal((await usher.ask("/.usher/demo/sign-in", { method: "POST", body: "user=x" })).status, 404, "no demo unless asked for");
});

test("health says how it is, and to the operator what", async () => {
  const open = await usher.ask("/.usher/health");
  assert.deepEqual([open.status, JSON.parse(open.text)], [503, { status: "unavailable" }]);
  const told = await usher.admin("/.usher/health", undefined, "GET");
  const { checks } = JSON.parse(told.text);
  const { a: first, b: second, dead } = checks.pools;
  assert.deepEqual([checks.sessions, checks.ledger], ["ok", "ok"]);
  assert.deepEqual([first, second, dead], [{ "origin 1": "ok" }, { "origin 1": "ok" }, { "origin 1": "down" }]);
});

test("sessions end by token, by user and all together", async () => {
  const sign = async (user) => (await usher.session({ user })).cookie;
  const status = async (cookie) => (await usher.ask("/members/x", { headers: { cookie } })).status;
  const [one, two, other] = [await usher.session({ user: "eve" }), await sign("eve"), await sign("bob")];
  await usher.admin("/.usher/sessions", { token: one.token }, "DELETE");
  assert.deepEqual([await status(one.cookie), await status(two), await status(other)], [401, 200, 200]);
  await usher.admin("/.usher/sessions", { user: "eve" }, "DELETE");
  assert.deepEqual([await status(two), await status(other)], [401, 200]);
  await usher.admin("/.usher/sessions", { everyone: true }, "DELETE");
  assert.equal(await status(other), 401);
  assert.equal(await status(await sign("eve")), 200);
  for (const body of [{}, { user: "a", everyone: true }, { token: "x" }, { who: "a" }]) {
    assert.equal((await usher.admin("/.usher/sessions", body, "DELETE")).status, 400, JSON.stringify(body));
  }
  for (const body of [{}, { user: "" }, { user: "a", roles: ["a,b"] }, { user: "a", admin: true }]) {
    assert.equal((await usher.admin("/.usher/sessions", body)).status, 400, JSON.stringify(body));
  }
});
