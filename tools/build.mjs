// Builds Usher for wrangler, which calls this (`[build]` in wrangler.toml): the configuration as data, and the gateway
// as wasm. For `wrangler dev` one wasm with every part serves every configuration, so that an edit of the configuration
// compiles nothing; for `wrangler deploy`, or with --deploy, the wasm is small and has the parts that are used.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { exe, fail, node, root, setup, target } from "./setup.mjs";

// With --weigh (tools/weight.mjs) nothing is put in place: the weight of a deploy build is printed, in bytes; --parts says
// which parts it has.
const weigh = process.argv.includes("--weigh");
const deploy = weigh || process.argv.includes("--deploy") || /deploy|versions/.test(process.env.WRANGLER_COMMAND ?? "");
const profile = deploy ? "edge" : "edge-dev";
const configuration = process.env.USHER_CONFIG ?? "usher.toml";
const build = join(root, "build");
// Called by the `wrangler dev` of an `npm start` that has built once: what stands in `build` is its own.
const dev = !deploy && process.env.USHER_HAS_BUILT === "1";
const started = Date.now();

/** The compilers that run: they end with the build. */
const running = new Set();

/** Ends the build. In dev the last good build serves on: a build that fails pauses wrangler's proxy, and every request would hang. */
function end(sentence) {
  for (const child of running) child.kill();
  console.error(sentence);
  if (!dev || !existsSync(join(build, "usher.bin"))) process.exit(1);
  console.error("usher: the last good build serves on; save the file again once it is mended\n");
  process.exit(0);
}

/** A digest of files and of the files in folders. */
function digest(paths, ...more) {
  const hash = createHash("sha256");
  const add = (path) => {
    if (statSync(path).isDirectory()) return readdirSync(path).sort().forEach((name) => add(join(path, name)));
    hash.update(path.slice(root.length)).update("\0").update(readFileSync(path)).update("\0");
  };
  for (const path of paths) add(join(root, path));
  return hash.update(JSON.stringify(more)).digest("hex").slice(0, 16);
}

/** Runs cargo; what it compiles is shown at most every few seconds, the rest only when it fails. */
async function cargo(what, crates, args, env) {
  const child = spawn("cargo", args, { cwd: root, stdio: ["ignore", 2, "pipe"], env: { ...process.env, ...env, CARGO_TERM_COLOR: process.stderr.isTTY ? "always" : "auto" } });
  running.add(child);
  const said = [];
  let [rest, done, shown] = ["", 0, Date.now()];
  const count = () => (crates > 0 ? `${Math.min(done, crates)} of about ${crates} crates, ` : "");
  const tell = () => console.error(`usher: compiling ${what}: ${count()}${Math.round((Date.now() - started) / 1000)} s ...`);
  const timer = setInterval(() => Date.now() - shown > 5_000 && ((shown = Date.now()), tell()), 1_000);
  child.stderr.setEncoding("utf8").on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (/^\s*(\x1b\[[0-9;]*m)*\s*(Compiling|Downloaded|Downloading|Updating|Locking|Finished|Blocking)/.test(line)) done += /Compiling/.test(line) ? 1 : 0;
      else said.push(line);
    }
  });
  const [status] = await once(child, "close");
  clearInterval(timer);
  running.delete(child);
  if (status !== 0) end(`${said.join("\n")}${rest}`);
}

/** The program that checks configurations and writes the glue: see tools/build. */
const tools = join(root, ".tools", "build");
const tool = join(tools, "debug", `usher-build${exe}`);
async function buildTool(format) {
  const stamp = join(tools, ".usher-sources");
  const sources = digest(["tools/build/Cargo.toml", "tools/build/Cargo.lock", "tools/build/src"], format);
  if (existsSync(tool) && existsSync(stamp) && readFileSync(stamp, "utf8") === sources) return;
  const version = (path) => readFileSync(join(root, path), "utf8").match(/^wasm-bindgen(?:-cli-support)? = "=([0-9.]+)"/m)[1];
  if (version("tools/build/Cargo.toml") !== version("Cargo.toml")) fail("wasm-bindgen has one version in Cargo.toml and another in tools/build/Cargo.toml: they must be equal");
  await cargo("the build's own tool", existsSync(tool) ? 0 : 75, ["build", "--locked", "--manifest-path", join("tools", "build", "Cargo.toml"), "--target-dir", tools], { USHER_FORMAT: format });
  writeFileSync(stamp, sources);
}

/** Checks the configuration and writes it as data; gives the parts of Usher that it uses. */
function configure(out) {
  const done = spawnSync(tool, ["config", configuration, out], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (done.status !== 0) end(`\nusher: the configuration cannot be used:\n${(done.stderr || String(done.error)).trim().replace(/^/gm, "  ")}\n`);
  // No part at all is a list too.
  return done.stdout.trim() || "none";
}

function run(command, args) {
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) end(`\`${command} ${args.join(" ")}\` failed; what it said stands above`);
}

// The features that workerd's V8 has, and Node's too: with --all-features wasm-opt writes encodings that they cannot read.
const features = ["bulk-memory", "bulk-memory-opt", "mutable-globals", "nontrapping-float-to-int", "sign-ext", "multivalue", "reference-types", "exception-handling"];

const gateways = join(root, "target", "gateways");

/** Compiles the gateway, unless it is kept; gives the folder it is kept in: another for other sources, profile or parts. */
async function compile(parts, format) {
  const folder = join(gateways, digest(["src", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "tools/build.mjs", "tools/build/src/glue.rs"], format, profile, parts));
  if (existsSync(folder)) return utimesSync(folder, new Date(), new Date()), folder;
  const artefact = join(root, "target", target, profile, "usher.wasm");
  if (!existsSync(artefact)) console.error(`usher: compiling the gateway for the first time (about ${deploy ? "three minutes" : "two minutes"}) ...`);
  await cargo("the gateway", existsSync(artefact) ? 0 : 130, ["rustc", "--locked", "--lib", "--crate-type", "cdylib", "--target", target, "--profile", profile], { USHER_FORMAT: format, USHER_PARTS: parts });
  return folder;
}

/** Keeps the gateway that cargo compiled, with its glue. */
function keep(folder) {
  if (existsSync(folder)) return;
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  run(tool, ["glue", join(root, "target", target, profile, "usher.wasm"), fresh]);
  if (deploy) {
    console.error("usher: making it small (about ten seconds) ...");
    const wasm = join(fresh, "usher_bg.wasm");
    run(node(), [join(root, "node_modules", "binaryen", "bin", "wasm-opt"), wasm, "-o", wasm, "-Oz", "--low-memory-unused", "--zero-filled-memory", "-Oz", "-ocimfs", "100", "--strip-target-features", "--strip-debug", "--strip-producers", ...features.map((name) => `--enable-${name}`)]);
  }
  renameSync(fresh, folder);
  const age = (name) => statSync(join(gateways, name)).mtimeMs;
  const old = readdirSync(gateways).sort((a, b) => age(b) - age(a)).slice(12);
  for (const name of old) rmSync(join(gateways, name), { recursive: true, force: true });
}

setup();
mkdirSync(gateways, { recursive: true });
const format = digest(["src/config.rs", "src/config", "src/http"]);
// Into a folder beside it first: a running `wrangler dev` must never bundle half a build.
const fresh = join(root, weigh ? join("target", "weighed") : "build.new");
rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh);
const data = join(fresh, "usher.bin");
let folder;
if (deploy) {
  await buildTool(format);
  const used = configure(data);
  const at = process.argv.indexOf("--parts");
  folder = await compile(at < 0 ? used : process.argv[at + 1], format);
} else {
  // Beside one another: each leaves a core idle at times.
  [, folder] = await Promise.all([buildTool(format).then(() => configure(data)), compile("", format)]);
}
keep(folder);
const wasm = readFileSync(join(folder, "usher_bg.wasm"));
const gzipped = deploy ? gzipSync(wasm, { level: 9 }).length : 0;
if (weigh) {
  console.log(JSON.stringify({ raw: wasm.length, gzipped }));
  process.exit(0);
}
cpSync(folder, fresh, { recursive: true });
rmSync(build, { recursive: true, force: true });
renameSync(fresh, build);
const kib = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`;
const size = deploy ? `, ${kib(wasm.length)} of wasm, ${kib(gzipped)} gzipped` : "";
console.error(`usher: built in ${((Date.now() - started) / 1000).toFixed(1)} s${size}`);
