// Issuers for the tests: key pairs of every family, their page of keys, and tokens good and bad.
import { createServer } from "node:http";
import { once } from "node:events";
import { createHmac, createPublicKey } from "node:crypto";
import { sharedSecret } from "./harness.mjs";

const rsa = (name, hash) => ({ name, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash });
const pss = (hash, saltLength) => [rsa("RSA-PSS", hash), { name: "RSA-PSS", saltLength }];

/** How WebCrypto makes and uses keys of each family. */
export const families = {
  EdDSA: [{ name: "Ed25519" }, { name: "Ed25519" }],
  ES256: [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA", hash: "SHA-256" }],
  ES384: [{ name: "ECDSA", namedCurve: "P-384" }, { name: "ECDSA", hash: "SHA-384" }],
  RS256: [rsa("RSASSA-PKCS1-v1_5", "SHA-256"), { name: "RSASSA-PKCS1-v1_5" }],
  RS384: [rsa("RSASSA-PKCS1-v1_5", "SHA-384"), { name: "RSASSA-PKCS1-v1_5" }],
  RS512: [rsa("RSASSA-PKCS1-v1_5", "SHA-512"), { name: "RSASSA-PKCS1-v1_5" }],
  PS256: pss("SHA-256", 32),
  PS384: pss("SHA-384", 48),
  PS512: pss("SHA-512", 64),
};

export const encode = (bytes) => Buffer.from(bytes).toString("base64url");
export const part = (json) => encode(typeof json === "string" ? json : JSON.stringify(json));
export const seconds = () => Math.floor(Date.now() / 1000);

/** Claims that hold for ten minutes. */
export const claims = (iss, sub = "7", more = {}) => ({ iss, aud: "usher", sub, iat: seconds(), exp: seconds() + 600, ...more });

/** A key pair that signs. */
export async function pair(alg, kid) {
  const [made, used] = families[alg];
  const keys = await crypto.subtle.generateKey(made, true, ["sign", "verify"]);
  const { kty, crv, x, y, n, e } = await crypto.subtle.exportKey("jwk", keys.publicKey);
  const jwk = JSON.parse(JSON.stringify({ kty, crv, x, y, n, e, kid, alg, use: "sig" }));
  const raw = async (text) => new Uint8Array(await crypto.subtle.sign(used, keys.privateKey, Buffer.from(text)));
  const sign = async (said, header = {}) => {
    const text = `${part({ alg, kid, ...header })}.${part(said)}`;
    return `${text}.${encode(await raw(text))}`;
  };
  const pem = createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "pem" });
  return { alg, kid, jwk, raw, sign, pem };
}

/** A token of the issuer with a shared secret, or with any key and header. */
export function mac(said, header = {}, key = sharedSecret, hash = "sha256") {
  const text = `${part({ alg: "HS256", ...header })}.${part(said)}`;
  return `${text}.${createHmac(hash, key).update(text).digest("base64url")}`;
}

/** An issuer's page of keys, which can be changed and can be down. */
export async function keysPage() {
  const found = { keys: [], asked: 0, down: false, late: 0 };
  const server = createServer(async (_, response) => {
    found.asked += 1;
    if (found.down) return response.destroy();
    await new Promise((resolve) => setTimeout(resolve, found.late));
    response.setHeader("content-type", "application/jwk-set+json").end(JSON.stringify({ keys: found.keys.map(({ jwk }) => jwk) }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  found.url = `http://127.0.0.1:${server.address().port}/keys`;
  found.close = () => (server.closeAllConnections(), server.close());
  return found;
}
