//! What an origin or the operator asks to be done with a session.

use super::Record;
use crate::config::{self, Millis};
use crate::ledger::Moment;
use serde::{Deserialize, Serialize};

/// The value of `Usher-Session`: `{"start":{"user":"7","roles":["admin"]}}`, `"end"`, `"end_all"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instruction {
    /// Sign this user in, with a new token.
    Start(Draft),
    /// End this session.
    End,
    /// End every session of this session's user.
    EndAll,
}

/// A session to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Who; 1 to 256 bytes.
    pub user: String,
    /// What they may do; at most 64, each of visible ASCII without commas.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The language they chose.
    #[serde(default)]
    pub locale: Option<String>,
    /// Whatever the origin wants to keep; at most 16 KiB as JSON.
    #[serde(default)]
    pub data: serde_json::Value,
}

impl Instruction {
    /// Reads the field's value; `end` and `end_all` may stand without quotes.
    ///
    /// # Errors
    /// A sentence for the log.
    pub fn parse(value: &str) -> Result<Self, String> {
        let instruction = match value.trim() {
            "end" => Self::End,
            "end_all" => Self::EndAll,
            json => serde_json::from_str(json).map_err(|e| format!("Usher-Session is not understood: {e}"))?,
        };
        if let Self::Start(draft) = &instruction {
            draft.check().map_err(|(field, sentence)| format!("Usher-Session: {field}: {sentence}"))?;
        }
        Ok(instruction)
    }
}

impl Draft {
    /// Whether it can be told to an origin and kept in the store.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.user.trim().is_empty() || self.user.len() > 256 || self.user.chars().any(char::is_control) {
            return Err(("user", "1 to 256 bytes without control characters, not all of them spaces, are allowed"));
        }
        let role =
            |role: &String| (1..=64).contains(&role.len()) && role.bytes().all(|b| b.is_ascii_graphic() && b != b',');
        if self.roles.len() > 64 || !self.roles.iter().all(role) {
            return Err(("roles", "at most 64 are allowed, each 1 to 64 visible ASCII characters without ','"));
        }
        let tag = |tag: &String| tag.len() <= 35 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !self.locale.as_ref().is_none_or(tag) {
            return Err(("locale", "a language tag of at most 35 letters, digits and '-' is allowed"));
        }
        if self.data.to_string().len() > 16_384 {
            return Err(("data", "at most 16384 bytes of JSON are allowed"));
        }
        Ok(())
    }

    /// The record of a session that starts now; `created` is the ledger's moment.
    #[must_use]
    pub fn record(self, created: Moment, now: Millis, bounds: &config::Session) -> Record {
        let Self { user, roles, locale, data } = self;
        Record { user, roles, locale, created, expires: Record::expiry(created, now, bounds), data }
    }
}
