// CPU per request of the hot path: Usher's deploy build, hand-written JavaScript and Hono, each in
// its own workerd, doing the same work, which is checked on the wire first.
//
//   npm run bench [-- --rounds 60 --chunk 300]
//
// Short chunks, the order shuffled each round, CPU from the scheduler's own accounts, and the
// median of the ratios of each round: what else the machine does meets all variants alike.
import { spawn, spawnSync } from "node:child_process";
import { createServer, Agent, request } from "node:http";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { node, npmTool, root } from "../tools/setup.mjs";

if (process.platform !== "linux") {
  console.error("The benchmark reads CPU times from /proc, which only Linux has.");
  process.exit(1);
}
const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const rounds = option("rounds", 60);
const chunk = option("chunk", 300);
const clients = 8;
const work = join(root, "build", "bench");

// --- the world around: KV as workerd asks for it, and an origin ---------------------------------
// As many sessions as keep two requests at once from having the same one.
const tokens = Array.from({ length: 64 }, () => randomBytes(32).toString("base64url"));
const keys = new Set(tokens.map((token) => createHash("sha256").update(token).digest("base64url")));
let turn = 0;
const now = Date.now();
const record = JSON.stringify({ user: "user-7", roles: ["member", "editor"], locale: null, created: now, expires: now + 43_200_000, data: { cart: 3 } });
let heard = null;
let reads = 0;
const body = Buffer.from(JSON.stringify({ items: Array.from({ length: 40 }, (_, n) => ({ n, name: `item ${n}` })) }));

const kv = createServer((asked, answer) => {
  const found = keys.has(decodeURIComponent(asked.url.slice(1).split("?")[0]));
  reads += 1;
  answer.writeHead(found ? 200 : 404, { "content-type": "text/plain" }).end(found ? record : "");
});
const origin = createServer((asked, answer) => {
  heard = { method: asked.method, url: asked.url, headers: asked.headers };
  answer.writeHead(200, { "content-type": "application/json", "cache-tag": "secret", "content-length": body.length }).end(body);
});
const listen = async (server) => {
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
};

// --- the variants --------------------------------------------------------------------------------
function built(command, args, env) {
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...env } });
  if (done.status !== 0) process.exit(1);
}

function bundles() {
  rmSync(work, { recursive: true, force: true });
  console.error("usher: building the deploy build and the bundles ...");
  const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
  built(node(), [wrangler, "deploy", "--dry-run", "--outdir", join(work, "usher")], { USHER_CONFIG: "bench/usher.toml", WRANGLER_SEND_METRICS: "false", CI: "1" });
  for (const name of ["javascript", "hono"]) {
    built(npmTool("esbuild"), [`bench/${name}.mjs`, "--bundle", "--format=esm", "--minify", "--log-level=error", `--outfile=${join(work, name, "entry.js")}`]);
  }
}

function config(name, port, kvPort, originPort) {
  const folder = join(work, name);
  const modules = readdirSync(folder)
    .filter((file) => file.endsWith(".wasm"))
    .map((file) => `(name = "./${file}", wasm = embed "${file}")`);
  const usher = name.startsWith("usher");
  mkdirSync(join(folder, "state"), { recursive: true });
  const text = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "kv", external = (address = "127.0.0.1:${kvPort}", http = ())),
    (name = "disk", disk = (path = "${folder}/state", writable = true)),
    (name = "internet", network = (allow = ["local", "private", "public"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (cfBlobHeader = "mf-cf-blob"), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [${[`(name = "entry.js", esModule = embed "entry.js")`, ...modules].join(", ")}],
  compatibilityDate = "2026-10-01",
  bindings = [
    (name = "SESSIONS", kvNamespace = "kv"),
    (name = "ORIGIN_URL", text = "http://127.0.0.1:${originPort}")${usher ? ',\n    (name = "LEDGER", durableObjectNamespace = "Ledger")' : ""}
  ]${usher ? ',\n  durableObjectNamespaces = [(className = "Ledger", uniqueKey = "ledger", enableSql = true)],\n  durableObjectStorage = (localDisk = "disk")' : ""}
);
`;
  writeFileSync(join(folder, "config.capnp"), text);
  return join(folder, "config.capnp");
}

async function freePort() {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, "close");
  return port;
}

async function started(name, kvPort, originPort) {
  const port = await freePort();
  const child = spawn(npmTool("workerd"), ["serve", "--experimental", config(name, port, kvPort, originPort)], { stdio: ["ignore", process.env.BENCH_DEBUG ? "inherit" : "ignore", process.env.BENCH_DEBUG ? "inherit" : "pipe"], detached: true });
  let said = "";
  child.stderr?.on("data", (text) => (said += text));
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  for (let tries = 0; ; tries += 1) {
    try {
      await ask({ port, agent });
      break;
    } catch (error) {
      if (child.exitCode !== null || tries > 200) throw new Error(`${name} does not start: ${said || error}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return { name, port, agent, child, said: () => said, pids: family(child.pid), ratios: [], cpu: [], ms: [], wall: [] };
}

/** The process and its children: npm's workerd is a script that starts the real one. */
function family(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

function cpu(variant) {
  let nanoseconds = 0;
  for (const pid of variant.pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
    }
  }
  return nanoseconds;
}

// --- asking --------------------------------------------------------------------------------------
const cf = JSON.stringify({ country: "JP", continent: "AS", latitude: "35.6", longitude: "139.7", colo: "NRT", httpProtocol: "HTTP/1.1" });
const sent = {
  host: "www.example.com",
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
  accept: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "accept-language": "ja-JP,ja;q=0.9,en-US;q=0.8,en;q=0.7",
  "accept-encoding": "gzip, deflate, br",
  cookie: "theme=dark; usher=TOKEN; consent=yes",
  "sec-fetch-site": "same-origin",
  "sec-fetch-mode": "cors",
  "cf-connecting-ip": "192.0.2.7",
  "x-user-id": "forged",
  referer: "https://www.example.com/app/list?page=2",
  "mf-cf-blob": cf,
};

function ask({ port, agent }, given = sent) {
  const token = tokens[(turn += 1) % tokens.length];
  const headers = { ...given, ...(given.cookie && { cookie: given.cookie.replace("TOKEN", token) }) };
  return new Promise((resolve, reject) => {
    const asked = request({ port, agent, host: "127.0.0.1", path: "/app/items?page=3", headers }, (answer) => {
      const chunks = [];
      answer.on("data", (data) => chunks.push(data));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
      answer.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** The same request must look the same to the origin and to the client, whoever forwards it. */
async function checked(variants) {
  const seen = [];
  for (const variant of variants) {
    const answer = await ask(variant);
    const { connection, host, ...told } = heard.headers;
    const random = (text) => text?.replace(/[0-9a-f]{16,}/g, "#");
    told["x-request-id"] = random(told["x-request-id"]);
    told.traceparent = random(told.traceparent);
    const { date, "server-timing": timing, ...got } = answer.headers;
    got["x-request-id"] = random(got["x-request-id"]);
    seen.push(JSON.stringify([answer.status, Object.entries(told).sort(), Object.entries(got).sort(), answer.body.toString()], null, 1));
    if (!timing) throw new Error(`${variant.name}: no Server-Timing`);
    const { cookie, ...anonymous } = sent;
    if ((await ask(variant, anonymous)).status !== 401) throw new Error(`${variant.name}: lets strangers in`);
  }
  seen.forEach((view, place) => {
    if (view !== seen[0]) {
      writeFileSync(join(work, "seen-0.json"), seen[0]);
      writeFileSync(join(work, `seen-${place}.json`), view);
      throw new Error(`${variants[place].name} does other work than ${variants[0].name}: compare build/bench/seen-0.json and seen-${place}.json`);
    }
  });
}

async function measured(variant, count) {
  const before = cpu(variant);
  reads = 0;
  const begun = performance.now();
  let left = count;
  const times = [];
  const client = async () => {
    while (left-- > 0) {
      const at = performance.now();
      const { status } = await ask(variant);
      if (status !== 200) throw new Error(`${variant.name}: ${status}`);
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const wall = performance.now() - begun;
  if (reads !== count) throw new Error(`${variant.name}: ${reads} reads of KV for ${count} requests`);
  return { cpu: (cpu(variant) - before) / 1e3 / count, wall: wall / count, times };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.floor(values.length * q)];

// --- the run -------------------------------------------------------------------------------------
if (!process.argv.includes("--built")) bundles();
const [kvPort, originPort] = [await listen(kv), await listen(origin)];
const variants = [];
try {
  for (const name of ["javascript", "hono", "usher"]) variants.push(await started(name, kvPort, originPort));
  await checked(variants);
  console.error("usher: the variants do the same work; warming up ...");
  for (const variant of variants) await measured(variant, 2000);
  for (let round = 0; round < rounds; round += 1) {
    const order = variants.map((variant) => [Math.random(), variant]).sort((a, b) => a[0] - b[0]);
    const found = new Map();
    for (const [, variant] of order) found.set(variant, await measured(variant, chunk));
    const base = found.get(variants[0]);
    for (const variant of variants) {
      const one = found.get(variant);
      variant.ratios.push(one.cpu / base.cpu);
      variant.wall.push(base.wall / one.wall);
      variant.cpu.push(one.cpu);
      variant.ms.push(...one.times);
    }
    if (process.stderr.isTTY) process.stderr.write(`\rusher: round ${round + 1} of ${rounds}`);
  }
  console.error(`\nusher: ${rounds} rounds of ${chunk} requests each, ${clients} clients, one origin answer of ${body.length} bytes`);
  console.log("| variant | CPU per request vs JavaScript (quartiles) | requests/s vs JavaScript | CPU, us | p50 ms | p99 ms |");
  console.log("|---|---|---|---|---|---|");
  for (const v of variants) {
    const spread = `${quantile(v.ratios, 0.25).toFixed(2)} to ${quantile(v.ratios, 0.75).toFixed(2)}`;
    const cells = [v.name, `**${median(v.ratios).toFixed(2)}** (${spread})`, median(v.wall).toFixed(2), median(v.cpu).toFixed(0), quantile(v.ms, 0.5).toFixed(2), quantile(v.ms, 0.99).toFixed(2)];
    console.log(`| ${cells.join(" | ")} |`);
  }
} finally {
  for (const { child, agent } of variants) {
    agent.destroy();
    process.kill(-child.pid, "SIGTERM");
  }
  kv.close();
  origin.close();
}
process.exit(0);
