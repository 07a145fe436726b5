// What the operator's tools have in common: their words, and how a running Usher is asked.
import { existsSync, readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { running } from "./running.mjs";

/** The command line of a tool: `take` removes a flag and gives its value. */
export function commandLine(usage) {
  const words = process.argv.slice(2);
  const fail = (sentence) => {
    console.error(`usher: ${sentence}\n\n${usage}`);
    process.exit(2);
  };
  if (words.includes("--help") || words.includes("-h") || words.length === 0) {
    console.log(usage);
    process.exit(words.length === 0 ? 2 : 0);
  }
  const take = (name) => {
    const at = words.indexOf(name);
    if (at < 0) return undefined;
    const [, value] = words.splice(at, 2);
    return value ?? fail(`${name} wants a value`);
  };
  const has = (name) => {
    const at = words.indexOf(name);
    if (at >= 0) words.splice(at, 1);
    return at >= 0;
  };
  return { words, take, has, fail };
}

/** Asks a page of the operator's, as the flags --to and --token say, or ends with what went wrong. */
export function operator({ take, fail }) {
  const to = take("--to") ?? process.env.USHER_URL ?? running() ?? "http://localhost:8787";
  const local = existsSync(".dev.vars") ? readFileSync(".dev.vars", "utf8").match(/^ADMIN_TOKEN=(.*)$/m)?.[1].trim() : undefined;
  const token = take("--token") ?? process.env.ADMIN_TOKEN ?? local;
  return async (method, page, body) => {
    if (!token) fail("no token: give --token, or set ADMIN_TOKEN");
    try {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json" };
      const answer = await fetch(new URL(page, to), { method, headers, body: body && JSON.stringify(body) });
      const said = await answer.json();
      if (answer.ok) return said;
      console.error(`usher: ${to} answered ${answer.status}: ${said.detail ?? said.title}`);
    } catch (error) {
      console.error(`usher: ${to} cannot be asked: ${error.cause?.message ?? error.message}`);
    }
    process.exit(1);
  };
}

/** A time as it is shown. */
export const day = (ms) => new Date(ms).toISOString().replace("T", " ").slice(0, 16);

/** Shows from when on a change holds. */
export function holds(said) {
  console.log(`It holds there now, and everywhere by ${said.holds_everywhere_by} (within ${said.max_delay_ms} ms).`);
  if (said.recorded === false) console.log("The history does not have it: the store could not be reached.");
}

/** Who changes something, and why, for the history. */
export function who({ take }) {
  return { who: take("--who") ?? userInfo().username, why: take("--why") };
}
