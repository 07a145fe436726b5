//! The ledger's Durable Object, as isolates see it.

use super::unavailable::Unavailable;
use crate::http::date::Millis;
use crate::ledger::{Entry, Moment, Page};
use std::future::Future;

/// The ledger's store.
pub trait LedgerStore {
    /// Reads the stamps made after a moment. Also returns when the read began (milliseconds since 1970), because
    /// simultaneous reads from one moment may share one read.
    fn ledger_read(&self, since: Moment, deadline: Millis)
    -> impl Future<Output = Result<(Millis, Page), Unavailable>>;

    /// Stamps, and reads what is new, including these stamps. Without subjects it is a read that is never shared.
    fn ledger_stamp(&self, entry: &Entry, deadline: Millis) -> impl Future<Output = Result<Page, Unavailable>>;
}
