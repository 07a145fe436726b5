// CPU for finding out who is asking: Usher's deploy build against hand-written JavaScript with
// WebCrypto that remembers as much.
//
//   npm run bench:identity [-- --rounds 40 --chunk 100 --warm 20000]
//
// Each case is measured in both, round by round; from each what a request costs is taken away that
// nobody asks who sent it.
import { createServer, request } from "node:http";
import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { root } from "../tools/setup.mjs";
import { bundles, clients, listen, measured, median, option, quantile, started, stop, warm } from "./lab.mjs";

const rounds = option("rounds", 40);
const chunk = option("chunk", 100);
const work = join(root, "target", "bench-identity");
const secret = randomBytes(48).toString("base64url");
const now = Math.floor(Date.now() / 1000);

// --- keys, tokens and sessions -------------------------------------------------------------------
const rsa = (name) => ({ name, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" });
const families = {
  HS256: null,
  EdDSA: [{ name: "Ed25519" }, { name: "Ed25519" }],
  ES256: [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }],
  RS256: [rsa("RSASSA-PKCS1-v1_5"), { name: "RSASSA-PKCS1-v1_5" }],
  PS256: [rsa("RSA-PSS"), { name: "RSA-PSS", saltLength: 32 }],
};
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const keys = [];
const signers = {};
for (const [alg, used] of Object.entries(families)) {
  if (!used) {
    signers[alg] = (text) => createHmac("sha256", secret).update(text).digest("base64url");
    continue;
  }
  const pair = await crypto.subtle.generateKey(used[0], true, ["sign", "verify"]);
  const { key_ops, ext, ...jwk } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  keys.push({ ...jwk, kid: alg, alg });
  signers[alg] = async (text) => Buffer.from(await crypto.subtle.sign(used[1], pair.privateKey, Buffer.from(text))).toString("base64url");
}
async function token(alg, number) {
  const iss = alg === "HS256" ? "https://shared.example" : "https://keys.example";
  const claims = { iss, aud: "usher", sub: `user-${number}`, iat: now, exp: now + 86_400, scope: "read write", roles: ["member"] };
  const text = `${part({ alg, kid: alg, typ: "JWT" })}.${part(claims)}`;
  return `${text}.${await signers[alg](text)}`;
}
const record = JSON.stringify({ user: "user-7", roles: ["member", "editor"], created: Date.now(), expires: Date.now() + 43_200_000 });
const kv = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/plain" }).end(record));
const ledgerless = createServer((_, answer) => answer.end());

/** What each request of a case carries; `first` = another one each time. */
async function carried(case_) {
  const count = case_.first ? rounds * chunk + warm / 10 + 500 : 8;
  const one = case_.alg ? async (n) => ({ authorization: `Bearer ${await token(case_.alg, n)}` }) : async () => ({ cookie: `usher=${randomBytes(32).toString("base64url")}` });
  return Promise.all(Array.from({ length: count }, (_, n) => one(n)));
}

const cases = [
  { name: "session, remembered", path: "/session" },
  { name: "session, from KV", path: "/session", first: true },
  ...Object.keys(families).flatMap((alg) => [
    { name: `${alg}, first time`, path: "/token", alg, first: true },
    { name: `${alg}, remembered`, path: "/token", alg },
  ]),
];

function ask({ port, agent }, path, headers = {}) {
  return new Promise((resolve, reject) => {
    const asked = request({ port, agent, host: "127.0.0.1", path, headers }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode));
      answer.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

// --- the run -------------------------------------------------------------------------------------
if (!process.argv.includes("--built")) bundles(work, { usher: "bench/identity.toml" }, ["who"]);
const services = { kv: await listen(kv), origin: await listen(ledgerless), vars: { SECRET: secret, KEYS: JSON.stringify({ keys }) } };
const variants = [];
try {
  for (const name of ["who", "usher"]) variants.push(await started(work, name, name, services, (variant) => ask(variant, "/open")));
  const good = async (variant, path, headers) => {
    const status = await ask(variant, path, headers);
    if (status !== 200) throw new Error(`${variant.name}: ${path} ${status}`);
  };
  for (const variant of variants) {
    const strangers = [["/session"], ["/token"], ["/token", { authorization: `Bearer ${(await token("ES256", 1)).slice(0, -4)}AAAA` }]];
    for (const [path, headers] of strangers) if ((await ask(variant, path, headers)) !== 401) throw new Error(`${variant.name} lets strangers in`);
    await measured(variant, warm, () => good(variant, "/open"));
  }
  console.error(`usher: ${rounds} rounds of ${chunk} requests for each case, ${clients} clients`);
  console.log("| case | JavaScript, us | Usher, us | Usher vs JavaScript (quartiles) |");
  console.log("|---|---|---|---|");
  for (const case_ of cases) {
    const all = await carried(case_);
    const turns = new Map(variants.map((variant) => [variant, 0]));
    const next = (variant) => {
      const turn = turns.get(variant);
      turns.set(variant, turn + 1);
      return good(variant, case_.path, all[turn % all.length]);
    };
    for (const variant of variants) await measured(variant, warm / 10, () => next(variant));
    const found = variants.map(() => []);
    const ratios = [];
    for (let round = 0; round < rounds; round += 1) {
      const order = variants.map((_, place) => place).sort(() => Math.random() - 0.5);
      for (const place of order) {
        const variant = variants[place];
        const floor = await measured(variant, chunk, () => good(variant, "/open"));
        const whole = await measured(variant, chunk, () => next(variant));
        found[place].push({ floor: floor.cpu, whole: whole.cpu });
      }
      const [theirs, ours] = found.map((rows) => rows.at(-1).whole);
      ratios.push(ours / theirs);
    }
    const above = found.map((rows) => median(rows.map(({ floor, whole }) => whole - floor)).toFixed(0));
    const spread = `${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)}`;
    console.log(`| ${case_.name} | ${above.join(" | ")} | **${median(ratios).toFixed(2)}** (${spread}) |`);
  }
} finally {
  stop(variants);
  kv.close();
  ledgerless.close();
}
process.exit(0);
