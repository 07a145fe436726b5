//! Who is asking, may they enter, and how is that said?

mod absence;
pub mod api_key;
pub mod assertion;
pub mod cross_site;
pub mod jwt;
pub mod oidc;
mod partition;
mod require;
pub mod session;
pub mod throttle;

pub use absence::Absence;
pub use partition::Partition;

use crate::config::{Auth, Authenticator, Fail, Issuer, Route};
use crate::error::Error;
use crate::identity::jwt::{Claims, Fault, words};
use crate::identity::session::{Draft, Record};
use std::rc::Rc;

/// Where a session's record came from, or whether a token had been verified before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This isolate remembered it.
    Memo,
    /// Read from the store, or verified.
    Store,
}

/// Who is asking.
#[derive(Debug, Clone)]
pub enum Identity {
    /// Nobody in particular, and why.
    Anonymous(Absence),
    /// Somebody.
    User {
        /// What is known of them.
        record: Rc<Record>,
        /// The key of the session or API key; of a token its hash.
        key: String,
        /// By which credential.
        by: Authenticator,
        /// Where the record came from.
        source: Source,
    },
}

/// Roles and scopes of a token that count at most.
const WORDS: usize = 1_024;

/// What a token says of its bearer, as is said of everybody.
///
/// # Errors
/// [`Fault::Claims`]: it names no user that an origin could be told.
pub fn of_token(issuer: &Issuer, claims: Claims) -> Result<Record, Fault> {
    let user = match claims.find(&issuer.user) {
        Some(serde_json::Value::String(user)) => user.clone(),
        // Some issuers count their users; `sub` is text wherever it is (RFC 7519 4.1.2).
        Some(serde_json::Value::Number(number)) if number.is_u64() && issuer.user != "sub" => number.to_string(),
        _ => String::new(),
    };
    let named = !user.trim().is_empty();
    let user = format!("{}{user}", issuer.prefix);
    if !named || (Draft { user: user.clone(), ..Draft::default() }).check().is_err() {
        return Err(Fault::Claims);
    }
    let all = |name: &str| -> Vec<String> { words(claims.find(name)).into_iter().take(WORDS).collect() };
    let (roles, scopes) = (all(&issuer.roles), all(&issuer.scopes));
    let millis = |name: &str| claims.moment(name).map(|moment| moment.map(|seconds| (seconds * 1_000.0) as u64));
    let expires = millis("exp")?.unwrap_or(0).saturating_add(crate::identity::jwt::SKEW_MS);
    // An issuer's clock may be ahead, and what was made before a stamp must not outlive it.
    let created = millis("iat")?.unwrap_or(0).saturating_sub(crate::identity::jwt::SKEW_MS);
    let authenticated = millis("auth_time")?;
    let data = serde_json::Value::Object(claims.all());
    Ok(Record { user, roles, scopes, created, authenticated, expires, data, ..Record::default() })
}

/// A token whose signature held.
#[derive(Debug)]
pub struct VerifiedToken {
    /// The user it names.
    pub record: Rc<Record>,
    /// Its hash, by which it can be revoked.
    pub hash: String,
    /// Place of its issuer in [`crate::config::Config::issuers`].
    pub issuer: usize,
    /// The name of the key that signed it: once that is withdrawn, the token no longer holds.
    pub key: Rc<str>,
}

impl Identity {
    /// What is known of them, when it is somebody.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::User { record, .. } => Some(record),
            Self::Anonymous(_) => None,
        }
    }

    /// One word for the log.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::User { by: Authenticator::Session, source: Source::Memo, .. } => "memo",
            Self::User { by: Authenticator::Session, source: Source::Store, .. } => "store",
            Self::User { by: Authenticator::Jwt, source: Source::Memo, .. } => "token-memo",
            Self::User { by: Authenticator::Jwt, source: Source::Store, .. } => "token",
            Self::User { by: Authenticator::ApiKey, source: Source::Memo, .. } => "key-memo",
            Self::User { by: Authenticator::ApiKey, source: Source::Store, .. } => "key",
            Self::Anonymous(absence) => absence.as_str(),
        }
    }

    /// Whether the route lets them in at `now`. Identity fails closed: when it cannot be established,
    /// a route that requires one answers 503, never as if nobody had been there. A token or key that
    /// does not hold was shown on purpose, and is refused wherever it is looked at; a session that is
    /// over is what browsers keep sending, and on an optional route nobody.
    ///
    /// # Errors
    /// The refusal.
    pub fn admit(&self, route: &Route, now: u64) -> Result<(), Error> {
        match self {
            Self::User { record, .. } => require::met(&route.require, route.max_auth_age, record, now),
            Self::Anonymous(Absence::Down) if route.fail == Fail::Closed => Err(Error::IdentityDown),
            Self::Anonymous(Absence::Token(fault)) => Err(Error::BadCredential(fault.as_str())),
            Self::Anonymous(absence @ Absence::Key) => Err(Error::BadCredential(absence.as_str())),
            Self::Anonymous(Absence::Conflict) => Err(Error::Malformed(
                "the request says that it comes from two different users: send one of the session, the token and the key".into(),
            )),
            Self::Anonymous(_) if route.auth == Auth::Required => {
                Err(if route.by.contains(&Authenticator::Session) { Error::Unauthenticated } else { Error::TokenWanted })
            }
            Self::Anonymous(_) => Ok(()),
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
            assert_eq!(
                Identity::Anonymous(absence).admit(&config("required").routes[0], 0),
                Err(Error::Unauthenticated)
            );
            assert_eq!(Identity::Anonymous(absence).admit(&config("optional").routes[0], 0), Ok(()));
        }
        assert_eq!(
            Identity::Anonymous(Absence::Down).admit(&config("required").routes[0], 0),
            Err(Error::IdentityDown)
        );
        assert_eq!(Identity::Anonymous(Absence::Down).admit(&config("optional").routes[0], 0), Ok(()));
    }
}
