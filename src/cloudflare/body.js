// Reads and buffers the bodies of requests, and discards those of responses.
import { BROKEN, LARGE } from "./message.js";
import { within } from "./timing.js";

/** Buffered bodies by request, so that they can be sent again. */
export const buffered = new WeakMap();

/**
 * Buffers a request's body, so that it can be sent again: resolves to 0, or to a failure after `deadline`
 * milliseconds.
 */
export function buffer(request, deadline) {
  const read = async () => (buffered.has(request) || buffered.set(request, await request.arrayBuffer()), 0);
  return within("a visitor", read(), deadline);
}

/** The request's body as text, of at most `most` bytes. */
export function body(request, most) {
  return text(request.body, most);
}

/** A body as text (UTF-8) of at most `most` bytes; LARGE or BROKEN otherwise. */
export async function text(body, most) {
  if (body === null) return "";
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let read = "";
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > most) return LARGE;
      read += decoder.decode(chunk, { stream: true });
    }
    return read + decoder.decode();
  } catch {
    return BROKEN;
  }
}

/** Discards a response that is not sent. */
export function discard(response) {
  response.body?.cancel?.().catch(() => {});
}
