// CPU per request of the hot path: Usher's deploy build, hand-written JavaScript and Hono, each in
// its own workerd, doing the same work, which is checked on the wire first; and the floor: a worker
// that makes the same calls into the platform and decides nothing.
//
//   npm run bench [-- --rounds 60 --chunk 300 --warm 20000]
//
// The hot path twice: in a young isolate (its first thousands of requests), and in one that is warm (lab.mjs). Short
// chunks, the order shuffled each round, CPU from the scheduler's own accounts, and the median of the ratios of each
// round: what else the machine does meets all variants alike.
import { createServer, request } from "node:http";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../tools/setup.mjs";
import { bundles, clients, compared, listen, measured, option, started, stop, table, warm } from "./lab.mjs";

const rounds = option("rounds", 60);
const chunk = option("chunk", 300);
const work = join(root, "target", "bench");

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
    if ((await ask(variant, anonymous)).status !== 401) throw new Error(`${variant.name}: lets strangers in`);
  }
  seen.forEach((view, place) => {
    if (view !== seen[0]) {
      writeFileSync(join(work, "seen-0.json"), seen[0]);
      writeFileSync(join(work, `seen-${place}.json`), view);
      throw new Error(`${variants[place].name} does other work than ${variants[0].name}: compare target/bench/seen-0.json and seen-${place}.json`);
    }
  });
}

/** One request, which must be answered with this status. */
const expect = (wanted, given) => async (variant) => {
  const { status } = await ask(variant, given);
  if (status !== wanted) throw new Error(`${variant.name}: ${status}`);
};
const { cookie, ...anonymous } = sent;
const asked = expect(200, sent);
/** A visitor who is not signed in, and gets a page. */
const refused = expect(401, anonymous);

// --- the run -------------------------------------------------------------------------------------
if (!process.argv.includes("--built")) bundles(work, { usher: "bench/usher.toml" }, ["javascript", "hono", "calls"]);
const services = { kv: await listen(kv), origin: await listen(origin) };
const variants = [];
try {
  for (const name of ["javascript", "hono", "calls", "usher"]) variants.push(await started(work, name, name, services, ask));
  await checked(variants.filter(({ name }) => name !== "calls"));
  console.error("usher: the variants do the same work");
  console.log(`One origin answer of ${body.length} bytes, ${clients} clients, rounds of ${chunk} requests`);
  const hot = [
    { title: "Forwarded, a young isolate", ask: asked, before: 2_000, rounds: Math.ceil(rounds / 3), all: variants },
    { title: "Forwarded, warm", ask: asked, before: warm, rounds, all: variants },
    { title: "401, warm: a visitor who is not signed in gets a page", ask: refused, before: warm, rounds, all: variants.filter(({ name }) => name !== "calls") },
  ];
  for (const { title, ask, before, rounds, all } of hot) {
    reads = 0;
    console.error(`\nusher: ${title}: ${before} requests of each, then ${rounds} rounds`);
    for (const variant of all) {
      Object.assign(variant, { ratios: [], cpu: [], ms: [], wall: [] });
      await measured(variant, before, ask);
    }
    await compared(all, rounds, chunk, () => ask);
    const count = ask === asked ? (before + rounds * chunk) * all.length : 0;
    if (reads !== count) throw new Error(`${reads} reads of KV for ${count} requests`);
    console.log(`\n${title}\n`);
    table(all, "JavaScript");
  }
} finally {
  stop(variants);
  kv.close();
  origin.close();
}
process.exit(0);
