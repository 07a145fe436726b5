//! Which title and sentence describe an error?

use crate::config::USES;
use crate::config::messages::Messages;
use crate::error::Error;

/// Title and sentence for an error, by its status.
#[must_use]
pub(super) fn of<'m>(messages: &'m Messages, error: &Error) -> (&'m str, &'m str) {
    if USES.switches && matches!(error, Error::Maintenance(_)) {
        let words = messages.protection.get();
        return (&words.maintenance_title, &words.maintenance_text);
    }
    match error.status() {
        401 => (&messages.sign_in_title, &messages.sign_in_text),
        403 | 451 => (&messages.forbidden_title, &messages.forbidden_text),
        404 | 410 => (&messages.missing_title, &messages.missing_text),
        429 => (&messages.limited_title, &messages.limited_text),
        502 | 504 => (&messages.unreachable_title, &messages.unreachable_text),
        503 => (&messages.unavailable_title, &messages.unavailable_text),
        400..500 => (&messages.request_title, &messages.request_text),
        _ => (&messages.fault_title, &messages.fault_text),
    }
}
