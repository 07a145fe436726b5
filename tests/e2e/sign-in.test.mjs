// Signing in with a real OpenID provider (the npm package oidc-provider), in a real browser.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createServer } from "node:http";
import { once } from "node:events";
import { clientSecret, folder, gateway, origin, until } from "./harness.mjs";
import { launch, skip } from "./chromium.mjs";

let app, usher, server, provider, browser, dir, asked, signing, issuer;

before(async () => {
  dir = folder();
  app = await origin((request, response) => response.setHeader("content-type", "text/html").end(`<p>hello ${request.headers["x-user-id"] ?? "stranger"}`));
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  issuer = `http://127.0.0.1:${server.address().port}`;
  usher = await gateway({ state: dir.path, vars: { A_URL: app.url, B_URL: app.url, DEAD_URL: app.url, ISSUER_URL: issuer } });
  const { default: Provider } = await import("oidc-provider");
  const made = await crypto.subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign", "verify"]);
  const jwk = await crypto.subtle.exportKey("jwk", made.privateKey);
  delete jwk.key_ops;
  signing = made.privateKey;
  provider = new Provider(issuer, {
    clients: [
      {
        client_id: "usher",
        client_secret: clientSecret,
        redirect_uris: [`${usher.url}/enter/callback`],
        token_endpoint_auth_method: "client_secret_basic",
        post_logout_redirect_uris: [`${usher.url}/.usher/signed-out`],
        backchannel_logout_uri: `${usher.url}/.usher/backchannel-logout`,
        backchannel_logout_session_required: true,
      },
    ],
    jwks: { keys: [{ ...jwk, use: "sig", kid: "p1" }] },
    // Without its dispatcher, which refuses this machine's own addresses.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    features: { backchannelLogout: { enabled: true }, introspection: { enabled: true } },
    cookies: { keys: ["of the tests"] },
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  });
  asked = [];
  const answer = provider.callback();
  server.on("request", (request, response) => {
    asked.push(`${request.method} ${request.url.split("?")[0]}`);
    answer(request, response);
  });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await usher?.stop();
  server?.closeAllConnections();
  server?.close();
  app?.close();
  dir?.remove();
});

test("a visitor signs in with the provider and comes back where they wanted to go, once", { skip }, async (t) => {
  const returns = [];
  const { context, page } = await signedIn(t, (page) => page.on("request", (request) => request.url().includes("/enter/callback") && returns.push(request)));
  assert.equal(await page.textContent("p"), "hello id:ada");
  assert.equal(asked.filter((line) => line === "POST /token").length, 1);

  const cookies = await context.cookies(usher.url);
  const session = cookies.find(({ name }) => name === "usher");
  assert.ok(session.httpOnly && session.sameSite === "Lax", JSON.stringify(session));
  assert.deepEqual(cookies.filter(({ name }) => name.startsWith("usher-in-")), [], "nothing is left of the way there");

  // The same way back again: by the browser, and by somebody who kept its cookie of then.
  const url = returns[0].url();
  const kept = (await returns[0].allHeaders()).cookie;
  assert.match(kept, /usher-in-/);
  const again = await page.goto(url);
  assert.deepEqual([again.status(), page.url()], [200, `${usher.url}/`], "whoever has a session goes on");
  const replayed = await usher.ask(url.slice(usher.url.length), { headers: { cookie: kept } });
  assert.equal(replayed.status, 400, replayed.text);
  assert.equal(asked.filter((line) => line === "POST /token").length, 1, "the provider was not even asked");

  // A code that was spent, in a sign-in of one's own.
  const begun = await usher.ask("/enter");
  const state = new URL(begun.headers.location).searchParams.get("state");
  const fresh = new URL(url);
  fresh.searchParams.set("state", state);
  const spent = await usher.ask(fresh.href.slice(usher.url.length), { headers: { cookie: begun.headers["set-cookie"][0].split(";")[0] } });
  assert.equal(spent.status, 400, spent.text);
  assert.equal(asked.filter((line) => line === "POST /token").length, 2, "the provider refused it");
  assert.equal(spent.headers["set-cookie"], undefined);

  // A stranger's browser that is led to somebody else's way back.
  assert.equal((await usher.ask(url.slice(usher.url.length))).status, 400);

  await page.goto(`${usher.url}/members/x`);
  assert.equal(await page.textContent("p"), "hello id:ada", "and still signed in");
  const list = await page.evaluate(async () => (await fetch("/.usher/me/sessions")).json());
  assert.equal(list.sessions.length, 1);
  assert.ok(list.sessions[0].this && /Chrom/.test(list.sessions[0].device), JSON.stringify(list));
  const out = await page.evaluate(async () => (await fetch("/.usher/sign-out", { method: "POST", redirect: "manual" })).type);
  assert.equal(out, "opaqueredirect");
  assert.equal((await context.request.get(`${usher.url}/members/x`, { maxRedirects: 0 })).status(), 401);
});

/** Signs ada in with the provider, in a browser of her own. */
async function signedIn(t, watch = () => {}) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  watch(page);
  await page.goto(`${usher.url}/enter?return_to=/members/x`);
  assert.ok(page.url().includes("/interaction/"), `the provider asks who they are: ${page.url()}`);
  await page.fill("[name=login]", "ada");
  await page.fill("[name=password]", "anything");
  await page.click("[type=submit]");
  await page.waitForURL(/interaction/);
  await page.click("[type=submit]");
  await page.waitForURL(`${usher.url}/members/x`);
  const session = (await context.cookies(usher.url)).find(({ name }) => name === "usher");
  return { context, page, cookie: `usher=${session.value}` };
}

const status = async (cookie) => (await usher.ask("/members/x", { headers: { cookie } })).status;

test("who signs out here signs out with the provider, which ends the session everywhere", { skip }, async (t) => {
  const { page, cookie } = await signedIn(t);
  await page.evaluate(() => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: "/.usher/sign-out?return_to=/fixed" });
    document.body.append(form);
    form.submit();
  });
  await page.waitForURL(/session\/end/);
  const asks = new URL(page.url()).searchParams;
  assert.equal(asks.get("post_logout_redirect_uri"), `${usher.url}/.usher/signed-out`);
  assert.ok(asks.get("id_token_hint"), "the provider knows whose session it is");
  assert.equal(await status(cookie), 401, "here at once");
  await page.click("button[value=yes]");
  await page.waitForURL(`${usher.url}/fixed`);
  // With the provider as well: it asks again who they are.
  await page.goto(`${usher.url}/enter`);
  assert.match(page.url(), /interaction/);
  assert.equal(await page.locator("[name=login]").count(), 1);
});

test("who signs out with the provider is signed out here, in that browser alone", { skip }, async (t) => {
  const logouts = [];
  provider.on("backchannel.success", (context, client, account, sid) => logouts.push({ account, sid: typeof sid }));
  provider.on("backchannel.error", (context, error) => logouts.push(String(error)));
  const here = await signedIn(t);
  const elsewhere = await signedIn(t);
  await here.page.goto(`${issuer}/session/end`);
  await here.page.click("button[value=yes]");
  await until("the provider sends its logout token", () => logouts.length > 0);
  assert.deepEqual(logouts, [{ account: "ada", sid: "string" }]);
  assert.deepEqual([await status(here.cookie), await status(elsewhere.cookie)], [401, 200]);
});

test("the provider ends one session, or all of a user's, once for each token", { skip }, async (t) => {
  const first = await signedIn(t);
  const second = await signedIn(t);
  const { SignJWT } = await import("jose");
  const event = { "http://schemas.openid.net/event/backchannel-logout": {} };
  const token = async (claims, header = {}, key = signing) =>
    new SignJWT({ iss: issuer, aud: "usher", jti: crypto.randomUUID(), events: event, ...claims })
      .setProtectedHeader({ alg: "RS256", kid: "p1", typ: "logout+jwt", ...header }).setIssuedAt().setExpirationTime("2m").sign(key);
  const send = async (text) => (await usher.ask("/.usher/backchannel-logout", { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: new URLSearchParams({ logout_token: text }).toString() })).status;
  const alive = async () => [await status(first.cookie), await status(second.cookie)];
  // What is no logout token of this provider for us does nothing.
  const stranger = await crypto.subtle.generateKey({ name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, true, ["sign", "verify"]);
  for (const [what, text] of [
    ["another's key", await token({ sub: "ada" }, {}, stranger.privateKey)],
    ["another audience", await token({ sub: "ada", aud: "them" })],
    ["another issuer", await token({ sub: "ada", iss: "https://evil.example" })],
    ["no event", await token({ sub: "ada", events: {} })],
    ["a nonce", await token({ sub: "ada", nonce: "n" })],
    ["no jti", await token({ sub: "ada", jti: undefined })],
    ["nobody", await token({})],
    ["nothing", ""],
  ]) {
    assert.equal(await send(text), 400, what);
    assert.deepEqual(await alive(), [200, 200], what);
  }
  const all = await token({ sub: "ada" });
  assert.equal(await send(all), 200);
  assert.deepEqual(await alive(), [401, 401]);
  const third = await signedIn(t);
  assert.equal(await send(all), 200, "sent again");
  assert.equal(await status(third.cookie), 200, "and does nothing");
});

test("an opaque token holds while its issuer says so, for a while by memory, and until it is ended", async () => {
  const client = await provider.Client.find("usher");
  const issued = async (more) => new provider.AccessToken({ accountId: "eve", client, scope: "read", aud: "urn:api", gty: "authorization_code", ...more }).save();
  const questions = () => asked.filter((line) => line === "POST /token/introspection").length;
  const ask = async (token) => usher.ask("/opaque/x", { headers: { authorization: `Bearer ${token}` } });
  const good = await issued();
  assert.ok(!good.includes("."), good);
  const before = questions();
  const answer = await ask(good);
  assert.deepEqual([answer.status, answer.text], [200, "<p>hello id:eve"]);
  assert.equal((await ask(good)).status, 200);
  assert.equal(questions() - before, 1, "it is remembered");
  for (const [what, token] of [["unknown", "x".repeat(43)], ["another audience", await issued({ aud: "urn:other" })], ["no audience", await issued({ aud: undefined })]]) {
    const refused = await ask(token);
    assert.equal(refused.status, 401, what);
    assert.match(refused.headers["www-authenticate"], /error="invalid_token"/, what);
  }
  const { status } = await usher.admin("/.usher/sessions", { token: good }, "DELETE");
  assert.equal(status, 200);
  assert.equal((await ask(good)).status, 401, "ended here, whatever its issuer says");
});

test("a visitor whom the provider turns away is told so, and is nobody", { skip }, async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(`${usher.url}/enter`);
  const [answer] = await Promise.all([page.waitForResponse(/enter\/callback/), page.click("a[href*=abort]")]);
  assert.equal(answer.status(), 400);
  assert.match(await page.textContent("main"), /the provider did not let them in/);
  assert.equal((await context.cookies(usher.url)).find(({ name }) => name === "usher"), undefined);
});

test("while the provider is down, signing in is 503 and nobody is signed out", async (t) => {
  const state = folder();
  t.after(() => state.remove());
  const alone = await gateway({ state: state.path, vars: { A_URL: app.url, B_URL: app.url, DEAD_URL: app.url } });
  t.after(() => alone.stop());
  const { cookie } = await alone.session({ user: "ada" });
  assert.equal((await alone.ask("/enter", { headers: { cookie } })).status, 503);
  assert.equal((await alone.ask("/members/x", { headers: { cookie } })).status, 200);
});
