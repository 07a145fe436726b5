// Which Usher runs here: `npm start` says it, and the operator's tools find it.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { root } from "./setup.mjs";

const file = join(root, ".wrangler", "usher.json");

/** The URL of the Usher that `npm start` runs from this checkout, or undefined. */
export function running() {
  try {
    const { url, pid } = JSON.parse(readFileSync(file, "utf8"));
    process.kill(pid, 0);
    return url;
  } catch {
    return undefined;
  }
}

/** Notes that this process runs Usher at a URL, until it ends. */
export function runs(url) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ url, pid: process.pid }));
  process.on("exit", () => {
    if (existsSync(file) && JSON.parse(readFileSync(file, "utf8")).pid === process.pid) rmSync(file);
  });
}

/** The first port from this one on that nobody has; any when it is 0. */
export async function free(port, host) {
  for (let next = port; ; next += 1) {
    const server = createServer();
    const found = await new Promise((resolve) => {
      server.once("error", () => resolve(undefined));
      server.listen(next, host, () => resolve(server.address().port));
    });
    server.close();
    if (found !== undefined) return found;
    if (next === 0 || next >= port + 100) return port;
  }
}
