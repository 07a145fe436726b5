//! Which user does a request come from, and does the route admit it?

mod absence;
pub mod api_key;
pub mod assertion;
mod basic;
pub mod cross_site;
pub mod introspection;
pub mod jwt;
pub mod oidc;
mod partition;
mod require;
pub mod session;
pub mod throttle;

pub use absence::Absence;
pub use partition::Partition;

use crate::config::{Auth, Authenticator, Fail, Issuer, Route, USES};
use crate::error::Error;
use crate::http::json::json_object;
use crate::identity::jwt::{Claims, Fault, string_values};
use crate::identity::session::{Draft, Record};
use std::rc::Rc;

/// Where an identity's record came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// This isolate's memory.
    Memo,
    /// The store; of a token: verified in this request.
    Store,
}

/// The identity of a visitor.
#[derive(Debug, Clone)]
pub enum Identity {
    /// No user, and the reason.
    Anonymous(Absence),
    /// A known user.
    User {
        /// The user's record.
        record: Rc<Record>,
        /// The store key of the session or API key; of a token its hash.
        key: String,
        /// The kind of credential that was sent.
        by: Authenticator,
        /// Where the record came from.
        source: Source,
    },
}

/// Maximum number of roles, and of scopes, that are read from a token.
const MOST_VALUES: usize = 1_024;

/// The record of a token's user, in the form that sessions and API keys have.
///
/// # Errors
/// [`Fault::Claims`]: it names no user, or one that cannot be sent to an origin.
pub fn record_of_token(issuer: &Issuer, claims: Claims) -> Result<Record, Fault> {
    let user = match claims.find(&issuer.user) {
        Some(serde_json::Value::String(user)) => user.clone(),
        // Some issuers identify users by a number; `sub` is always a string (RFC 7519 4.1.2).
        Some(serde_json::Value::Number(number)) if number.is_u64() && issuer.user != "sub" => number.to_string(),
        _ => String::new(),
    };
    let named = !user.trim().is_empty();
    let user = format!("{}{user}", issuer.prefix);
    if !named || (Draft { user: user.clone(), ..Draft::default() }).check().is_err() {
        return Err(Fault::Claims);
    }
    let all = |name: &str| -> Vec<String> { string_values(claims.find(name)).into_iter().take(MOST_VALUES).collect() };
    let (roles, scopes) = (all(&issuer.roles), all(&issuer.scopes));
    let millis = |name: &str| claims.moment(name).map(|moment| moment.map(|seconds| (seconds * 1_000.0) as u64));
    let expires = millis("exp")?.unwrap_or(0).saturating_add(crate::identity::jwt::SKEW_MS);
    // An issuer's clock may be ahead, and a token made before a stamp must not outlive it.
    let created = millis("iat")?.unwrap_or(0).saturating_sub(crate::identity::jwt::SKEW_MS);
    let authenticated = millis("auth_time")?;
    // Only an issuer with whom visitors sign in ends anything by these.
    let origin = |name: &str| claims.find(name).cloned().unwrap_or_default();
    let issuer = match USES.oidc {
        true => json_object!({ "iss": origin("iss"), "sub": origin("sub"), "sid": origin("sid") }),
        false => serde_json::Value::Null,
    };
    let data = serde_json::Value::Object(claims.all());
    Ok(Record { user, roles, scopes, created, authenticated, expires, data, issuer, ..Record::default() })
}

/// A token whose signature is valid.
#[derive(Debug)]
pub struct VerifiedToken {
    /// The record of the user it names.
    pub record: Rc<Record>,
    /// Its hash, by which it can be revoked.
    pub hash: String,
    /// Index of its issuer in [`crate::config::Config::issuers`].
    pub issuer: usize,
    /// The name of the key that signed it: once the issuer withdraws that key, the token is no longer valid.
    /// Empty where the issuer was asked about it.
    pub key: Rc<str>,
}

impl Identity {
    /// The user's record, if the user is known.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::User { record, .. } => Some(record),
            Self::Anonymous(_) => None,
        }
    }

    /// Its name in the log.
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

    /// Whether the route admits the visitor at `now`.
    ///
    /// Identity fails closed: when it cannot be established, a route that requires one answers 503 and does not treat
    /// the visitor as anonymous. An invalid token or API key was sent on purpose, so every route that accepts such
    /// credentials refuses it. Browsers keep sending the cookie of an ended session, so on an optional route that
    /// visitor is anonymous.
    ///
    /// # Errors
    /// The error to answer with.
    pub fn admit(&self, route: &Route, now: u64) -> Result<(), Error> {
        match self {
            Self::User { record, .. } => require::check(&route.require, route.max_auth_age, record, now),
            Self::Anonymous(Absence::Down) if route.fail == Fail::Closed => Err(Error::IdentityDown),
            Self::Anonymous(Absence::Token(fault)) => Err(Error::BadCredential(fault.as_str())),
            Self::Anonymous(absence @ Absence::Key) => Err(Error::BadCredential(absence.as_str())),
            Self::Anonymous(Absence::Conflict) => Err(Error::Malformed(
                "the request says that it comes from two different users: send one of the session, the token and the key".into(),
            )),
            // All that remain, by name, so that a new one is thought of here.
            Self::Anonymous(
                Absence::NotAsked
                | Absence::NoCookie
                | Absence::Malformed
                | Absence::Duplicated
                | Absence::Unknown
                | Absence::Expired
                | Absence::Revoked
                | Absence::Down,
            ) => match (route.auth, route.by.contains(&Authenticator::Session)) {
                (Auth::Required, true) => Err(Error::Unauthenticated),
                (Auth::Required, false) => Err(Error::TokenRequired),
                (Auth::Optional | Auth::None, _) => Ok(()),
            },
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
                Identity::Anonymous(absence).admit(config("required").routes.get(0).expect("a route"), 0),
                Err(Error::Unauthenticated)
            );
            assert_eq!(
                Identity::Anonymous(absence).admit(config("optional").routes.get(0).expect("a route"), 0),
                Ok(())
            );
        }
        assert_eq!(
            Identity::Anonymous(Absence::Down).admit(config("required").routes.get(0).expect("a route"), 0),
            Err(Error::IdentityDown)
        );
        assert_eq!(
            Identity::Anonymous(Absence::Down).admit(config("optional").routes.get(0).expect("a route"), 0),
            Ok(())
        );
    }
}
