//! Vars and secrets.

/// What the operator set for this environment.
pub trait Environment {
    /// A var or secret; `None` when it is not set or is no string.
    fn var(&self, name: &str) -> Option<String>;
}
