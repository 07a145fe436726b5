//! Parameters of a request to a provider.

use crate::http::path;

/// Encodes parameters as `application/x-www-form-urlencoded`.
pub(super) fn form(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", path::encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}
