// Rate limits: what one costs, what a refusal costs, and whether others notice a flood.
//
//   npm run bench:limits [-- --rounds 40 --chunk 200 --warm 20000 --seconds 60 --share 50 --built]
//
// First the CPU of a request that a limit in the isolate counts, and of one that it refuses, against one on a route
// without a limit, in the same isolate, in paired rounds. Then a flood: 200 connections of one address send at `share`
// hundredths of what the isolate can refuse, beside five visitors who ask again 50 ms after each answer.
import { Agent, createServer, request } from "node:http";
import { join } from "node:path";
import { root } from "../tools/setup.mjs";
import { bundles, listen, measured, median, option, quantile, started, stop, warm } from "./lab.mjs";

const rounds = option("rounds", 40);
const chunk = option("chunk", 200);
const seconds = option("seconds", 60);
const share = option("share", 50) / 100;
const work = join(root, "target", "bench-limits");
const connections = 200;
const visitors = 5;
/** What `flood` of bench/limits.toml lets pass. */
const [rate, burst] = [20, 20];

const body = Buffer.alloc(1_000, "x");
const heard = new Map();
const origin = createServer((asked, answer) => {
  const from = asked.headers["x-forwarded-for"];
  heard.set(from, (heard.get(from) ?? 0) + 1);
  answer.writeHead(200, { "content-type": "text/plain", "content-length": body.length }).end(body);
});

function ask({ port, agent }, path, address = "192.0.2.1") {
  return new Promise((resolve, reject) => {
    const asked = request({ port, agent, host: "127.0.0.1", path, headers: { host: "www.example.com", "cf-connecting-ip": address } }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
      answer.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}
const expect = (path, wanted, address) => async (variant) => {
  const status = await ask(variant, path, address);
  if (status !== wanted) throw new Error(`${path}: ${status}`);
};
const free = expect("/free/x", 200);
const counted = expect("/counted/x", 200);
const refused = async (variant) => {
  // Now and then one passes.
  const status = await ask(variant, "/limited/x");
  if (status !== 429 && status !== 200) throw new Error(`/limited/x: ${status}`);
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks as five visitors until `over`: milliseconds of each request. */
async function visit(variant, over) {
  const times = [];
  const one = async (number) => {
    const agent = new Agent({ keepAlive: true });
    while (performance.now() < over) {
      const at = performance.now();
      const status = await ask({ ...variant, agent }, "/limited/x", `198.51.100.${number}`);
      if (status !== 200) throw new Error(`a visitor got ${status}`);
      times.push(performance.now() - at);
      await pause(50);
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: visitors }, (_, number) => one(number)));
  return times;
}

/** Sends from one address at `pace` requests a second, over all connections, until `over`: how often each status came. */
async function flood(variant, pace, over) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const statuses = new Map();
  const begun = performance.now();
  let sent = 0;
  const one = async () => {
    while (performance.now() < over) {
      const due = begun + (sent++ / pace) * 1_000;
      if (due > performance.now()) await pause(due - performance.now());
      const status = await ask({ ...variant, agent }, "/limited/x", "203.0.113.7");
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  agent.destroy();
  return statuses;
}

if (!process.argv.includes("--built")) bundles(work, { usher: "bench/limits.toml" }, []);
const services = { kv: await listen(origin), origin: origin.address().port };
const variant = await started(work, "usher", "usher", services, (variant) => ask(variant, "/free/x"));
try {
  console.error(`usher: ${warm} requests of each kind warm up, then ${rounds} rounds of ${chunk} ...`);
  const kinds = [["without a limit", free], ["with a limit", counted], ["refused", refused]];
  for (const [, kind] of kinds) await measured(variant, warm, kind);
  const ratios = kinds.map(() => []);
  let perRefusal = 0;
  for (let round = 0; round < rounds; round += 1) {
    const order = kinds.map((_, place) => [Math.random(), place]).sort((a, b) => a[0] - b[0]);
    const found = [];
    for (const [, place] of order) found[place] = await measured(variant, chunk, kinds[place][1]);
    found.forEach(({ cpu }, place) => ratios[place].push(cpu / found[0].cpu));
    perRefusal = found[2].wall;
  }
  console.log("| request | CPU against one without a limit (quartiles) |\n|---|---|");
  kinds.forEach(([name], place) => {
    const all = ratios[place];
    console.log(`| ${name} | **${median(all).toFixed(2)}** (${quantile(all, 0.25).toFixed(2)} to ${quantile(all, 0.75).toFixed(2)}) |`);
  });

  const pace = Math.floor((1_000 / perRefusal) * share);
  console.error(`usher: five visitors alone, then beside a flood of ${pace} requests/s, ${seconds} s each ...`);
  const alone = await visit(variant, performance.now() + seconds * 1_000);
  heard.clear();
  const over = performance.now() + seconds * 1_000;
  const [beside, statuses] = await Promise.all([visit(variant, over), flood(variant, pace, over)]);
  const got = heard.get("203.0.113.7") ?? 0;
  const p95 = (times) => quantile(times, 0.95);
  console.log(`\nFlood: ${connections} connections of one address, ${[...statuses].map(([status, count]) => `${count} x ${status}`).join(", ")} in ${seconds} s.`);
  console.log(`The origin got ${got} of them; the limit allows ${burst + rate * seconds}.`);
  console.log(`p95 of the ${visitors} visitors: ${p95(beside).toFixed(1)} ms beside it, ${p95(alone).toFixed(1)} ms alone: **${(p95(beside) / p95(alone)).toFixed(2)}**; no error in ${beside.length} requests.`);
  if (got > burst + rate * (seconds + 1)) throw new Error("more than the limit passed");
} finally {
  stop([variant]);
  origin.close();
}
process.exit(0);
