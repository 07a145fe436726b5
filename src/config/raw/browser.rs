//! Which keys configure what protects browsers, and what is said to researchers and crawlers?

use serde::Deserialize;
use std::collections::BTreeMap;

/// `[security_headers]`, for all responses, or `security_headers` of a route, in which what is left out is as in
/// `[security_headers]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityHeaders {
    /// The fields that are set where `fields` says nothing.
    pub profile: Option<Profile>,
    /// Fields by their names, each with another value than the profile's; an empty one leaves the field out.
    pub fields: BTreeMap<String, String>,
    /// Names of fields that are set even where the origin sent another value.
    pub replace: Option<Vec<String>>,
}

/// `profile` of security headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Fields that are safe for most applications.
    #[default]
    Default,
    /// None.
    None,
}

/// `[security_txt]`: whom to tell of a vulnerability (RFC 9116).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityTxt {
    /// URLs: `https:`, `mailto:` or `tel:`, the preferred one first.
    pub contact: Vec<String>,
    /// Until when the file is valid: an RFC 3339 date and time.
    pub expires: String,
    /// URLs of keys for encryption.
    pub encryption: Vec<String>,
    /// URLs of pages that thank reporters.
    pub acknowledgments: Vec<String>,
    /// Language tags, any order.
    pub preferred_languages: Vec<String>,
    /// URLs of the file itself.
    pub canonical: Vec<String>,
    /// URLs of the disclosure policy.
    pub policy: Vec<String>,
    /// URLs of open positions.
    pub hiring: Vec<String>,
}

/// `[robots_txt]`: what crawlers may fetch (RFC 9309).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RobotsTxt {
    /// Rules for groups of crawlers.
    pub group: Vec<RobotsGroup>,
    /// URLs of sitemaps.
    pub sitemaps: Vec<String>,
}

/// `[[robots_txt.group]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RobotsGroup {
    /// Product tokens of crawlers, or `"*"`.
    pub agents: Vec<String>,
    /// Paths that they may fetch.
    pub allow: Vec<String>,
    /// Paths that they may not fetch.
    pub disallow: Vec<String>,
}
