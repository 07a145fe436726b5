// Builds the visitor's Response from a reply.
import { waitUntil } from "cloudflare:workers";
import { isSmall, keep } from "./cache_store.js";
import { edit, failed, unbodied } from "./message.js";

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

/**
 * An origin's or stored response with changes; a copy is stored as `store` states, if it is given (see `keep`). The first
 * bytes of a small response that is stored are awaited, so this may be a promise.
 */
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
    return store !== undefined && isSmall(response) ? inOnePiece(response, edits, store) : streamed(response, edits, store);
  });
}

function streamed(response, edits, store) {
  if (store !== undefined) keep(response.clone(), store);
  const reply = new Response(response.body, response);
  edit(reply.headers, edits);
  return reply;
}

/** A small response that is stored as well: whole, if it comes in one piece; else it is sent and stored as it comes. */
async function inOnePiece(response, edits, store) {
  const length = Number(response.headers.get("content-length"));
  let reader;
  try {
    reader = response.body.getReader({ mode: "byob" });
  } catch {
    // A stream that was made in JavaScript has no BYOB reader.
    return streamed(response, edits, store);
  }
  const first = await reader.readAtLeast(1, new Uint8Array(Math.max(1, length))).catch((error) => (failed("an origin", error), undefined));
  if (first?.value?.byteLength === length) {
    keep(response, store, first.value);
    return new Response(first.value, { status: response.status, headers: edit(new Headers(response.headers), edits) });
  }
  const { readable, writable } = new FixedLengthStream(length);
  waitUntil(forward(first, reader, writable).catch(() => {}));
  return streamed(new Response(readable, response), edits, store);
}

/** Forwards what is left of a body; one that breaks off, or has broken off before its first byte, breaks off here too. */
async function forward(first, reader, writable) {
  const writer = writable.getWriter();
  try {
    if (first === undefined) throw new Error("the origin broke off");
    for (let chunk = first; !chunk.done; chunk = await reader.readAtLeast(1, new Uint8Array(4096))) await writer.write(chunk.value);
    await writer.close();
  } catch (error) {
    await writer.abort(error);
  }
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
