// npm run switch -- ...: turns a running Usher's switches on and off.
import { commandLine, day, holds, operator, who } from "./operator.mjs";

const usage = `npm run switch -- show                    what is on, and who changed what
npm run switch -- maintenance on|off      requests get 503 with a page; the operator's token passes
npm run switch -- attack on|off           everybody is challenged, but who a rule allows

  --why TEXT      for the history; must be given
  --who NAME      for the history         (default: the name of the account here)
  --for 2h        ends by itself          (default: after 366 days)
  --host NAME     only for this host
  --route NAME    only for this route
  --to URL        where Usher is          (USHER_URL, else what npm start runs here)
  --token TOKEN   the operator's token    (ADMIN_TOKEN, else the one in .dev.vars)`;

const line = commandLine(usage);
const ask = operator(line);
const [lifetime, host, route, said] = [line.take("--for"), line.take("--host"), line.take("--route"), who(line)];
const [name, wanted, ...rest] = line.words;
if (rest.length) line.fail(`"${rest[0]}" is too much`);

if (name === "show") {
  const { maintenance, attack, history } = await ask("GET", "/.usher/switches");
  for (const [name, all] of Object.entries({ maintenance, attack })) {
    if (all.length === 0) console.log(`${name}: off`);
    for (const { what, since, until } of all) console.log(`${name}: on for ${what}, since ${day(since)}, until ${day(until)}`);
  }
  for (const { at, what, on, who, why } of history) console.log(`${day(at)}  ${on ? "on " : "off"}  ${what}  ${who}: ${why}`);
} else {
  if (wanted !== "on" && wanted !== "off") line.fail(`say "on" or "off"`);
  if (!said.why) line.fail("say --why");
  const order = { switch: name, on: wanted === "on", ...said, ...(lifetime && { for: lifetime }), ...(host && { host }), ...(route && { route }) };
  const done = await ask("POST", "/.usher/switches", order);
  console.log(`${name} is ${wanted} for ${host ?? route ?? "all requests"}${done.until && lifetime ? ` until ${day(done.until)}` : ""}.`);
  holds(done);
  if (wanted === "off") for (const { what, until } of done.on) console.log(`It is still on for ${what}, until ${day(until)}.`);
}
