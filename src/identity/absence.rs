//! Why does nobody say who is asking?

use super::jwt;

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The route does not ask.
    NotAsked,
    /// Nothing was brought that says who is asking.
    NoCookie,
    /// The cookie's value is not shaped like a token.
    Malformed,
    /// The cookie came more than once.
    Duplicated,
    /// The store does not know it.
    Unknown,
    /// Too old, or unused too long.
    Expired,
    /// Ended by a stamp.
    Revoked,
    /// A token was brought that does not hold.
    Token(jwt::Fault),
    /// An API key was brought that does not hold.
    Key,
    /// Two were brought, of different users.
    Conflict,
    /// The store, the ledger or an issuer cannot be asked.
    Down,
}

impl Absence {
    /// One word for the log.
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
