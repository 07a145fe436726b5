//! May this request pass, or did its sender send too many? Rate limits by the generic cell rate algorithm.

pub mod bucket;
pub mod challenge;
mod challenge_page;
pub mod exact;
pub mod fields;
mod key;
mod lists;
pub mod rule;
pub mod size;
mod switch;
mod table;

pub use challenge_page::{Task, challenge_page};
pub use key::key;
pub use lists::{Lists, Network};
pub use switch::Switch;
pub use table::Table;

use crate::config::{Limit, LimitCounts, Millis};
use crate::http::head::Head;
use bucket::{Nanos, Rate};

/// What a limit says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Passed,
    /// It does not: another like it passes after so many milliseconds.
    Refused(Millis),
    /// It would be refused, but the limit only counts (`shadow`).
    Shadow,
    /// It passes because it could not be counted.
    Down,
}

impl Verdict {
    /// Its name in the log and the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused(_) => "refused",
            Self::Shadow => "shadow",
            Self::Down => "down",
        }
    }
}

/// What a request was counted by a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Index into [`crate::config::Protection::limits`].
    pub limit: usize,
    /// What the request counted.
    pub cost: u32,
    /// See [`key()`].
    pub key: String,
    /// When each rate's bucket is empty again, this request included; none where this is not known.
    pub buckets: Vec<Nanos>,
    /// By how much the clock of these is ahead of the isolate's, in nanoseconds.
    pub ahead: i64,
    /// Whether it was counted, and not only looked at.
    pub counted: bool,
}

/// The rates of a limit.
#[must_use]
pub fn rates(limit: &Limit) -> Vec<Rate> {
    limit.rates.iter().map(Rate::of).collect()
}

/// Whether a limit counts this request, as far as can be said before its reply.
#[must_use]
pub fn is_counted(limit: &Limit, head: &Head<'_>) -> bool {
    limit.counts != LimitCounts::Unsafe || !head.is_safe()
}

/// Whether what a limit counted is taken back after the reply: its status is none that the limit counts. 429 is the doing
/// of other limits.
#[must_use]
pub fn is_taken_back(limit: &Limit, status: u16) -> bool {
    limit.counts == LimitCounts::Failures && (status == 429 || !(400..500).contains(&status))
}
