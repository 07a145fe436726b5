// verdaccio, an npm registry: somebody signs up, publishes and installs through Usher, with npm.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { folder, freePort } from "../e2e/harness.mjs";
import { Behind, here } from "./apps.mjs";

let app, dir;

before(async () => {
  dir = folder();
  copyFileSync(join(here, "verdaccio.yaml"), join(dir.path, "config.yaml"));
  const port = await freePort();
  app = await Behind.start({
    command: ["node", join(here, "node_modules", "verdaccio", "bin", "verdaccio"), "--config", join(dir.path, "config.yaml"), "--listen", `http://127.0.0.1:${port}`],
    says: /http address/,
    port,
    // It names its tarballs with this, else with the host that it sees: the origin's.
    env: (url) => ({ VERDACCIO_PUBLIC_URL: url }),
  });
});
after(async () => {
  await app?.stop();
  dir?.remove();
});

const hide = (text) => text.replace(/^(x-ratelimit-remaining|x-ratelimit-reset): .*/, "$1");

/** Runs npm against a registry in a folder, as the user whose token is given. */
function npm(base, cwd, token, ...words) {
  const config = join(dir.path, ".npmrc");
  writeFileSync(config, `registry=${base}/\n//${new URL(base).host}/:_authToken=${token}\nfund=false\naudit=false\nupdate-notifier=false\ncache=${cwd}-cache\n`);
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith("npm_")));
  const done = spawnSync("npm", [...words, "--userconfig", config], { cwd, encoding: "utf8", env });
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
}

test("a package is published and installed through Usher", async () => {
  const signed = await app.ask(app.usher, "/-/user/org.couchdb.user:ada", {
    method: "PUT",
    body: JSON.stringify({ _id: "org.couchdb.user:ada", name: "ada", password: "analytical", type: "user" }),
    headers: { "content-type": "application/json" },
  });
  assert.equal(signed.status, 201, signed.text);
  const { token } = JSON.parse(signed.text);

  const made = join(dir.path, "engine");
  mkdirSync(made);
  writeFileSync(join(made, "package.json"), JSON.stringify({ name: "@ada/engine", version: "1.0.0", main: "index.js" }));
  writeFileSync(join(made, "index.js"), `module.exports = ${JSON.stringify("é".repeat(100_000))};\n`);
  npm(app.usher, made, token, "publish", "--access", "public");

  for (const base of [app.usher, app.direct]) {
    const used = join(dir.path, base === app.usher ? "usher" : "direct");
    mkdirSync(used);
    writeFileSync(join(used, "package.json"), "{}");
    npm(base, used, token, "install", "@ada/engine");
    assert.deepEqual(readFileSync(join(used, "node_modules", "@ada", "engine", "index.js")), readFileSync(join(made, "index.js")));
  }

  await app.gateway.child.until(/"path":"\/@ada\/engine\/-\/engine-1\.0\.0\.tgz"/);

  const page = await app.same("/@ada%2fengine");
  assert.equal(page.status, 200);
  assert.equal((await app.same("/@ada%2fengine", { headers: { "if-none-match": page.headers.etag } })).status, 304);
  const tarball = "/@ada/engine/-/engine-1.0.0.tgz";
  assert.equal((await app.same(tarball)).status, 200);
  for (const path of ["/", "/nowhere", "/-/ping", "/-/whoami", "/@ada/engine/1.0.0", "/-/v1/search?text=engine"]) await app.same(path, { hide });
  for (const authorization of [`Bearer ${token}`, "Bearer wrong"]) await app.same("/-/whoami", { headers: { authorization } });
});
