//! Who is asking, may they enter, and how is that said?

use crate::config::{Auth, Route};
use crate::error::Error;
use crate::session::{Absence, Record};
use std::rc::Rc;

/// Where a session's record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This isolate remembered it.
    Memo,
    /// Read from the store.
    Store,
}

/// Who is asking.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Nobody in particular, and why.
    Anonymous(Absence),
    /// A signed-in user.
    User {
        /// The session's record.
        record: Rc<Record>,
        /// The session's key.
        key: String,
        /// Where the record came from.
        source: Source,
    },
}

impl Identity {
    /// The session's record, when there is one.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::User { record, .. } => Some(record),
            Self::Anonymous(_) => None,
        }
    }

    /// One word for the log.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::User { source: Source::Memo, .. } => "memo",
            Self::User { source: Source::Store, .. } => "store",
            Self::Anonymous(absence) => absence.word(),
        }
    }

    /// Whether the route lets them in. Identity fails closed: when it cannot be established, a
    /// route that requires one answers 503, never as if nobody had been there.
    ///
    /// # Errors
    /// The refusal.
    pub fn admit(&self, route: &Route) -> Result<(), Error> {
        match (self, route.auth) {
            (Self::User { .. }, _) | (_, Auth::Optional | Auth::None) => Ok(()),
            (Self::Anonymous(Absence::Down), Auth::Required) => Err(Error::IdentityDown),
            (Self::Anonymous(_), Auth::Required) => Err(Error::Unauthenticated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, source};

    #[test]
    fn identity_fails_closed() {
        let text = |auth: &str| format!("[[route]]\nname = \"a\"\npath = \"/*\"\necho = true\nauth = \"{auth}\"\n");
        let config = |auth: &str| -> Config { source::read(&text(auth), "test.toml").expect("a configuration").1 };
        let everyone = [
            Absence::NotAsked,
            Absence::NoCookie,
            Absence::Malformed,
            Absence::Duplicated,
            Absence::Unknown,
            Absence::Expired,
            Absence::Revoked,
        ];
        for absence in everyone {
            assert_eq!(Identity::Anonymous(absence).admit(&config("required").routes[0]), Err(Error::Unauthenticated));
            assert_eq!(Identity::Anonymous(absence).admit(&config("optional").routes[0]), Ok(()));
        }
        assert_eq!(Identity::Anonymous(Absence::Down).admit(&config("required").routes[0]), Err(Error::IdentityDown));
        assert_eq!(Identity::Anonymous(Absence::Down).admit(&config("optional").routes[0]), Ok(()));
    }
}
