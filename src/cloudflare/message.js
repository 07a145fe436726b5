// Heads of messages as lines (see src/http/head.rs), and failures as numbers for the gateway.

/** Why a service failed: down or unreachable, deadline exceeded, body too large, body broken. */
export const [DOWN, LATE, LARGE, BROKEN] = [1, 2, 3, 4];

/** Statuses without a body. */
export const unbodied = new Set([101, 204, 205, 304]);

/** Logs why a service failed; the gateway gets only the code. */
export function failed(service, error, code = DOWN) {
  console.warn(JSON.stringify({ level: "warning", message: `${service} failed: ${error}` }));
  return code;
}

/** A response's head as lines. */
export function lines(status, headers) {
  let packed = `${status}\n`;
  headers.forEach((value, name) => {
    packed += `${name}:${value}\n`;
  });
  return packed;
}

/** Applies `edits` to the headers, and returns the headers. */
export function edit(headers, edits) {
  for (let at = 0; at < edits.length; ) {
    const end = edits.indexOf("\n", at);
    if (edits[at] === "-") {
      headers.delete(edits.slice(at + 1, end));
    } else {
      const colon = edits.indexOf(":", at);
      const name = edits.slice(at + 1, colon);
      const value = edits.slice(colon + 1, end);
      if (edits[at] === "=" || (edits[at] === "?" && !headers.has(name))) headers.set(name, value);
      else if (edits[at] === "+") headers.append(name, value);
    }
    at = end + 1;
  }
  return headers;
}

/** A request's head as lines: see src/http/head.rs. */
export function pack(request) {
  let fields = "";
  let empty = false;
  request.headers.forEach((value, name) => {
    fields += `${name}:${value}\n`;
    if (name === "content-length") empty = value === "0";
  });
  // Host names are case-insensitive; the runtime keeps the client's spelling.
  const { url } = request;
  const slash = url.indexOf("/", url.indexOf("://") + 3);
  const target = url.slice(0, slash).toLowerCase() + url.slice(slash);
  const packed = `${target}\n${request.method}\n${empty || request.body === null ? 0 : 1}\n${fields}`;
  const cf = request.cf;
  if (!cf) return packed + "\n";
  return (
    `${packed}\n${cf.country ?? ""}\n${cf.continent ?? ""}\n${cf.latitude ?? ""}\n` +
    `${cf.longitude ?? ""}\n${cf.colo ?? ""}\n${cf.httpProtocol ?? ""}`
  );
}

/** The head of a response, or of a stored response, as lines. */
export function head(response) {
  return response.packed ?? lines(response.status, response.headers);
}
