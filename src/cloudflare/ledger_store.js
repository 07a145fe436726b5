// The ledger's Durable Object. Every promise resolves; a failure is a number (see message.js).
import { env } from "cloudflare:workers";
import { failed, DOWN } from "./message.js";
import { shared, within } from "./timing.js";

async function ledger(init) {
  const response = await env.LEDGER.getByName("book").fetch("https://ledger.invalid/", init);
  const text = await response.text();
  return response.ok ? text : failed("LEDGER", `${response.status} ${text}`);
}

/**
 * The ledger's page after the entry's moment, preceded by a line with the start of the read (milliseconds since
 * 1970).
 */
export function ledgerRead(entry, deadline) {
  const read = async () => {
    const began = Date.now();
    const page = await ledger({ method: "POST", body: entry });
    return page === DOWN ? DOWN : `${began}\n${page}`;
  };
  return shared(`ledger:${entry}`, read, deadline);
}

/** Stamps the entry's subjects; resolves to the page after its moment. Entries are JSON: see src/ledger.rs. */
export function ledgerStamp(entry, deadline) {
  return within("ledger", ledger({ method: "POST", body: entry }), deadline);
}
