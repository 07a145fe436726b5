// Challenges in a real browser: by keyboard, on phone and desktop, in three languages, and with everything that may
// go wrong. SHOTS=folder keeps screenshots.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdirSync, readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { buildBundle, folder, gateway, origin } from "./harness.mjs";
import { launch, skip } from "./chromium.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let usher, a, dir, browser;

before(async () => {
  dir = folder();
  a = await origin();
  a.answer = (_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>the application</title><h1>hello</h1>");
  };
  usher = await gateway({ state: dir.path, vars: { A_URL: a.url } });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await usher?.stop();
  a?.close();
  dir?.remove();
});

/** A page of a browser of its own, and what went wrong in it. */
async function visit(t, options = {}) {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && !/403/.test(message.text()) && faults.push(message.text()));
  return { context, page, faults };
}

async function shot(page, name) {
  if (!process.env.SHOTS) return;
  mkdirSync(process.env.SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`) });
}

/** What axe finds; the page's policy does not allow its script, so it runs beside the page's. */
async function violations(page) {
  const session = await page.context().newCDPSession(page);
  const { executionContextId } = await new Promise((resolve) => {
    session.on("Runtime.executionContextCreated", ({ context }) => context.name === "axe" && resolve({ executionContextId: context.id }));
    session.send("Runtime.enable").then(async () => {
      const { frameTree } = await session.send("Page.getFrameTree");
      await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
    });
  });
  const expression = `${axe}; axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + " " + nodes.map(({ html }) => html).join(" ")))`;
  const { result } = await session.send("Runtime.evaluate", { contextId: executionContextId, expression, awaitPromise: true, returnByValue: true });
  return result.value;
}

/** The challenge's page with its worker held: as it is seen while it works. */
async function held(page, path) {
  await page.addInitScript(() => (globalThis.Worker = class { postMessage() {} }));
  const answer = await page.goto(usher.url + path);
  assert.equal(answer.status(), 403);
}

const sizes = [["phone", { width: 390, height: 844 }, "dark"], ["desktop", { width: 1280, height: 900 }, "light"]];

for (const [name, viewport, colorScheme] of sizes) {
  for (const [tag, dir, title] of [["en", "ltr", /Checking your browser/], ["ja", "ltr", /ブラウザーを確認/], ["ar", "rtl", /جارٍ التحقق/], ["fa", "rtl", /بررسی/]]) {
    test(`${name}, ${tag}: the page passes by itself, and axe finds nothing in it`, { skip }, async (t) => {
      const options = { viewport, colorScheme, locale: tag };
      const seen = await visit(t, options);
      await held(seen.page, `/challenged/hard/x?lang=${tag}`);
      assert.match(await seen.page.title(), title);
      assert.equal(await seen.page.getAttribute("html", "dir"), dir);
      assert.deepEqual(await violations(seen.page), []);
      await shot(seen.page, `challenge-${name}-${tag}`);
      const { page, faults } = await visit(t, options);
      await page.goto(`${usher.url}/challenged/x?lang=${tag}`);
      await page.getByRole("heading", { name: "hello" }).waitFor();
      assert.deepEqual(faults, []);
    });
  }
}

test("a second's work, and what it hashes, are right", { skip }, async (t) => {
  const { page, faults } = await visit(t);
  const sent = page.waitForRequest((asked) => asked.method() === "POST" && asked.url().endsWith("/.usher/challenge"));
  await page.goto(`${usher.url}/challenged/hard/x`);
  const form = new URLSearchParams((await sent).postData());
  const prefix = form.get("puzzle").split(".").at(-1);
  for (const [piece, number] of form.get("solution").split(",").entries()) {
    const hash = createHash("sha256").update(`${prefix}.${piece}.${number}`).digest();
    assert.ok(hash.readUInt32BE(0) < 2 ** (32 - 15), `${piece}: ${hash.toString("hex")}`);
  }
  await page.getByRole("heading", { name: "hello" }).waitFor();
  assert.deepEqual(faults, []);
});

test("what fails says so, and the keyboard begins again", { skip }, async (t) => {
  const { page } = await visit(t);
  await page.route("**/.usher/challenge", (route) => route.abort());
  await page.goto(`${usher.url}/challenged/x`);
  await page.getByText("The check did not succeed.").waitFor();
  assert.deepEqual(await violations(page), []);
  await shot(page, "challenge-failed");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Try again", "the focus is there");
  await page.unroute("**/.usher/challenge");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "hello" }).waitFor();
});

test("without JavaScript there is a plain way out", { skip }, async (t) => {
  const { page } = await visit(t, { javaScriptEnabled: false });
  await page.goto(`${usher.url}/challenged/x`);
  await page.getByText("The check needs JavaScript").waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.getByRole("link").getAttribute("href"), "mailto:help@example.com");
  assert.equal(await page.getByRole("link").evaluate((link) => link === document.activeElement), true);
  await shot(page, "challenge-no-script");
});

test("a form that was posted leads back to its page", { skip }, async (t) => {
  const { page } = await visit(t);
  a.answer = (asked, response) => {
    response.setHeader("content-type", "text/html");
    response.end(asked.url.startsWith("/challenged") ? "<!doctype html><h1>posted</h1>" : "<!doctype html><h1>the form</h1><form method=post action=/challenged/x><button>send</button></form>");
  };
  await page.goto(`${usher.url}/browsers/form?a=1`);
  await page.getByRole("button").click();
  await page.waitForURL(`${usher.url}/browsers/form?a=1`);
  await page.getByRole("button").click();
  await page.getByRole("heading", { name: "posted" }).waitFor();
});

test("a pass of another network or browser does not pass", { skip }, async (t) => {
  const { context, page } = await visit(t);
  await page.goto(`${usher.url}/challenged/x?then`);
  await page.waitForFunction(() => !document.querySelector("main"));
  const pass = (await context.cookies()).find(({ name }) => name.endsWith("usher-passed-challenge"));
  const agent = await page.evaluate(() => navigator.userAgent);
  const cookie = `${pass.name}=${pass.value}`;
  assert.deepEqual([pass.httpOnly, pass.sameSite], [true, "Lax"]);
  const ask = async (headers) => (await usher.ask("/challenged/x", { headers })).status;
  assert.equal(await ask({ cookie, "user-agent": agent }), 200);
  assert.equal(await ask({ cookie, "user-agent": "curl" }), 403);
  assert.equal(await ask({ cookie, "user-agent": agent, "cf-connecting-ip": "192.0.2.7" }), 403);
});

// A stand-in for Cloudflare, with the keys that it documents for tests: the widget passes by itself, and a secret always
// passes or always fails.
test("Turnstile's token is verified, once it is there", { skip }, async (t) => {
  const state = folder();
  const asked = [];
  const cloudflare = await origin();
  let passes = false;
  cloudflare.answer = async (request, response) => {
    if (request.url === "/turnstile/v0/api.js") {
      response.setHeader("content-type", "text/javascript");
      return response.end("window[document.querySelector('.cf-turnstile').dataset.callback]('XXXX.DUMMY.TOKEN.XXXX')");
    }
    asked.push([request.url, new URLSearchParams(cloudflare.last.body.toString()).get("response")]);
    response.end(JSON.stringify({ success: passes, "error-codes": passes ? [] : ["invalid-input-response"] }));
  };
  buildBundle("tests/e2e/turnstile.toml", join(state.path, "bundle"));
  const vars = { A_URL: a.url, TURNSTILE_URL: `${cloudflare.url}/turnstile/v0`, TURNSTILE_SECRET: "1x0000000000000000000000000000000AA" };
  const human = await gateway({ state: state.path, built: join(state.path, "bundle"), vars });
  t.after(async () => {
    await human.stop();
    cloudflare.close();
    state.remove();
  });
  a.answer = (_, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><title>the application</title><h1>hello</h1>");
  };
  const { page } = await visit(t);
  await page.goto(`${human.url}/x`);
  await page.getByText("The check did not succeed.").waitFor();
  assert.deepEqual(asked, [["/turnstile/v0/siteverify", "XXXX.DUMMY.TOKEN.XXXX"]]);
  passes = true;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("heading", { name: "hello" }).waitFor();
  // A script that is blocked says so.
  const other = await visit(t);
  await other.page.route("**/api.js", (route) => route.abort());
  await other.page.goto(`${human.url}/x`);
  await other.page.getByText("The check did not succeed.").waitFor();
});
