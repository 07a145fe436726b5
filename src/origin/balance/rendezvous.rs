//! Which origin owns a key, so that all isolates agree without communication? Weighted rendezvous hashing (Thaler and
//! Ravishankar 1998; Schindelhauer and Schomaker 2005): removing an origin moves only its own keys, and an added one
//! takes its share from all.

use super::random::mix;
use super::view::{View, WHOLE};

/// The hash of a text: the first eight bytes of its SHA-256, big endian, which any language can compute.
#[must_use]
pub fn hash(text: &str) -> u64 {
    u64::from_be_bytes(hmac_sha256::Hash::hash(text.as_bytes()).first_chunk().copied().unwrap_or_default())
}

/// The score of an origin (by the hash of its name, `seed`) for a key; the highest owns the key. The share of keys is
/// proportional to `weight`.
#[must_use]
pub fn bid(key: u64, seed: u64, weight: f64) -> f64 {
    let uniform = ((mix(key ^ seed) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -weight / uniform.ln()
}

/// The origin that owns a key; `None` when every share is 0.
#[must_use]
pub fn highest(view: &impl View, key: u64) -> Option<usize> {
    let bids = (0..view.len()).filter(|place| view.share(*place) > 0).map(|place| {
        let weight = f64::from(view.weight(place)) * f64::from(view.share(place)) / f64::from(WHOLE);
        (place, bid(key, view.seed(place), weight))
    });
    bids.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}
