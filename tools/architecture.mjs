// Draws the floors of src/ into ARCHITECTURE.md, from the tree itself: `npm run architecture`. With `--check` it only
// says whether the picture is still right, and exits with 1 where it is not; with `--lines` it prints lines per folder.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const page = join(root, "ARCHITECTURE.md");
const [begin, end] = ["<!-- floors: npm run architecture -->\n", "<!-- /floors -->"];

/** Every file below a folder. */
function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

const all = files(join(root, "src"))
  .filter((path) => /\.(rs|js)$/.test(path))
  .map((path) => ({ path: path.slice(root.length).replaceAll("\\", "/").replace(/^\/?src\//, ""), lines: readFileSync(path, "utf8").split("\n").length - 1 }));

/** Files and lines of a room: `name.rs` and what is below `name/`. */
function room(name) {
  const own = all.filter(({ path }) => path === `${name}.rs` || path.startsWith(`${name}/`));
  return { files: own.length, lines: own.reduce((sum, { lines }) => sum + lines, 0) };
}

function lines() {
  const folders = Map.groupBy(all, ({ path }) => path.split("/").slice(0, -1).join("/") || ".");
  const rows = [...folders].sort(([a], [b]) => a.localeCompare(b));
  for (const [folder, own] of rows) {
    const most = own.reduce((most, file) => (file.lines > most.lines ? file : most));
    const sum = own.reduce((sum, file) => sum + file.lines, 0);
    console.log(`| \`src/${folder}\` | ${own.length} | ${sum} | ${most.lines} \`${most.path.split("/").pop()}\` |`);
  }
}

/** The services of the gateway in the order in which they may call, as tests/architecture.rs holds it. */
const services = readFileSync(join(root, "tests/architecture.rs"), "utf8")
  .match(/SERVICES: \[&str; \d+\] = \[([^\]]*)\]/)[1]
  .match(/\w+/g)
  .reverse();
const rooms = [...readFileSync(join(root, "src/lib.rs"), "utf8").matchAll(/^pub mod (\w+);/gm)].map(([, name]) => name);
const words = ["http", "error", "config", "memo"];
const topics = rooms.filter((name) => !words.includes(name) && !["platform", "gateway", "cloudflare"].includes(name));

const width = 122;
const floor = (title, text) => {
  const rows = [];
  let row = "";
  for (const word of text) {
    if (row !== "" && row.length + word.length + 2 > width - 27) rows.push(row), (row = "");
    row += (row === "" ? "" : "  ") + word;
  }
  rows.push(row);
  return rows.map((line, n) => `| ${(n === 0 ? title : "").padEnd(20)} | ${line.padEnd(width - 27)} |`).join("\n");
};
const sized = (name) => `${name} (${room(name).lines})`;
const names = (folder) => all.map(({ path }) => path.match(new RegExp(`^${folder}/(\\w+)\\.rs$`))?.[1]).filter(Boolean);

function picture() {
  const rule = `+${"-".repeat(22)}+${"-".repeat(width - 25)}+`;
  const below = (what) => `${" ".repeat(30)}| ${what}`;
  return [
    "```text",
    rule,
    floor(`cloudflare (${room("cloudflare").lines})`, names("cloudflare")),
    rule,
    below("implements, and calls Gateway::serve and Gateway::after"),
    rule,
    floor(`gateway (${room("gateway").lines})`, [services.map((name) => `${name} (${room(`gateway/${name}`).lines})`).join(" -> ")]),
    floor("", ["shared: context  record  reply  failure"]),
    rule,
    below("waits for"),
    rule,
    floor(`platform (${room("platform").lines})`, names("platform")),
    rule,
    below("in the terms of"),
    rule,
    floor("topics decide", topics.map(sized)),
    rule,
    below("in the words of"),
    rule,
    floor("words", words.map(sized)),
    rule,
    "```",
    "",
  ].join("\n");
}

if (process.argv.includes("--lines")) lines();
else {
  const text = readFileSync(page, "utf8");
  const [before, rest] = text.split(begin);
  const after = rest.slice(rest.indexOf(end));
  const drawn = `${before}${begin}${picture()}${after}`;
  // Lines change with every commit; rooms and files must be right.
  const shape = (page) => page.replace(/ \(\d+\)/g, "").replace(/[\s|+-]+/g, " ");
  if (!process.argv.includes("--check")) writeFileSync(page, drawn);
  else if (shape(drawn) !== shape(text)) {
    console.error("usher: the picture in ARCHITECTURE.md is not that of src/ any more: run `npm run architecture`");
    process.exit(1);
  }
}
