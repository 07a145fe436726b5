// An origin of its own, to be killed: node member.mjs PORT FILE NAME [DIES]
//
// Notes every request in FILE before it does anything else, one line each, so that what it received
// is known whatever becomes of it. With DIES it kills itself in the middle of every so many-th POST.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";

const [, , port, file, name, dies] = process.argv;
let posts = 0;

createServer(async (asked, response) => {
  appendFileSync(file, `${asked.method} ${asked.url} ${asked.headers["x-id"] ?? ""}\n`);
  for await (const _ of asked);
  if (asked.method === "POST" && dies !== undefined) {
    posts += 1;
    if (posts % Number(dies) === 0) {
      // Now and then the answer has begun.
      if (posts % (2 * Number(dies)) === 0) response.writeHead(200, { "content-length": "1000000" }).write("x".repeat(1000), () => process.kill(process.pid, "SIGKILL"));
      else process.kill(process.pid, "SIGKILL");
      return;
    }
  }
  response.end(name);
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
