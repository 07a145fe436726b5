// Builds the gateway for wrangler, which calls this (`[build]` in wrangler.toml). For
// `wrangler dev` quickly; for `wrangler deploy`, or with --deploy, small.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { bindgen, node, root, setup, target } from "./setup.mjs";

const deploy = process.argv.includes("--deploy") || /deploy|versions/.test(process.env.WRANGLER_COMMAND ?? "");
const profile = deploy ? "edge" : "edge-dev";
const build = join(root, "build");
// Called by the `wrangler dev` of an `npm start` that has built once: what stands in `build` is its own.
const dev = !deploy && process.env.USHER_HAS_BUILT === "1";
const started = Date.now();

function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

/** Runs cargo; what it says of the configuration is told alone, for it is not about Rust. */
async function compile(args) {
  const first = !existsSync(artefact);
  const cargo = spawn("cargo", args, { cwd: root, stdio: ["ignore", 2, "pipe"], env: { ...process.env, CARGO_TERM_COLOR: process.stderr.isTTY ? "always" : "auto" } });
  const [said, mistakes] = [[], []];
  let rest = "";
  cargo.stderr.setEncoding("utf8").on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const plain = line.replace(/\x1b\[[0-9;]*m/g, "");
      const mistake = plain.match(/^error: usher@[^:]+: (.*)$/);
      if (mistake) mistakes.push(mistake[1]);
      // The first time it takes minutes, and then its progress is worth seeing.
      else if (first && /^\s+(Compiling|Downloaded|Downloading|Updating|Finished)/.test(plain)) console.error(line);
      else said.push(line);
    }
  });
  const [status] = await once(cargo, "close");
  if (status === 0) return;
  console.error(mistakes.length > 0 ? `\nusher: the configuration cannot be used:\n${mistakes.map((line) => `  ${line}`).join("\n")}\n` : said.join("\n"));
  // A build that fails pauses wrangler's proxy: every request would hang until the mistake is mended.
  if (dev && existsSync(join(build, "usher_bg.wasm"))) {
    console.error("usher: the last good build serves on; save the file again once it is mended\n");
    process.exit(0);
  }
  process.exit(1);
}

setup();
const artefact = join(root, "target", target, profile, "usher.wasm");
if (!existsSync(artefact)) {
  console.error(`usher: compiling the gateway for the first time (about ${deploy ? "three minutes" : "two minutes"}) ...`);
}
await compile(["rustc", "--locked", "--lib", "--crate-type", "cdylib", "--target", target, "--profile", profile]);

// Into a folder beside it first: a running `wrangler dev` must never bundle half a build.
const fresh = join(root, "build.new");
rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh);
run(bindgen, [artefact, fresh]);
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
