//! Is this token signed by its issuer, made for this audience, and still valid? (RFC 7515, 7519, 8725)
//!
//! Three steps, cheapest first: [`Token::read`] parses the token, [`Token::admitted`] compares its claims with what
//! the operator configured for its issuer, and the signature must verify with one of [`Keys::candidates`]: a shared
//! secret by [`mac_holds`], a public key by the platform, which is many times faster. The header's `jku`, `jwk`,
//! `x5u` and `x5c` never choose the key.

mod base64url;
mod claims;
mod fault;
mod key;

pub use base64url::{decode, encode};
pub use claims::{Claims, SKEW_MS, find, string_values};
pub use fault::Fault;
pub use key::{Key, Keys, MOST_BYTES};

use crate::config::{Algorithm, Issuer, Setting};
use crate::http::head::Fields;
use crate::http::json;
use crate::http::list::members;
use crate::http::search;
use jwt_simple::algorithms::{HS256Key, HS384Key, HS512Key, MACLike};
use serde_json::Value;
use subtle::ConstantTimeEq;

/// Maximum bytes of a token; checked before anything is decoded.
pub const LONGEST: usize = 16 << 10;

/// A parsed token; nothing of it is verified yet.
#[derive(Debug, Clone)]
pub struct Token<'a> {
    /// The algorithm that its header states (`alg`).
    pub algorithm: Algorithm,
    /// The key that its header names.
    pub kid: Option<String>,
    typ: Option<String>,
    claims: Claims,
    /// The signing input: header and claims as received.
    pub signed: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Parses a token.
    ///
    /// # Errors
    /// It is too long, malformed, or requires an algorithm or extension that is not supported.
    pub fn read(text: &'a str) -> Result<Self, Fault> {
        if text.len() > LONGEST {
            return Err(Fault::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, claims) =
            signed.split_once('.').filter(|(_, rest)| !search::contains(rest, ".")).ok_or(Fault::Malformed)?;
        let part = |text: &str| decode(text).ok_or(Fault::Malformed);
        let json = |text: &str| json::object(&part(text)?).map_err(|_| Fault::Malformed);
        let header = json(header)?;
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Fault::Malformed),
        };
        // No extension is supported, so every critical one is refused (RFC 7515 4.1.11). `b64` (RFC 7797) changes the
        // signing input even where it is not listed as critical.
        if header.contains_key("crit") || header.get("b64").is_some_and(|b64| *b64 != Value::Bool(true)) {
            return Err(Fault::Critical);
        }
        let alg = text("alg")?.ok_or(Fault::Malformed)?;
        let algorithm = Algorithm::named(&alg).ok_or(Fault::Algorithm)?;
        let signature = part(signature)?;
        let claims = Claims::of(json(claims)?);
        Ok(Self { algorithm, kid: text("kid")?, typ: text("typ")?, claims, signed, signature })
    }

    /// The issuer that it names, and its index, among the accepted `issuers`.
    ///
    /// # Errors
    /// [`Fault::Issuer`]: none is named, or not one of these. [`Fault::Claims`]: `iss` is no string.
    pub fn issuer<'i>(
        &self,
        mut issuers: impl Iterator<Item = (usize, &'i Issuer)>,
    ) -> Result<(usize, &'i Issuer), Fault> {
        let named = self.claims.text("iss")?.ok_or(Fault::Issuer)?;
        issuers.find(|(_, issuer)| issuer.iss.text() == named).ok_or(Fault::Issuer)
    }

    /// Its claims, if they match the issuer's configuration and one of `audience`, and are valid at `now`
    /// (milliseconds since 1970). Does not verify the signature.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn admitted(&self, issuer: &Issuer, audience: &[Setting], now: u64) -> Result<&Claims, Fault> {
        if !issuer.algorithms.contains(&self.algorithm) {
            return Err(Fault::Algorithm);
        }
        if let Some(wanted) = &issuer.typ {
            // RFC 7515 4.1.9: "application/" may be omitted, and case does not matter.
            let bare = |typ: &str| typ.to_ascii_lowercase().trim_start_matches("application/").to_owned();
            if self.typ.as_deref().map(bare) != Some(bare(wanted)) {
                return Err(Fault::Type);
            }
        }
        self.claims.check(audience, now)?;
        Ok(&self.claims)
    }
}

/// The bearer token of a request (RFC 6750 2.1), if one was sent.
///
/// # Errors
/// [`Fault::Malformed`]: several credentials. Two `Authorization` lines may arrive joined by a comma, and then it is
/// ambiguous which one counts.
#[must_use]
pub fn bearer<'a>(fields: &Fields<'a>) -> Option<Result<&'a str, Fault>> {
    let value = fields.get("authorization")?;
    let of = |member: &'a str| {
        let (scheme, token) = member.split_once(' ').unwrap_or((member, ""));
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    let mut all = members(value).map(of);
    match (all.next().flatten(), all.flatten().count(), search::contains(value, ",")) {
        (None, 0, _) => None,
        (Some(token), 0, false) => Some(Ok(token)),
        _ => Some(Err(Fault::Malformed)),
    }
}

/// Whether an HMAC tag was made with this secret (HS256, HS384, HS512); compared in constant time.
#[must_use]
pub fn mac_holds(algorithm: Algorithm, secret: &[u8], signed: &str, tag: &[u8]) -> bool {
    let expected = match algorithm {
        Algorithm::HS256 => HS256Key::from_bytes(secret).authentication_tag(signed.as_bytes()),
        Algorithm::HS384 => HS384Key::from_bytes(secret).authentication_tag(signed.as_bytes()),
        Algorithm::HS512 => HS512Key::from_bytes(secret).authentication_tag(signed.as_bytes()),
        _ => return false,
    };
    bool::from(expected.ct_eq(tag))
}

#[cfg(test)]
mod tests;
