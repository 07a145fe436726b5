//! The key-value store (Workers KV): sessions, API keys, issuers' keys, and the list of a user's sessions.

use super::unavailable::Unavailable;
use crate::http::date::Millis;
use crate::http::json::json_struct;
use crate::identity::session::ListEntry;
use std::future::Future;

/// A page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Names, each with its value.
    pub entries: Vec<(String, String)>,
    /// The cursor of the next page; `None` on the last one.
    pub next: Option<String>,
}
json_struct!(read Listing { entries, next });

/// The key-value store.
pub trait KeyValue {
    /// Reads a value within `deadline` milliseconds; `None` when there is none. Simultaneous reads of one key may
    /// share one read.
    fn get(&self, key: &str, deadline: Millis) -> impl Future<Output = Result<Option<String>, Unavailable>>;

    /// Writes a value that expires after `seconds`.
    fn put(&self, key: &str, value: &str, seconds: u64) -> impl Future<Output = Result<(), Unavailable>>;

    /// Removes a value or a list entry.
    fn delete(&self, key: &str) -> impl Future<Output = Result<(), Unavailable>>;

    /// Writes an entry for [`KeyValue::list`] that expires after `seconds`.
    fn put_entry(&self, entry: &ListEntry, seconds: u64) -> impl Future<Output = Result<(), Unavailable>>;

    /// The entries whose names begin with `prefix`, at most 1,000, from the cursor `from` on.
    fn list(&self, prefix: &str, from: Option<&str>) -> impl Future<Output = Result<Listing, Unavailable>>;
}
