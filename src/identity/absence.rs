//! Why does a request have no identity?

use super::jwt;

/// Why a request has no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The route does not ask for an identity (`auth = "none"`).
    NotAsked,
    /// No credential was sent.
    NoCookie,
    /// The cookie's value does not have the form of a token.
    Malformed,
    /// The cookie was sent more than once.
    Duplicated,
    /// The store has no such session.
    Unknown,
    /// The absolute or the idle time is over.
    Expired,
    /// Ended by a stamp.
    Revoked,
    /// The bearer token is not valid.
    Token(jwt::Fault),
    /// The API key is not valid.
    Key,
    /// Two credentials of different users were sent.
    Conflict,
    /// The store, the ledger or an issuer cannot be reached.
    Down,
}

impl Absence {
    /// Its name in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "not-asked",
            Self::NoCookie => "absent",
            Self::Malformed => "malformed",
            Self::Duplicated => "duplicated",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Token(fault) => fault.as_str(),
            Self::Key => "key-unknown",
            Self::Conflict => "conflict",
            Self::Down => "down",
        }
    }
}
