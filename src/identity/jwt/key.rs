//! Which keys may verify a token, with which algorithm? (RFC 7517, RFC 7518 6, RFC 8037 2)

use super::base64url::{decode, encode};
use super::fault::Fault;
use crate::config::Algorithm;
use crate::http::json::{self, json_object};
use crate::sort;
use serde_json::{Map, Value};
use std::rc::Rc;

/// Maximum number of keys of one issuer.
const MOST_KEYS: usize = 64;
/// Maximum bytes of a key set.
pub const MOST_BYTES: usize = 64 << 10;
/// Maximum number of keys that are tried for one token.
const MOST_TRIED: usize = 8;

/// The kind of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Secret(Secret),
    Ed25519,
    P256,
    P384,
    /// With the length of its modulus in bytes.
    Rsa(usize),
}

/// A shared secret; `Debug` never prints it.
#[derive(Clone, PartialEq, Eq)]
struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A key that verifies signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    kid: Option<String>,
    /// The only algorithm it may be used with, if it states one (`alg`).
    only: Option<Algorithm>,
    material: Material,
    /// The key's identifier: the public key alone as JWK, which the platform verifies with; of a secret its hash.
    name: Rc<str>,
}

impl Key {
    /// A key from a shared secret.
    ///
    /// # Errors
    /// Why the secret is too weak (RFC 7518 3.2, RFC 8725 3.5).
    pub fn secret(bytes: &[u8], algorithms: &[Algorithm]) -> Result<Self, String> {
        let least = algorithms.iter().filter_map(|algorithm| tag_length(*algorithm)).min().unwrap_or(32);
        if bytes.len() < least {
            return Err(format!(
                "it has {} bytes, and {least} random ones are the least: `openssl rand -base64 {}` makes some",
                bytes.len(),
                least.next_multiple_of(3)
            ));
        }
        let different = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
        if different < 10 {
            return Err(format!("it has {different} different bytes only, and can be guessed: random ones are wanted"));
        }
        if bytes.starts_with(b"-----BEGIN") || json::object(bytes).is_ok() {
            return Err("it is a public key or a JSON text, which others know: random bytes are wanted".into());
        }
        let hash = encode(&hmac_sha256::Hash::hash(bytes));
        Ok(Self { kid: None, only: None, material: Material::Secret(Secret(bytes.to_vec())), name: hash.into() })
    }

    /// Reads one JWK. A `trusted` key comes from the operator and may be a shared secret; one that an issuer publishes
    /// may not. Private keys are always refused.
    fn read(jwk: &Map<String, Value>, trusted: bool, algorithms: &[Algorithm]) -> Result<Self, String> {
        let text = |name: &str| match jwk.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(format!("\"{name}\" is no string")),
        };
        let kid = text("kid")?.map(str::to_owned);
        let only = text("alg")?
            .map(|alg| Algorithm::named(alg).ok_or_else(|| format!("its algorithm {alg:?} is not known")))
            .transpose()?;
        if text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err("its \"use\" is not \"sig\"".into());
        }
        match jwk.get("key_ops") {
            None => {}
            Some(Value::Array(all)) if all.iter().any(|operation| operation == "verify") => {}
            Some(_) => return Err("its \"key_ops\" do not have \"verify\"".into()),
        }
        if is_private(jwk) {
            return Err("it is a private key: only its public half belongs here".into());
        }
        let bytes = |name: &str| {
            let text = text(name)?.ok_or_else(|| format!("\"{name}\" is missing"))?;
            decode(text).ok_or_else(|| format!("\"{name}\" is no base64url"))
        };
        let kind = text("kty")?.unwrap_or_default();
        let (material, public) = match (kind, text("crv")?.unwrap_or_default()) {
            ("oct", _) if trusted => {
                let key = Self::secret(&bytes("k")?, only.as_ref().map_or(algorithms, std::slice::from_ref))?;
                return Ok(Self { kid, only, ..key });
            }
            ("OKP", "Ed25519") => {
                let x = bytes("x")?;
                if x.len() != 32 || is_of_small_order(&x) {
                    return Err("\"x\" is no public key of Ed25519".into());
                }
                (Material::Ed25519, json_object!({"kty": kind, "crv": "Ed25519", "x": encode(&x)}))
            }
            ("EC", curve @ ("P-256" | "P-384")) => {
                let (material, size) = if curve == "P-256" { (Material::P256, 32) } else { (Material::P384, 48) };
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != size || y.len() != size {
                    return Err(format!("\"x\" and \"y\" must have {size} bytes on {curve} (RFC 7518 6.2.1.2)"));
                }
                (material, json_object!({"kty": kind, "crv": curve, "x": encode(&x), "y": encode(&y)}))
            }
            ("RSA", _) => {
                let (n, e) = (trimmed(bytes("n")?), trimmed(bytes("e")?));
                let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
                // WebCrypto on Workers imports no others.
                if !(2048..=4096).contains(&bits) || !bits.is_multiple_of(8) {
                    return Err(format!(
                        "its modulus has {bits} bits; 2048 to 4096, by eights, are allowed (RFC 7518 3.3)"
                    ));
                }
                if e != [3] && e != [1, 0, 1] {
                    return Err("its exponent is neither 65537 nor 3".into());
                }
                let size = n.len();
                (Material::Rsa(size), json_object!({"kty": kind, "n": encode(&n), "e": encode(&e)}))
            }
            (kind, curve) => return Err(format!("keys of kind {kind:?} {curve:?} are not known here")),
        };
        Ok(Self { kid, only, material, name: json::text(&public).into() })
    }

    /// Whether it may be used with this algorithm: its kind must support it, and its `alg`, if any, must name it.
    fn supports(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
        let kind = match &self.material {
            Material::Secret(secret) => {
                matches!(algorithm, HS256 | HS384 | HS512)
                    && secret.0.len() >= tag_length(algorithm).unwrap_or(usize::MAX)
            }
            Material::Ed25519 => algorithm == EdDSA,
            Material::P256 => algorithm == ES256,
            Material::P384 => algorithm == ES384,
            Material::Rsa(_) => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
        };
        kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// The length of its signatures, in bytes.
    fn signature_length(&self, algorithm: Algorithm) -> usize {
        match &self.material {
            Material::Secret(_) => tag_length(algorithm).unwrap_or_default(),
            Material::Ed25519 | Material::P256 => 64,
            Material::P384 => 96,
            Material::Rsa(size) => *size,
        }
    }

    /// Its identifier: of a public key its JWK without further members, of a secret its hash.
    #[must_use]
    pub fn name(&self) -> &Rc<str> {
        &self.name
    }

    /// The shared secret, if it is one.
    #[must_use]
    pub fn shared_secret(&self) -> Option<&[u8]> {
        match &self.material {
            Material::Secret(secret) => Some(&secret.0),
            _ => None,
        }
    }
}

/// An issuer's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    all: Vec<Key>,
    /// Why a key was skipped: one of the reasons.
    skipped: Option<String>,
}

impl Keys {
    /// One shared secret.
    #[must_use]
    pub fn one(key: Key) -> Self {
        Self { all: vec![key], skipped: None }
    }

    /// Reads a key set that the operator configured. Keys that cannot be used are skipped, but a weak secret or a
    /// private key is an error.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn trusted(text: &str, algorithms: &[Algorithm]) -> Result<Self, String> {
        let mut keys = Self::default();
        for (place, jwk) in members(text)?.iter().enumerate() {
            let located = |why: String| format!("keys[{place}]: {why}");
            match Key::read(jwk, true, algorithms) {
                Ok(key) => keys.all.push(key),
                Err(why) if jwk.get("kty").is_some_and(|kind| kind == "oct") || is_private(jwk) => {
                    return Err(located(why));
                }
                Err(why) => keys.skipped = Some(located(why)),
            }
        }
        Ok(keys)
    }

    /// Reads a key set that an issuer publishes; keys that cannot be used are skipped (RFC 7517 5).
    ///
    /// # Errors
    /// It is no key set.
    pub fn published(text: &str) -> Result<Self, String> {
        let members = members(text)?;
        let (good, bad): (Vec<_>, Vec<_>) =
            members.iter().map(|jwk| Key::read(jwk, false, &[])).partition(Result::is_ok);
        let skipped = bad.into_iter().find_map(Result::err);
        Ok(Self { all: good.into_iter().flatten().collect(), skipped })
    }

    /// Why no key can be used; `None` when at least one can.
    #[must_use]
    pub fn why_unusable(&self) -> Option<String> {
        let why = self.skipped.as_deref().unwrap_or("it is empty");
        self.all.is_empty().then(|| format!("no key in it can be used: {why}"))
    }

    /// The keys that may have signed a token, at most `MOST_TRIED`: with its `kid` first, then those without one. A
    /// token without a `kid` may be signed by any. Keys whose signatures have another length are left out.
    ///
    /// # Errors
    /// [`Fault::Key`]: no key has the token's `kid`. [`Fault::KeyType`]: none supports the algorithm.
    /// [`Fault::Signature`]: no signature of these keys has that length.
    pub fn candidates(&self, algorithm: Algorithm, kid: Option<&str>, signature: &[u8]) -> Result<Vec<Key>, Fault> {
        let usable = |key: &&Key| key.supports(algorithm);
        let named: Vec<&Key> = match kid {
            Some(kid) => self.all.iter().filter(|key| key.kid.as_deref().is_none_or(|own| own == kid)).collect(),
            None => self.all.iter().collect(),
        };
        let mut found: Vec<&Key> = named.iter().copied().filter(usable).collect();
        if found.is_empty() {
            return Err(if named.is_empty() { Fault::Key } else { Fault::KeyType });
        }
        sort::by(&mut found, |a, b| a.kid.is_none().cmp(&b.kid.is_none()));
        found.retain(|key| key.signature_length(algorithm) == signature.len());
        found.truncate(MOST_TRIED);
        if found.is_empty() { Err(Fault::Signature) } else { Ok(found.into_iter().cloned().collect()) }
    }

    /// The `kid`s of the keys that have one.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter_map(|key| key.kid.as_deref())
    }

    /// Whether a key has this `kid`.
    #[must_use]
    pub fn has_kid(&self, kid: &str) -> bool {
        self.all.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Whether a key with this [`Key::name`] is in the set.
    #[must_use]
    pub fn has_key(&self, name: &str) -> bool {
        self.all.iter().any(|key| &*key.name == name)
    }
}

fn is_private(jwk: &Map<String, Value>) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|name| jwk.contains_key(*name))
}

fn members(text: &str) -> Result<Vec<Map<String, Value>>, String> {
    if text.len() > MOST_BYTES {
        return Err(format!("it has {} bytes; {MOST_BYTES} are allowed", text.len()));
    }
    let mut set = json::object(text.as_bytes()).map_err(|why| format!("it is no set of keys: {why}"))?;
    let Some(Value::Array(keys)) = set.remove("keys") else {
        return Err("it is no set of keys: \"keys\" is missing, or no list (RFC 7517 5)".into());
    };
    if keys.len() > MOST_KEYS {
        return Err(format!("it has {} keys; {MOST_KEYS} are allowed", keys.len()));
    }
    keys.into_iter()
        .enumerate()
        .map(|(place, key)| match key {
            Value::Object(key) => Ok(key),
            _ => Err(format!("keys[{place}] is no object")),
        })
        .collect()
}

/// Bytes of an HMAC algorithm's tag; `None` for other algorithms.
fn tag_length(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::HS256 => Some(32),
        Algorithm::HS384 => Some(48),
        Algorithm::HS512 => Some(64),
        _ => None,
    }
}

fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    bytes
}

/// Whether an Ed25519 public key is a point of order 1, 2, 4 or 8, canonical or not: with such a key one signature can
/// verify for any message. (The last byte's top bit is the sign of x, and makes no difference.)
fn is_of_small_order(x: &[u8]) -> bool {
    const POINTS: [&str; 7] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let mut hex = String::with_capacity(64);
    for (place, byte) in x.iter().enumerate() {
        let byte = if place == 31 { byte & 0x7f } else { *byte };
        hex.push_str(&format!("{byte:02x}"));
    }
    POINTS.contains(&hex.as_str())
}

#[cfg(test)]
mod tests;
