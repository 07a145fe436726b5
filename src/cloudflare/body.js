// Bodies: of requests, and of responses that nobody gets.
import { BROKEN, LARGE } from "./message.js";
import { within } from "./timing.js";

/** Bodies that are buffered so that they can be sent again, by request. */
export const buffered = new WeakMap();

/** Reads a request's body, so that it can be sent again: 0 when it is there, in time. */
export function buffer(request, deadline) {
  const read = async () => (buffered.has(request) || buffered.set(request, await request.arrayBuffer()), 0);
  return within("a visitor", read(), deadline);
}

/** The request's body as text. */
export function body(request, most) {
  return text(request.body, most);
}

/** A body as text, of at most so many bytes. */
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

/** Lets go of an answer that nobody gets. */
export function discard(answer) {
  answer.body?.cancel?.().catch(() => {});
}
