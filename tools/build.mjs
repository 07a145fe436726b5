// Builds the gateway for wrangler, which calls this (`[build]` in wrangler.toml). For
// `wrangler dev` quickly; for `wrangler deploy`, or with --deploy, small.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { bindgen, node, root, setup, target } from "./setup.mjs";

const deploy = process.argv.includes("--deploy") || /deploy|versions/.test(process.env.WRANGLER_COMMAND ?? "");
const profile = deploy ? "edge" : "edge-dev";
const build = join(root, "build");
const started = Date.now();

function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

setup();
const artefact = join(root, "target", target, profile, "usher.wasm");
if (!existsSync(artefact)) {
  console.error(`usher: compiling the gateway for the first time (about ${deploy ? "three minutes" : "two minutes"}) ...`);
}
const progress = existsSync(artefact) ? ["--quiet"] : [];
run("cargo", ["rustc", ...progress, "--locked", "--lib", "--crate-type", "cdylib", "--target", target, "--profile", profile]);

// Into a folder beside it first: a running `wrangler dev` must never bundle half a build.
const fresh = join(root, "build.new");
rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh);
run(bindgen, [
  ...["--target", "web", "--no-typescript", "--out-name", "usher", "--out-dir", fresh],
  // After a panic the glue makes a new instance; src/cloudflare/entry.js does the rest.
  ...["--experimental-reset-state-function", "--force-enable-abort-handler"],
  artefact,
]);
if (deploy) {
  console.error("usher: making it small (about ten seconds) ...");
  const wasm = join(fresh, "usher_bg.wasm");
  run(node(), [join(root, "node_modules", "binaryen", "bin", "wasm-opt"), wasm, "-o", wasm, "-Oz", "--strip-debug", "--strip-producers", "--all-features"]);
}
rmSync(build, { recursive: true, force: true });
renameSync(fresh, build);
const wasm = readFileSync(join(build, "usher_bg.wasm"));
const kib = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`;
const size = deploy ? `, ${kib(wasm.length)} of wasm, ${kib(gzipSync(wasm).length)} gzipped` : "";
console.error(`usher: built in ${((Date.now() - started) / 1000).toFixed(1)} s${size}`);
