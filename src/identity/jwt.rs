//! Is this token what its issuer signed, for us, and still good? (RFC 7515, 7519, 8725)
//!
//! Three steps, cheapest first: [`Token::read`] takes the token apart, [`Token::admitted`] holds what
//! it claims against what the operator expects of its issuer, and a signature by one of
//! [`Keys::candidates`] must hold: with a shared secret by [`mac_holds`], with a public key by the
//! platform, which is many times quicker at it. Nothing that the token itself says (`jku`, `jwk`,
//! `x5u`, `x5c`) chooses the key.

mod claims;
mod key;

pub use claims::{Claims, SKEW_MS, find, words};
pub use key::{Key, Keys, MOST_BYTES};

use crate::config::{Algorithm, Issuer, Setting};
use crate::http::head::Fields;
use crate::http::json;
use crate::http::list::members;
use ct_codecs::{Base64UrlSafeNoPadding as BASE64, Decoder, Encoder};
use jwt_simple::algorithms::{HS256Key, HS384Key, HS512Key, MACLike};
use serde_json::Value;
use subtle::ConstantTimeEq;

/// Bytes of a token at most; looked at before anything is decoded.
pub const LONGEST: usize = 16 << 10;

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Longer than [`LONGEST`].
    TooLong,
    /// Not three parts of base64url, header and claims JSON objects that say nothing twice.
    Malformed,
    /// Its algorithm is unknown, or its issuer's tokens are not signed so; `none` is one of these.
    Algorithm,
    /// It demands that an extension be understood (`crit`), and none is.
    Critical,
    /// Its `typ` is not what this issuer's tokens have.
    Type,
    /// Nobody whose tokens are taken here.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// A claim has the wrong shape, or one without which nobody is known is missing.
    Claims,
    /// It is over.
    Expired,
    /// It is not valid yet.
    Early,
    /// It names a key that its issuer does not have.
    Key,
    /// No key of its issuer is for that algorithm.
    KeyType,
    /// It was signed by somebody else, or changed since.
    Signature,
    /// Ended by a stamp.
    Revoked,
}

impl Fault {
    /// A word for the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "token-too-long",
            Self::Malformed => "token-malformed",
            Self::Algorithm => "token-algorithm",
            Self::Critical => "token-critical",
            Self::Type => "token-type",
            Self::Issuer => "token-issuer",
            Self::Audience => "token-audience",
            Self::Claims => "token-claims",
            Self::Expired => "token-expired",
            Self::Early => "token-early",
            Self::Key => "token-key",
            Self::KeyType => "token-key-type",
            Self::Signature => "token-signature",
            Self::Revoked => "token-revoked",
        }
    }
}

/// A token taken apart; nothing of it is proven yet.
#[derive(Debug, Clone)]
pub struct Token<'a> {
    /// How it says it is signed.
    pub algorithm: Algorithm,
    /// Which key it says.
    pub kid: Option<String>,
    typ: Option<String>,
    claims: Claims,
    /// What is signed: header and claims as they came.
    pub signed: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// It is too long, or not one, or demands what is not known here.
    pub fn read(text: &'a str) -> Result<Self, Fault> {
        if text.len() > LONGEST {
            return Err(Fault::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, claims) =
            signed.split_once('.').filter(|(_, rest)| !rest.contains('.')).ok_or(Fault::Malformed)?;
        let part = |text: &str| decode(text).ok_or(Fault::Malformed);
        let json = |text: &str| json::object(&part(text)?).map_err(|_| Fault::Malformed);
        let header = json(header)?;
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Fault::Malformed),
        };
        // No extension is understood, so whatever is critical is refused (RFC 7515 4.1.11); RFC 7797's
        // signed text is another than ours even where it is not called critical.
        if header.contains_key("crit") || header.get("b64").is_some_and(|b64| *b64 != Value::Bool(true)) {
            return Err(Fault::Critical);
        }
        let alg = text("alg")?.ok_or(Fault::Malformed)?;
        let algorithm = Algorithm::named(&alg).ok_or(Fault::Algorithm)?;
        let signature = part(signature)?;
        let claims = Claims::of(json(claims)?);
        Ok(Self { algorithm, kid: text("kid")?, typ: text("typ")?, claims, signed, signature })
    }

    /// The issuer that it names, among those that are taken here.
    ///
    /// # Errors
    /// [`Fault::Issuer`].
    pub fn issuer<'i>(
        &self,
        mut issuers: impl Iterator<Item = (usize, &'i Issuer)>,
    ) -> Result<(usize, &'i Issuer), Fault> {
        let named = self.claims.text("iss")?.ok_or(Fault::Issuer)?;
        issuers.find(|(_, issuer)| issuer.iss.text() == named).ok_or(Fault::Issuer)
    }

    /// Its claims, when they are what the operator expects of this issuer, for one of `audience`, and
    /// good at `now` (milliseconds since 1970). The signature is another matter.
    ///
    /// # Errors
    /// The first expectation that it does not meet.
    pub fn admitted(&self, issuer: &Issuer, audience: &[Setting], now: u64) -> Result<&Claims, Fault> {
        if !issuer.algorithms.contains(&self.algorithm) {
            return Err(Fault::Algorithm);
        }
        if let Some(wanted) = &issuer.typ {
            // RFC 7515 4.1.9: "application/" may be left out, and case does not matter.
            let bare = |typ: &str| typ.to_ascii_lowercase().trim_start_matches("application/").to_owned();
            if self.typ.as_deref().map(bare) != Some(bare(wanted)) {
                return Err(Fault::Type);
            }
        }
        self.claims.check(audience, now)?;
        Ok(&self.claims)
    }
}

/// The bearer token of a request (RFC 6750 2.1), if one was sent. Two `Authorization` lines may arrive
/// joined by a comma, and then nobody can say which was meant.
#[must_use]
pub fn bearer<'a>(fields: &Fields<'a>) -> Option<Result<&'a str, Fault>> {
    let value = fields.get("authorization")?;
    let of = |member: &'a str| {
        let (scheme, token) = member.split_once(' ').unwrap_or((member, ""));
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    let mut all = members(value).map(of);
    match (all.next().flatten(), all.flatten().count(), value.contains(',')) {
        (None, 0, _) => None,
        (Some(token), 0, false) => Some(Ok(token)),
        _ => Some(Err(Fault::Malformed)),
    }
}

/// Base64url without padding, and with no bits left over (RFC 7515 2).
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64::decode_to_vec(text, None).ok().filter(|bytes| encode(bytes) == text)
}

/// The inverse of [`decode`].
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    BASE64::encode_to_string(bytes).unwrap_or_default()
}

/// Whether a tag was made with this secret (HS256, HS384, HS512), compared in constant time.
#[must_use]
pub fn mac_holds(algorithm: Algorithm, secret: &[u8], signed: &str, tag: &[u8]) -> bool {
    let right = match algorithm {
        Algorithm::HS256 => HS256Key::from_bytes(secret).authentication_tag(signed.as_bytes()),
        Algorithm::HS384 => HS384Key::from_bytes(secret).authentication_tag(signed.as_bytes()),
        Algorithm::HS512 => HS512Key::from_bytes(secret).authentication_tag(signed.as_bytes()),
        _ => return false,
    };
    bool::from(right.ct_eq(tag))
}

#[cfg(test)]
mod tests;
