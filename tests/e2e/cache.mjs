// What the tests of the cache share: Usher before one origin that counts its answers, and what they look for in answers.
import { request } from "node:http";
import { after, before, beforeEach } from "node:test";
import { folder, gateway, origin } from "./harness.mjs";

export let usher, a;
/** How many answers the origin has given since the test began. */
export const counted = { made: 0 };
let dir;

before(async () => {
  dir = folder();
  a = await origin();
  usher = await gateway({ state: dir.path, vars: { A_URL: a.url, B_URL: a.url, DEAD_URL: a.url } });
});
after(async () => {
  await usher?.stop();
  a?.close();
  dir?.remove();
});
beforeEach(() => {
  counted.made = 0;
  says({ "cache-control": "max-age=60" });
});

/** The origin answers with these headers and a body that tells its answers apart. */
export function says(headers, status = 200) {
  a.answer = (asked, response) => {
    counted.made += 1;
    const who = [asked.headers["x-user-id"], asked.headers["x-user-roles"], asked.headers["x-locale"], asked.headers.cookie].join("|");
    response.writeHead(status, headers).end(`${counted.made} ${who}`);
  };
}

/** An answer whose chunks are taken one by one. */
export const open = (url) =>
  new Promise((resolve, reject) => {
    request(url, { headers: { "accept-encoding": "identity" }, agent: false }, (answer) => {
      const chunks = answer[Symbol.asyncIterator]();
      resolve({ chunk: async () => (await chunks.next()).value?.toString() });
    }).on("error", reject).end();
  });

export const met = (answer) => answer.headers["cache-status"];
export const hit = /^usher; hit; ttl=\d+; detail=(memory|store)$/;
export const stored = /^usher; fwd=miss; stored/;
