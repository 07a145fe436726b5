// `npm start` while its configuration is edited, and the operator's tools beside it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { demo, folder, token, until } from "./harness.mjs";

test("npm start serves what is saved, and on while a mistake stands", async (t) => {
  const dir = folder();
  t.after(() => dir.remove());
  const config = join(dir.path, "own.toml");
  const save = (body, status = 200) =>
    writeFileSync(config, `[[route]]\nname = "said"\npath = "/*"\nrespond = { status = ${status}, body = "${body}" }\n`);
  save("one");
  const usher = await demo({ state: join(dir.path, "state"), config });
  t.after(() => usher.stop());
  const says = async (body) => (await usher.ask("/")).text === body;
  assert.ok(await says("one"));

  save("two");
  await until("an edit is served", () => says("two"), 60_000);

  const from = usher.child.said.length;
  save("three", '"good"');
  await usher.child.until(/the last good build serves on/, from);
  const told = usher.child.said.slice(from);
  assert.match(told, /the configuration cannot be used:\n.*own\.toml:4: `route\[0\]\.respond\.status`: /);
  assert.doesNotMatch(told, /error: failed to run|caused by|process didn't exit/i, "the mistake stands alone");
  assert.ok(await says("two"), "no request hangs");

  save("four");
  await until("the mended file is served", () => says("four"), 60_000);

  // Where it runs nobody has to say.
  const list = spawnSync("npm", ["run", "--silent", "session", "--", "list", "ada", "--token", token], { encoding: "utf8" });
  assert.equal(list.status, 0, list.stderr);
  const purge = spawnSync("npm", ["run", "--silent", "purge", "--", "everything", "--token", token], { encoding: "utf8" });
  assert.match(purge.stdout, /^Purged everything/, purge.stderr);
});
