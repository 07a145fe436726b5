//! What is wrong with the file?

/// Something in the file that cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {sentence}")]
pub struct Problem {
    /// Where: `route[2].auth` (counted from 0, as the file lists them).
    pub key: String,
    /// What was found and what is allowed.
    pub sentence: String,
}
