//! What did we tell this browser? Signed cookies that are hints only: the origin a visitor stays with,
//! what they wrote last, and the lot they drew for a canary. A hint that does not verify is none.

use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use subtle::ConstantTimeEq;

/// Characters that the secret `COOKIE_KEY` has at least.
pub const SHORTEST_KEY: usize = 32;
/// Bytes of the code: as many as 128 bits of security have.
const CODE: usize = 16;

/// What a hint is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The origin a visitor stays with.
    Origin,
    /// What they wrote last.
    Written,
    /// The lot they drew for a route's canary, 0 to 99.
    Lot,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Origin => "at",
            Self::Written => "wrote",
            Self::Lot => "lot",
        }
    }
}

/// The cookie's bare name, of the session cookie's name and a pool's or route's.
#[must_use]
pub fn name(cookie: &str, kind: Kind, pool: &str) -> String {
    format!("{cookie}-{}-{pool}", kind.word())
}

/// Whether this is one of the cookies named so, on http or https.
#[must_use]
pub fn is_ours(found: &str, cookie: &str) -> bool {
    let bare = found.strip_prefix("__Host-").unwrap_or(found);
    bare.strip_prefix(cookie).is_some_and(|rest| {
        [Kind::Origin, Kind::Written, Kind::Lot].iter().any(|kind| {
            rest.strip_prefix('-')
                .and_then(|rest| rest.strip_prefix(kind.word()))
                .is_some_and(|rest| rest.starts_with('-'))
        })
    })
}

/// The cookie's value: what it says, and a code that only who has the key can make for this pool.
#[must_use]
pub fn sealed(key: &str, kind: Kind, pool: &str, said: &str) -> String {
    let text = Base64UrlSafeNoPadding::encode_to_string(said).unwrap_or_default();
    format!("{text}.{}", Base64UrlSafeNoPadding::encode_to_string(code(key, kind, pool, said)).unwrap_or_default())
}

/// What a cookie's value says, when we made it.
#[must_use]
pub fn opened(key: &str, kind: Kind, pool: &str, value: &str) -> Option<String> {
    let (text, mark) = value.split_once('.')?;
    let said = String::from_utf8(Base64UrlSafeNoPadding::decode_to_vec(text, None).ok()?).ok()?;
    let mark = Base64UrlSafeNoPadding::decode_to_vec(mark, None).ok()?;
    bool::from(code(key, kind, pool, &said).ct_eq(mark.as_slice())).then_some(said)
}

fn code(key: &str, kind: Kind, pool: &str, said: &str) -> [u8; CODE] {
    let text = format!("usher hint\0{}\0{pool}\0{said}", kind.word());
    hmac_sha256::HMAC::mac(text.as_bytes(), key.as_bytes()).first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_hint_is_of_one_kind_one_pool_and_one_key() {
        let value = sealed(KEY, Kind::Origin, "app", "one");
        assert_eq!(opened(KEY, Kind::Origin, "app", &value).as_deref(), Some("one"));
        assert_eq!(opened(KEY, Kind::Written, "app", &value), None);
        assert_eq!(opened(KEY, Kind::Origin, "other", &value), None);
        assert_eq!(opened("another", Kind::Origin, "app", &value), None);
    }

    #[test]
    fn ours_are_told_from_others() {
        assert!(is_ours("usher-at-app", "usher") && is_ours("__Host-usher-wrote-app", "usher"));
        assert!(!is_ours("usher", "usher") && !is_ours("usher-in-x", "usher") && !is_ours("other-at-app", "usher"));
    }

    proptest! {
        #[test]
        fn no_other_value_is_believed(value in ".{0,80}", said in "[ -~]{0,40}", at: prop::sample::Index, bit in 0..8_u32) {
            prop_assert_eq!(opened(KEY, Kind::Origin, "app", &value), None);
            let good = sealed(KEY, Kind::Origin, "app", &said);
            prop_assert_eq!(opened(KEY, Kind::Origin, "app", &good), Some(said.clone()));
            let mut bytes = good.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(bad) = String::from_utf8(bytes) {
                prop_assert_ne!(opened(KEY, Kind::Origin, "app", &bad), Some(said));
            }
        }
    }
}
