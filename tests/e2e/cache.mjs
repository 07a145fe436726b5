// What the tests of the cache look for in answers.
import { request } from "node:http";

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
