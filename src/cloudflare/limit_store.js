// Has requests counted: by the Durable Objects of limits, or by Cloudflare's Rate Limiting binding. Every promise resolves;
// a failure is a number (see message.js).
import { env } from "cloudflare:workers";
import { failed } from "./message.js";
import { within } from "./timing.js";

/** Sends a request of src/limit/exact.rs to an object: resolves to its response. */
export function countExactly(object, key, request, deadline) {
  return within("LIMITS", send(object, key, request), deadline);
}

async function send(object, key, request) {
  const response = await env.LIMITS.getByName(object).fetch("https://limits.invalid/", { method: "POST", headers: { "x-key": key }, body: request });
  const text = await response.text();
  return response.ok ? text : failed("LIMITS", `${response.status} ${text}`);
}

/** Whether a Rate Limiting binding lets a request pass. */
export async function countInLocation(binding, key) {
  try {
    return (await env[binding].limit({ key })).success;
  } catch (error) {
    return failed(binding, error);
  }
}
