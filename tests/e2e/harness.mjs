// Starts what the tests talk to: the real `wrangler dev`, the real workerd, real origins; each on
// a free port, each ended by its handle.
import { spawn, spawnSync } from "node:child_process";
import { createServer, request as ask } from "node:http";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { node, npmTool, root } from "../../tools/setup.mjs";

export { node };

export const token = "the-operators-token";
/** What every gateway's configuration reads, where a test says nothing else (null: not at all): places that nobody is at. */
const nobody = "http://127.0.0.1:1";
const settled = {
  ...Object.fromEntries(["A_URL", "B_URL", "DEAD_URL", "O1_URL", "O2_URL", "O3_URL", "ISSUER_URL"].map((name) => [name, nobody])),
  ADMIN_TOKEN: token,
  COOKIE_KEY: "0123456789abcdef0123456789abcdef",
  SHARED_SECRET: "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-",
  CLIENT_SECRET: "the-clients-secret",
  JWKS_URL: `${nobody}/keys`,
  SHARD_PHASE: "prepare",
  CANARY: "0",
};
export const sharedSecret = settled.SHARED_SECRET;
export const clientSecret = settled.CLIENT_SECRET;
export const bundle = join(root, "target", "e2e");
const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");

/** Builds the gateway with a configuration, the end-to-end tests' unless told otherwise, and bundles it as wrangler would. */
export function buildBundle(config = "tests/e2e/usher.toml", into = bundle) {
  const run = (command, args, env) => {
    const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], env: { ...process.env, ...env } });
    if (done.status !== 0) throw new Error(`${command} ${args.join(" ")} failed`);
  };
  run(node(), ["tools/build.mjs"], { USHER_CONFIG: config });
  rmSync(into, { recursive: true, force: true });
  const bundled = ["--bundle", "--format=esm", "--external:cloudflare:workers", "--loader:.wasm=copy", "--loader:.bin=copy", "--asset-names=gateway", "--log-level=error"];
  run(npmTool("esbuild"), ["src/cloudflare/entry.js", "tests/e2e/panic.js", ...bundled, "--entry-names=[name]", `--outdir=${into}`]);
}

export function folder() {
  const path = mkdtempSync(join(tmpdir(), "usher-e2e-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** A process group of ours, with what it says. */
export class Child {
  constructor(command, args, options) {
    this.said = "";
    this.process = spawn(command, args, { cwd: root, detached: true, stdio: ["ignore", "pipe", "pipe"], ...options });
    this.exited = once(this.process, "exit");
    // After which it says nothing more.
    this.closed = once(this.process, "close").then(() => (this.silent = true));
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        this.said += text;
        this.process.emit("said");
      });
    }
  }

  /** Waits until it has said something that matches. */
  async until(pattern, from = 0) {
    for (;;) {
      const match = this.said.slice(from).match(pattern);
      if (match) return match;
      if (this.silent) throw new Error(`it ended before saying ${pattern}:\n${this.said}`);
      await Promise.race([once(this.process, "said"), this.closed]);
    }
  }

  async stop(signal = "SIGTERM") {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    try {
      process.kill(-this.process.pid, signal);
    } catch {
      return;
    }
    await this.exited;
  }
}

/** A running gateway. */
class Gateway {
  constructor(child, url) {
    this.child = child;
    this.url = url;
  }

  /** Asks it; redirects are not followed. Bodies and odd headers go through node:http untouched. */
  ask(path, { method = "GET", headers = {}, body } = {}) {
    return send(this.url + path, { method, headers, body });
  }

  admin(path, body, method = "POST") {
    return this.ask(path, { method, headers: { authorization: `Bearer ${token}` }, body: body && JSON.stringify(body) });
  }

  /** Signs somebody in and gives the cookie. */
  async session(draft) {
    const answer = await this.admin("/.usher/sessions", draft);
    if (answer.status !== 201) throw new Error(`no session: ${answer.status} ${answer.text}`);
    const { token, session } = JSON.parse(answer.text);
    return { cookie: `usher=${token}`, token, session };
  }

  /** The log's line of a request. */
  async line(id) {
    const [line] = await this.child.until(new RegExp(`^.*"id":"${id}".*$`, "m"));
    return JSON.parse(line.slice(line.indexOf("{")));
  }

  stop(signal) {
    return this.child.stop(signal);
  }
}

export function send(url, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    // Node frames no body of a DELETE by itself.
    const framed = body === undefined ? headers : { ...headers, "content-length": Buffer.byteLength(body) };
    const asked = ask(url, { method, headers: framed, agent: false }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const body = Buffer.concat(chunks);
        resolve({ status: answer.statusCode, headers: answer.headers, raw: answer.rawHeaders, body, text: body.toString() });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

function settings({ name = "usher", ledger, entry = "entry.js", built = bundle }) {
  return {
    name,
    main: join(built, entry),
    no_bundle: true,
    find_additional_modules: true,
    base_dir: built,
    rules: [{ type: "CompiledWasm", globs: ["**/*.wasm"] }, { type: "Data", globs: ["**/*.bin"] }],
    compatibility_date: "2026-10-01",
    kv_namespaces: [{ binding: "SESSIONS", id: "sessions" }],
    durable_objects: {
      bindings: [
        { name: "LEDGER", class_name: "Ledger", ...(ledger && { script_name: ledger }) },
        { name: "PROBER", class_name: "Prober", ...(ledger && { script_name: ledger }) },
        { name: "LIMITS", class_name: "Limits", ...(ledger && { script_name: ledger }) },
      ],
    },
    migrations: [{ tag: "v1", new_sqlite_classes: ["Ledger", "Prober", "Limits"] }],
    ratelimits: [{ name: "LIMIT_WINDOW", namespace_id: "1001", simple: { limit: 5, period: 60 } }],
    assets: { directory: join(root, "static"), binding: "ASSETS", run_worker_first: true, html_handling: "auto-trailing-slash" },
  };
}

/** `wrangler dev` on the tests' bundle, or on the one that `built` names. */
export async function gateway({ state, vars = {}, registry, ...options }) {
  const own = join(state, "config");
  mkdirSync(own, { recursive: true });
  const config = join(own, `${options.name ?? "usher"}.json`);
  writeFileSync(config, JSON.stringify(settings(options)));
  const flags = Object.entries({ ...settled, ...vars }).filter(([, value]) => value !== null).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const child = new Child(
    node(),
    [wrangler, "dev", "--config", config, "--port", "0", "--inspector-port", "0", "--ip", "127.0.0.1", "--persist-to", join(state, "state"), ...flags],
    { env: { ...quiet(), ...(registry && { WRANGLER_REGISTRY_PATH: registry }) } },
  );
  return ready(child);
}

/** `npm start`, as a newcomer would, or with another configuration. */
export async function demo({ state, vars = {}, config }) {
  const flags = Object.entries({ ADMIN_TOKEN: token, ...vars }).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const child = new Child("npm", ["start", "--", "--port", "0", "--inspector-port", "0", "--ip", "127.0.0.1", "--persist-to", state, ...flags], {
    env: { ...quiet(), ...(config && { USHER_CONFIG: config }) },
  });
  return ready(child);
}

function quiet() {
  return { ...process.env, X_LOCAL_OBSERVABILITY: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false", CI: "1", NO_COLOR: "1", WRANGLER_LOG_PATH: tmpdir() };
}

async function ready(child) {
  try {
    const [, url] = await child.until(/Ready on (http:\/\/[^\s]+)/);
    return new Gateway(child, url.replace("localhost", "127.0.0.1"));
  } catch (error) {
    await child.stop("SIGKILL");
    throw error;
  }
}

/** The tests' bundle in workerd alone, with KV as a server of ours: reads can be counted. `back` is the text of a Worker that is bound as BACK. */
export async function bare({ state, kv, vars = {}, entry = "entry.js", back, second = false }) {
  const [port, other] = [await freePort(), second ? await freePort() : undefined];
  mkdirSync(join(state, "objects"), { recursive: true });
  for (const file of [entry, "gateway.wasm", "gateway.bin"]) copyFileSync(join(bundle, file), join(state, file));
  const texts = Object.entries({ ...settled, ...vars }).map(([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`);
  // A second gateway has the first one's objects.
  const objects = (name) => ["Ledger", "Prober", "Limits"].map((object) => (name === "main" ? `"${object}"` : `(className = "${object}", serviceName = "main")`));
  const worker = (name) => {
    const [ledger, prober, limits] = objects(name);
    return `const ${name} :Workerd.Worker = (
  modules = [
    (name = "${entry}", esModule = embed "${entry}"),
    (name = "./gateway.wasm", wasm = embed "gateway.wasm"),
    (name = "./gateway.bin", data = embed "gateway.bin")
  ],
  compatibilityDate = "2026-10-01",
  bindings = [
    (name = "SESSIONS", kvNamespace = "kv"),
    (name = "LEDGER", durableObjectNamespace = ${ledger}),
    (name = "PROBER", durableObjectNamespace = ${prober}),
    (name = "LIMITS", durableObjectNamespace = ${limits}),
    ${back ? '(name = "BACK", service = "back"),' : ""}
    ${texts.join(",\n    ")}
  ],
  ${
    name === "main"
      ? `durableObjectNamespaces = [
    (className = "Ledger", uniqueKey = "ledger", enableSql = true),
    (className = "Prober", uniqueKey = "prober", enableSql = true),
    (className = "Limits", uniqueKey = "limits", enableSql = true)
  ],
  durableObjectStorage = (localDisk = "objects")`
      : ""
  }
);
`;
  };
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    ${second ? '(name = "second", worker = .second),' : ""}
    (name = "kv", external = (address = "${new URL(kv).host}", http = ())),
    ${back ? `(name = "back", worker = (modules = [(name = "back.js", esModule = ${JSON.stringify(back)})], compatibilityDate = "2026-10-01")),` : ""}
    (name = "objects", disk = (path = "${join(state, "objects")}", writable = true)),
    (name = "internet", network = (allow = ["local", "private"]))
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:${port}", http = (), service = "main"),
    ${second ? `(name = "other", address = "127.0.0.1:${other}", http = (), service = "second")` : ""}
  ]
);
${worker("main")}
${second ? worker("second") : ""}`;
  writeFileSync(join(state, "workerd.capnp"), config);
  const child = new Child(npmTool("workerd"), ["serve", "--experimental", join(state, "workerd.capnp")]);
  const found = new Gateway(child, `http://127.0.0.1:${port}`);
  if (second) found.second = new Gateway(child, `http://127.0.0.1:${other}`);
  for (;;) {
    const up = await found.ask("/fixed").catch(() => null);
    if (up) return found;
    if (child.process.exitCode !== null) throw new Error(child.said);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until `holds` does, for so long at most. */
export async function until(what, holds, most = 30_000) {
  for (const end = Date.now() + most; Date.now() < end; await pause(50)) {
    const found = await holds();
    if (found) return found;
  }
  throw new Error(`${what}: not within ${most} ms`);
}

/** A port that was free a moment ago, for what cannot say which it took. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** An origin that notes what it receives; `answer(request, response, body)` decides what it says. */
export async function origin(answer = (_, response) => response.end("hello")) {
  const heard = [];
  const server = createServer(async (asked, response) => {
    const chunks = [];
    const note = { method: asked.method, url: asked.url, headers: asked.headers, raw: asked.rawHeaders };
    heard.push(note);
    if (found.streams) return found.streams(asked, response);
    for await (const chunk of asked) chunks.push(chunk);
    note.body = Buffer.concat(chunks).toString();
    found.answer(asked, response, note.body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const found = {
    answer,
    heard,
    server,
    url: `http://127.0.0.1:${server.address().port}`,
    get last() {
      return heard.at(-1);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return found;
}
