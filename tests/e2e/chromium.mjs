// A headless Chromium, where there is one.
import { existsSync } from "node:fs";

const path = [process.env.CHROMIUM, "/usr/bin/chromium"].find((path) => path && existsSync(path));

/** Why tests in a browser are skipped, or false. */
export const skip = path ? false : "NO CHROMIUM FOUND: this is not tested in a browser";

/** Starts it; undefined where there is none. */
export async function launch() {
  if (skip) return undefined;
  const { chromium } = await import("playwright-core");
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath: path, args });
}
