//! Which keys configure a rate limit?

use super::super::{LimitCounts, LimitScope};
use serde::Deserialize;

/// `[[limit]]`: how many requests may come from whom.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Unique name; clients see it in `RateLimit-Policy`.
    pub name: String,
    /// Who is counted apart: `"address"`, `"user"`, `"header:x-device"`, or several together.
    pub key: OneOrMany<String>,
    /// `"100/1m"`, or several that all hold.
    pub rate: OneOrMany<String>,
    /// Requests that may come at once; of several rates one for each. When left out, as many as the rate has in its period.
    #[serde(default)]
    pub burst: Option<OneOrMany<u32>>,
    /// Where requests are counted.
    #[serde(default)]
    pub scope: LimitScope,
    /// Which requests count.
    #[serde(default)]
    pub count: LimitCounts,
    /// Whether requests above the limit are only logged and counted.
    #[serde(default)]
    pub shadow: bool,
}

/// One value, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A limit that a route uses: its name, or `{ name = "api", cost = 5 }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum LimitUse {
    /// A request counts as one.
    Name(String),
    /// A request counts as several.
    Cost {
        /// Name of the limit.
        name: String,
        /// What a request counts.
        cost: u32,
    },
}
