//! What is wrong with the configuration file?

/// One invalid value or key in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {sentence}")]
pub struct Problem {
    /// The key, such as `route[2].auth` (indices count from 0, in the order of the file).
    pub key: String,
    /// What was found and what is allowed.
    pub sentence: String,
}
