// npm run purge -- ...: asks a running Usher to purge.
const usage = `npm run purge -- tag NAME...      purge by tag
npm run purge -- url URL...       purge whole URLs, or paths on every host
npm run purge -- prefix PATH...   purge everything below a path
npm run purge -- everything

  --soft          what is purged may still serve while the origin is down
  --to URL        where Usher is          (USHER_URL, else http://localhost:8787)
  --token TOKEN   the operator's token    (ADMIN_TOKEN, else the one in .dev.vars)`;

import { existsSync, readFileSync } from "node:fs";

const words = process.argv.slice(2);
const take = (name) => {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words.splice(at, 2)[1];
};
const fail = (sentence) => {
  console.error(`usher: ${sentence}\n\n${usage}`);
  process.exit(2);
};

if (words.includes("--help") || words.includes("-h") || words.length === 0) {
  console.log(usage);
  process.exit(words.length === 0 ? 2 : 0);
}
const to = take("--to") ?? process.env.USHER_URL ?? "http://localhost:8787";
const local = existsSync(".dev.vars") ? readFileSync(".dev.vars", "utf8").match(/^ADMIN_TOKEN=(.*)$/m)?.[1].trim() : undefined;
const token = take("--token") ?? process.env.ADMIN_TOKEN ?? local;
const soft = words.includes("--soft");
const [kind, ...names] = words.filter((word) => word !== "--soft");
const field = { tag: "tags", url: "urls", prefix: "prefixes" }[kind];
if (kind !== "everything" && !field) fail(`"${kind}" cannot be purged; allowed: tag, url, prefix, everything`);
if (field && names.length === 0) fail(`say which ${kind} to purge`);
if (!token) fail("no token: give --token, or set ADMIN_TOKEN");

const order = field ? { [field]: names, soft } : { everything: true, soft };
try {
  const answer = await fetch(new URL("/.usher/purge", to), {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(order),
  });
  const said = await answer.json();
  if (!answer.ok) {
    console.error(`usher: ${to} answered ${answer.status}: ${said.detail ?? said.title}`);
    process.exit(1);
  }
  console.log(`Purged ${said.stamped.join(", ")}${said.soft ? " (soft)" : ""}.`);
  console.log(`It holds there now, and everywhere by ${said.holds_everywhere_by} (within ${said.max_delay_ms} ms).`);
} catch (error) {
  console.error(`usher: ${to} cannot be asked: ${error.cause?.message ?? error.message}`);
  process.exit(1);
}
