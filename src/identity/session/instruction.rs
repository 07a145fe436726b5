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
    /// Make something different of this session: other rights under a new token.
    Change(Change),
    /// Somebody tried to sign in as this user, and failed.
    Failed(String),
    /// End this session.
    End,
    /// End every session of this session's user.
    EndAll,
}

/// A session to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Who; 1 to 256 bytes.
    pub user: String,
    /// What they are; at most 64, each of visible ASCII without commas.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What they may do; like roles.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The language they chose.
    #[serde(default)]
    pub locale: Option<String>,
    /// Whether it lives as long as `remember` of `[session]` says.
    #[serde(default)]
    pub remember: bool,
    /// When they proved who they are (milliseconds since 1970), where that is known.
    #[serde(skip)]
    pub authenticated: Option<Millis>,
    /// Whatever the origin wants to keep; at most 16 KiB as JSON.
    #[serde(default)]
    pub data: serde_json::Value,
}

/// What becomes different of a session; the rest stays. Where rights do, its token is a new one, so that
/// who knew the old one has none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Other roles.
    pub roles: Option<Vec<String>>,
    /// Other scopes.
    pub scopes: Option<Vec<String>>,
    /// Another language.
    pub locale: Option<String>,
    /// Other data.
    pub data: Option<serde_json::Value>,
    /// Whether they have just proven again who they are.
    pub authenticated: bool,
}

impl Change {
    /// Whether what they may do becomes different, and so the token; a change that says nothing is for a
    /// new token's sake.
    #[must_use]
    pub fn is_of_rights(&self) -> bool {
        let other = self.locale.is_some() || self.data.is_some();
        self.roles.is_some() || self.scopes.is_some() || self.authenticated || !other
    }

    /// Whether it takes a role or scope away that `old` has.
    #[must_use]
    pub fn takes_away(&self, old: &Record) -> bool {
        let lost = |said: &Option<Vec<String>>, had: &[String]| {
            said.as_ref().is_some_and(|said| had.iter().any(|word| !said.contains(word)))
        };
        lost(&self.roles, &old.roles) || lost(&self.scopes, &old.scopes)
    }

    /// The record of a session that goes on from the ledger's moment `created`; its expiry is left to
    /// [`Record::used`]. The change was made to `old`; by now the session may be `latest`, and what that has lost does
    /// not come back.
    #[must_use]
    pub fn made(self, old: &Record, latest: &Record, created: Moment, now: Millis) -> Record {
        let left = |said: Option<Vec<String>>, old: &[String], latest: &[String]| match said {
            Some(said) => said.into_iter().filter(|word| latest.contains(word) || !old.contains(word)).collect(),
            None => latest.to_vec(),
        };
        let Self { roles, scopes, locale, data, authenticated } = self;
        Record {
            user: latest.user.clone(),
            roles: left(roles, &old.roles, &latest.roles),
            scopes: left(scopes, &old.scopes, &latest.scopes),
            locale: locale.or_else(|| latest.locale.clone()),
            created,
            started: Some(latest.started.unwrap_or(latest.created)),
            authenticated: if authenticated { Some(now) } else { latest.authenticated },
            remember: latest.remember,
            expires: 0,
            data: data.unwrap_or_else(|| latest.data.clone()),
        }
    }

    /// The same session with other data, or in another language, used at `now`.
    #[must_use]
    pub fn noted(self, latest: &Record, now: Millis, bounds: &config::Session) -> Record {
        let locale = self.locale.or_else(|| latest.locale.clone());
        let data = self.data.unwrap_or_else(|| latest.data.clone());
        Record { locale, data, ..latest.clone() }.used(now, bounds)
    }
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
        let checked = match &instruction {
            Self::Start(draft) => draft.check(),
            Self::Change(change) => Draft {
                user: "-".into(),
                roles: change.roles.clone().unwrap_or_default(),
                scopes: change.scopes.clone().unwrap_or_default(),
                locale: change.locale.clone(),
                data: change.data.clone().unwrap_or_default(),
                ..Draft::default()
            }
            .check(),
            Self::Failed(user) => Draft { user: user.clone(), ..Draft::default() }.check(),
            Self::End | Self::EndAll => Ok(()),
        };
        checked.map_err(|(field, sentence)| format!("Usher-Session: {field}: {sentence}"))?;
        Ok(instruction)
    }
}

impl Draft {
    /// The same of somebody who has just proven who they are.
    #[must_use]
    pub fn proven(self, now: Millis) -> Self {
        Self { authenticated: Some(now), ..self }
    }

    /// Whether it can be told to an origin and kept in the store.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.user.trim().is_empty() || self.user.len() > 256 || self.user.chars().any(char::is_control) {
            return Err(("user", "1 to 256 bytes without control characters, not all of them spaces, are allowed"));
        }
        for (field, words) in [("roles", &self.roles), ("scopes", &self.scopes)] {
            if words.len() > 64 || !words.iter().all(|word| is_word(word)) {
                return Err((field, "at most 64 are allowed, each 1 to 64 visible ASCII characters without ','"));
            }
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
        let Self { user, roles, scopes, locale, remember, authenticated, data } = self;
        let record =
            Record { user, roles, scopes, locale, created, authenticated, remember, data, ..Record::default() };
        record.used(now, bounds)
    }
}

/// Whether a role or scope can be told to an origin among others.
#[must_use]
pub fn is_word(word: &str) -> bool {
    (1..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}
