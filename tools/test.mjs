// npm test: sets everything up and runs every test. `npm test -- native` or `npm test -- e2e` runs
// half of them.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { node, root, setup } from "./setup.mjs";

const [only] = process.argv.slice(2);
function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

setup();
if (only !== "e2e") {
  console.error("usher: native tests: topics, gateway, architecture (a minute the first time) ...");
  run("cargo", ["test", "--locked", "--quiet"]);
  run(node(), [join("tools", "architecture.mjs"), "--check"]);
}
if (only !== "native") {
  console.error("usher: end-to-end tests in wrangler dev and workerd (three minutes, and two more to compile the first time) ...");
  const { buildBundle } = await import("../tests/e2e/harness.mjs");
  buildBundle();
  const files = readdirSync(join(root, "tests", "e2e")).filter((file) => file.endsWith(".test.mjs"));
  run(node(), ["--test", "--test-concurrency=1", "--test-timeout=180000", ...files.map((file) => join("tests", "e2e", file))]);
  if (!["/usr/bin/chromium", process.env.CHROMIUM].some((path) => path && existsSync(path))) {
    console.error("\nusher: NOT TESTED: the demo in a browser. Install Chromium (Debian: apt-get install chromium), or name one in CHROMIUM.\n");
  }
}
