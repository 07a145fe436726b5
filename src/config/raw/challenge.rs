//! Which keys configure the challenge?

use serde::Deserialize;

/// `[challenge]`: how a client proves that it is a browser.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Challenge {
    /// Bits of work; each doubles it.
    pub difficulty: Option<u32>,
    /// How long passing is remembered.
    pub lifetime: Option<String>,
    /// Where those find help who cannot pass: a URL.
    pub contact: String,
    /// Cloudflare Turnstile instead of work.
    pub turnstile: Option<Turnstile>,
}

/// `turnstile = { site_key = "..." }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turnstile {
    /// The public key of the site.
    pub site_key: String,
    /// The base URL of its script and its verification; Cloudflare's when left out.
    #[serde(default)]
    pub url: Option<String>,
}
