//! Where is a user signed in? A line for each session, beside the sessions themselves, that says on
//! which device and in which country.

use super::{Record, digest};
use crate::config::Millis;
use crate::http::visitor::Visitor;
use serde::{Deserialize, Serialize};

/// Characters of a device's name that are kept.
const DEVICE: usize = 160;

/// The line of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Whose.
    pub user: String,
    /// What the browser calls itself.
    pub device: String,
    /// ISO 3166-1 code.
    pub country: String,
    /// The ledger's moment when the session was made.
    pub created: Millis,
    /// When it was used, more or less (milliseconds since 1970).
    pub seen: Millis,
    /// When it is over unless used again (milliseconds since 1970).
    pub expires: Millis,
}

/// A line and the name it is stored under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// See [`ListEntry::name`].
    pub name: String,
    /// [`Device`] as JSON, less than the store's 1,024 bytes.
    pub text: String,
}

impl ListEntry {
    /// The line of a session that a visitor uses at `now`.
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
        Self { name: Self::name(&record.user, key), text: serde_json::to_string(&device).unwrap_or_default() }
    }

    /// What the line of this user's session is stored under.
    #[must_use]
    pub fn name(user: &str, key: &str) -> String {
        format!("{}{key}", Self::prefix(Some(user)))
    }

    /// What the names of a user's lines begin with, or everybody's.
    #[must_use]
    pub fn prefix(user: Option<&str>) -> String {
        user.map_or_else(|| "of:".into(), |user| format!("of:{}:", digest(user)))
    }

    /// The session's key in a line's name.
    #[must_use]
    pub fn key(name: &str) -> &str {
        name.rsplit(':').next().unwrap_or_default()
    }
}
