// npm run purge -- ...: asks a running Usher to purge.
import { commandLine, holds, operator } from "./operator.mjs";

const usage = `npm run purge -- tag NAME...      purge by tag
npm run purge -- url URL...       purge whole URLs, or paths on every host
npm run purge -- prefix PATH...   purge everything below a path
npm run purge -- everything

  --soft          what is purged may still serve while the origin is down
  --to URL        where Usher is          (USHER_URL, else what npm start runs here)
  --token TOKEN   the operator's token    (ADMIN_TOKEN, else the one in .dev.vars)`;

const line = commandLine(usage);
const ask = operator(line);
const soft = line.has("--soft");
const [kind, ...names] = line.words;
const field = { tag: "tags", url: "urls", prefix: "prefixes" }[kind];
if (kind !== "everything" && !field) line.fail(`"${kind}" cannot be purged; allowed: tag, url, prefix, everything`);
if (field && names.length === 0) line.fail(`say which ${kind} to purge`);

const said = await ask("POST", "/.usher/purge", field ? { [field]: names, soft } : { everything: true, soft });
console.log(`Purged ${said.stamped.join(", ")}${said.soft ? " (soft)" : ""}.`);
holds(said);
