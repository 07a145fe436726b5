// Cold start: CPU from the start of the process to its first answer (401 to a visitor who is not signed in), over a
// worker that does nothing: Usher's deploy build with the least configuration and with everything, hand-written
// JavaScript, and Hono.
//
//   npm run bench:cold [-- --rounds 20 --built]
//
// Each round starts every variant once, in an order that is shuffled, and takes what the worker that does nothing used in
// that round from what the others used.
import { createServer, request } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { root } from "../tools/setup.mjs";
import { bundles, cpu, ended, listen, median, option, quantile, started } from "./lab.mjs";

const rounds = option("rounds", 20);
const work = join(root, "target", "bench-cold");
const names = ["nothing", "javascript", "hono", "usher-least", "usher-everything"];

/** What the configurations read as "${NAME}". */
const url = "http://127.0.0.1:9";
const publicKey = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
const vars = {
  APP_A_URL: url,
  AUDIENCE: "bench",
  CLIENT_SECRET: "the-secret-of-the-client",
  COOKIE_KEY: "0123456789abcdefghijklmnopqrstuv",
  KEY_SET: JSON.stringify({ keys: [{ ...publicKey, kid: "one", alg: "EdDSA" }] }),
  MOVE_PHASE: "prepare",
  NEXT_PERCENT: "5",
  SHARED_ISS: "https://shared.example",
  SHARED_SECRET: "0123456789abcdefghijklmnopqrstuv",
  SPARE_URL: url,
};

const empty = createServer((_, answer) => answer.writeHead(404).end());

function ask({ name, port, agent }) {
  return new Promise((resolve, reject) => {
    const asked = request({ port, agent, host: "127.0.0.1", path: "/.usher/me/sessions", headers: { host: "www.example.com", accept: "*/*" } }, (answer) => {
      answer.resume();
      answer.on("end", () => (answer.statusCode === 401 ? resolve() : reject(new Error(`${name}: ${answer.statusCode}`))));
    });
    asked.on("error", reject);
    asked.end();
  });
}

if (!process.argv.includes("--built")) {
  bundles(work, { "usher-least": "bench/least.toml", "usher-everything": "bench/everything.toml" }, ["nothing", "javascript", "hono"]);
}
const port = await listen(empty);
const services = { kv: port, origin: port, cache: port, vars };
const over = new Map(names.map((name) => [name, []]));
for (let round = 0; round <= rounds; round += 1) {
  const order = names.map((name) => [Math.random(), name]).sort((a, b) => a[0] - b[0]);
  const used = new Map();
  for (const [, name] of order) {
    const variant = await started(work, name, name, services, ask);
    used.set(name, cpu(variant) / 1e6);
    await ended(variant);
  }
  // The first round reads everything from the disk.
  if (round > 0) for (const name of names) over.get(name).push(used.get(name) - used.get("nothing"));
  if (process.stderr.isTTY) process.stderr.write(`\rusher: round ${round} of ${rounds}`);
}
console.error(`\nusher: ${rounds} starts of each`);
console.log("| variant | CPU to the first answer over a worker that does nothing, ms (quartiles) |");
console.log("|---|---|");
for (const name of names.slice(1)) {
  const all = over.get(name);
  console.log(`| ${name} | **${median(all).toFixed(1)}** (${quantile(all, 0.25).toFixed(1)} to ${quantile(all, 0.75).toFixed(1)}) |`);
}
empty.close();
process.exit(0);
