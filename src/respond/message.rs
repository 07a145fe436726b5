//! Which of Usher's words say an error?

use crate::config::messages::Messages;
use crate::error::Error;

/// Title and sentence for an error.
#[must_use]
pub(super) fn of<'w>(words: &'w Messages, error: &Error) -> (&'w str, &'w str) {
    match error.status() {
        401 => (&words.sign_in_title, &words.sign_in_text),
        403 => (&words.forbidden_title, &words.forbidden_text),
        404 => (&words.missing_title, &words.missing_text),
        502 | 504 => (&words.unreachable_title, &words.unreachable_text),
        503 => (&words.unavailable_title, &words.unavailable_text),
        400..500 => (&words.request_title, &words.request_text),
        _ => (&words.fault_title, &words.fault_text),
    }
}
