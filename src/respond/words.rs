//! Which of Usher's words say an error?

use crate::config::words::Words;
use crate::error::Error;

/// Title and sentence for an error.
#[must_use]
pub(super) fn say<'w>(words: &'w Words, error: &Error) -> (&'w str, &'w str) {
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
