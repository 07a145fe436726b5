//! What is counted and logged.

use super::context::Context;
use super::record::Record;
use crate::observe::{self, Counters};
use crate::platform::Platform;
use std::cell::{RefCell, RefMut};

/// This isolate's counters, and its log lines.
pub(super) struct Observer {
    counters: RefCell<Counters>,
    /// The key that users are hashed with in the log.
    log_key: String,
    /// Users and their pseudonyms in the log, each in the place of its [`place`]: an HMAC costs as much as the line.
    pseudonyms: RefCell<Vec<(String, String)>>,
}

/// How many pseudonyms are kept.
const PSEUDONYMS: usize = 256;

impl Observer {
    pub(super) fn new(log_key: String) -> Self {
        Self { counters: RefCell::default(), log_key, pseudonyms: RefCell::default() }
    }

    /// The pseudonym of a user in the log.
    fn pseudonym(&self, id: &str) -> String {
        let mut known = self.pseudonyms.borrow_mut();
        known.resize_with(PSEUDONYMS, Default::default);
        let Some((user, pseudonym)) = known.get_mut(place(id)) else { return String::new() };
        if user != id || pseudonym.is_empty() {
            *pseudonym = observe::user(&self.log_key, id);
            id.clone_into(user);
        }
        pseudonym.clone()
    }

    /// The counters.
    pub(super) fn counters(&self) -> RefMut<'_, Counters> {
        self.counters.borrow_mut()
    }

    /// Writes the log line of a request.
    pub(super) fn log_request<P: Platform>(&self, ctx: &Context<'_, P>, record: &Record<'_>, status: u16) {
        let user = ctx.identity.record().map(|record| self.pseudonym(&record.user));
        ctx.platform.log(&record.line(ctx, user, status).text());
    }
}

/// The place of a user among the pseudonyms (FNV-1a).
fn place(id: &str) -> usize {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash as usize % PSEUDONYMS
}
