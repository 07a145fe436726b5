//! Base64url without padding (RFC 4648 5), as JOSE uses it.

use ct_codecs::{Base64UrlSafeNoPadding as BASE64, Decoder, Encoder};

/// Decodes base64url without padding (RFC 7515 2); unused bits must be zero.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64::decode_to_vec(text, None).ok().filter(|bytes| encode(bytes) == text)
}

/// The inverse of [`decode`].
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    BASE64::encode_to_string(bytes).unwrap_or_default()
}
