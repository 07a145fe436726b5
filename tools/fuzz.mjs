// npm run fuzz [-- COUNT]: runs every parser of outside bytes on COUNT random inputs (ten million).
import { spawnSync } from "node:child_process";
import { root } from "./setup.mjs";

const count = process.argv[2] ?? "10000000";
if (!/^[0-9]+$/.test(count)) {
  console.error(`usher: found "${count}"; allowed: how many inputs each parser gets, such as 10000000`);
  process.exit(2);
}
console.error(`usher: ${count} inputs for each parser (ten million take some minutes) ...`);
const done = spawnSync("cargo", ["test", "--locked", "--release", "--test", "fuzz", "--", "--nocapture", "--test-threads=2"], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, USHER_FUZZ: count },
});
process.exit(done.status ?? 1);
