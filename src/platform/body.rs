//! Bodies: they stay outside the wasm and are streamed past it.

use crate::http::date::Millis;
use std::future::Future;

/// Handles of responses whose bodies stay in JavaScript.
pub trait Bodies {
    /// A handle of a response.
    type Body;

    /// Cancels a response that is not sent to a visitor.
    fn discard(&self, body: Self::Body);
}

/// Why a request's body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is larger than the limit.
    TooLarge,
    /// It did not arrive in time.
    Late,
    /// It ended early, or is not UTF-8.
    Broken,
}

/// The visitor's request body.
pub trait RequestBody {
    /// Reads the body as text, at most `most` bytes.
    fn read_body(&self, most: usize) -> impl Future<Output = Result<String, Unreadable>>;

    /// Buffers the body within `deadline` milliseconds, so that it can be sent more than once.
    fn buffer_body(&self, deadline: Millis) -> impl Future<Output = Result<(), Unreadable>>;

    /// Has the body broken off when more than `most` bytes have passed to an origin, or when it takes longer than
    /// `deadline` milliseconds.
    fn bound_body(&self, most: u64, deadline: Millis);

    /// Why the body was broken off, if it was.
    fn body_fault(&self) -> Option<Unreadable>;
}
