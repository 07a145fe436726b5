//! Which keys configure how large a request may be?

use serde::Deserialize;

/// `[request]`, for all requests, or `request` of a route, in which what is left out is as in `[request]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sizes {
    /// Longest path with its query.
    pub max_url: Option<String>,
    /// Most fields.
    pub max_fields: Option<u32>,
    /// Largest field, its name included.
    pub max_field: Option<String>,
    /// All fields together.
    pub max_all_fields: Option<String>,
    /// The field `Cookie`.
    pub max_cookies: Option<String>,
    /// The body.
    pub max_body: Option<String>,
    /// How long a body may take to arrive.
    pub body_timeout: Option<String>,
}
