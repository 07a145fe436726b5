//! Who has a key, so that all agree without asking: rendezvous hashing, weighted (Thaler and
//! Ravishankar 1998; Schindelhauer and Schomaker 2005). Whoever leaves hands over its own keys and no
//! others; whoever comes takes its share from all.

use super::random::mix;
use super::view::{View, WHOLE};

/// Text as a number: the first eight bytes of its SHA-256, big endian, which any language can compute.
#[must_use]
pub fn hash(text: &str) -> u64 {
    u64::from_be_bytes(hmac_sha256::Hash::hash(text.as_bytes()).first_chunk().copied().unwrap_or_default())
}

/// What somebody bids for a key; the highest gets it. A weight is a share of the keys.
#[must_use]
pub fn bid(key: u64, seed: u64, weight: f64) -> f64 {
    let drawn = ((mix(key ^ seed) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -weight / drawn.ln()
}

/// The origin that has a key.
#[must_use]
pub fn highest(view: &impl View, key: u64) -> Option<usize> {
    let bids = (0..view.len()).filter(|place| view.share(*place) > 0).map(|place| {
        let weight = f64::from(view.weight(place)) * f64::from(view.share(place)) / f64::from(WHOLE);
        (place, bid(key, view.seed(place), weight))
    });
    bids.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}
