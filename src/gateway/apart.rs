//! The doors of parts: see [`crate::config::USES`].

use std::future::Future;
use std::pin::Pin;

/// Work in an allocation of its own, so that the futures of its callers are no larger for it.
pub(super) type Work<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The work of a part, where the part is used. Where it is not, nothing leads to it, and it is not in the wasm: a future
/// that is awaited behind an `if` would be.
#[inline(always)]
pub(super) fn apart<'a, F: Future + 'a>(used: bool, work: impl FnOnce() -> F) -> Option<Work<'a, F::Output>> {
    if used { Some(Box::pin(work())) } else { None }
}
