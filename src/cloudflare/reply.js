// Replies as Responses.
import { waitUntil } from "cloudflare:workers";
import { keep } from "./cache_store.js";
import { edit, unbodied } from "./message.js";

// What the runtime refuses to make a response of (a status it does not know, say) must not reach
// the gateway as an exception: it would end every request in it. It is told that there is none.
function tried(make) {
  try {
    return make();
  } catch (error) {
    console.error(JSON.stringify({ level: "error", message: `an answer cannot be given as it is: ${error}` }));
    return undefined;
  }
}

/** An answer made by the gateway. */
export function made(status, edits, text) {
  return tried(() => new Response(unbodied.has(status) ? null : text, { status, headers: edit(new Headers(), edits) }));
}

/** Another's answer with changes; a copy is kept when `store` says how (see `keep`). */
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

/** Another's answer without its body. */
export function bare(response, status, edits, store) {
  return tried(() => {
    const reply = new Response(null, { status, headers: edit(new Headers(response.headers), edits) });
    if (store !== undefined) keep(response, store);
    else if (response.packed === undefined) response.body?.cancel().catch(() => {});
    return reply;
  });
}

/** These bytes of another's answer, both included; a copy of all of it is kept when `store` says how. */
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
