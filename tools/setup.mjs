// Installs what is missing, and says so. Needs Node 20 and rustup, and nothing else; does nothing,
// quickly, when nothing is missing. Everything comes from the package registries, at locked
// versions: npm's packages from package-lock.json, the rest from the versions named here.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync, copyFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const target = "wasm32-unknown-unknown";
const windows = process.platform === "win32";
export const exe = windows ? ".exe" : "";

/** The path of a tool that npm installed. */
export const npmTool = (name) => join(root, "node_modules", ".bin", windows ? `${name}.cmd` : name);

/** The Node that wrangler runs on: the locked one, else the one running this. */
export function node() {
  const locked = join(root, "node_modules", ".bin", windows ? "node.cmd" : "node");
  return existsSync(locked) && !windows ? locked : process.execPath;
}

export function fail(sentence) {
  console.error(`\nusher: ${sentence}`);
  process.exit(1);
}

function tell(what, duration) {
  console.error(`usher: ${what}${duration ? ` (about ${duration})` : ""} ...`);
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], shell: windows, ...options });
  if (done.error) fail(`${command} cannot be run: ${done.error.message}`);
  if (done.status !== 0) fail(`\`${command} ${args.join(" ")}\` failed; what it said stands above`);
}

const output = (command, args) => {
  try {
    return execFileSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], shell: windows });
  } catch {
    return "";
  }
};

function npmPackages() {
  const stamp = join(root, "node_modules", ".usher-lock");
  const lock = createHash("sha256").update(readFileSync(join(root, "package-lock.json"))).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  tell("installing wrangler and its Node from the npm registry", "half a minute");
  run("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"]);
  writeFileSync(stamp, lock);
}

function rustTarget() {
  if (!output("rustup", ["--version"])) {
    fail("rustup is missing. Install it as https://rustup.rs says, with the stable toolchain, and try again.");
  }
  if (output("rustup", ["target", "list", "--installed"]).includes(target)) return;
  tell(`adding Rust's target ${target}`, "ten seconds");
  run("rustup", ["target", "add", target]);
}

function devVars() {
  const file = join(root, ".dev.vars");
  if (existsSync(file)) return;
  tell("writing .dev.vars, which `wrangler dev` reads and `wrangler deploy` does not");
  copyFileSync(join(root, ".dev.vars.example"), file);
}

export function setup() {
  npmPackages();
  rustTarget();
  devVars();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup();
