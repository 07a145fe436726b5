//! What does an origin or the operator instruct Usher to do with a session?

use super::Record;
use crate::config::{self, Millis};
use crate::http::json::{self, Json, Malformed, Reader, json_struct};
use crate::ledger::Moment;

/// The value of `Usher-Session`: `{"start":{"user":"7","roles":["admin"]}}`, `"end"`, `"end_all"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Sign this user in, with a new token.
    Start(Draft),
    /// Change this session; other rights get a new token.
    Change(Change),
    /// A sign-in as this user failed.
    Failed(String),
    /// End this session.
    End,
    /// End every session of this session's user.
    EndAll,
}

impl Json for Instruction {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.alternative(&mut |name, value| match (name, value) {
            ("start", Some(from)) => Draft::read(from).map(Self::Start),
            ("change", Some(from)) => Change::read(from).map(Self::Change),
            ("failed", Some(from)) => from.string().map(Self::Failed),
            ("end", None) => Ok(Self::End),
            ("end_all", None) => Ok(Self::EndAll),
            _ => Err(Malformed("it is no instruction: start, change, failed, end, end_all".into())),
        })
    }
}

/// A session that is to be started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// The user's id; 1 to 256 bytes.
    pub user: String,
    /// The user's roles; at most 64, each of 1 to 64 visible ASCII characters without commas.
    pub roles: Vec<String>,
    /// The user's scopes; like roles.
    pub scopes: Vec<String>,
    /// The locale that the user chose.
    pub locale: Option<String>,
    /// Whether it lives as long as `remember` of `[session]` configures.
    pub remember: bool,
    /// When the user authenticated (milliseconds since 1970), if that is known.
    pub authenticated: Option<Millis>,
    /// Data that the origin stores in the session; at most 16 KiB as JSON.
    pub data: serde_json::Value,
    /// See [`Record::issuer`].
    pub issuer: serde_json::Value,
}
json_struct!(read (strict) Draft {
    user,
    roles = default,
    scopes = default,
    locale = default,
    remember = default,
    data = default,
} skip { authenticated, issuer });

/// A change of a session; missing fields stay as they are. A change of rights makes a new token, so that the old token
/// does not give the new rights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Other roles.
    pub roles: Option<Vec<String>>,
    /// Other scopes.
    pub scopes: Option<Vec<String>>,
    /// Another language.
    pub locale: Option<String>,
    /// Other data.
    pub data: Option<serde_json::Value>,
    /// Whether the user has just authenticated again.
    pub authenticated: bool,
}
json_struct!(read (strict) Change { roles, scopes, locale, data, authenticated = default });

impl Change {
    /// Whether it changes rights, and so the token; an empty change makes a new token only.
    #[must_use]
    pub fn changes_rights(&self) -> bool {
        let other = self.locale.is_some() || self.data.is_some();
        self.roles.is_some() || self.scopes.is_some() || self.authenticated || !other
    }

    /// Whether it removes a role or scope that `old` has.
    #[must_use]
    pub fn removes_rights(&self, old: &Record) -> bool {
        let removes = |new: &Option<Vec<String>>, old: &[String]| {
            new.as_ref().is_some_and(|new| old.iter().any(|value| !new.contains(value)))
        };
        removes(&self.roles, &old.roles) || removes(&self.scopes, &old.scopes)
    }

    /// The record of the session's successor, made at the ledger's moment `created`; [`Record::used`] sets its expiry.
    /// The change was made to `old`, but the session may have become `latest` since: rights that were removed meanwhile
    /// are not restored.
    #[must_use]
    pub fn successor(self, old: &Record, latest: &Record, created: Moment, now: Millis) -> Record {
        let merged = |new: Option<Vec<String>>, old: &[String], latest: &[String]| match new {
            Some(new) => new.into_iter().filter(|value| latest.contains(value) || !old.contains(value)).collect(),
            None => latest.to_vec(),
        };
        let Self { roles, scopes, locale, data, authenticated } = self;
        Record {
            user: latest.user.clone(),
            roles: merged(roles, &old.roles, &latest.roles),
            scopes: merged(scopes, &old.scopes, &latest.scopes),
            locale: locale.or_else(|| latest.locale.clone()),
            created,
            started: Some(latest.started.unwrap_or(latest.created)),
            authenticated: if authenticated { Some(now) } else { latest.authenticated },
            remember: latest.remember,
            expires: 0,
            data: data.unwrap_or_else(|| latest.data.clone()),
            issuer: latest.issuer.clone(),
        }
    }

    /// The same session with the new data or locale, under the same token, used at `now`.
    #[must_use]
    pub fn updated(self, latest: &Record, now: Millis, bounds: &config::Session) -> Record {
        let locale = self.locale.or_else(|| latest.locale.clone());
        let data = self.data.unwrap_or_else(|| latest.data.clone());
        Record { locale, data, ..latest.clone() }.used(now, bounds)
    }
}

impl Instruction {
    /// The same instruction; a session that it starts is of a user who authenticated at `now`.
    #[must_use]
    pub fn authenticated(self, now: Millis) -> Self {
        match self {
            Self::Start(draft) => Self::Start(draft.authenticated(now)),
            other => other,
        }
    }

    /// Reads the field's value; `end` and `end_all` are accepted without quotes too.
    ///
    /// # Errors
    /// A sentence for the log.
    pub fn parse(value: &str) -> Result<Self, String> {
        let instruction = match value.trim() {
            "end" => Self::End,
            "end_all" => Self::EndAll,
            json => json::read(json).map_err(|e| format!("Usher-Session is not understood: {e}"))?,
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
    /// The same draft, of a user who authenticated at `now`.
    #[must_use]
    pub fn authenticated(self, now: Millis) -> Self {
        Self { authenticated: Some(now), ..self }
    }

    /// Whether it can be sent to an origin and kept in the store.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.user.trim().is_empty() || self.user.len() > 256 || self.user.chars().any(char::is_control) {
            return Err(("user", "1 to 256 bytes without control characters, not all of them spaces, are allowed"));
        }
        for (field, values) in [("roles", &self.roles), ("scopes", &self.scopes)] {
            if values.len() > 64 || !values.iter().all(|value| is_list_value(value)) {
                return Err((field, "at most 64 are allowed, each 1 to 64 visible ASCII characters without ','"));
            }
        }
        let tag = |tag: &String| tag.len() <= 35 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !self.locale.as_ref().is_none_or(tag) {
            return Err(("locale", "a language tag of at most 35 letters, digits and '-' is allowed"));
        }
        if json::text(&self.data).len() > 16_384 {
            return Err(("data", "at most 16384 bytes of JSON are allowed"));
        }
        Ok(())
    }

    /// The record of a session that starts at `now`; `created` is the ledger's moment.
    #[must_use]
    pub fn record(self, created: Moment, now: Millis, bounds: &config::Session) -> Record {
        let Self { user, roles, scopes, locale, remember, authenticated, data, issuer } = self;
        let record =
            Record { user, roles, scopes, locale, created, authenticated, remember, data, issuer, ..Record::default() };
        record.used(now, bounds)
    }
}

/// Whether a role or scope can be sent to an origin in a comma-separated list: 1 to 64 visible ASCII characters without
/// commas.
#[must_use]
pub fn is_list_value(value: &str) -> bool {
    (1..=64).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}
