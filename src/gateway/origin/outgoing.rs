//! A request on its way to one of several origins.

use crate::config::Millis;
use crate::error::Error;
use crate::http::head::{Edits, Fields};
use crate::ledger::Moment;
use crate::origin::selection::OriginRef;
use crate::platform::{Forward, Response};

/// What is sent, whichever origin gets it.
pub(super) struct Outgoing<'p> {
    /// Path and query.
    pub(super) path: &'p str,
    /// The changes to the visitor's fields.
    pub(super) edits: Edits,
    /// See [`crate::platform::OriginRequest::workers_cache`].
    pub(super) workers_cache: Option<&'p str>,
    /// When the resource was last purged, as far as is known.
    pub(super) stamped: Moment,
    /// When nobody waits any more (milliseconds since 1970).
    pub(super) until: Millis,
    /// Whether the body is buffered even where it is sent once at most.
    pub(super) buffer: bool,
}

impl Outgoing<'_> {
    /// Whether a response is the origin's own: what a cache on the way kept says nothing of now.
    pub(super) fn is_from_origin(&self, fields: &Fields<'_>) -> bool {
        self.workers_cache.is_none() || fields.get("age").is_none()
    }
}

/// What was tried so far.
pub(super) struct Course {
    /// Pools, the preferred one first.
    pub(super) pools: Vec<usize>,
    pub(super) tried: Vec<OriginRef>,
    pub(super) forward: Forward,
    /// Whether no origin of the first pool was healthy and all count as healthy.
    pub(super) fail_open: bool,
}

/// What came of it.
pub(super) struct Sent<B> {
    /// The origin that was asked last.
    pub(super) from: Option<OriginRef>,
    pub(super) result: Result<Response<B>, Error>,
}
