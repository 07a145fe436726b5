//! Randomness, and signatures with asymmetric keys (WebCrypto).

use super::unavailable::Unavailable;
use crate::config::Algorithm;
use std::future::Future;

/// A signature and the message that it signs.
#[derive(Debug)]
pub struct SignedMessage<'a> {
    /// The algorithm; never one with a shared secret.
    pub algorithm: Algorithm,
    /// The public key as JWK.
    pub key: &'a str,
    /// The signed text.
    pub signed: &'a str,
    /// The signature.
    pub signature: &'a [u8],
}

/// Cryptography that the platform does.
pub trait Crypto {
    /// Random bytes from a cryptographically secure generator.
    fn random<const N: usize>(&self) -> [u8; N];

    /// Whether a signature was made with the private key that belongs to this public key.
    fn verify(&self, message: &SignedMessage<'_>) -> impl Future<Output = Result<bool, Unavailable>>;

    /// The signature of `text` with a private key, given as JWK (Ed25519 or P-256), in base64url.
    fn sign(&self, key: &str, text: &str) -> impl Future<Output = Result<String, Unavailable>>;
}
