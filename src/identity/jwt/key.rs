//! Which keys may verify a token, and what for? (RFC 7517, RFC 7518 6, RFC 8037 2)

use super::{Fault, decode, encode};
use crate::config::Algorithm;
use crate::http::json;
use serde_json::{Map, Value};
use std::rc::Rc;

/// Keys of one issuer at most.
const MOST_KEYS: usize = 64;
/// Bytes of a set of keys at most.
pub const MOST_BYTES: usize = 64 << 10;
/// Keys that are tried for one token which names none.
const MOST_TRIED: usize = 8;

/// What a key is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Secret(Secret),
    Ed25519,
    P256,
    P384,
    /// With so many bytes in its modulus.
    Rsa(usize),
}

/// A shared secret, of which nothing is ever printed.
#[derive(Clone, PartialEq, Eq)]
struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A key that can verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    kid: Option<String>,
    /// The only algorithm it is for, when it says one.
    only: Option<Algorithm>,
    material: Material,
    /// The public key alone as JWK: what verifies is told, and what it is known by. Of a secret its
    /// hash.
    name: Rc<str>,
}

impl Key {
    /// A shared secret.
    ///
    /// # Errors
    /// Why it is too weak to be one (RFC 7518 3.2, RFC 8725 3.5).
    pub fn secret(bytes: &[u8], algorithms: &[Algorithm]) -> Result<Self, String> {
        let least = algorithms.iter().filter_map(|algorithm| digest(*algorithm)).min().unwrap_or(32);
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

    /// Reads one JWK. `trusted` keys come from the operator: secrets are among them, and nothing of
    /// a private key; from an issuer's page nothing secret is taken.
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
                (Material::Ed25519, serde_json::json!({"kty": kind, "crv": "Ed25519", "x": encode(&x)}))
            }
            ("EC", curve @ ("P-256" | "P-384")) => {
                let (material, size) = if curve == "P-256" { (Material::P256, 32) } else { (Material::P384, 48) };
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != size || y.len() != size {
                    return Err(format!("\"x\" and \"y\" must have {size} bytes on {curve} (RFC 7518 6.2.1.2)"));
                }
                (material, serde_json::json!({"kty": kind, "crv": curve, "x": encode(&x), "y": encode(&y)}))
            }
            ("RSA", _) => {
                let (n, e) = (trimmed(bytes("n")?), trimmed(bytes("e")?));
                let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
                // WebCrypto at the edge takes no others.
                if !(2048..=4096).contains(&bits) || !bits.is_multiple_of(8) {
                    return Err(format!(
                        "its modulus has {bits} bits; 2048 to 4096, by eights, are allowed (RFC 7518 3.3)"
                    ));
                }
                if e != [3] && e != [1, 0, 1] {
                    return Err("its exponent is neither 65537 nor 3".into());
                }
                let size = n.len();
                (Material::Rsa(size), serde_json::json!({"kty": kind, "n": encode(&n), "e": encode(&e)}))
            }
            (kind, curve) => return Err(format!("keys of kind {kind:?} {curve:?} are not known here")),
        };
        Ok(Self { kid, only, material, name: public.to_string().into() })
    }

    /// Whether it is for this algorithm: its kind must be, and its own word when it gives one.
    fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
        let kind = match &self.material {
            Material::Secret(secret) => {
                matches!(algorithm, HS256 | HS384 | HS512) && secret.0.len() >= digest(algorithm).unwrap_or(usize::MAX)
            }
            Material::Ed25519 => algorithm == EdDSA,
            Material::P256 => algorithm == ES256,
            Material::P384 => algorithm == ES384,
            Material::Rsa(_) => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
        };
        kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// How many bytes its signatures have.
    fn signature(&self, algorithm: Algorithm) -> usize {
        match &self.material {
            Material::Secret(_) => digest(algorithm).unwrap_or_default(),
            Material::Ed25519 | Material::P256 => 64,
            Material::P384 => 96,
            Material::Rsa(size) => *size,
        }
    }

    /// What it is known by: of a public key its JWK, with nothing in it but the key.
    #[must_use]
    pub fn name(&self) -> &Rc<str> {
        &self.name
    }

    /// The shared secret, when it is one.
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
    /// Why one was passed over.
    passed_over: Option<String>,
}

impl Keys {
    /// One shared secret.
    #[must_use]
    pub fn one(key: Key) -> Self {
        Self { all: vec![key], passed_over: None }
    }

    /// A set of keys that the operator gives. Those that are for something else are passed over, but a
    /// weak secret or a private key is not.
    ///
    /// # Errors
    /// What is wrong, and with which.
    pub fn trusted(text: &str, algorithms: &[Algorithm]) -> Result<Self, String> {
        let mut keys = Self::default();
        for (place, jwk) in members(text)?.iter().enumerate() {
            let said = |why: String| format!("keys[{place}]: {why}");
            match Key::read(jwk, true, algorithms) {
                Ok(key) => keys.all.push(key),
                Err(why) if jwk.get("kty").is_some_and(|kind| kind == "oct") || is_private(jwk) => {
                    return Err(said(why));
                }
                Err(why) => keys.passed_over = Some(said(why)),
            }
        }
        Ok(keys)
    }

    /// A set of keys that an issuer publishes; those that cannot be used here are passed over
    /// (RFC 7517 5).
    ///
    /// # Errors
    /// It is no such set.
    pub fn published(text: &str) -> Result<Self, String> {
        let members = members(text)?;
        let (good, bad): (Vec<_>, Vec<_>) =
            members.iter().map(|jwk| Key::read(jwk, false, &[])).partition(Result::is_ok);
        let passed_over = bad.into_iter().find_map(Result::err);
        Ok(Self { all: good.into_iter().flatten().collect(), passed_over })
    }

    /// Why none of them can be used, when that is so.
    #[must_use]
    pub fn useless(&self) -> Option<String> {
        let why = self.passed_over.as_deref().unwrap_or("it is empty");
        self.all.is_empty().then(|| format!("no key in it can be used: {why}"))
    }

    /// Those that may have signed, most likely first: with the token's `kid`, else such as have none.
    /// A signature of another length than theirs was not made by them.
    ///
    /// # Errors
    /// [`Fault::Key`] when a `kid` is named that none has; [`Fault::Signature`].
    pub fn candidates(&self, algorithm: Algorithm, kid: Option<&str>, signature: &[u8]) -> Result<Vec<Key>, Fault> {
        let fit = |key: &&Key| key.fits(algorithm);
        let named: Vec<&Key> = match kid {
            Some(kid) => self.all.iter().filter(|key| key.kid.as_deref().is_none_or(|own| own == kid)).collect(),
            None => self.all.iter().collect(),
        };
        let mut found: Vec<&Key> = named.iter().copied().filter(fit).collect();
        if found.is_empty() {
            return Err(if named.is_empty() { Fault::Key } else { Fault::KeyType });
        }
        found.sort_by_key(|key| key.kid.is_none());
        found.retain(|key| key.signature(algorithm) == signature.len());
        found.truncate(MOST_TRIED);
        if found.is_empty() { Err(Fault::Signature) } else { Ok(found.into_iter().cloned().collect()) }
    }

    /// What those are called that have a name.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter_map(|key| key.kid.as_deref())
    }

    /// Whether one of them is called so.
    #[must_use]
    pub fn name(&self, kid: &str) -> bool {
        self.all.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Whether a key known by this ([`Key::name`]) is still among them.
    #[must_use]
    pub fn have(&self, name: &str) -> bool {
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

/// Bytes of an HMAC algorithm's tag.
fn digest(algorithm: Algorithm) -> Option<usize> {
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

/// With such a public key a signature can be made that holds for anything: the points of order 1, 2, 4
/// and 8, canonical or not. (The last byte's top bit is the sign of x, and makes no difference.)
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
