//! Signed cookies: how does Usher keep state in the browser, so that isolates need not share it?
//!
//! A value whose HMAC does not verify counts as not sent.

use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use subtle::ConstantTimeEq;

/// The shortest `COOKIE_KEY`, in characters.
pub const SHORTEST_KEY: usize = 32;
/// Bytes of the truncated HMAC: 128 bits.
const CODE: usize = 16;

/// What a signed cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The origin of a pool that serves the visitor's sticky session.
    Affinity,
    /// The time of the visitor's last write to a pool.
    LastWrite,
    /// The number, 0 to 99, that decides whether the visitor gets a route's canary.
    CanaryDraw,
    /// The client passed a challenge.
    Challenge,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Affinity, Self::LastWrite, Self::CanaryDraw, Self::Challenge];

    fn infix(self) -> &'static str {
        match self {
            Self::Affinity => "at",
            Self::LastWrite => "wrote",
            Self::CanaryDraw => "lot",
            Self::Challenge => "passed",
        }
    }
}

/// The cookie's name without `__Host-`: the session cookie's name, the purpose, and the name of the pool or route
/// (`of`).
#[must_use]
pub fn name(cookie: &str, purpose: Purpose, of: &str) -> String {
    format!("{cookie}-{}-{of}", purpose.infix())
}

/// Whether [`name`] makes this cookie name, on http or https (`__Host-`).
#[must_use]
pub fn is_ours(name: &str, cookie: &str) -> bool {
    let bare = name.strip_prefix("__Host-").unwrap_or(name);
    let rest = bare.strip_prefix(cookie).and_then(|rest| rest.strip_prefix('-'));
    let has =
        |rest: &str, purpose: Purpose| rest.strip_prefix(purpose.infix()).is_some_and(|rest| rest.starts_with('-'));
    rest.is_some_and(|rest| Purpose::ALL.iter().any(|purpose| has(rest, *purpose)))
}

/// The cookie's value: `text` in base64url, a dot, and its HMAC-SHA-256 under `key`, which covers the purpose and
/// the pool or route too.
#[must_use]
pub fn sign(key: &str, purpose: Purpose, of: &str, text: &str) -> String {
    let encoded = Base64UrlSafeNoPadding::encode_to_string(text).unwrap_or_default();
    let code = Base64UrlSafeNoPadding::encode_to_string(code(key, purpose, of, text)).unwrap_or_default();
    format!("{encoded}.{code}")
}

/// The text of a cookie's value; `None` when [`sign`] did not make it for this purpose, pool or route, and key.
#[must_use]
pub fn verify(key: &str, purpose: Purpose, of: &str, value: &str) -> Option<String> {
    let (encoded, sent) = value.split_once('.')?;
    let text = String::from_utf8(Base64UrlSafeNoPadding::decode_to_vec(encoded, None).ok()?).ok()?;
    let sent = Base64UrlSafeNoPadding::decode_to_vec(sent, None).ok()?;
    bool::from(code(key, purpose, of, &text).ct_eq(sent.as_slice())).then_some(text)
}

fn code(key: &str, purpose: Purpose, of: &str, text: &str) -> [u8; CODE] {
    let signed = format!("usher hint\0{}\0{of}\0{text}", purpose.infix());
    hmac_sha256::HMAC::mac(signed.as_bytes(), key.as_bytes()).first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_value_verifies_for_one_purpose_one_pool_and_one_key() {
        let value = sign(KEY, Purpose::Affinity, "app", "one");
        assert_eq!(verify(KEY, Purpose::Affinity, "app", &value).as_deref(), Some("one"));
        assert_eq!(verify(KEY, Purpose::LastWrite, "app", &value), None);
        assert_eq!(verify(KEY, Purpose::Affinity, "other", &value), None);
        assert_eq!(verify("another", Purpose::Affinity, "app", &value), None);
    }

    #[test]
    fn only_signed_cookie_names_are_ours() {
        assert!(is_ours("usher-at-app", "usher") && is_ours("__Host-usher-wrote-app", "usher"));
        assert!(!is_ours("usher", "usher") && !is_ours("usher-in-x", "usher") && !is_ours("other-at-app", "usher"));
    }

    proptest! {
        #[test]
        fn no_other_value_verifies(value in ".{0,80}", text in "[ -~]{0,40}", at: prop::sample::Index, bit in 0..8_u32) {
            prop_assert_eq!(verify(KEY, Purpose::Affinity, "app", &value), None);
            let good = sign(KEY, Purpose::Affinity, "app", &text);
            prop_assert_eq!(verify(KEY, Purpose::Affinity, "app", &good), Some(text.clone()));
            let mut bytes = good.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(bad) = String::from_utf8(bytes) {
                prop_assert_ne!(verify(KEY, Purpose::Affinity, "app", &bad), Some(text));
            }
        }
    }
}
