// npm start [-- flags of wrangler dev]: sets everything up, builds, and serves Usher with its demo
// at http://localhost:8787.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, utimesSync, watchFile } from "node:fs";
import { join, resolve } from "node:path";
import { node, root, setup } from "./setup.mjs";
import { free, runs } from "./running.mjs";

const flags = process.argv.slice(2);
if (flags.includes("--help") || flags.includes("-h")) {
  console.log(`npm start [-- flags]

Sets up what is missing, builds, and serves Usher with its demo at http://localhost:8787, or at the
next port that is free.
Flags pass on to \`wrangler dev\`:
  --port 9000                 another port
  --ip 0.0.0.0                not only for this machine
  --persist-to DIR            where sessions, stamps and stored answers are kept
  --var ORIGIN_URL:http://localhost:4000   a var; repeat it for more
USHER_CONFIG=other.toml npm start   another configuration than usher.toml
What is saved is built and served at once; while it cannot be built, the last good build serves on.`);
  process.exit(0);
}

/** Takes a flag with its value out of the list. */
function take(name) {
  const at = flags.findIndex((flag) => flag === name || flag.startsWith(`${name}=`));
  if (at < 0) return undefined;
  const [flag] = flags.splice(at, 1);
  return flag.includes("=") ? flag.slice(name.length + 1) : flags.splice(at, 1)[0];
}

setup();
// A mistake is better told before anything runs.
const built = spawnSync(process.execPath, [join(root, "tools", "build.mjs")], { cwd: root, stdio: "inherit" });
if (built.status !== 0) process.exit(1);

const ip = take("--ip") ?? "localhost";
const port = await free(Number(take("--port") ?? 8787), ip);
const https = flags.some((flag, at) => flag === "--local-protocol=https" || (flag === "--local-protocol" && flags[at + 1] === "https"));
runs(`${https ? "https" : "http"}://${["0.0.0.0", "::", "*"].includes(ip) ? "localhost" : ip}:${port}`);

// wrangler watches what wrangler.toml names; another configuration is watched here, and wrangler is woken.
const config = process.env.USHER_CONFIG && resolve(root, process.env.USHER_CONFIG);
const shipped = join(root, "usher.toml");
const woken = existsSync(shipped) ? shipped : join(root, "Cargo.toml");
if (config && config !== shipped) watchFile(config, { interval: 250 }, () => utimesSync(woken, new Date(), new Date()));

const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
// Without the first, wrangler writes every span and log line of every request to SQLite.
const quiet = { X_LOCAL_OBSERVABILITY: "false", WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_HIDE_BANNER: "true" };
const server = spawn(node(), [wrangler, "dev", "--ip", ip, "--port", String(port), ...flags], { cwd: root, stdio: "inherit", env: { ...quiet, ...process.env, USHER_HAS_BUILT: "1" } });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => server.kill(signal));
server.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 0 : 1)));
