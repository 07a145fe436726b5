// npm run lab: a small fleet of real origins behind Usher, with switches, on this machine alone.
//
// Each origin is a server of its own here; the page shows what each gets and how Usher sees it, and
// has the switches. A few requests a second come by themselves, so that there is something to see.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { join } from "node:path";
import { node, root, setup } from "../tools/setup.mjs";

if (process.argv.includes("--help") || process.argv.includes("-h")) {
  console.log(`npm run lab

Starts Usher at http://localhost:8787 before seven origins: fast, slow, flaky, a primary and a replica
that lags, two shards. Another port: npm run lab -- --port 9000
The page it names shows what each gets, and has the switches. By hand:
  curl localhost:8787/fleet/x                             the fast, the slow or the flaky one
  curl -c jar -b jar -d 7 localhost:8787/data/x           writes; then, without -d, reads it at once
  curl localhost:8787/customers/ada                       the shard that has ada
  curl -H "authorization: Bearer $TOKEN" localhost:8787/.usher/origins     with the token it prints`);
  process.exit(0);
}

setup();
const at = process.argv.indexOf("--port");
const port = at < 0 ? 8787 : Number(process.argv[at + 1]);
const usher = `http://127.0.0.1:${port}`;
const token = randomBytes(16).toString("hex");

/** Writes: when, and what. The primary has them at once, a replica so many milliseconds later. */
const writes = [];

const names = ["fast", "slow", "flaky", "primary", "replica", "shard-1", "shard-2"];
const origins = new Map();

function answer(origin, asked, response, body) {
  const now = Date.now();
  const had = writes.filter((write) => write.at + origin.lag <= now);
  if (asked.method === "POST" && origin.name === "primary") had.push(writes[writes.push({ at: now, value: body }) - 1]);
  const headers = { "content-type": "text/plain; charset=utf-8" };
  if (["primary", "replica"].includes(origin.name)) Object.assign(headers, { "x-usher-position": String(had.length), "x-usher-lag-ms": String(origin.lag) });
  // With 503, which Usher asks another about; a 500 is an application's own answer, and the visitor's.
  const failing = Math.random() * 100 < origin.fails;
  response.writeHead(failing ? 503 : 200, headers);
  response.end(`${origin.name}: ${failing ? "failed" : had.at(-1)?.value ?? "hello"}\n`);
}

/** A server that a request which breaks off, or cannot be understood, does not end. */
const serving = (answer) => createServer((asked, response) => answer(asked, response).catch(() => response.destroy()));

async function start(name) {
  const origin = { name, down: false, delay: name === "slow" ? 300 : 10, fails: name === "flaky" ? 30 : 0, lag: name === "replica" ? 3_000 : 0, count: 0 };
  const server = serving(async (asked, response) => {
    // A server that is down says nothing, and hangs up.
    if (origin.down) return asked.socket.destroy();
    let body = "";
    for await (const chunk of asked) body += chunk;
    if (asked.url !== "/healthz") origin.count += 1;
    setTimeout(() => answer(origin, asked, response, body), origin.delay);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin.url = `http://127.0.0.1:${server.address().port}`;
  origins.set(name, origin);
}

const agent = new Agent({ keepAlive: true });
const ask = (path, headers = {}, body) =>
  new Promise((resolve) => {
    const asked = request(usher + path, { method: body === undefined ? "GET" : "POST", headers, agent }, (answer) => {
      let text = "";
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    });
    asked.on("error", () => resolve({ status: 0, text: "" }));
    asked.end(body);
  });

const visitors = { good: 0, bad: 0 };
async function traffic() {
  for (let turn = 0; ; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const path = turn % 4 === 0 ? "/data/x" : turn % 4 === 1 ? `/customers/c${turn % 97}` : "/fleet/x";
    ask(path).then(({ status }) => (visitors[status > 0 && status < 500 ? "good" : "bad"] += 1));
  }
}

/** The page's server: `/` is the page, `/state` what it shows, `/switch` what its buttons do. */
async function control() {
  const server = serving(async (asked, response) => {
    // Other sites' pages in the same browser have no business here.
    if (!/^(127\.0\.0\.1|localhost):\d+$/.test(asked.headers.host ?? "")) return response.writeHead(403).end();
    const url = new URL(`http://lab.invalid${asked.url}`);
    if (url.pathname === "/switch" && asked.method === "POST") {
      if (asked.headers["sec-fetch-site"] !== undefined && asked.headers["sec-fetch-site"] !== "same-origin") return response.writeHead(403).end();
      const origin = origins.get(url.searchParams.get("origin"));
      const to = url.searchParams.get("to");
      const value = Number(url.searchParams.get("value"));
      if (origin === undefined || !["down", "delay", "fails", "lag"].includes(to) || !Number.isFinite(value)) return response.writeHead(400).end("say ?origin=&to=down|delay|fails|lag&value=\n");
      origin[to] = to === "down" ? value > 0 : value;
      return response.end("ok\n");
    }
    if (url.pathname === "/state") {
      const shown = await ask("/.usher/origins", { authorization: `Bearer ${token}` });
      const seen = shown.status === 200 ? JSON.parse(shown.text) : { pools: [], shards: [] };
      response.writeHead(200, { "content-type": "application/json" });
      return response.end(JSON.stringify({ origins: [...origins.values()], visitors, seen }));
    }
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(readFileSync(join(import.meta.dirname, "lab.html")));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

for (const name of names) await start(name);
const page = await control();
const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
const variables = { ADMIN_TOKEN: token, COOKIE_KEY: "for-the-laboratory-only-0123456789", ORIGIN_URL: origins.get("fast").url };
for (const [name, { url }] of origins) variables[`${name.replace("-", "").toUpperCase()}_URL`] = url;
const flags = Object.entries(variables).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
const quiet = { X_LOCAL_OBSERVABILITY: "false", WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_HIDE_BANNER: "true" };
const server = spawn(node(), [wrangler, "dev", "--port", String(port), "--ip", "127.0.0.1", "--log-level", "error", ...flags], {
  cwd: root,
  stdio: ["ignore", "ignore", "inherit"],
  env: { ...quiet, ...process.env, USHER_CONFIG: "lab/usher.toml" },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => server.kill(signal));
process.on("exit", () => server.kill());
server.on("exit", (code) => process.exit(code ?? 0));
console.log("usher: building the laboratory's gateway (two minutes the first time) ...");
while ((await ask("/.usher/origins", { authorization: `Bearer ${token}` })).status !== 200) await new Promise((resolve) => setTimeout(resolve, 200));
console.log(`usher: the laboratory is open\n  what happens, and the switches:  ${page}\n  Usher:                           http://localhost:${port}/fleet/x (and npm run lab -- --help)\n  the operator's token:            ${token}`);
traffic();
