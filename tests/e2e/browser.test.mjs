// The demo as a visitor sees it, through `npm start` and a real browser. SHOTS=folder keeps
// screenshots.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { demo, folder, gateway, token } from "./harness.mjs";
import { launch, skip } from "./chromium.mjs";

let usher, browser, dir;

before(async () => {
  if (skip) return;
  dir = folder();
  usher = await demo({ state: join(dir.path, "state") });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await usher?.stop();
  dir?.remove();
});

async function visit(t, size, scheme = "light") {
  const context = await browser.newContext({ viewport: size, colorScheme: scheme, locale: "en-GB" });
  t.after(() => context.close());
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  return { page, faults };
}

async function shot(page, name) {
  if (!process.env.SHOTS) return;
  mkdirSync(process.env.SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true });
}

const text = (page, id, pattern) => page.waitForFunction(([id, source]) => new RegExp(source).test(document.getElementById(id).textContent), [id, pattern.source]);

for (const [name, size, scheme] of [
  ["phone", { width: 390, height: 844 }, "dark"],
  ["desktop", { width: 1280, height: 900 }, "light"],
]) {
  test(`${name}: sign in, language, place, cache, purge, sign out`, { skip }, async (t) => {
    const { page, faults } = await visit(t, size, scheme);
    await page.goto(usher.url);
    await text(page, "who", /You are not signed in/);
    await page.getByLabel("Your name").fill("Zoë");
    await page.getByRole("button", { name: "Sign in" }).click();
    await text(page, "who", /You are signed in as Zoë/);
    await text(page, "headers", /x-user-idZo%C3%AB/);
    await text(page, "way-ticket", /^Zoë \((memo|store)\)$/);

    await page.getByLabel("Pretend to be in").selectOption({ label: "Tokyo, Japan" });
    await text(page, "way-region", /ap \(by distance\)/);
    await text(page, "way-visitor", /JP · NRT/);

    await page.getByRole("button", { name: "Load /about" }).click();
    await text(page, "status", /usher; /);
    await page.getByRole("button", { name: "Purge the tag" }).click();
    await text(page, "status", /Purged tag:about/);
    await page.getByRole("button", { name: "Load /about" }).click();
    await text(page, "status", /fwd=miss; stored/);
    await page.getByRole("button", { name: "Load /about" }).click();
    await text(page, "status", /hit; ttl=/);
    await shot(page, `${name}-signed-in`);

    await page.getByRole("button", { name: "日本語" }).click();
    await page.getByRole("heading", { name: "こんばんは。チケットを拝見します。" }).waitFor();
    await shot(page, `${name}-japanese`);
    await text(page, "way-language", /ja \(Cookie による\)/);
    for (const part of [".way", "select", "#history", "footer"]) assert.doesNotMatch(await page.locator(part).innerText(), /where|Tokyo|hit|miss|by |Health|yours/, part);
    await page.getByRole("heading", { name: "このページについて" }).waitFor();
    await page.getByRole("button", { name: "العربية" }).click();
    await page.getByRole("heading", { name: "عن هذه الصفحة" }).waitFor();
    assert.equal(await page.locator("#page").getAttribute("dir"), "rtl");
    await page.getByRole("heading", { name: "مساء الخير. تذكرتك من فضلك؟" }).waitFor();
    assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]), ["ar", "rtl"]);
    await text(page, "who", /لقد سجّلت الدخول باسم Zoë/);
    await shot(page, `${name}-arabic`);
    await page.getByRole("button", { name: "تلقائي" }).click();
    await text(page, "way-language", /en \(by (the browser|the session|default)\)/);

    await page.getByRole("button", { name: "Sign out" }).click();
    await text(page, "who", /You are not signed in/);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, "nothing is wider than the screen");
    assert.deepEqual(faults, []);
  });
}

test("a visitor without a session signs in on the way and comes back to where they wanted to go", { skip }, async (t) => {
  const { page } = await visit(t, { width: 390, height: 844 });
  await page.goto(`${usher.url}/de/account?x=1`);
  assert.match(page.url(), /\/de\/sign-in\?return_to=%2Fde%2Faccount%3Fx%3D1$/);
  await page.getByLabel("Ihr Name").fill("ada");
  await shot(page, "sign-in");
  await page.getByRole("button", { name: "Anmelden" }).click();
  await page.waitForURL(`${usher.url}/de/account?x=1`);
  assert.match(await page.textContent("body"), /"x-user-id": "ada"/);
  await page.goto(`${usher.url}/sign-in?return_to=//evil.example/`);
  await page.locator("#user").fill("ada");
  await page.locator("button").click();
  await page.waitForURL(`${usher.url}/`);
});

test("an error is a page in the visitor's language", { skip }, async (t) => {
  const { page } = await visit(t, { width: 390, height: 844 });
  await page.goto(`${usher.url}/ar/nowhere`);
  assert.equal(await page.getAttribute("html", "dir"), "rtl");
  await shot(page, "error-arabic");
  await page.goto(`${usher.url}/api/x`);
  await shot(page, "error-origin");
});

test("an error's numbers and times are the visitor's", { skip }, async (t) => {
  const state = folder();
  const nobody = "http://127.0.0.1:9";
  const other = await gateway({ state: state.path, vars: { A_URL: nobody, B_URL: nobody, DEAD_URL: nobody } });
  t.after(async () => {
    await other.stop();
    state.remove();
  });
  for (const [tag, dir, digits] of [["fa", "rtl", /۴۰۴/], ["de", "ltr", /404/], ["ja", "ltr", /404/]]) {
    const { page, faults } = await visit(t, { width: 390, height: 844 });
    const answer = await page.goto(`${other.url}/${tag}/nowhere`);
    assert.equal(answer.status(), 404);
    assert.equal(await page.getAttribute("html", "dir"), dir);
    assert.match(await page.textContent("data"), digits);
    const written = await page.evaluate(() => new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium" }).format(new Date()));
    const shown = await page.textContent("time");
    assert.ok(shown.includes(written), `${shown} / ${written}`);
    await shot(page, `error-${tag}`);
    assert.deepEqual(faults.filter((fault) => !/404/.test(fault)), []);
  }
});

test("another site cannot sign a visitor in or out", { skip }, async () => {
  for (const headers of [{ "sec-fetch-site": "cross-site" }, { origin: "https://evil.example" }]) {
    assert.equal((await usher.ask("/.usher/demo/sign-out", { method: "POST", headers, body: "" })).status, 403);
  }
});

test("npm run purge tells what was purged and by when it holds", { skip }, async () => {
  const { spawnSync } = await import("node:child_process");
  const purge = (...words) => spawnSync("npm", ["run", "--silent", "purge", "--", ...words, "--to", usher.url, "--token", token], { encoding: "utf8" });
  const good = purge("tag", "site", "--soft");
  assert.equal(good.status, 0, good.stderr);
  assert.match(good.stdout, /Purged tag:site \(soft\)\.\nIt holds there now, and everywhere by .* \(within 5000 ms\)/);
  const bad = purge("tag", "a b");
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /answered 400: "tags": "a b" can be no tag/);
});
