// Next.js: pages, its images, 304, and server actions, which compare Origin with the host they see.
import assert from "node:assert/strict";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { node } from "../e2e/harness.mjs";
import { Behind, here } from "./apps.mjs";

const next = join(here, "node_modules", "next", "dist", "bin", "next");
const env = { NEXT_TELEMETRY_DISABLED: "1" };
let app;

before(async () => {
  const build = spawn(node(), [next, "build", "next"], { cwd: here, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const said = build.stdout.setEncoding("utf8").toArray();
  const [code] = await once(build, "close");
  assert.equal(code, 0, (await said).join(""));
  app = await Behind.start({ command: ["node", next, "start", "next", "--port", "0", "--hostname", "127.0.0.1"], env, says: /http:\/\/127\.0\.0\.1:(\d+)[^]*Ready/ });
});
after(() => app?.stop());

test("Next.js answers through Usher what it answers directly", async () => {
  const page = await app.same("/");
  assert.equal(page.status, 200);
  for (const [, found] of page.text.matchAll(/(?:src|href)="(\/_next\/[^"]+)"/g)) {
    const path = found.replaceAll("&amp;", "&");
    // The first to ask for an image has it made.
    await app.ask(app.direct, path);
    await (path.startsWith("/_next/static/") ? app.kept(path) : app.same(path));
  }
  for (const path of ["/form", "/form/", "/nowhere", "/api", "/door.png"]) await app.same(path);
  await app.same("/api", { headers: { "accept-language": "de, en;q=0.5", cookie: "NEXT_LOCALE=de" } });
  await app.same("/", { headers: { rsc: "1", "next-router-state-tree": "x", "next-url": "/" } });
});

test("Next.js makes images through Usher, as the browser wants them", async () => {
  const path = "/_next/image?url=%2Fdoor.png&w=64&q=75";
  for (const accept of ["image/webp,*/*", "image/png"]) {
    await app.ask(app.direct, path, { headers: { accept } });
    const image = await app.same(path, { headers: { accept } });
    assert.equal(image.headers["content-type"], accept.split(",")[0]);
    assert.equal((await app.same(path, { headers: { accept, "if-none-match": image.headers.etag } })).status, 304);
  }
});

test("Next.js answers 304 through Usher", async () => {
  for (const path of ["/", "/door.png"]) {
    const { headers } = await app.same(path);
    const again = await app.same(path, { headers: { "if-none-match": headers.etag } });
    assert.deepEqual([again.status, again.text], [304, ""]);
  }
});

test("a server action of Next.js runs for the visitor's own origin, and for no other", async () => {
  const page = (await app.ask(app.usher, "/form")).text;
  const action = page.match(/name="(\$ACTION_ID_[0-9a-f]+)"/)[1];
  const boundary = "----form";
  const form = (name) =>
    [[action, ""], ["name", name]].map(([field, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`).join("") + `--${boundary}--\r\n`;
  const say = (name, origin = "BASE") =>
    app.same("/form", { method: "POST", body: form(name), headers: { origin, "content-type": `multipart/form-data; boundary=${boundary}` } });
  // As a page without scripts sends it.
  const told = await say("Ada");
  assert.equal(told.status, 200);
  assert.match(told.text, /Hello, (<!-- -->)?Ada/);
  assert.match(told.headers["set-cookie"][0], /^name=Ada; /);
  const away = await say("nobody");
  assert.deepEqual([away.status, new URL(away.headers.location, app.usher).href], [303, `${app.usher}/`]);
  assert.equal((await say("Eve", "https://elsewhere.example")).status, 500);
  // As its script sends it.
  const script = await app.same("/form", {
    method: "POST",
    body: form("Ada").replaceAll(action, "1_x"),
    headers: { origin: "BASE", accept: "text/x-component", "next-action": action.slice("$ACTION_ID_".length), "content-type": `multipart/form-data; boundary=${boundary}` },
  });
  assert.match(script.headers["content-type"], /^text\/x-component/);
});
