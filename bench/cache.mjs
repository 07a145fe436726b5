// CPU per request of the cache: hits, misses and purges, with few and with many stamps in the ledger
// and answers in store, beside a worker that uses the Cache API and nothing else.
//
//   npm run bench:cache [-- --rounds 40 --chunk 300 --warm 20000 --built]
//
// Each variant in its own workerd. What the Cache API talks to is a store in this process, the same
// for all.
import { createServer, request } from "node:http";
import { join } from "node:path";
import { root } from "../tools/setup.mjs";
import { bundles, compared, listen, measured, median, option, started, stop, table, warm } from "./lab.mjs";

const rounds = option("rounds", 40);
const chunk = option("chunk", 300);
const work = join(root, "target", "bench-cache");
const admin = "the-operators-token";
/** Answers that are asked for again and again. */
const hot = 64;

// --- the world around ----------------------------------------------------------------------------
const small = Buffer.from(JSON.stringify({ items: Array.from({ length: 40 }, (_, n) => ({ n, name: `item ${n}` })) }));
const large = Buffer.alloc(100_000, "abcdefghij");
let asked = 0;
const origin = createServer((request, answer) => {
  asked += 1;
  const body = request.url.startsWith("/large") ? large : small;
  const tags = `page, item-${request.url.split("/").at(-1)}`;
  answer.writeHead(200, { "content-type": "application/json", "cache-control": "max-age=86400", etag: '"v1"', "cache-tag": tags, "content-length": body.length }).end(body);
});

/** The Cache API as workerd asks for it: GET, PUT with a whole answer as body, PURGE. */
const kept = new Map();
const cache = createServer(async (request, answer) => {
  const key = `${request.headers.host}${request.url}`;
  if (request.method === "PUT") {
    const chunks = [];
    for await (const part of request) chunks.push(part);
    const whole = Buffer.concat(chunks);
    const end = whole.indexOf("\r\n\r\n");
    const [status, ...lines] = whole.subarray(0, end).toString("latin1").split("\r\n");
    const fields = lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
    const chunked = fields.some(([name, value]) => name.toLowerCase() === "transfer-encoding" && value === "chunked");
    const body = chunked ? unchunked(whole.subarray(end + 4)) : whole.subarray(end + 4);
    const sent = fields.filter(([name]) => !["transfer-encoding", "content-length", "connection"].includes(name.toLowerCase()));
    kept.set(key, { status: Number(status.split(" ")[1]), fields: sent.flat(), body });
    return answer.writeHead(204).end();
  }
  const found = kept.get(key);
  if (request.method === "PURGE") return answer.writeHead(kept.delete(key) ? 200 : 404).end();
  if (found === undefined) return answer.writeHead(504).end();
  answer.writeHead(found.status, [...found.fields, "cf-cache-status", "HIT", "content-length", String(found.body.length)]).end(found.body);
});

function unchunked(bytes) {
  const parts = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.subarray(at, end).toString(), 16);
    if (!size) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
  }
}

// --- asking --------------------------------------------------------------------------------------
function send({ name, port, agent }, path, { method = "GET", headers = {}, body } = {}) {
  const sent = { host: `${name.replace(/\W+/g, "-")}.example`, accept: "*/*", "accept-encoding": "identity", ...headers };
  return new Promise((resolve, reject) => {
    const asked = request({ port, agent, host: "127.0.0.1", path, method, headers: sent }, (answer) => {
      let size = 0;
      const chunks = [];
      answer.on("data", (data) => ((size += data.length), method === "POST" && chunks.push(data)));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, size, text: Buffer.concat(chunks).toString() }));
      answer.on("error", reject);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const good = (answer, variant, size) => {
  if (answer.status !== 200 || answer.size !== size) throw new Error(`${variant.name}: ${answer.status}, ${answer.size} bytes of ${size}`);
  return answer;
};
let turn = 0;
const hit = async (variant) => good(await send(variant, `/small/${(turn += 1) % hot}`), variant, small.length);
const largeHit = async (variant) => good(await send(variant, `/large/${(turn += 1) % hot}`), variant, large.length);
const miss = async (variant) => good(await send(variant, `/small/cold-${(turn += 1)}`), variant, small.length);

async function purge(variant, tags) {
  const answer = await send(variant, "/.usher/purge", { method: "POST", headers: { authorization: `Bearer ${admin}` }, body: JSON.stringify({ tags }) });
  if (answer.status !== 200) throw new Error(`${variant.name}: ${answer.status} ${answer.text}`);
}

async function stamped(variant, count) {
  for (let from = 0; from < count; from += 1_000) {
    await purge(variant, Array.from({ length: Math.min(1_000, count - from) }, (_, n) => `old-${from + n}`));
  }
}

/** What is to be measured is what it is called: every request a hit, and none of them at the origin. */
async function warmed(variant, ask) {
  for (let n = 0; n < 3 * hot; n += 1) await ask(variant);
  const before = asked;
  for (let n = 0; n < 2 * hot; n += 1) {
    const { headers } = await ask(variant);
    if (variant.level && !headers["cache-status"].endsWith(`detail=${variant.level}`)) throw new Error(`${variant.name}: ${headers["cache-status"]}`);
  }
  if (asked !== before) throw new Error(`${variant.name}: ${asked - before} hits went to the origin`);
}

// --- the run -------------------------------------------------------------------------------------
if (!process.argv.includes("--built")) bundles(work, { usher: "bench/cache.toml" }, ["naive"]);
const services = { origin: await listen(origin), cache: await listen(cache), admin };
const running = [];
const begin = async (name, script, level) => {
  const variant = Object.assign(await started(work, name, script, services, (variant) => send(variant, "/small/0")), { level });
  running.push(variant);
  return variant;
};
const fresh = (variants) => variants.map((variant) => Object.assign(variant, { ratios: [], cpu: [], ms: [], wall: [] }));
try {
  const naive = await begin("Cache API alone", "naive");
  const few = await begin("usher, 10 stamps", "usher", "memory");
  const some = await begin("usher, 1,000 stamps", "usher", "memory");
  const many = await begin("usher, 100,000 stamps", "usher", "memory");
  const full = await begin("usher, 20,000 answers", "usher", "memory");
  console.error("usher: filling ledgers and stores ...");
  await stamped(few, 10);
  await stamped(some, 1_000);
  await stamped(many, 100_000);
  await measured(full, 20_000, miss);
  console.error(`usher: hits of small answers, after ${warm} of each ...`);
  for (const variant of running) {
    await measured(variant, warm, hit);
    await warmed(variant, hit);
  }
  await compared(running, rounds, chunk, () => hit);
  console.log(`\nHit, ${small.length} bytes, every one from the isolate's memory\n`);
  table(running, "the Cache API alone");
  const base = median(few.cpu);
  console.log(`\nA hit with 100,000 stamps costs ${(median(many.cpu) / base).toFixed(2)} of one with 10; with 20,000 answers in store ${(median(full.cpu) / base).toFixed(2)}.`);

  const pair = fresh([naive, few]);
  few.level = "store";
  console.error("usher: hits of large answers ...");
  for (const variant of pair) {
    await measured(variant, warm / 10, largeHit);
    await warmed(variant, largeHit);
  }
  await compared(pair, rounds, Math.ceil(chunk / 3), () => largeHit);
  console.log(`\nHit, ${large.length} bytes, from the store (too large for the memory)\n`);
  table(pair, "the Cache API alone");

  fresh(pair);
  console.error(`usher: misses, after ${warm} of each ...`);
  for (const variant of pair) await measured(variant, warm, miss);
  await compared(pair, rounds, chunk, () => miss);
  console.log("\nMiss: asked, answered, stored\n");
  table(pair, "the Cache API alone");

  const books = fresh([few, some, many]);
  console.error("usher: purges ...");
  let number = 0;
  await compared(books, rounds, 40, () => (variant) => purge(variant, [`page-${(number += 1)}`]));
  console.log("\nPurge by one tag\n");
  table(books, "10 stamps");
} finally {
  stop(running);
  origin.close();
  cache.close();
}
process.exit(0);
