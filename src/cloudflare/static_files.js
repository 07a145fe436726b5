// The files of static/ (Workers static assets).
import { env } from "cloudflare:workers";
import { failed } from "./message.js";

/** A file of static/, whole. */
export async function file(path) {
  try {
    return await env.ASSETS.fetch(`https://static.invalid${path}`, { redirect: "manual" });
  } catch (error) {
    return failed("ASSETS", error);
  }
}
