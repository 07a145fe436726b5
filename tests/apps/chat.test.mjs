// socket.io, by long polling and by a web socket.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { Behind } from "./apps.mjs";

let app;
before(async () => (app = await Behind.start({ command: ["node", "chat.mjs"] })));
after(() => app?.stop());

/** What two people hear of a chat. */
async function chat(url, transports) {
  const people = ["ada", "bob"].map((name) => io(url, { transports, auth: { name }, forceNew: true, reconnection: false }));
  try {
    await Promise.all(people.map((one) => once(one, "connect")));
    // Who may upgrade does.
    if (transports.length > 1) await Promise.all(people.map(({ io: { engine } }) => engine.transport.name === "websocket" || once(engine, "upgrade")));
    const heard = people.map(() => []);
    people.forEach((one, at) => one.on("said", (said) => heard[at].push(said)));
    const told = [];
    for (const one of people) told.push(await one.emitWithAck("say", `hello é ${"x".repeat(70_000)}`));
    told.push(await people[0].emitWithAck("bytes", Buffer.from([0, 255, 128])));
    // Who has an answer of its own to a later word has heard the earlier ones.
    await people[1].emitWithAck("bytes", Buffer.alloc(1));
    return { heard, told, by: people.map(({ io: { engine } }) => engine.transport.name) };
  } finally {
    people.forEach((one) => one.close());
  }
}

for (const transports of [["polling"], ["websocket"], ["polling", "websocket"]]) {
  test(`a chat over ${transports.join(", then ")} hears through Usher what it hears directly`, async () => {
    const usher = await chat(app.usher, transports);
    assert.deepEqual(usher, await chat(app.direct, transports));
    assert.equal(usher.heard[0].length, 2);
    assert.equal(usher.by[0], transports.at(-1));
  });
}

test("a chat's errors are the same", async () => {
  for (const path of ["/socket.io/?EIO=4&transport=polling&sid=nobody", "/socket.io/?EIO=9&transport=polling", "/socket.io/socket.io.js"]) {
    await app.same(path);
  }
});
