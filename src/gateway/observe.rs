//! What is counted and logged.

use super::context::Context;
use super::record::Record;
use crate::observe::Counters;
use crate::platform::Platform;
use std::cell::{RefCell, RefMut};

/// This isolate's counters, and its log lines.
pub(super) struct Observer {
    counters: RefCell<Counters>,
    /// The key that users are hashed with in the log.
    log_key: String,
}

impl Observer {
    pub(super) fn new(log_key: String) -> Self {
        Self { counters: RefCell::default(), log_key }
    }

    /// The counters.
    pub(super) fn counters(&self) -> RefMut<'_, Counters> {
        self.counters.borrow_mut()
    }

    /// Writes the log line of a request.
    pub(super) fn log_request<P: Platform>(&self, ctx: &Context<'_, P>, record: &Record<'_>, status: u16) {
        ctx.platform.log(&record.line(ctx, &self.log_key, status).text());
    }
}
