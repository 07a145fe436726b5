//! Signatures verified natively by jwt-simple, as WebCrypto verifies them at the edge.

use jwt_simple::prelude::*;
use usher::config::Algorithm;
use usher::platform::SignedMessage;

/// Whether a signature holds, with nothing looked at but the signature.
pub(crate) fn holds(message: &SignedMessage<'_>) -> bool {
    let token = format!("{}.{}", message.signed, usher::identity::jwt::encode(message.signature));
    let jwk: serde_json::Value = serde_json::from_str(message.key).unwrap();
    let part = |name: &str| usher::identity::jwt::decode(jwk[name].as_str().unwrap()).unwrap();
    let options = || {
        let anytime = VerificationOptions {
            accept_future: true,
            artificial_time: Some(Duration::from_secs(0)),
            time_tolerance: None,
            max_token_length: None,
            ..VerificationOptions::default()
        };
        Some(anytime)
    };
    macro_rules! rsa {
        ($key:ident) => {
            $key::from_components(&part("n"), &part("e"))
                .is_ok_and(|key| key.verify_token::<NoCustomClaims>(&token, options()).is_ok())
        };
    }
    macro_rules! curve {
        ($key:ident, $bytes:expr) => {
            $key::from_bytes(&$bytes).is_ok_and(|key| key.verify_token::<NoCustomClaims>(&token, options()).is_ok())
        };
    }
    let point = || [vec![4], part("x"), part("y")].concat();
    match message.algorithm {
        Algorithm::EdDSA => curve!(Ed25519PublicKey, part("x")),
        Algorithm::ES256 => curve!(ES256PublicKey, point()),
        Algorithm::ES384 => curve!(ES384PublicKey, point()),
        Algorithm::RS256 => rsa!(RS256PublicKey),
        Algorithm::RS384 => rsa!(RS384PublicKey),
        Algorithm::RS512 => rsa!(RS512PublicKey),
        Algorithm::PS256 => rsa!(PS256PublicKey),
        Algorithm::PS384 => rsa!(PS384PublicKey),
        Algorithm::PS512 => rsa!(PS512PublicKey),
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => panic!("not WebCrypto's"),
    }
}

/// A signature as the edge makes it with Ed25519: over a text that needs be no token.
pub(crate) fn sign(jwk: &str, text: &str) -> Option<String> {
    let jwk: serde_json::Value = serde_json::from_str(jwk).ok()?;
    let part = |name: &str| usher::identity::jwt::decode(jwk[name].as_str()?);
    let pair = ed25519_compact::KeyPair::from_slice(&[part("d")?, part("x")?].concat()).ok()?;
    Some(usher::identity::jwt::encode(&*pair.sk.sign(text, None)))
}
