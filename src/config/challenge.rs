//! How are visitors challenged?

use super::super::http::date::Millis;
use super::data::data;
use super::setting::Setting;

/// Checked `[challenge]`.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// Bits of work where a rule says nothing else; 0 with Turnstile.
    pub difficulty: u32,
    /// How long passing is remembered.
    pub lifetime: Millis,
    /// Where those find help who cannot pass: a URL.
    pub contact: String,
    /// Cloudflare Turnstile instead of work.
    pub turnstile: Option<Turnstile>,
}
data!(struct Challenge { difficulty, lifetime, contact, turnstile });

/// Checked `turnstile` of `[challenge]`.
#[derive(Debug, Clone)]
pub struct Turnstile {
    /// The public key of the site.
    pub site_key: String,
    /// The base URL of its script and its verification.
    pub url: Setting,
}
data!(struct Turnstile { site_key, url });
