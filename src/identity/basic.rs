//! How does Usher authenticate to an issuer?

use crate::http::path;
use ct_codecs::{Base64, Encoder};

/// The value of `Authorization` for a client (RFC 6749 2.3.1).
#[must_use]
pub(super) fn basic(id: &str, secret: &str) -> String {
    let pair = format!("{}:{}", path::encode(id), path::encode(secret));
    format!("Basic {}", Base64::encode_to_string(pair).unwrap_or_default())
}
