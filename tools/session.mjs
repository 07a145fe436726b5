// npm run session -- ...: starts, lists and ends sessions of a running Usher, and makes API keys.
import { commandLine, day, operator } from "./operator.mjs";

const usage = `npm run session -- create USER [--roles a,b] [--scopes x,y] [--remember]
npm run session -- create USER --api-key [--lifetime 90d] [--roles ..] [--scopes ..]
npm run session -- list [USER]
npm run session -- end KEY              one session or API key, by the key that list and create show
npm run session -- end --user USER      every session, API key and token of a user
npm run session -- end --everyone

  --to URL        where Usher is          (USHER_URL, else what npm start runs here)
  --token TOKEN   the operator's token    (ADMIN_TOKEN, else the one in .dev.vars)`;

const line = commandLine(usage);
const ask = operator(line);
const many = (name) => line.take(name)?.split(",").filter(Boolean) ?? [];

async function create() {
  const draft = { roles: many("--roles"), scopes: many("--scopes") };
  const [apiKey, lifetime, remember] = [line.has("--api-key"), line.take("--lifetime"), line.has("--remember")];
  const [user, ...rest] = line.words.slice(1);
  if (!user || rest.length) line.fail("say whose session it is to be: one user");
  if (lifetime && !apiKey) line.fail("--lifetime goes with --api-key; sessions live as [session] in usher.toml says");
  if (apiKey) {
    const said = await ask("POST", "/.usher/api-keys", { user, ...draft, ...(lifetime && { lifetime }) });
    console.log(`API key of ${user}, until ${day(said.expires)}; it is not shown again:\n${said.api_key}\nTo end it: npm run session -- end ${said.session}`);
  } else {
    const said = await ask("POST", "/.usher/sessions", { user, ...draft, remember });
    console.log(`Session of ${user}, until ${day(said.expires)} unless used again; its cookie:\n${said.cookie.split(";")[0]}\nTo end it: npm run session -- end ${said.session}`);
  }
}

async function list() {
  const [user, ...rest] = line.words.slice(1);
  if (rest.length) line.fail("say one user, or none");
  let from;
  let count = 0;
  do {
    const query = new URLSearchParams({ ...(user && { user }), ...(from && { from }) });
    const said = await ask("GET", `/.usher/sessions?${query}`);
    for (const { session, user, device, country, created, seen } of said.sessions) {
      count += 1;
      console.log(`${session}  ${user}  since ${day(created)}, seen ${day(seen)}  ${country || "--"}  ${device}`);
    }
    from = said.next;
  } while (from);
  console.log(count === 1 ? "1 session" : `${count} sessions`);
}

async function end() {
  const [user, everyone] = [line.take("--user"), line.has("--everyone")];
  const [session, ...rest] = line.words.slice(1);
  const orders = [session && { session }, user && { user }, everyone && { everyone }].filter(Boolean);
  if (orders.length !== 1 || rest.length) line.fail("say what ends: one KEY, --user USER or --everyone");
  const said = await ask("DELETE", "/.usher/sessions", orders[0]);
  console.log(`Ended ${said.stamped.join(", ")}: there now, and everywhere by ${said.holds_everywhere_by} (within ${said.max_delay_ms} ms).`);
}

const commands = { create, list, end };
const command = commands[line.words[0]] ?? line.fail(`"${line.words[0]}" is no command; allowed: create, list, end`);
await command();
