//! The Durable Object that probes a pool's origins, as isolates see it.

use super::unavailable::Unavailable;
use crate::http::date::Millis;
use std::future::Future;

/// The probers.
pub trait Prober {
    /// Sends a [`crate::origin::health::protocol::Request`] as JSON to a pool's prober; its response is JSON.
    fn prober(&self, pool: &str, request: &str, deadline: Millis) -> impl Future<Output = Result<String, Unavailable>>;
}
