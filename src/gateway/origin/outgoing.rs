//! A request on its way to one of several origins.

use crate::config::Millis;
use crate::error::Error;
use crate::http::head::{Edits, Fields};
use crate::ledger::Moment;
use crate::origin::selection::OriginRef;
use crate::platform::{Forward, Response};

/// The parts of a request that are the same for all origins.
pub(super) struct Outgoing<'p> {
    /// Path and query.
    pub(super) path: &'p str,
    /// The changes to the visitor's fields.
    pub(super) edits: Edits,
    /// See [`crate::platform::OriginRequest::workers_cache`].
    pub(super) workers_cache: Option<&'p str>,
    /// When the resource was last purged, as far as is known.
    pub(super) stamped: Moment,
    /// The request's deadline (milliseconds since 1970).
    pub(super) until: Millis,
    /// Whether the body is buffered even where it is sent once at most.
    pub(super) buffer: bool,
}

impl Outgoing<'_> {
    /// Whether a response comes from the origin itself: one from a cache between does not show the present state.
    pub(super) fn is_from_origin(&self, fields: &Fields<'_>) -> bool {
        self.workers_cache.is_none() || fields.get("age").is_none()
    }
}

/// The attempts so far.
pub(super) struct Course {
    /// Pools, the preferred one first.
    pub(super) pools: Vec<usize>,
    pub(super) tried: Vec<OriginRef>,
    pub(super) forward: Forward,
    /// Whether no origin of the first pool was healthy and all count as healthy.
    pub(super) fail_open: bool,
}

/// The result of the attempts.
pub(super) struct Sent<B> {
    /// The origin that was asked last.
    pub(super) from: Option<OriginRef>,
    pub(super) result: Result<Response<B>, Error>,
}
