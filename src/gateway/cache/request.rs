//! A request that the cache may answer.

use crate::cache::Key;
use crate::cache::control::Wanted;
use crate::config;
use crate::gateway::context::Context;
use crate::gateway::origin;
use crate::http::head::Edits;
use crate::identity::Partition;
use crate::ledger::Moment;
use crate::platform::Platform;
use crate::route::Place;
use std::cell::OnceCell;

/// A request that the cache may answer.
pub(super) struct Request<'q, 'a> {
    pub(super) place: &'q Place<'a, 'a>,
    /// The route's `cache`.
    pub(super) policy: &'q config::Cache,
    /// Among whom the response is shared.
    pub(super) partition: &'q Partition,
    pub(super) key: &'q Key,
    pub(super) wanted: Wanted,
    /// Whether credentials of the visitor's own are forwarded.
    pub(super) authorized: bool,
    /// Whether the visitor asks for a part.
    pub(super) part: bool,
    /// Whether the origin is asked for that part alone: what is stored is whole.
    pub(super) ranged: bool,
    /// What is stored serves only if it was made since, for the visitor wrote before.
    pub(super) shows_from: Moment,
    /// See [`Request::sent`].
    pub(super) sent: OnceCell<Vec<(String, String)>>,
}

impl Request<'_, '_> {
    /// The fields that the origin gets; computed only where something varies on them.
    pub(super) fn sent<P: Platform>(&self, ctx: &Context<'_, P>) -> &[(String, String)] {
        let fields = || self.fields(ctx).applied(&ctx.head.fields);
        self.sent.get_or_init(fields)
    }

    /// The changes from the visitor's fields to the origin's.
    pub(super) fn fields<P: Platform>(&self, ctx: &Context<'_, P>) -> Edits {
        origin::fields(ctx, self.place, Some(self.partition))
    }
}
