//! Vars and secrets.

/// The operator's vars and secrets for this environment.
pub trait Environment {
    /// A var or secret; `None` when it is not set or not a string.
    fn var(&self, name: &str) -> Option<String>;
}
