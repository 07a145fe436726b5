// npm run list -- ...: changes a running Usher's lists of addresses.
import { commandLine, day, holds, operator, who } from "./operator.mjs";

const usage = `npm run list -- show NAME
npm run list -- add NAME ADDRESS...       addresses and networks, such as 192.0.2.0/24
npm run list -- remove NAME ADDRESS...

  NAME is a [[list]] with dynamic = true in usher.toml.

  --why TEXT      for the history; must be given
  --who NAME      for the history         (default: the name of the account here)
  --for 1h        leaves the list by itself   (default: after 366 days)
  --to URL        where Usher is          (USHER_URL, else what npm start runs here)
  --token TOKEN   the operator's token    (ADMIN_TOKEN, else the one in .dev.vars)`;

const line = commandLine(usage);
const ask = operator(line);
const [lifetime, said] = [line.take("--for"), who(line)];
const [command, list, ...addresses] = line.words;
if (!list) line.fail("say the name of a list");

if (command === "show") {
  const shown = await ask("GET", `/.usher/lists?${new URLSearchParams({ list })}`);
  for (const { what, since, until } of shown.addresses) console.log(`${what}  since ${day(since)}, until ${day(until)}`);
  console.log(shown.addresses.length === 1 ? "1 address or network" : `${shown.addresses.length} addresses and networks`);
  const own = shown.history.filter(({ what }) => what.startsWith(`list:${list}:`));
  for (const { at, what, on, who, why } of own) console.log(`${day(at)}  ${on ? "add   " : "remove"}  ${what.slice(`list:${list}:`.length)}  ${who}: ${why}`);
} else {
  if (command !== "add" && command !== "remove") line.fail(`"${command}" is unknown; allowed: show, add, remove`);
  if (addresses.length === 0) line.fail("say which addresses");
  if (!said.why) line.fail("say --why");
  const done = await ask("POST", "/.usher/lists", { list, [command]: addresses, ...said, ...(lifetime && { for: lifetime }) });
  console.log(`${command === "add" ? "Added to" : "Removed from"} ${list}: ${addresses.join(", ")}${done.until ? `, until ${day(done.until)}` : ""}.`);
  holds(done);
  if (command === "remove" && done.on.length) console.log(`Still on it: ${done.on.map(({ what }) => what).join(", ")}; what usher.toml lists stays too.`);
}
