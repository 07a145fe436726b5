// Who is asking, in hand-written JavaScript with WebCrypto: a session from KV, or a JWT.
import { key, path, token } from "./by-hand.mjs";

const ok = () => new Response("ok", { headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" } });
const refused = () => new Response(null, { status: 401 });
const MOST = 256;
const remember = (memo, name, value) => {
  if (memo.size >= MOST) memo.delete(memo.keys().next().value);
  memo.set(name, value);
};

const sessions = new Map();
async function session(request, env) {
  const secret = token(request.headers.get("cookie"));
  if (!secret) return null;
  // By the token itself: what is remembered needs no digest.
  const known = sessions.get(secret);
  if (known && known.read > Date.now() - 5_000) return known.record;
  const text = await env.SESSIONS.get(await key(secret));
  const record = text && JSON.parse(text);
  if (!record || record.expires <= Date.now()) return null;
  remember(sessions, secret, { record, read: Date.now() });
  return record;
}

const how = {
  HS256: [{ name: "HMAC", hash: "SHA-256" }, "HMAC"],
  EdDSA: [{ name: "Ed25519" }, "Ed25519"],
  ES256: [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }],
  RS256: [{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, "RSASSA-PKCS1-v1_5"],
  PS256: [{ name: "RSA-PSS", hash: "SHA-256" }, { name: "RSA-PSS", saltLength: 32 }],
};
const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const json = (text) => JSON.parse(new TextDecoder().decode(bytes(text)));
const imported = new Map();
const verified = new Map();

function importedKey(alg, kid, env) {
  const name = `${alg} ${kid}`;
  if (!imported.has(name)) {
    const jwk = alg === "HS256" ? null : JSON.parse(env.KEYS).keys.find((key) => key.kid === kid && key.alg === alg);
    const raw = new TextEncoder().encode(env.SECRET);
    imported.set(name, jwk ? crypto.subtle.importKey("jwk", jwk, how[alg][0], false, ["verify"]) : crypto.subtle.importKey("raw", raw, how[alg][0], false, ["verify"]));
  }
  return imported.get(name);
}

async function bearer(request, env) {
  const text = request.headers.get("authorization")?.match(/^Bearer (.+)$/)?.[1];
  if (!text) return null;
  const known = verified.get(text);
  if (known && known.exp > Date.now() / 1000) return known;
  const [header, body, signature] = text.split(".");
  const { alg, kid } = json(header);
  const claims = json(body);
  const now = Date.now() / 1000;
  const expected = alg === "HS256" ? "https://shared.example" : "https://keys.example";
  if (!how[alg] || claims.iss !== expected || claims.aud !== "usher" || !(claims.exp > now)) return null;
  const signed = new TextEncoder().encode(`${header}.${body}`);
  if (!(await crypto.subtle.verify(how[alg][1], await importedKey(alg, kid, env), bytes(signature), signed))) return null;
  remember(verified, text, claims);
  return claims;
}

export default {
  async fetch(request, env) {
    const pathname = path(request.url);
    if (pathname === "/open") return ok();
    const who = pathname === "/session" ? await session(request, env) : await bearer(request, env);
    return who ? ok() : refused();
  },
};
