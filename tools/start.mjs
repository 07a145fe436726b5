// npm start [-- flags of wrangler dev]: sets everything up, builds, and serves Usher with its demo
// at http://localhost:8787.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { node, root, setup } from "./setup.mjs";

const flags = process.argv.slice(2);
if (flags.includes("--help") || flags.includes("-h")) {
  console.log(`npm start [-- flags]

Sets up what is missing, builds, and serves Usher with its demo at http://localhost:8787.
Flags pass on to \`wrangler dev\`:
  --port 9000                 another port
  --ip 0.0.0.0                not only for this machine
  --persist-to DIR            where sessions, stamps and stored answers are kept
  --var ORIGIN_URL:http://localhost:4000   a var; repeat it for more
USHER_CONFIG=other.toml npm start   another configuration than usher.toml`);
  process.exit(0);
}

setup();
const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
const quiet = { WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_HIDE_BANNER: "true" };
const server = spawn(node(), [wrangler, "dev", ...flags], { cwd: root, stdio: "inherit", env: { ...quiet, ...process.env } });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => server.kill(signal));
server.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 0 : 1)));
