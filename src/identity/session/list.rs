//! Where is a user signed in? The store has a list entry for each session, beside the session's record, with the
//! device and the country.

use super::{Record, digest};
use crate::config::Millis;
use crate::http::json::{self, json_struct};
use crate::http::visitor::Visitor;

/// Maximum characters of a device's name; the rest is cut off.
const DEVICE: usize = 160;

/// The list entry of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The session's user.
    pub user: String,
    /// The browser's `User-Agent`, or the name of the device.
    pub device: String,
    /// ISO 3166-1 code.
    pub country: String,
    /// The ledger's moment when the session was made (milliseconds since 1970).
    pub created: Millis,
    /// When it was used last, as of the last renewal (milliseconds since 1970).
    pub seen: Millis,
    /// When it expires unless used again (milliseconds since 1970).
    pub expires: Millis,
}
json_struct!(Device { user, device, country, created, seen, expires });

/// A list entry and the key it is stored under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// See [`ListEntry::name`].
    pub name: String,
    /// [`Device`] as JSON, less than the store's 1,024 bytes.
    pub text: String,
}

impl ListEntry {
    /// The list entry of a session that a visitor uses at `now`.
    #[must_use]
    pub fn new(record: &Record, key: &str, visitor: &Visitor<'_>, agent: Option<&str>, now: Millis) -> Self {
        let device = Device {
            user: record.user.clone(),
            device: agent
                .unwrap_or_default()
                .chars()
                .filter(|c| (' '..='~').contains(c) && !['"', '\\'].contains(c))
                .take(DEVICE)
                .collect(),
            country: visitor.country.unwrap_or_default().into(),
            created: record.created,
            seen: now,
            expires: record.expires,
        };
        Self { name: Self::name(&record.user, key), text: json::text(&device) }
    }

    /// The key that the list entry of this user's session is stored under.
    #[must_use]
    pub fn name(user: &str, key: &str) -> String {
        format!("{}{key}", Self::prefix(Some(user)))
    }

    /// The prefix of the keys of a user's list entries; without a user, of all list entries.
    #[must_use]
    pub fn prefix(user: Option<&str>) -> String {
        user.map_or_else(|| "of:".into(), |user| format!("of:{}:", digest(user)))
    }

    /// The session's key, from the key of its list entry.
    #[must_use]
    pub fn key(name: &str) -> &str {
        name.rsplit(':').next().unwrap_or_default()
    }
}
