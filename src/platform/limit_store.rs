//! Who counts requests for several isolates.

use super::unavailable::Unavailable;
use crate::http::date::Millis;
use std::future::Future;

/// The Durable Objects that count, and Cloudflare's Rate Limiting binding.
pub trait LimitStore {
    /// Has an object count a request of this key: see [`crate::limit::exact`].
    fn count_exactly(
        &self,
        object: &str,
        key: &str,
        request: &str,
        deadline: Millis,
    ) -> impl Future<Output = Result<String, Unavailable>>;

    /// Whether a Rate Limiting binding lets a request of this key pass.
    fn count_in_location(&self, binding: &str, key: &str) -> impl Future<Output = Result<bool, Unavailable>>;
}
