//! How do services of the platform fail?

/// A service failed, or did not respond in time. The platform logs why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unavailable;
