// The weight of the deploy build: of three configurations, each held to its bound; with --parts of each part alone too.
//
//   npm run weight [-- --parts]
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { node, root, setup } from "./setup.mjs";

/** The most that the wasm of a configuration may weigh, in KiB, gzipped. A change that needs more says what it is for. */
const BOUNDS = [
  ["least", "bench/least.toml", 130],
  ["shipped", "usher.toml", 180],
  ["everything", "bench/everything.toml", 325],
];

if (process.argv.includes("--help")) {
  console.log("npm run weight [-- --parts]: the weight of the deploy build of three configurations, a minute each; with --parts of each part too");
  process.exit(0);
}

const kib = (bytes) => (bytes / 1024).toFixed(1);

function weighed(configuration, parts) {
  const args = [join(root, "tools", "build.mjs"), "--weigh", ...(parts === undefined ? [] : ["--parts", parts])];
  const done = spawnSync(node(), args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, USHER_CONFIG: configuration } });
  if (done.status !== 0) process.exit(1);
  return JSON.parse(done.stdout);
}

setup();
const rows = [];
let heavy = 0;
for (const [name, configuration, bound] of BOUNDS) {
  const { raw, gzipped } = weighed(configuration);
  if (gzipped > bound * 1024) heavy += 1;
  rows.push(`| ${name} (\`${configuration}\`) | ${kib(raw)} | ${kib(gzipped)} | ${bound} |`);
}
console.log(`| configuration | wasm, KiB | gzipped | bound |\n|---|---|---|---|\n${rows.join("\n")}`);
if (process.argv.includes("--parts")) {
  const source = readFileSync(join(root, "src", "config", "uses.rs"), "utf8");
  const list = source.slice(source.indexOf("\nparts! {"), source.indexOf("\n}\n", source.indexOf("\nparts! {")));
  const parts = [...list.matchAll(/\/\/\/ (.*)\n    ([a-z_]+),/g)].map(([, what, name]) => [name, what]);
  const none = weighed("bench/least.toml", "none").gzipped;
  console.log(`\n| part | adds, KiB gzipped | what it is |\n|---|---|---|\n| (none) | ${kib(none)} | Routes, one origin a pool, errors, the log, metrics and health. |`);
  for (const [name, what] of parts) console.log(`| \`${name}\` | ${kib(weighed("bench/least.toml", name).gzipped - none)} | ${what} |`);
}
if (heavy > 0) {
  console.error(`usher: ${heavy} of ${BOUNDS.length} configurations weigh more than their bound (tools/weight.mjs): make them lighter, or say in the commit what the bytes are for`);
  process.exit(1);
}
