import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { spawnSync } from "node:child_process";
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Child, folder, freePort, gateway, node, origin, token as adminToken } from "./harness.mjs";
import { root } from "../../tools/setup.mjs";
import { claims, encode, families, keysPage, mac, pair, part, seconds } from "./tokens.mjs";

let app, page, usher, dirs, pairs, strangers;
const iss = "https://remote.example";

before(async () => {
  dirs = [];
  app = await origin((_, response) => response.end("hello"));
  page = await keysPage();
  pairs = await Promise.all(Object.keys(families).map((alg) => pair(alg, alg.toLowerCase())));
  strangers = await Promise.all(Object.keys(families).map((alg) => pair(alg, alg.toLowerCase())));
  // A point that is on no curve, called as a good key is not.
  const point = pairs.find(({ alg }) => alg === "ES256").jwk;
  page.keys = [...pairs, { jwk: { ...point, x: point.y, y: point.x, kid: "nowhere" } }];
  const keys = spawnSync(node(), ["tools/key.mjs", "new"], { encoding: "utf8" });
  assert.equal(keys.status, 0, keys.stderr);
  const state = dir();
  const vars = { A_URL: app.url, B_URL: app.url, DEAD_URL: app.url, JWKS_URL: page.url, SIGNING_KEYS: keys.stdout.trim() };
  usher = await gateway({ state, vars });
});
after(async () => {
  await usher?.stop();
  app?.close();
  page?.close();
  for (const made of dirs) made.remove();
});

const dir = () => {
  const made = folder();
  dirs.push(made);
  return made.path;
};
const ask = (token, path = "/token/x", headers = {}) => usher.ask(path, { headers: { authorization: `Bearer ${token}`, ...headers } });

test("every family of signatures is verified, and nobody else's or a spoiled one is", async () => {
  for (const [number, own] of pairs.entries()) {
    const good = await own.sign(claims(iss, own.alg));
    const answer = await ask(good);
    assert.equal(answer.status, 200, `${own.alg}: ${answer.text}`);
    assert.equal(app.last.headers["x-user-id"], `r:${own.alg}`);
    assert.equal(app.last.headers.authorization, undefined);
    const [header, body, signature] = good.split(".");
    const bytes = Buffer.from(signature, "base64url");
    const spoil = (change) => `${header}.${body}.${encode(change(Buffer.from(bytes)))}`;
    const half = bytes.length / 2;
    const bad = {
      "signed by a stranger": await strangers[number].sign(claims(iss)),
      "another's claims": `${header}.${part(claims(iss, "admin"))}.${signature}`,
      "all zeros": spoil((b) => b.fill(0)),
      "r is zero": spoil((b) => b.fill(0, 0, half)),
      "s is zero": spoil((b) => b.fill(0, half)),
      "all ones": spoil((b) => b.fill(255)),
      "one byte short": spoil((b) => b.subarray(1)),
      "one byte short at the end": spoil((b) => b.subarray(0, -1)),
      "a zero before": spoil((b) => Buffer.concat([Buffer.from([0]), b])),
      "a zero behind": spoil((b) => Buffer.concat([b, Buffer.from([0])])),
      "as DER": spoil((b) => Buffer.concat([Buffer.from([0x30, b.length + 4, 2, half]), b.subarray(0, half), Buffer.from([2, half]), b.subarray(half)])),
      "halves swapped": spoil((b) => Buffer.concat([b.subarray(half), b.subarray(0, half)])),
      "one bit changed": spoil((b) => ((b[3] ^= 4), b)),
      empty: `${header}.${body}.`,
    };
    for (const [what, token] of Object.entries(bad)) {
      const answer = await ask(token);
      assert.equal(answer.status, 401, `${own.alg}: ${what}: ${answer.text}`);
    }
  }
});

test("a signature by ECDSA with the other s holds, as RFC 7518 has it, and is the same user", async () => {
  const order = { ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n };
  const own = pairs.find(({ alg }) => alg === "ES256");
  const good = await own.sign(claims(iss, "high-s"));
  const bytes = Buffer.from(good.split(".")[2], "base64url");
  const s = BigInt(`0x${bytes.subarray(32).toString("hex")}`);
  const other = Buffer.from((order.ES256 - s).toString(16).padStart(64, "0"), "hex");
  const token = `${good.split(".").slice(0, 2).join(".")}.${encode(Buffer.concat([bytes.subarray(0, 32), other]))}`;
  assert.equal((await ask(token)).status, 200);
  assert.equal(app.last.headers["x-user-id"], "r:high-s");
});

test("attacks on tokens are refused with 401, whatever they try", async () => {
  const rs = pairs.find(({ alg }) => alg === "RS256");
  const es = pairs.find(({ alg }) => alg === "ES256");
  const stranger = strangers.find(({ alg }) => alg === "RS256");
  const said = claims(iss, "admin");
  const none = (alg) => `${part({ alg })}.${part(said)}.`;
  const attacks = {
    "alg none": none("none"),
    "alg None": none("None"),
    "alg nOnE": none("nOnE"),
    "alg none, signature kept": `${part({ alg: "none" })}.${part(said)}.${(await rs.sign(said)).split(".")[2]}`,
    "alg missing": `${part({ typ: "JWT" })}.${part(said)}.`,
    "HS256 with the RSA key as PEM": mac(said, { kid: "rs256" }, rs.pem),
    "HS256 with the PEM, trimmed": mac(said, { kid: "rs256" }, rs.pem.trim()),
    "HS256 with the JWK": mac(said, { kid: "rs256" }, JSON.stringify(rs.jwk)),
    "HS256 with the modulus": mac(said, { kid: "rs256" }, Buffer.from(rs.jwk.n, "base64url")),
    "HS256 with an empty key": mac(said, {}, ""),
    "HS384 with the RSA key": mac(said, { alg: "HS384" }, rs.pem, "sha384"),
    "the shared secret for another issuer": mac(said),
    "another issuer's key": await rs.sign(claims("https://shared.example", "admin")),
    "RS256 said to be PS256": await rs.sign(said, { alg: "PS256" }),
    "RS256 said to be ES256": await rs.sign(said, { alg: "ES256" }),
    "kid of another family": await rs.sign(said, { kid: "es256" }),
    "kid of a key on no curve": await es.sign(said, { kid: "nowhere" }),
    "kid unknown": await rs.sign(said, { kid: "nobody" }),
    "kid a path": mac(said, { kid: "../../../../dev/null" }, Buffer.alloc(1)),
    "kid SQL": mac(said, { kid: "x' UNION SELECT 'key'--" }, "key"),
    "kid a URL": await stranger.sign(said, { kid: "https://evil.example/key" }),
    "kid an object": await rs.sign(said, { kid: { a: 1 } }),
    "own jwk": await stranger.sign(said, { jwk: stranger.jwk }),
    "own jku": await stranger.sign(said, { jku: page.url }),
    "own x5u": await stranger.sign(said, { x5u: "https://evil.example/x5u" }),
    "own x5c": await stranger.sign(said, { x5c: ["MIIB"] }),
    "crit unknown": await rs.sign(said, { crit: ["http://example.com/x"], "http://example.com/x": true }),
    "crit empty": await rs.sign(said, { crit: [] }),
    "b64 false": await rs.sign(said, { crit: ["b64"], b64: false }),
    expired: await rs.sign({ ...said, exp: seconds() - 31 }),
    "no exp": await rs.sign({ ...said, exp: undefined }),
    "exp a text": await rs.sign({ ...said, exp: String(said.exp) }),
    "exp an object": await rs.sign({ ...said, exp: { $gt: 0 } }),
    "not yet": await rs.sign({ ...said, nbf: seconds() + 60 }),
    "made tomorrow": await rs.sign({ ...said, iat: seconds() + 86_400 }),
    "another audience": await rs.sign({ ...said, aud: "other" }),
    "no audience": await rs.sign({ ...said, aud: undefined }),
    "no issuer": await rs.sign({ ...said, iss: undefined }),
    "issuer with a slash": await rs.sign({ ...said, iss: `${iss}/` }),
    "no subject": await rs.sign({ ...said, sub: undefined }),
    "subject a number": await rs.sign({ ...said, sub: 7 }),
    "claims a list": await rs.sign([]),
    "claims a text": await rs.sign("hello"),
    "claims twice": await rs.sign(`{"iss":"${iss}","aud":"usher","sub":"7","sub":"admin","exp":${said.exp}}`),
    "JWE": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA",
    "too long": await es.sign({ ...said, x: "x".repeat(20_000) }),
    "not base64url": (await rs.sign(said)).replace(/\.(.)/, ".+"),
    "padded": `${await rs.sign(said)}==`,
    "a list": `${await rs.sign(said)},${await rs.sign(said)}`,
    "nothing": "",
  };
  const seen = app.heard.length;
  for (const [what, token] of Object.entries(attacks)) {
    const answer = await ask(token);
    // The issuer was asked a moment ago because of another key: whether it has this one by now nobody can tell.
    const untold = what.startsWith("kid") && answer.status === 503 && answer.headers["retry-after"] === "5";
    assert.ok(answer.status === 401 || untold, `${what}: ${answer.status} ${answer.text}`);
    if (!untold) assert.match(answer.headers["www-authenticate"], /^Bearer realm="usher"/, what);
  }
  const odd = await ask(mac({}), "/token/x", { authorization: ["Bearer a.b.c", `Bearer ${await rs.sign(said)}`] });
  assert.equal(odd.status, 401, "two lines");
  assert.equal(app.heard.length, seen, "the origin heard of none");
});

test("keys that change under traffic refuse no good token and take no bad one, also while the page is down", async (t) => {
  const [old, next] = await Promise.all([pair("ES256", "old"), pair("EdDSA", "next")]);
  const own = await keysPage();
  t.after(() => own.close());
  own.keys = [old];
  const other = await gateway({ state: dir(), vars: { A_URL: app.url, B_URL: app.url, DEAD_URL: app.url, JWKS_URL: own.url } });
  t.after(() => other.stop());
  const status = async (token) => (await other.ask("/token/x", { headers: { authorization: `Bearer ${token}` } })).status;
  const counts = {};
  const traffic = async (phase, good, bad, times = 20) => {
    const all = await Promise.all(
      Array.from({ length: times }, async (_, n) => [
        await status(await good.sign(claims(iss, `${phase}-${n}`))),
        await status(await (await bad).sign(claims(iss, "7"))),
      ]),
    );
    counts[phase] = [all.filter(([status]) => status !== 200).length, all.filter(([, status]) => status === 200).length];
  };
  const forged = pair("ES256", "old");
  await traffic("before", old, forged);
  assert.equal(own.asked, 1, "twenty at once ask the page once");
  own.keys = [old, next];
  own.late = 300;
  await traffic("rotated", next, forged);
  own.down = true;
  await traffic("down", old, forged, 60);
  await traffic("down, with the new key", next, pair("EdDSA", "next"), 60);
  t.diagnostic(`[good refused, bad accepted]: ${JSON.stringify(counts)}; the page was asked ${own.asked} times`);
  assert.deepEqual(new Set(Object.values(counts).flat()), new Set([0]));
});

test("sessions, tokens and keys that are ended are over here at once and there within max_delay", async (t) => {
  const registry = dir();
  const vars = { A_URL: app.url, B_URL: app.url, DEAD_URL: app.url, JWKS_URL: page.url };
  const one = await gateway({ state: dir(), vars, registry, name: "usher" });
  t.after(() => one.stop());
  const two = await gateway({ state: dir(), vars, registry, name: "usher-two", ledger: "usher" });
  t.after(() => two.stop());
  // Each has its own KV, which goes on showing the old record for good.
  const bearer = { authorization: `Bearer ${mac(claims("https://shared.example", "ada", { iat: seconds() - 60 }))}` };
  const status = async (usher, headers) => (await usher.ask("/keyed/x", { headers })).status;
  assert.deepEqual([await status(one, bearer), await status(two, bearer)], [200, 200]);
  const ended = async (body) => {
    const answer = await one.admin("/.usher/sessions", body, "DELETE");
    assert.equal(answer.status, 200, answer.text);
    return performance.now();
  };
  const until = async (good, since) => {
    while (!(await good())) assert.ok(performance.now() - since < 6_000, "not within 6 s");
    return performance.now() - since;
  };
  let since = await ended({ user: "s:ada" });
  assert.equal(await status(one, bearer), 401, "at once where it was asked for");
  let took = await until(async () => (await status(two, bearer)) === 401, since);
  assert.ok(took <= 2_500, `${took} ms`);
  t.diagnostic(`a token's end held in the other isolate after ${took.toFixed(0)} ms (max_delay 2000 ms)`);

  const made = JSON.parse((await two.admin("/.usher/api-keys", { user: "robot" })).text);
  const key = { "x-api-key": made.api_key };
  assert.equal(await status(two, key), 200);
  since = await ended({ session: made.session });
  took = await until(async () => (await status(two, key)) === 401, since);
  assert.ok(took <= 2_500, `${took} ms`);
  t.diagnostic(`an API key's end held in the other isolate after ${took.toFixed(0)} ms`);
});

test("an origin can verify who asks for what with the published keys alone", async () => {
  const { cookie } = await usher.session({ user: "ada", roles: ["a"] });
  await usher.ask("/members/x?y=1", { headers: { cookie, "usher-assertion": "forged" } });
  const [header, body, signature] = app.last.headers["usher-assertion"].split(".");
  const answer = await usher.ask("/.well-known/usher/jwks.json");
  assert.equal(answer.headers["cache-control"], "public, max-age=300");
  const { keys } = JSON.parse(answer.text);
  const { kid, alg } = JSON.parse(Buffer.from(header, "base64url"));
  const key = createPublicKey({ key: keys.find((key) => key.kid === kid), format: "jwk" });
  assert.equal(alg, "EdDSA");
  assert.ok(verify(null, Buffer.from(`${header}.${body}`), key, Buffer.from(signature, "base64url")));
  const said = JSON.parse(Buffer.from(body, "base64url"));
  assert.deepEqual([said.sub, said.roles, said.aud, said.method], ["ada", ["a"], "a", "GET"]);
  assert.equal(said.path_sha256, createHash("sha256").update("/members/x?y=1").digest("base64url"));
  assert.equal(said.jti, app.last.headers["x-request-id"]);
});

test("the README's origin believes Usher and nobody else", async (t) => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, code] = readme.match(/```js\n(import \{ createServer \}[^]*?)```/);
  const lines = code.trim().split("\n").length;
  assert.ok(lines <= 13, `${lines} lines with its imports`);
  const port = await freePort();
  const keys = spawnSync(node(), ["tools/key.mjs", "new"], { encoding: "utf8" }).stdout.trim();
  const url = `http://127.0.0.1:${port}`;
  const own = await gateway({ state: dir(), vars: { A_URL: url, B_URL: url, DEAD_URL: url, SIGNING_KEYS: keys } });
  t.after(() => own.stop());
  const here = code.replace("https://www.example.com", own.url).replace('audience: "app"', 'audience: "a"').replace("listen(3000)", `listen(${port}, "127.0.0.1", () => console.log("ready"))`);
  const child = new Child(node(), ["--input-type=module", "-e", here], {});
  t.after(() => child.stop());
  await child.until(/ready/);
  const { cookie } = await own.session({ user: "ada" });
  const answer = await own.ask("/members/x?y=1", { headers: { cookie } });
  assert.deepEqual([answer.status, answer.text], [200, "hello ada"]);
  assert.equal((await own.ask("/open/x")).text, "hello stranger");
  assert.equal((await fetch(`${url}/members/x`, { headers: { "usher-assertion": "x" } })).status, 401);
  assert.equal((await fetch(`${url}/members/x`, { headers: { "x-user-id": "ada" } })).status, 401);
});

test("another site's page is refused, and its preflight is answered here", async () => {
  const { cookie } = await usher.session({ user: "ada" });
  const post = (headers) => usher.ask("/keyed/x", { method: "POST", headers: { cookie, ...headers }, body: "x" });
  assert.equal((await post({ "sec-fetch-site": "cross-site", origin: "https://evil.example" })).status, 403);
  const readable = await post({ "sec-fetch-site": "cross-site", origin: "https://spa.example" });
  assert.deepEqual([readable.status, readable.headers["access-control-allow-origin"]], [200, "https://spa.example"]);
  assert.equal((await post({ origin: usher.url })).status, 200);
  const seen = app.heard.length;
  const preflight = await usher.ask("/keyed/x", { method: "OPTIONS", headers: { origin: "https://spa.example", "access-control-request-method": "POST" } });
  assert.deepEqual([preflight.status, preflight.headers["access-control-allow-credentials"], app.heard.length], [204, "true", seen]);
});

test("the operator's tool starts, lists and ends sessions, and makes API keys", async () => {
  const run = (...words) => {
    const done = spawnSync(node(), ["tools/session.mjs", ...words, "--to", usher.url, "--token", adminToken], { encoding: "utf8" });
    return { status: done.status, said: done.stdout + done.stderr };
  };
  const made = run("create", "grace", "--roles", "a,b", "--scopes", "read");
  assert.equal(made.status, 0, made.said);
  const cookie = made.said.match(/usher=[\w-]+/)[0];
  await usher.ask("/members/x", { headers: { cookie, "user-agent": "A browser" } });
  assert.deepEqual([app.last.headers["x-user-roles"], app.last.headers["x-user-scopes"]], ["a,b", "read"]);
  assert.match(run("list", "grace").said, /grace .*\n1 session/);
  const key = run("create", "robot", "--api-key", "--lifetime", "1h").said.match(/usk_[\w-]{43}/)[0];
  assert.equal((await usher.ask("/keyed/x", { headers: { "x-api-key": key } })).status, 200);
  assert.equal(app.last.headers["x-user-id"], "robot");
  assert.match(run("end", "--user", "grace").said, /Ended user:grace/);
  assert.equal((await usher.ask("/members/x", { headers: { cookie } })).status, 401);
  assert.match(run("list", "grace").said, /^0 sessions/m);
  for (const words of [["end"], ["create"], ["create", "x", "--lifetime", "1h"], ["nonsense"]]) assert.equal(run(...words).status, 2, words.join(" "));
});
