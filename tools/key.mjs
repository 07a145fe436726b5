// npm run key -- ...: makes and rotates the keys that Usher signs its assertions to origins with.
import { readFileSync } from "node:fs";
import { commandLine } from "./operator.mjs";

const usage = `npm run --silent key -- new               a first key, as the secret SIGNING_KEYS wants it
npm run --silent key -- rotate FILE       the keys of FILE and a new one, which is published at once and signs later

  --after SECONDS   when the new one begins to sign: once every origin has read it   (3600)

npm run --silent key -- new > signing-keys.json && npx wrangler secret put SIGNING_KEYS < signing-keys.json
npm run --silent key -- rotate signing-keys.json > signing-keys.next.json && npx wrangler secret put SIGNING_KEYS < signing-keys.next.json
For wrangler dev write them, on one line, into .dev.vars: SIGNING_KEYS='...'`;

/** Keys that were replaced longer ago than this are left out: nothing that they signed is alive. */
const KEPT = 600;
/** Usher takes no more. */
const MOST = 8;

const line = commandLine(usage);
const after = Number(line.take("--after") ?? 3600);
if (!Number.isInteger(after) || after < 0) line.fail("--after wants a whole number of seconds");
const now = Math.floor(Date.now() / 1000);

async function fresh(from) {
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
  const { kty, crv, x, d } = await crypto.subtle.exportKey("jwk", pair.privateKey);
  return { kty, crv, kid: `usher-${from}-${x.slice(0, 8)}`, x, d, usher_from: from };
}

function known(file) {
  try {
    const { keys } = JSON.parse(readFileSync(file, "utf8"));
    if (Array.isArray(keys) && keys.length > 0 && keys.every((key) => key.kid && key.d)) return keys;
  } catch (error) {
    if (error.code) line.fail(`${file} cannot be read: ${error.message}`);
  }
  return line.fail(`${file} holds no keys: \`npm run --silent key -- new\` makes some`);
}

const commands = {
  new: async () => [await fresh(now)],
  rotate: async () => {
    const keys = known(line.words[1] ?? line.fail("say which file has the keys"));
    const from = (key) => key.usher_from ?? 0;
    const sorted = keys.toSorted((a, b) => from(a) - from(b));
    // A key goes once the next has signed for ten minutes; what it signed lived for one.
    const left = sorted.filter((_, place) => !(sorted[place + 1] && from(sorted[place + 1]) < now - KEPT));
    if (left.length >= MOST) line.fail(`${left.length} keys are in use or yet to sign, and Usher takes ${MOST}: rotate when the next one signs`);
    return [...left, await fresh(now + after)];
  },
};
const command = commands[line.words[0]] ?? line.fail(`"${line.words[0]}" is no command; allowed: new, rotate`);
console.log(JSON.stringify({ keys: await command() }));
