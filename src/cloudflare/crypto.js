// Signatures by WebCrypto. Every promise resolves; a failure is a number (see message.js).
import { failed } from "./message.js";

const ecdsa = (namedCurve, hash) => [{ name: "ECDSA", namedCurve }, { name: "ECDSA", hash }];
const pkcs1 = (hash) => [{ name: "RSASSA-PKCS1-v1_5", hash }, "RSASSA-PKCS1-v1_5"];
const pss = (hash, saltLength) => [{ name: "RSA-PSS", hash }, { name: "RSA-PSS", saltLength }];

/** How keys are imported for an algorithm, and how it verifies (RFC 7518 3, RFC 8037 3.1). */
const algorithms = {
  EdDSA: [{ name: "Ed25519" }, "Ed25519"],
  ES256: ecdsa("P-256", "SHA-256"),
  ES384: ecdsa("P-384", "SHA-384"),
  RS256: pkcs1("SHA-256"),
  RS384: pkcs1("SHA-384"),
  RS512: pkcs1("SHA-512"),
  PS256: pss("SHA-256", 32),
  PS384: pss("SHA-384", 48),
  PS512: pss("SHA-512", 64),
};

// Imported keys by use, algorithm and JWK; issuers rotate their keys, so the oldest are removed.
const imported = new Map();
const MOST = 256;
const bytes = new TextEncoder();

async function key(algorithm, jwk, use) {
  const name = `${use} ${algorithm} ${jwk}`;
  const known = imported.get(name);
  if (known) return known;
  const found = await crypto.subtle.importKey("jwk", JSON.parse(jwk), algorithms[algorithm][0], false, [use]);
  if (imported.size >= MOST) imported.delete(imported.keys().next().value);
  imported.set(name, found);
  return found;
}

/**
 * Whether the signature is valid. It is not when the key cannot be imported, such as a point that is not on the
 * curve.
 */
export async function verify(algorithm, jwk, signed, signature) {
  // A view of wasm's memory: it is copied before the first await.
  const own = signature.slice();
  let known;
  try {
    known = await key(algorithm, jwk, "verify");
  } catch (error) {
    failed("a public key", error);
    return false;
  }
  try {
    return await crypto.subtle.verify(algorithms[algorithm][1], known, own, bytes.encode(signed));
  } catch (error) {
    return failed("WebCrypto", error);
  }
}

/** A signature with a private key (Ed25519 or P-256), in base64url. */
export async function sign(jwk, signed) {
  try {
    const algorithm = JSON.parse(jwk).kty === "OKP" ? "EdDSA" : "ES256";
    const made = await crypto.subtle.sign(algorithms[algorithm][1], await key(algorithm, jwk, "sign"), bytes.encode(signed));
    const base64 = btoa(String.fromCharCode(...new Uint8Array(made)));
    return base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  } catch (error) {
    return failed("a signing key", error);
  }
}
