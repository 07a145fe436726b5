// What somebody would write by hand for the same job: the other variants' yardstick.
export const LOCALES = ["en", "de", "es", "fr", "ja", "ar"];
const REGIONS = [
  ["eu", 50.11, 8.68],
  ["us", 39.04, -77.49],
  ["ap", 35.68, 139.69],
];
const FORGEABLE = /^(x-user-|x-usher-|x-forwarded-|usher-|cf-|mf-|forwarded$|x-locale$|x-country$|x-region$|x-real-ip$|x-original-|x-rewrite-url$|x-http-method|x-method-override$|true-client-ip$|client-ip$|keep-alive$|te$|proxy-|upgrade$|transfer-encoding$|connection$|x-request-id$|traceparent$)/;
const INTERNAL = ["cache-tag", "surrogate-key", "usher-session", "cdn-cache-control", "keep-alive", "connection"];

/** Scheme, host, and path with its query, of a URL that the runtime has serialised: a `URL` object costs more. */
export function parts(url) {
  const host = url.indexOf("://") + 3;
  const slash = url.indexOf("/", host);
  return { scheme: url.slice(0, host - 3), host: url.slice(host, slash), target: url.slice(slash) };
}

/** The path of a URL, without its query. */
export function path(url) {
  const { target } = parts(url);
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}

export function token(cookies) {
  const found = cookies?.match(/(?:^|;\s*)usher=([A-Za-z0-9_-]{43})(?:;|$)/);
  return found ? found[1] : null;
}

export async function key(token) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
  return btoa(String.fromCharCode(...hash)).replaceAll("+", "-").replaceAll("/", "_").replace("=", "");
}

export function locale(header) {
  const ranges = (header ?? "")
    .split(",")
    .map((part) => {
      const [tag, ...rest] = part.trim().split(";");
      const q = rest.map((p) => p.trim()).find((p) => p.startsWith("q="));
      return { tag: tag.toLowerCase(), q: q ? Number(q.slice(2)) : 1 };
    })
    .filter((range) => range.tag && range.q > 0)
    .sort((a, b) => b.q - a.q);
  for (const { tag } of ranges) {
    for (let wanted = tag; wanted; wanted = wanted.slice(0, Math.max(0, wanted.lastIndexOf("-")))) {
      const found = LOCALES.find((known) => known.toLowerCase() === wanted);
      if (found) return found;
    }
  }
  return "en";
}

export function region(cf) {
  const latitude = Number(cf?.latitude ?? NaN);
  const longitude = Number(cf?.longitude ?? NaN);
  if (Number.isNaN(latitude) || Number.isNaN(longitude)) return "eu";
  const rad = Math.PI / 180;
  let best = ["", Infinity];
  for (const [name, lat, lon] of REGIONS) {
    const a = Math.sin(((lat - latitude) * rad) / 2) ** 2;
    const b = Math.sin(((lon - longitude) * rad) / 2) ** 2;
    const far = a + Math.cos(latitude * rad) * Math.cos(lat * rad) * b;
    if (far < best[1]) best = [name, far];
  }
  return best[0];
}

const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

export function ids(headers) {
  const random = crypto.getRandomValues(new Uint8Array(40));
  const sent = headers.get("x-request-id");
  const id = sent && /^[A-Za-z0-9._-]{8,128}$/.test(sent) ? sent : hex(random.subarray(0, 16));
  const parent = headers.get("traceparent")?.match(/^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/);
  const trace = parent ? parent[1] : hex(random.subarray(16, 32));
  return { id, trace, parent: `00-${trace}-${hex(random.subarray(32, 40))}-${parent ? parent[3] : "00"}` };
}

/** The origin's headers: the client's without what it could forge, and the truth. */
export function outgoing(request, url, record, facts) {
  const headers = new Headers(request.headers);
  for (const name of [...headers.keys()]) if (FORGEABLE.test(name)) headers.delete(name);
  const cookies = headers.get("cookie");
  if (cookies !== null) {
    const left = cookies.split(/;\s*/).filter((pair) => !/^(__Host-)?usher=/.test(pair)).join("; ");
    if (left) headers.set("cookie", left);
    else headers.delete("cookie");
  }
  headers.set("x-user-id", record.user);
  headers.set("x-user-roles", record.roles.join(","));
  headers.set("x-locale", facts.locale);
  if (facts.country) headers.set("x-country", facts.country);
  headers.set("x-region", facts.region);
  if (facts.ip) headers.set("x-forwarded-for", facts.ip);
  headers.set("x-forwarded-proto", url.scheme);
  headers.set("x-forwarded-host", url.host);
  headers.set("x-request-id", facts.ids.id);
  headers.set("traceparent", facts.ids.parent);
  headers.set("x-usher-deadline-ms", "30000");
  headers.append("via", "1.1 usher");
  headers.append("cdn-loop", "usher");
  // Else the runtime says no-cache, and many an origin never answers 304 to that.
  for (const name of ["cache-control", "pragma"]) if (!headers.has(name)) headers.set(name, "no-transform");
  return headers;
}

/** Asks the origin, with a deadline until its answer begins. */
export async function forward(request, url, env, headers) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), 30_000);
  try {
    return await fetch(env.ORIGIN_URL + url.target, {
      method: request.method,
      headers,
      body: request.body,
      redirect: "manual",
      cache: "no-store",
      signal: controller.signal,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** The client's headers. */
export function incoming(headers, facts, started) {
  for (const name of INTERNAL) headers.delete(name);
  headers.set("x-request-id", facts.ids.id);
  headers.set("cache-control", "private");
  headers.append("vary", "Cookie");
  headers.append("cache-status", "usher; fwd=bypass; detail=route");
  headers.append("server-timing", `usher-identity;dur=0, usher-origin;dur=${Date.now() - started}`);
}

export function log(request, url, status, facts, record, started, cache = "bypass") {
  console.log(
    JSON.stringify({
      id: facts.ids.id,
      trace: facts.ids.trace,
      method: request.method,
      host: url.host,
      path: path(request.url),
      route: "app",
      status,
      user: record?.user,
      locale: facts.locale,
      region: facts.region,
      cache,
      ms: Date.now() - started,
    }),
  );
}

/** Who is not signed in gets a page, or JSON where no page is wanted. */
export function refused(request, facts) {
  const headers = {
    "cache-control": "no-store",
    "cache-status": "usher",
    "content-language": facts.locale,
    "vary": "Accept-Language, Cookie",
    "www-authenticate": 'Cookie realm="usher"',
    "x-content-type-options": "nosniff",
    "x-request-id": facts.ids.id,
  };
  if (!/text\/html/.test(request.headers.get("accept") ?? "")) {
    headers["content-type"] = "application/problem+json";
    return new Response(JSON.stringify({ type: "about:blank", title: "Please sign in", status: 401, request_id: facts.ids.id }), { status: 401, headers });
  }
  headers["content-type"] = "text/html; charset=utf-8";
  headers["content-security-policy"] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
  const page = `<!doctype html>
<html lang="${facts.locale}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Please sign in</title>
<style>
:root{color-scheme:light dark;font:1.1rem/1.6 system-ui,sans-serif}
body{max-width:34rem;margin:18vh auto;padding:0 1.5rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .6rem}
small{font-size:.8rem;opacity:.7;overflow-wrap:anywhere}
</style>
<main>
<small>401</small>
<h1>Please sign in</h1>
<p>This page is for people who have signed in.</p>
<p><a href="/">To the start page</a></p>
<small>Reference: ${facts.ids.id} · <time>${new Date().toUTCString()}</time></small>
</main>
</html>
`;
  return new Response(page, { status: 401, headers });
}
