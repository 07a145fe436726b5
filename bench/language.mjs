// CPU per request that is answered in one of twenty languages: Usher, and workers that find the
// language with negotiator (prefixes) and with @formatjs/intl-localematcher (CLDR's distances).
//
//   npm run bench:language [-- --rounds 40 --chunk 400 --built]
import { request } from "node:http";
import { join } from "node:path";
import { root } from "../tools/setup.mjs";
import { bundles, compared, median, option, started, stop, table } from "./lab.mjs";

const work = join(root, "target", "bench-language");
/** What browsers send, and what is right. */
const wishes = [
  ["de-AT,de;q=0.9,en;q=0.8", "de"],
  ["es-MX,es;q=0.9,en;q=0.8", "es-419"],
  ["zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7", "zh-Hant"],
  ["en-AU,en;q=0.9", "en-GB"],
  ["pt-AO,pt;q=0.9", "pt-PT"],
  ["ja", "ja"],
];

function ask({ port, agent, path = "/" }, wish, at = path) {
  return new Promise((resolve, reject) => {
    const asked = request({ port, agent, host: "127.0.0.1", path: at, headers: { "accept-language": wish, "accept-encoding": "identity" } }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.headers["content-language"]));
      answer.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

if (!process.argv.includes("--built")) bundles(work, { usher: "bench/language.toml" }, ["speak-none", "speak-negotiator", "speak-formatjs"]);
const running = [];
try {
  for (const [name, script, path] of [
    ["JavaScript, no language", "speak-none"],
    ["JavaScript, negotiator", "speak-negotiator"],
    ["JavaScript, formatjs best fit", "speak-formatjs"],
    ["usher, no language", "usher", "/none"],
    ["usher, cldr", "usher", "/"],
  ]) {
    running.push(Object.assign(await started(work, name, script, { origin: 9 }, (variant) => ask(variant, "en")), { path }));
  }
  for (const variant of running) {
    const found = await Promise.all(wishes.map(([wish]) => ask(variant, wish, variant.path === "/" ? "/echo" : variant.path)));
    const right = found.filter((locale, place) => locale === wishes[place][1]).length;
    console.error(`usher: ${variant.name}: ${right} of ${wishes.length} right (${found.join(", ")})`);
  }
  let turn = 0;
  await compared(running, option("rounds", 40), option("chunk", 400), () => (variant) => ask(variant, wishes[(turn += 1) % wishes.length][0]));
  table(running, "no language");
  const extra = (variant, base) => median(variant.cpu.map((cpu, round) => cpu - base.cpu[round]));
  const [none, negotiator, formatjs, plain, cldr] = running;
  const costs = [["negotiator", extra(negotiator, none)], ["formatjs", extra(formatjs, none)], ["usher", extra(cldr, plain)]];
  console.log(`\nOf that the language: ${costs.map(([name, us]) => `${name} ${us.toFixed(0)} us`).join(", ")}.`);
} finally {
  stop(running);
}
process.exit(0);
