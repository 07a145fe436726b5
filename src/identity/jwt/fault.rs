//! Why is a token not accepted?

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Longer than [`super::LONGEST`].
    TooLong,
    /// Not three parts of base64url whose header and claims are JSON objects without duplicate names.
    Malformed,
    /// Its algorithm is unknown (`none` counts as unknown), or not one that its issuer is configured with.
    Algorithm,
    /// It requires an extension (`crit`), and none is supported.
    Critical,
    /// Its `typ` is not the one configured for this issuer.
    Type,
    /// Its issuer is not accepted here.
    Issuer,
    /// It is for another audience.
    Audience,
    /// A claim has the wrong type, or a claim that is needed to know the user is missing.
    Claims,
    /// It has expired (`exp`).
    Expired,
    /// It is not valid yet (`nbf`, `iat` or `auth_time` is in the future).
    Early,
    /// Its `kid` names a key that its issuer does not have.
    Key,
    /// Its issuer has no key for that algorithm.
    KeyType,
    /// The signature does not verify: another key signed it, or it was changed.
    Signature,
    /// Ended by a stamp.
    Revoked,
    /// Its issuer says that it does not hold, or no longer.
    Inactive,
}

impl Fault {
    /// Its name in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "token-too-long",
            Self::Malformed => "token-malformed",
            Self::Algorithm => "token-algorithm",
            Self::Critical => "token-critical",
            Self::Type => "token-type",
            Self::Issuer => "token-issuer",
            Self::Audience => "token-audience",
            Self::Claims => "token-claims",
            Self::Expired => "token-expired",
            Self::Early => "token-early",
            Self::Key => "token-key",
            Self::KeyType => "token-key-type",
            Self::Signature => "token-signature",
            Self::Revoked => "token-revoked",
            Self::Inactive => "token-inactive",
        }
    }
}
