//! The outcome of a request to an origin, for its health.

use crate::config::Millis;
use crate::http::head;
use crate::platform::{Failure, Response};

/// A request to an origin that is over.
pub(in crate::gateway) struct Finished {
    /// 0 without a response.
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) took: Millis,
    pub(super) random: u64,
}

impl Finished {
    /// `took` milliseconds until the response began, or until it was given up.
    pub(in crate::gateway) fn of<B>(result: &Result<Response<B>, Failure>, took: Millis, random: u64) -> Self {
        let Ok(response) = result else { return Self { status: 0, retry_after: None, took, random } };
        let (status, fields) = head::response(&response.packed);
        let retry_after = fields.get("retry-after").filter(|_| status == 503).map(str::to_owned);
        Self { status, retry_after, took, random }
    }
}
