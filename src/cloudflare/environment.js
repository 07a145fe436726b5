// The Worker's vars and secrets.
import { env } from "cloudflare:workers";

/** A var or secret; undefined when it is not a string. */
export function variable(name) {
  const value = env[name];
  return typeof value === "string" ? value : undefined;
}
