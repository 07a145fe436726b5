// What the tests of origins share.
import { origin, token } from "./harness.mjs";

export const admin = { authorization: `Bearer ${token}` };
const parsed = (answer) => JSON.parse(answer.text);

export const vars = (all) => Object.fromEntries(all.map(({ url }, place) => [`O${place + 1}_URL`, url]));

/** A store of records in which there is nothing. */
export const nothing = () => origin((_, response) => response.writeHead(404).end());

export async function states(usher, pool) {
  const [shown] = parsed(await usher.ask(`/.usher/origins?pool=${pool}`, { headers: admin })).pools;
  return { ...Object.fromEntries(shown.origins.map((one) => [one.name, one.state])), shown };
}
