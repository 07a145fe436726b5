//! The time.

use crate::http::date::Millis;
use std::future::Future;

/// A clock.
pub trait Clock {
    /// Milliseconds since 1970. On Workers the clock stands still between I/O.
    fn now(&self) -> Millis;

    /// Waits for `time` milliseconds.
    fn sleep(&self, time: Millis) -> impl Future<Output = ()>;
}
