// Builds the visitor's Response from a reply.
import { waitUntil } from "cloudflare:workers";
import { keep } from "./cache_store.js";
import { edit, unbodied } from "./message.js";

// When the runtime refuses to make a Response (for example with an invalid status), the gateway gets undefined instead
// of an exception, which would end every request in it.
function tried(make) {
  try {
    return make();
  } catch (error) {
    console.error(JSON.stringify({ level: "error", message: `an answer cannot be given as it is: ${error}` }));
    return undefined;
  }
}

/** A response that the gateway generated. */
export function made(status, edits, text) {
  return tried(() => new Response(unbodied.has(status) ? null : text, { status, headers: edit(new Headers(), edits) }));
}

/** An origin's or stored response with changes; a copy is stored as `store` states, if it is given (see `keep`). */
export function whole(response, edits, store) {
  return tried(() => {
    if (response.webSocket) {
      const { webSocket } = response;
      return new Response(null, { status: 101, webSocket, headers: edit(new Headers(response.headers), edits) });
    }
    if (response.packed !== undefined) {
      if (store !== undefined) keep(response, store);
      return new Response(response.body, { status: response.status, headers: edit(new Headers(response.headers), edits) });
    }
    if (store !== undefined) keep(response.clone(), store);
    const reply = new Response(response.body, response);
    edit(reply.headers, edits);
    return reply;
  });
}

/** An origin's or stored response without its body. */
export function bare(response, status, edits, store) {
  return tried(() => {
    const reply = new Response(null, { status, headers: edit(new Headers(response.headers), edits) });
    if (store !== undefined) keep(response, store);
    else if (response.packed === undefined) response.body?.cancel().catch(() => {});
    return reply;
  });
}

/**
 * The bytes `first` to `last`, both included, of an origin's or stored response; a copy of the whole is stored as
 * `store` states.
 */
export function part(response, edits, first, last, store) {
  return tried(() => {
    const headers = edit(new Headers(response.headers), edits);
    if (response.body instanceof Uint8Array) return new Response(response.body.subarray(first, last + 1), { status: 206, headers });
    if (store !== undefined) keep(response.clone(), store);
    const { readable, writable } = new FixedLengthStream(last - first + 1);
    waitUntil(slice(response.body, writable, first, last + 1).catch(() => {}));
    return new Response(readable, { status: 206, headers });
  });
}

async function slice(body, writable, from, to) {
  const [reader, writer] = [body.getReader(), writable.getWriter()];
  try {
    for (let at = 0; at < to; ) {
      const { done, value } = await reader.read();
      if (done) break;
      const end = at + value.byteLength;
      if (end > from) await writer.write(value.subarray(Math.max(0, from - at), Math.min(value.byteLength, to - at)));
      at = end;
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error);
  } finally {
    await reader.cancel();
  }
}
