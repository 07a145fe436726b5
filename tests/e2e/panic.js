// The shipped entry, but drawing randomness can be made to call back into the gateway, which finds
// its store of random bytes in use and panics: a real panic, without a line in the gateway for it.
import entry, { Ledger } from "../../src/cloudflare/entry.js";
import * as usher from "../../build/usher.js";

const real = crypto.getRandomValues.bind(crypto);
let armed = false;
crypto.getRandomValues = (bytes) => {
  if (armed) {
    armed = false;
    usher.start("http://again.example/\nGET\n0\n\n", {});
  }
  return real(bytes);
};

export { Ledger };
export default {
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/arm") {
      armed = true;
      return new Response("armed");
    }
    return entry.fetch(request, env, ctx);
  },
};
