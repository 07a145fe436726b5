//! A request that the cache may answer.

use crate::cache::Key;
use crate::cache::control::Wanted;
use crate::config::{self, Millis};
use crate::gateway::context::Context;
use crate::gateway::origin;
use crate::http::head::Edits;
use crate::identity::Partition;
use crate::platform::Platform;
use crate::route::Place;
use std::cell::OnceCell;

/// A request that the cache may answer.
pub(super) struct Request<'q, 'a> {
    pub(super) place: &'q Place<'a, 'a>,
    /// The route's `cache`.
    pub(super) policy: &'q config::Cache,
    /// The partition that shares the response.
    pub(super) partition: &'q Partition,
    pub(super) key: &'q Key,
    pub(super) wanted: Wanted,
    /// Whether the visitor's own credentials are forwarded.
    pub(super) authorized: bool,
    /// Whether the visitor requests a part.
    pub(super) part: bool,
    /// Whether only that part is requested from the origin; then nothing is stored, unless the origin sends all of it.
    pub(super) ranged: bool,
    /// A response that was made before this moment is not served: the visitor wrote before.
    pub(super) shows_from: Millis,
    /// See [`Request::sent`].
    pub(super) sent: OnceCell<Vec<(String, String)>>,
}

impl Request<'_, '_> {
    /// The fields that the origin gets; computed only when a response varies on them.
    pub(super) fn sent<P: Platform>(&self, ctx: &Context<'_, P>) -> &[(String, String)] {
        let fields = || self.fields(ctx).applied(&ctx.head.fields);
        self.sent.get_or_init(fields)
    }

    /// The changes from the visitor's fields to the origin's.
    pub(super) fn fields<P: Platform>(&self, ctx: &Context<'_, P>) -> Edits {
        origin::fields(ctx, self.place, Some(self.partition))
    }
}
