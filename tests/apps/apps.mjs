// What the tests of real applications have in common: an application, the gateway before it, and
// how an answer through the gateway is held against the application's own.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { root } from "../../tools/setup.mjs";
import { Child, buildBundle, folder, gateway, node, send } from "../e2e/harness.mjs";

export const here = import.meta.dirname;
export const python = join(here, ".venv", "bin", "python");
const built = (host) => join(root, "target", "apps", host);

/** Builds the gateway once for each way of addressing an application. */
export function build() {
  const config = readFileSync(join(here, "usher.toml"), "utf8");
  for (const host of ["forwarded", "origin"]) {
    mkdirSync(built(host), { recursive: true });
    const file = join(built(host), "usher.toml");
    writeFileSync(file, config.replace('host = "forwarded"', `host = "${host}"`));
    buildBundle(file, join(built(host), "bundle"));
  }
}

/** An application and a gateway before it. */
export class Behind {
  /**
   * Starts both. `command` starts the application, which says `says`, whose first group is its
   * port. One that must know the gateway's URL takes `port` instead, and `env` from that URL.
   * `host` is how the gateway addresses it.
   */
  static async start({ command: [name, ...args], env = {}, says = /listening on (\d+)/, port, host = "forwarded" }) {
    const found = new Behind();
    found.dir = folder();
    const application = async (own) => {
      found.child = new Child(name === "node" ? node() : name, args, { cwd: here, env: { ...process.env, NO_COLOR: "1", HOME: found.dir.path, ...own } });
      return found.child.until(says);
    };
    const before = async (port) => {
      found.direct = `http://127.0.0.1:${port}`;
      found.gateway = await gateway({ state: found.dir.path, built: join(built(host), "bundle"), vars: { APP_URL: found.direct } });
      found.usher = found.gateway.url;
    };
    try {
      if (port === undefined) {
        const [, said] = await application(env);
        await before(said);
      } else {
        await before(port);
        await application(env(found.usher));
      }
    } catch (error) {
      await found.stop();
      throw error;
    }
    return found;
  }

  async stop() {
    await this.gateway?.stop();
    await this.child?.stop();
    this.dir.remove();
  }

  /** A text with either base URL called by one name. */
  plain(text) {
    return [this.direct, this.usher].reduce((text, url) => text.replaceAll(url, "BASE").replaceAll(new URL(url).host, "HOST"), text);
  }

  /** Asks on one side. `headers` are given the base URL of that side. */
  ask(base, path, { headers = {}, ...asked } = {}) {
    const own = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replaceAll("BASE", base)]));
    return send(base + path, { ...asked, headers: own });
  }

  /** What is the same directly, through Usher, and from its store. */
  async kept(path, asked) {
    await this.same(path, asked);
    const again = await this.same(path, asked);
    assert.match(again.headers["cache-status"], /^usher; hit; /, path);
    const unchanged = await this.ask(this.usher, path, { headers: { "if-modified-since": again.headers["last-modified"] } });
    assert.deepEqual([unchanged.status, unchanged.text], [304, ""], path);
    return again;
  }

  /**
   * Asks directly and through Usher and expects the same status, headers and bytes. `hide` takes
   * out of a text what is drawn anew for each answer. Gives the answer through Usher.
   */
  async same(path, { hide = (text) => text, ...asked } = {}) {
    const [direct, usher] = [await this.ask(this.direct, path, asked), await this.ask(this.usher, path, asked)];
    const told = (answer) => ({ status: answer.status, headers: fields(answer.raw).map((line) => hide(this.plain(line))) });
    const where = `${asked.method ?? "GET"} ${path}`;
    assert.deepEqual(told(usher), told(direct), where);
    if (!direct.body.equals(usher.body)) {
      const text = (answer) => hide(this.plain((answer.headers["content-encoding"] === "gzip" ? gunzipSync(answer.body) : answer.body).toString()));
      assert.equal(text(usher), text(direct), where);
    }
    return usher;
  }
}

/**
 * The fields of an answer that must be the same. Not held against each other: when it was made
 * (Date), what belongs to one connection (RFC 9110 7.6.1), how its body is framed on it, what Usher
 * tells of itself, how old a stored answer is, and an empty Access-Control-Allow-Origin, which any Worker loses.
 */
function fields(raw) {
  const own = new Set(["date", "connection", "keep-alive", "transfer-encoding", "content-length"]);
  const told = /^(access-control-allow-origin: $|age: |x-request-id: |cache-status: usher; |server-timing: usher-)/;
  const lines = [];
  for (let at = 0; at < raw.length; at += 2) {
    const line = `${raw[at].toLowerCase()}: ${raw[at + 1]}`;
    if (!own.has(raw[at].toLowerCase()) && !told.test(line)) lines.push(line);
  }
  return lines.sort();
}
