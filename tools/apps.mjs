// npm run test:apps: puts real applications behind Usher and uses them. Their packages come from
// the registries of npm and PyPI, at locked versions.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { node, root, setup } from "./setup.mjs";

const apps = join(root, "tests", "apps");
const needsPython = new Set(["django.test.mjs", "jupyter.test.mjs"]);

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: apps, stdio: ["ignore", 2, 2], ...options });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

/** Installs what a lock names, unless it is there. */
function install(lock, into, what, command) {
  const stamp = join(apps, into, ".usher-lock");
  const names = createHash("sha256").update(readFileSync(join(apps, lock))).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === names) return;
  console.error(`usher: installing ${what} (about a minute) ...`);
  command();
  writeFileSync(stamp, names);
}

setup();
install("package-lock.json", "node_modules", "Express, Next.js, socket.io and verdaccio from the npm registry", () => {
  run("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"]);
});
const python = spawnSync("python3", ["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"]).status === 0;
if (python) {
  install("requirements.txt", ".venv", "Django and JupyterLab from PyPI", () => {
    run("python3", ["-m", "venv", "--clear", ".venv"]);
    run(join(apps, ".venv", "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--requirement", "requirements.txt"]);
  });
}

console.error("usher: real applications behind Usher (a minute) ...");
(await import("../tests/apps/apps.mjs")).build();
const files = readdirSync(apps).filter((file) => file.endsWith(".test.mjs") && (python || !needsPython.has(file)));
run(node(), ["--test", "--test-concurrency=1", "--test-timeout=120000", ...files], { stdio: "inherit" });
if (!python) console.error("\nusher: NOT TESTED: Django and JupyterLab. Install Python 3.10 or newer with venv (Debian: apt-get install python3-venv).\n");
