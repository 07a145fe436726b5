// What the benchmarks share: servers on free ports, variants each in its own workerd, CPU time from
// the scheduler's own accounts, and medians.
import { spawn, spawnSync } from "node:child_process";
import { createServer, Agent } from "node:http";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { extname, join } from "node:path";
import { node, npmTool, root } from "../tools/setup.mjs";

if (process.platform !== "linux") {
  console.error("The benchmark reads CPU times from /proc, which only Linux has.");
  process.exit(1);
}

export const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
export const clients = 8;
/**
 * Requests that warm an isolate up. V8 optimises a wasm function when it has run some 13 MB of its own machine code
 * (`wasm_tiering_budget`), a JavaScript function after some hundred calls: an isolate that is measured after 2,000
 * requests runs JavaScript that is optimised and wasm that mostly is not.
 */
export const warm = option("warm", 20_000);

export const median = (values) => quantile(values, 0.5);
export const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.floor(values.length * q)];

export const listen = async (server) => {
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
};

async function freePort() {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, "close");
  return port;
}

function built(command, args, env) {
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...env } });
  if (done.status !== 0) process.exit(1);
}

/** Usher's deploy build with each configuration, by the variant's name, and scripts beside it, each bundled into `work`. */
export function bundles(work, configurations, scripts) {
  rmSync(work, { recursive: true, force: true });
  console.error("usher: building the deploy build and the bundles ...");
  const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
  for (const [name, configuration] of Object.entries(configurations)) {
    built(node(), [wrangler, "deploy", "--dry-run", "--outdir", join(work, name)], { USHER_CONFIG: configuration, WRANGLER_SEND_METRICS: "false", CI: "1" });
  }
  for (const name of scripts) {
    built(npmTool("esbuild"), [`bench/${name}.mjs`, "--bundle", "--format=esm", "--minify", "--log-level=error", `--outfile=${join(work, name, "entry.js")}`]);
  }
}

/** A workerd that runs the bundle `script`, with the services it is given as ports. */
export async function started(work, name, script, { kv, origin, cache, admin, vars = {} }, ready) {
  const port = await freePort();
  const folder = join(work, script);
  const state = join(work, `state-${name.replace(/\W+/g, "-")}`);
  mkdirSync(state, { recursive: true });
  const kinds = { ".wasm": "wasm", ".bin": "data" };
  const modules = readdirSync(folder)
    .filter((file) => extname(file) in kinds)
    .map((file) => `(name = "./${file}", ${kinds[extname(file)]} = embed "${script}/${file}")`);
  const usher = script.startsWith("usher");
  const list = (items) => items.filter(Boolean).join(",\n    ");
  const text = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${list([
      '(name = "main", worker = .worker)',
      kv && `(name = "kv", external = (address = "127.0.0.1:${kv}", http = ()))`,
      cache && `(name = "cache", external = (address = "127.0.0.1:${cache}", http = ()))`,
      `(name = "disk", disk = (path = "${state}", writable = true))`,
      '(name = "internet", network = (allow = ["local", "private", "public"]))',
    ])}
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (cfBlobHeader = "mf-cf-blob"), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [${[`(name = "entry.js", esModule = embed "${script}/entry.js")`, ...modules].join(", ")}],
  compatibilityDate = "2026-10-01",
  ${cache ? 'cacheApiOutbound = "cache",' : ""}
  bindings = [
    ${list([
      kv && '(name = "SESSIONS", kvNamespace = "kv")',
      `(name = "ORIGIN_URL", text = "http://127.0.0.1:${origin}")`,
      admin && `(name = "ADMIN_TOKEN", text = "${admin}")`,
      ...Object.entries(vars).map(([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`),
      usher && '(name = "LEDGER", durableObjectNamespace = "Ledger")',
    ])}
  ]${usher ? ',\n  durableObjectNamespaces = [(className = "Ledger", uniqueKey = "ledger", enableSql = true)],\n  durableObjectStorage = (localDisk = "disk")' : ""}
);
`;
  const file = join(work, `${name.replace(/\W+/g, "-")}.capnp`);
  writeFileSync(file, text);
  const debug = process.env.BENCH_DEBUG ? "inherit" : undefined;
  const child = spawn(npmTool("workerd"), ["serve", "--experimental", file], { stdio: ["ignore", debug ?? "ignore", debug ?? "pipe"], detached: true });
  let said = "";
  child.stderr?.on("data", (text) => (said += text));
  const variant = { name, port, child, agent: new Agent({ keepAlive: true, maxSockets: clients }), ratios: [], cpu: [], ms: [], wall: [] };
  for (let tries = 0; ; tries += 1) {
    try {
      await ready(variant);
      break;
    } catch (error) {
      if (child.exitCode !== null || tries > 200) throw new Error(`${name} does not start: ${said || error}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  variant.pids = family(child.pid);
  return variant;
}

/** Ends one, and waits until it has ended. */
export async function ended(variant) {
  const over = once(variant.child, "exit");
  stop([variant]);
  await over;
}

/** Ends them. */
export function stop(variants) {
  for (const { child, agent } of variants) {
    agent.destroy();
    process.kill(-child.pid, "SIGTERM");
  }
}

/** The process and its children: npm's workerd is a script that starts the real one. */
function family(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

/** Nanoseconds of CPU that a variant has used. */
export function cpu(variant) {
  let nanoseconds = 0;
  for (const pid of variant.pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
    }
  }
  return nanoseconds;
}

/** Asks `count` times with all clients; microseconds of CPU and milliseconds of time for each. */
export async function measured(variant, count, ask) {
  const before = cpu(variant);
  const begun = performance.now();
  let left = count;
  const times = [];
  const client = async () => {
    while (left-- > 0) {
      const at = performance.now();
      await ask(variant);
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const wall = performance.now() - begun;
  return { cpu: (cpu(variant) - before) / 1e3 / count, wall: wall / count, times };
}

/** Rounds in which each variant is measured once, in an order that is shuffled each time. */
export async function compared(variants, rounds, chunk, askOf) {
  for (let round = 0; round < rounds; round += 1) {
    const order = variants.map((variant) => [Math.random(), variant]).sort((a, b) => a[0] - b[0]);
    const found = new Map();
    for (const [, variant] of order) found.set(variant, await measured(variant, chunk, askOf(variant)));
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
}

/** The table, ratios to the first variant. */
export function table(variants, against) {
  console.log(`| variant | CPU per request vs ${against} (quartiles) | requests/s vs ${against} | CPU, us | p50 ms | p99 ms |`);
  console.log("|---|---|---|---|---|---|");
  for (const v of variants) {
    const spread = `${quantile(v.ratios, 0.25).toFixed(2)} to ${quantile(v.ratios, 0.75).toFixed(2)}`;
    const cells = [v.name, `**${median(v.ratios).toFixed(2)}** (${spread})`, median(v.wall).toFixed(2), median(v.cpu).toFixed(0), quantile(v.ms, 0.5).toFixed(2), quantile(v.ms, 0.99).toFixed(2)];
    console.log(`| ${cells.join(" | ")} |`);
  }
}
