// The ledger's Durable Object. Every promise resolves; a failure is a number (see message.js).
//
// The object speaks JSON; the gateway gets and gives lines, in which a subject's `\` and line feed are `\\` and `\n`.
import { env } from "cloudflare:workers";
import { failed } from "./message.js";
import { shared, within } from "./timing.js";

const escaped = (subject) => subject.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const unescaped = (line) => line.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));

/** Sends an entry: resolves to the start of the read (milliseconds since 1970) and its page, as lines. */
async function ledger(entry) {
  const began = Date.now();
  const response = await env.LEDGER.getByName("book").fetch("https://ledger.invalid/", { method: "POST", body: JSON.stringify(entry) });
  if (!response.ok) return failed("LEDGER", `${response.status} ${await response.text()}`);
  const { as_of, stamps, more } = await response.json();
  const lines = stamps.map(({ subject, since, soft, until }) => `\n${since} ${until} ${soft ? 1 : 0} ${escaped(subject)}`);
  return `${began} ${as_of} ${more ? 1 : 0}${lines.join("")}`;
}

/** The ledger's page after a moment, see `ledger`. */
export function ledgerRead(since, deadline) {
  return shared(`ledger:${since}`, () => ledger({ subjects: [], soft: false, lifetime: 0, since }), deadline);
}

/** Stamps subjects, a line each: resolves to the page after the moment `since`, see `ledger`. */
export function ledgerStamp(subjects, soft, lifetime, since, deadline) {
  const entry = { subjects: subjects === "" ? [] : subjects.split("\n").map(unescaped), soft, lifetime, since };
  return within("ledger", ledger(entry), deadline);
}
