// Makes src/config/languages/cldr.txt anew from Unicode's CLDR, as the npm package cldr-core has it:
//
//   npm install --no-save cldr-core && node tools/cldr.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const from = (name) => JSON.parse(readFileSync(join(root, "node_modules", "cldr-core", name), "utf8"));
const { version } = from("package.json");
const matching = from("supplemental/languageMatching.json").supplemental.languageMatching["written-new"];
const territories = from("supplemental/territoryContainment.json").supplemental.territoryContainment;

const lines = [
  `# How far languages are from one another, and which regions are in which: Unicode CLDR ${version},`,
  "# supplemental/languageMatching.json and territoryContainment.json, in fewer words (tools/cldr.mjs).",
  "# © Unicode, Inc. Unicode License V3 (https://www.unicode.org/license.txt).",
  `first ${matching.paradigmLocales._locales.join(" ")}`,
  ...Object.entries(matching.matchVariables).map(([name, { _value }]) => `set ${name} ${_value.replaceAll("+", " ")}`),
  ...Object.entries(territories)
    .filter(([name]) => !name.includes("-status-"))
    .map(([name, { _contains }]) => `in ${name} ${_contains.join(" ")}`),
  ...matching.languageMatch.map(({ _desired, _supported, _distance, _oneway }) => `${_oneway ? "to" : "match"} ${_desired} ${_supported} ${_distance}`),
];
writeFileSync(join(root, "src", "config", "languages", "cldr.txt"), `${lines.join("\n")}\n`);
