// The files of static/ (Workers static assets).
import { env } from "cloudflare:workers";
import { failed } from "./message.js";

/** A whole file of static/, or a failure. */
export async function file(path) {
  try {
    return await env.ASSETS.fetch(`https://static.invalid${path}`, { redirect: "manual" });
  } catch (error) {
    return failed("ASSETS", error);
  }
}
