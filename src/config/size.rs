//! How large may a request be?

use super::super::http::date::Millis;
use super::data::data;

/// Checked `[request]`, or `request` of a route. Sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// Longest path with its query.
    pub url: u64,
    /// Most fields.
    pub fields: u64,
    /// Largest field, its name included.
    pub field: u64,
    /// All fields together.
    pub all_fields: u64,
    /// The field `Cookie`.
    pub cookies: u64,
    /// The body.
    pub body: u64,
    /// How long a body may take to arrive, in milliseconds.
    pub body_timeout: Millis,
}
data!(struct Sizes { url, fields, field, all_fields, cookies, body, body_timeout });
