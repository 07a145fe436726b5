// npm run deploy [-- flags of wrangler deploy]: sets up, builds small, deploys.
// npm run deploy -- --dry-run works offline and prints the size of the upload.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { node, root, setup } from "./setup.mjs";

setup();
const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
const done = spawnSync(node(), [wrangler, "deploy", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: { WRANGLER_SEND_METRICS: "false", ...process.env },
});
process.exit(done.status ?? 1);
