// Reads and buffers the bodies of requests, and discards those of responses.
import { BROKEN, LARGE, LATE } from "./message.js";
import { within } from "./timing.js";

/** Buffered bodies by request, so that they can be sent again. */
export const buffered = new WeakMap();

/**
 * Buffers a request's body, so that it can be sent again: resolves to 0, or to a failure after `deadline`
 * milliseconds.
 */
export function buffer(request, deadline) {
  const read = async () => (buffered.has(request) || buffered.set(request, await request.arrayBuffer()), 0);
  return within("a visitor", read(), deadline, LATE);
}

/** Bodies by request that break off where they are too large or too slow, and why they did. */
const bounds = new WeakMap();

/** Has a request's body break off after `most` bytes, or after `deadline` milliseconds. */
export function bound(request, most, deadline) {
  // The runtime ends a request whose body breaks off as if that were all of it: the fetch itself has to be aborted.
  const found = { why: 0, abort: () => {} };
  let size = 0;
  let timer;
  const end = (controller, why) => {
    found.why = why;
    clearTimeout(timer);
    found.abort();
    controller.error(new Error("the request's body is too large or too slow"));
  };
  const counted = new TransformStream({
    start(controller) {
      timer = setTimeout(() => end(controller, LATE), deadline);
    },
    transform(chunk, controller) {
      size += chunk.byteLength;
      if (size > most) end(controller, LARGE);
      else controller.enqueue(chunk);
    },
    flush: () => clearTimeout(timer),
  });
  // The origin gets a Content-Length where the visitor sent one.
  const length = request.headers.get("content-length");
  const pipe = (from, through) => {
    // Who reads learns why it broke off.
    from.pipeTo(through.writable).catch(() => {});
    return through.readable;
  };
  const body = pipe(request.body, counted);
  found.body = length === null ? body : pipe(body, new FixedLengthStream(Number(length)));
  bounds.set(request, found);
}

/** The body that is sent to an origin by a fetch that `controller` aborts. */
export function streamed(request, controller) {
  const found = bounds.get(request);
  if (found === undefined) return request.body;
  found.abort = () => controller.abort(found.why);
  return found.body;
}

/** Why a request's body broke off: LATE, LARGE, or 0 where it did not. */
export function fault(request) {
  return bounds.get(request)?.why ?? 0;
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
