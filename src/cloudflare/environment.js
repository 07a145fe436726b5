// Vars and secrets.
import { env } from "cloudflare:workers";

/** A var or secret; only strings count. */
export function variable(name) {
  const value = env[name];
  return typeof value === "string" ? value : undefined;
}
