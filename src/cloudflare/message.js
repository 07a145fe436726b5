// Heads of messages as lines (see src/head.rs), and how a failure is told.

/** What a service failed of: down or unreachable, too late, too large, broken. */
export const [DOWN, LATE, LARGE, BROKEN] = [1, 2, 3, 4];

/** Statuses without a body. */
export const unbodied = new Set([101, 204, 205, 304]);

/** Notes why a service failed; the gateway is told only that it did. */
export function failed(service, error, code = DOWN) {
  console.warn(JSON.stringify({ level: "warning", message: `${service} failed: ${error}` }));
  return code;
}

/** An answer's head as lines. */
export function lines(status, headers) {
  let packed = `${status}\n`;
  headers.forEach((value, name) => {
    packed += `${name}:${value}\n`;
  });
  return packed;
}

/** Makes the changes that `edits` lists, and gives the headers back. */
export function edit(headers, edits) {
  for (let at = 0; at < edits.length; ) {
    const end = edits.indexOf("\n", at);
    if (edits[at] === "-") {
      headers.delete(edits.slice(at + 1, end));
    } else {
      const colon = edits.indexOf(":", at);
      const name = edits.slice(at + 1, colon);
      const value = edits.slice(colon + 1, end);
      if (edits[at] === "=") headers.set(name, value);
      else headers.append(name, value);
    }
    at = end + 1;
  }
  return headers;
}
