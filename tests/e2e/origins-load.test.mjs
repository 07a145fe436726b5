// Origins under load: killed, dying in the middle, lagging and moving.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Agent, request } from "node:http";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bare, Child, folder, freePort, node, origin, pause, send, until } from "./harness.mjs";
import { nothing, states, vars } from "./origins.mjs";

/** An origin in a process of its own, that can be killed and started again where it was. */
class Member {
  constructor(dir, name, port, dies) {
    Object.assign(this, { name, port, dies, file: join(dir, `${name}.log`), url: `http://127.0.0.1:${port}` });
    writeFileSync(this.file, "");
  }

  async start() {
    const args = [this.port, this.file, this.name, this.dies].filter((arg) => arg !== undefined).map(String);
    this.child = new Child(node(), [join(import.meta.dirname, "member.mjs"), ...args]);
    await this.child.until(/listening/);
    return this;
  }

  kill() {
    return this.child.stop("SIGKILL");
  }

  /** What it received: method, path, id. */
  get heard() {
    return readFileSync(this.file, "utf8").split("\n").filter(Boolean).map((line) => line.split(" "));
  }

  count(method, prefix) {
    return this.heard.filter(([how, url]) => how === method && url.startsWith(prefix)).length;
  }
}

async function members(dir, names, dies) {
  const all = [];
  for (const name of names) all.push(await new Member(dir, name, await freePort(), dies).start());
  return all;
}

/** A request on a connection that is kept. */
function kept(agent, url, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve) => {
    const asked = request(url, { method, headers: body === undefined ? headers : { ...headers, "content-length": Buffer.byteLength(body) }, agent }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (text += chunk));
      answer.on("error", () => resolve({ status: 0, text, headers: {} }));
      answer.on("end", () => resolve({ status: answer.statusCode, text, headers: answer.headers }));
    });
    asked.on("error", () => resolve({ status: 0, text: "", headers: {} }));
    asked.end(body);
  });
}

test("an origin that is killed under load costs no visitor an answer, is left alone, and comes back slowly", async (t) => {
  const dir = folder();
  const [one, two, three] = await members(dir.path, ["one", "two", "three"]);
  const kv = await nothing();
  const usher = await bare({ state: dir.path, kv: kv.url, vars: vars([one, two, three]) });
  const agent = new Agent({ keepAlive: true, maxSockets: 24 });
  let [running, sent] = [true, 0];
  const errors = [];
  const client = async () => {
    while (running) {
      const answer = await kept(agent, `${usher.url}/trio/x`);
      sent += 1;
      if (answer.status !== 200) errors.push(answer.status);
      await pause(5);
    }
  };
  try {
    const clients = Array.from({ length: 24 }, client);
    await until("all are probed", async () => (await states(usher, "trio")).shown.origins.every((one) => one.prober?.up));
    const killed = Date.now();
    await two.kill();
    await until("it is ejected", async () => (await states(usher, "trio")).two === "ejected");
    const ejected = Date.now() - killed;
    await until("probes find it down", async () => (await states(usher, "trio")).two === "down");
    const down = Date.now() - killed;
    const probed = () => one.count("GET", "/healthz");
    const next = async (count) => until("a probe", async () => probed() >= count && Date.now());
    const before = probed();
    const began = await next(before + 1);
    const interval = ((await next(before + 5)) - began) / 4;
    const restarted = Date.now();
    await two.start();
    const back = await until("it is back", async () => (await states(usher, "trio")).two === "returning" && Date.now());
    const [seen, others] = [two.count("GET", "/trio"), one.count("GET", "/trio")];
    await pause(1_000);
    const early = (two.count("GET", "/trio") - seen) / (one.count("GET", "/trio") - others);
    await until("it is whole", async () => (await states(usher, "trio")).two === "fit");
    const [then, beside] = [two.count("GET", "/trio"), one.count("GET", "/trio")];
    await pause(1_000);
    const late = (two.count("GET", "/trio") - then) / (one.count("GET", "/trio") - beside);
    running = false;
    await Promise.all(clients);
    t.diagnostic(`${sent} requests, ${errors.length} errors; ejected after ${ejected} ms, found down after ${down} ms; ` +
      `back ${back - restarted} ms after it was started; its share of another's in the first second ${early.toFixed(2)}, when whole ${late.toFixed(2)}; a probe each ${Math.round(interval)} ms`);
    assert.deepEqual(errors, []);
    // Two rounds of 1.1 s, half a second for an answer, a second for the news; and as much for a slow machine.
    assert.ok(down < 8_000, `down after ${down} ms`);
    assert.ok(back - restarted < 8_000, `back after ${back - restarted} ms`);
    assert.ok(early < 0.6 && late > 0.7, `${early} then ${late}`);
    assert.ok(interval > 850 && interval < 3_000, `${interval} ms`);
  } finally {
    running = false;
    agent.destroy();
    await usher.stop();
    kv.close();
    for (const member of [one, two, three]) await member.kill();
    dir.remove();
  }
});

test("of a thousand POSTs to origins that die in the middle none is sent twice", async (t) => {
  const dir = folder();
  const all = await members(dir.path, ["one", "two", "three"], 25);
  const kv = await nothing();
  const usher = await bare({ state: dir.path, kv: kv.url, vars: vars(all) });
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  let running = true;
  let deaths = 0;
  const guard = async (member) => {
    while (running) {
      await member.child.exited;
      if (!running) return;
      deaths += 1;
      // It may die again before it has said that it is there.
      await member.start().catch(() => {});
    }
  };
  const guards = all.map(guard);
  try {
    let next = 0;
    const answers = { good: 0, failed: 0 };
    const client = async () => {
      // A thousand at least, and until enough of them met a death and enough did not.
      while (next < 5_000 && (next < 1_000 || deaths < 20 || answers.good < 300)) {
        const id = next++;
        const answer = await kept(agent, `${usher.url}/trio/x`, { method: "POST", headers: { "x-id": String(id) }, body: `body ${id}` });
        const good = answer.status === 200 && answer.text.length < 10;
        answers[good ? "good" : "failed"] += 1;
        if (!good) await pause(100);
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
    const times = new Map();
    for (const [method, , id] of all.flatMap((member) => member.heard)) if (method === "POST") times.set(id, (times.get(id) ?? 0) + 1);
    const twice = [...times].filter(([, count]) => count > 1);
    const lines = usher.child.said.split("\n").filter((line) => line.includes('"method":"POST"')).map((line) => JSON.parse(line.slice(line.indexOf("{"))));
    const attempts = lines.filter((line) => line.attempts > 1);
    t.diagnostic(`${next} POSTs, ${answers.good} answered, ${answers.failed} failed, ${times.size} arrived, ${twice.length} twice; origins died ${deaths} times`);
    assert.deepEqual([twice, attempts], [[], []]);
    assert.ok(lines.length >= 1_000 && deaths >= 20 && answers.good >= 300, `${lines.length} lines, ${deaths} deaths, ${answers.good} good`);
  } finally {
    running = false;
    agent.destroy();
    await usher.stop();
    kv.close();
    for (const member of all) await member.kill();
    await Promise.all(guards);
    dir.remove();
  }
});

test("who wrote reads it at once although replicas lag, and replicas serve nearly all", async (t) => {
  const dir = folder();
  const [lag, users, rate, seconds] = [2_000, 50, 500, 16];
  const writes = [];
  const answer = (behind) => (asked, response, body) => {
    const now = Date.now();
    if (asked.method === "POST") {
      assert.equal(behind, 0, "a replica was written to");
      writes.push({ at: now, user: asked.headers["x-person"], value: Number(body) });
    }
    let position = 0;
    const values = {};
    for (const write of writes) {
      if (write.at + behind > now) break;
      position += 1;
      values[write.user] = write.value;
    }
    response.writeHead(200, { "x-usher-position": `0/${position.toString(16).toUpperCase()}`, "x-usher-lag-ms": String(behind) });
    response.end(String(values[asked.headers["x-person"]] ?? 0));
  };
  const [primary, near, far] = [await origin(answer(0)), await origin(answer(lag)), await origin(answer(lag))];
  const kv = await nothing();
  const usher = await bare({ state: dir.path, kv: kv.url, vars: { O1_URL: primary.url, O2_URL: near.url, O3_URL: far.url } });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const people = Array.from({ length: users }, (_, number) => ({ number, wrote: 0, cookie: undefined, busy: false }));
  const seen = { reads: 0, writes: 0, stale: 0, failed: 0, late: 0 };
  // Each writes once in 30 s, and reads ten times a second.
  const step = async (person, turn) => {
    const headers = { "x-person": String(person.number), ...(person.cookie && { cookie: person.cookie }) };
    if (turn % 300 === (person.number * 6 + 5) % 300) {
      const value = person.wrote + 1;
      const answer = await kept(agent, `${usher.url}/data/x`, { method: "POST", headers, body: String(value) });
      seen.writes += 1;
      if (answer.status !== 200) seen.failed += 1;
      else {
        person.wrote = value;
        person.cookie = answer.headers["set-cookie"]?.[0].split(";")[0];
      }
      return;
    }
    const wrote = person.wrote;
    const answer = await kept(agent, `${usher.url}/data/x`, { headers });
    seen.reads += 1;
    if (answer.status !== 200) seen.failed += 1;
    else if (Number(answer.text) < wrote) seen.stale += 1;
  };
  const reads = (from) => from.heard.filter(({ method, url }) => method === "GET" && url.startsWith("/data")).length;
  try {
    const began = Date.now();
    const steps = [];
    for (let number = 0; number < rate * seconds; number += 1) {
      const due = began + (number * 1_000) / rate;
      if (due > Date.now()) await pause(due - Date.now());
      const person = people[number % users];
      // One person does one thing at a time.
      if (person.busy) {
        seen.late += 1;
        continue;
      }
      person.busy = true;
      steps.push(step(person, Math.floor(number / users)).finally(() => (person.busy = false)));
    }
    await Promise.all(steps);
    const [own, others] = [reads(primary), reads(near) + reads(far)];
    const share = others / (own + others);
    const took = (Date.now() - began) / 1_000;
    t.diagnostic(`${Math.round((seen.reads + seen.writes) / took)} requests/s, ${seen.reads} reads, ${seen.writes} writes, ${seen.stale} stale, ${seen.failed} failed, ${seen.late} skipped; ${(100 * share).toFixed(1)} % of reads by replicas`);
    assert.deepEqual([seen.stale, seen.failed], [0, 0]);
    assert.ok(seen.writes > 5 && share > 0.8, `${seen.writes} writes, ${share}`);
    assert.ok(reads(near) > 100 && reads(far) > 100);
  } finally {
    agent.destroy();
    await usher.stop();
    for (const one of [primary, near, far, kv]) one.close();
    dir.remove();
  }
});

test("while shards move under traffic no write is lost and none is done twice", async (t) => {
  const dir = folder();
  const customers = Array.from({ length: 60 }, (_, number) => `c${number}`);
  // Who has which customer: "s1", "s2", or nobody while the data is on its way.
  const owner = new Map(customers.map((customer) => [customer, "s1"]));
  const data = new Map(customers.map((customer) => [customer, []]));
  let refused = 0;
  const shard = (name) => (asked, response, body) => {
    const customer = asked.url.split("/")[2];
    if (owner.get(customer) !== name) {
      refused += 1;
      return response.writeHead(421).end();
    }
    if (asked.method === "POST") data.get(customer).push(body);
    response.writeHead(asked.method === "POST" ? 201 : 200).end(String(data.get(customer).length));
  };
  const [s1, s2] = [await origin(shard("s1")), await origin(shard("s2"))];
  const kv = await nothing();
  const gateways = {};
  for (const phase of ["prepare", "dual_read", "cut", "retire"]) {
    const state = folder();
    gateways[phase] = { state, usher: await bare({ state: state.path, kv: kv.url, vars: { O1_URL: s1.url, O2_URL: s2.url, SHARD_PHASE: phase } }) };
  }
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  let [running, next] = [true, 0];
  // Isolates are in two phases at one time, as while a change rolls out.
  let phases = ["prepare"];
  const acked = new Map();
  const seen = { reads: 0, failed: 0, unavailable: 0 };
  const client = async () => {
    while (running) {
      const id = next++;
      const customer = customers[id % customers.length];
      const { usher } = gateways[phases[id % phases.length]];
      if (id % 3 === 0) {
        const answer = await kept(agent, `${usher.url}/customers/${customer}/x`);
        seen.reads += 1;
        if (answer.status !== 200) seen.failed += 1;
        continue;
      }
      const answer = await kept(agent, `${usher.url}/customers/${customer}/x`, { method: "POST", body: String(id) });
      if (answer.status === 201) acked.set(String(id), customer);
      else seen[answer.status === 503 ? "unavailable" : "failed"] += 1;
    }
  };
  const more = async (count) => {
    const goal = next + count;
    await until("more requests", async () => next >= goal);
  };
  try {
    const clients = Array.from({ length: 16 }, client);
    await more(300);
    phases = ["prepare", "dual_read"];
    await more(300);
    // Which of them move is what the new map says.
    const goes = [];
    for (const customer of customers) {
      const before = s2.heard.length;
      await send(`${gateways.retire.usher.url}/customers/${customer}/probe`);
      if (s2.heard.length > before && s2.last.url.endsWith("probe")) goes.push(customer);
    }
    for (const [place, customer] of goes.entries()) {
      owner.set(customer, "nobody");
      await pause(10 + (place % 5) * 10);
      owner.set(customer, "s2");
      if (place === Math.floor(goes.length / 2)) phases = ["dual_read", "cut"];
    }
    await more(300);
    phases = ["cut", "retire"];
    await more(300);
    phases = ["retire"];
    await more(300);
    running = false;
    await Promise.all(clients);
    const stored = [...data.values()].flat();
    const doubled = stored.length - new Set(stored).size;
    const lost = [...acked].filter(([id, customer]) => !data.get(customer).includes(id)).length;
    const unacked = stored.filter((id) => !acked.has(id)).length;
    t.diagnostic(`${acked.size} writes, ${seen.reads} reads while ${goes.length} of ${customers.length} customers moved; ${lost} lost, ${doubled} doubled, ${unacked} done but not said; ` +
      `${seen.failed} failed, ${seen.unavailable} told to try again; origins refused ${refused}`);
    assert.deepEqual([lost, doubled, unacked, seen.failed], [0, 0, 0, 0]);
    assert.ok(goes.length > 15 && goes.length < 45 && refused > 50);
  } finally {
    running = false;
    agent.destroy();
    for (const { usher, state } of Object.values(gateways)) {
      await usher.stop();
      state.remove();
    }
    for (const one of [s1, s2, kv]) one.close();
    dir.remove();
  }
});
