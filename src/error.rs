//! What went wrong, whose fault is it, which status does it get?

/// Every way in which a request can fail to be answered as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request cannot be understood; the sentence says what and how to mend it.
    #[error("{0}")]
    Malformed(String),
    /// Two readers of the path would send it to different routes.
    #[error(
        "the path can be read in more than one way: send it without encoded slashes, empty or dotted segments, and ';'"
    )]
    AmbiguousPath,
    /// A session is asked for and there is none.
    #[error("a session is required")]
    Unauthenticated,
    /// A token or an API key is asked for, and there is none.
    #[error("a bearer token or an API key is required")]
    TokenWanted,
    /// A token or an API key does not hold, and why.
    #[error("the token or key does not hold: {0}")]
    BadCredential(&'static str),
    /// They may not; with these scopes they might.
    #[error("they lack a role, a scope or a claim that is required here")]
    Forbidden(String),
    /// They must prove again who they are: it may be so many seconds ago.
    #[error("it is too long ago that they proved who they are: {0} s are allowed")]
    StepUp(u64),
    /// Too many failed sign-ins: again after so many seconds.
    #[error("too many failed sign-ins: again in {0} s")]
    TooManyAttempts(u64),
    /// The identity provider refused a sign-in, or what it said does not hold.
    #[error("the sign-in failed: {why}")]
    SignInFailed {
        /// What went wrong.
        why: &'static str,
        /// Where it begins again: a path on this host.
        again: String,
    },
    /// The bearer token of the operator is asked for.
    #[error("the operator's bearer token is required")]
    NotTheOperator,
    /// A browser was made to ask this by another site.
    #[error("the request was made by another site")]
    CrossSite,
    /// No route is for this path.
    #[error("nothing is here")]
    NotFound,
    /// Routes are for this path, but not with this method.
    #[error("allowed here: {}", .0.join(", "))]
    MethodNotAllowed(Vec<String>),
    /// The body is larger than this many bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The request has passed here before.
    #[error("the request has come through this gateway before: an origin's URL leads back to it")]
    Loop,
    /// The operator's part is missing; the log says which.
    #[error("the gateway is not configured")]
    Misconfigured,
    /// Who is asking cannot be established now.
    #[error("sessions cannot be checked now")]
    IdentityDown,
    /// The ledger did not take a stamp.
    #[error("the ledger did not answer: it may not have been stamped, try again")]
    LedgerDown,
    /// A store that the operator asked for is down.
    #[error("the store cannot be reached now: try again")]
    StoreDown,
    /// Only what is stored was wanted, and nothing is (RFC 9111 5.2.1.7).
    #[error("only what is stored was wanted, and nothing that may serve is")]
    NotStored,
    /// The origin could not be reached.
    #[error("the origin cannot be reached")]
    OriginUnreachable,
    /// The origin answered, but with an error of its own.
    #[error("the origin answered with an error")]
    OriginFailed,
    /// The origin did not begin to answer in time.
    #[error("the origin did not answer in time")]
    OriginTimeout,
    /// No origin of the pool is fit to be asked.
    #[error("no origin is fit to answer now")]
    PoolDown {
        /// Whether what is stored serves then, because the pool says so (`down = "stale"`).
        stale_serves: bool,
    },
    /// Every origin that could be asked is at as many requests as it may be.
    #[error("the origins are at as many requests as they may be: try again in a moment")]
    Busy,
    /// The request does not say, or not well, which part of the data it is for.
    #[error("{0}")]
    NoShard(&'static str),
    /// The part of the data that the request is for is on its way to another shard.
    #[error("this part of the data is moving: nothing was done, try again in a moment")]
    Moving,
    /// Ours.
    #[error("something went wrong here")]
    Internal,
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Who asked.
    Visitor,
    /// Who runs the gateway.
    Operator,
    /// Who was asked.
    Origin,
    /// A service of the platform.
    Platform,
    /// We.
    Usher,
}

impl Error {
    /// The status of the answer (RFC 9110 15).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::AmbiguousPath | Self::NoShard(_) => 400,
            Self::Unauthenticated | Self::NotTheOperator => 401,
            Self::TokenWanted | Self::BadCredential(_) | Self::StepUp(_) => 401,
            Self::SignInFailed { .. } => 400,
            Self::CrossSite | Self::Forbidden(_) => 403,
            Self::TooManyAttempts(_) => 429,
            Self::NotFound => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::TooLarge(_) => 413,
            Self::Internal => 500,
            Self::OriginUnreachable | Self::OriginFailed => 502,
            Self::Misconfigured | Self::IdentityDown | Self::LedgerDown | Self::StoreDown => 503,
            Self::PoolDown { .. } | Self::Busy | Self::Moving => 503,
            Self::OriginTimeout | Self::NotStored => 504,
            Self::Loop => 508,
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Misconfigured | Self::Loop => Blame::Operator,
            Self::IdentityDown | Self::LedgerDown | Self::StoreDown => Blame::Platform,
            Self::OriginUnreachable | Self::OriginFailed | Self::OriginTimeout => Blame::Origin,
            Self::PoolDown { .. } | Self::Busy | Self::Moving => Blame::Origin,
            Self::Internal => Blame::Usher,
            _ => Blame::Visitor,
        }
    }

    /// The error type of the `Proxy-Status` field (RFC 9209 2.3).
    #[must_use]
    pub fn proxy_error(&self) -> &'static str {
        match self {
            Self::OriginUnreachable | Self::PoolDown { .. } | Self::Moving => "destination_unavailable",
            Self::Busy => "connection_limit_reached",
            Self::OriginTimeout => "http_response_timeout",
            Self::Loop => "proxy_loop_detected",
            Self::Misconfigured => "proxy_configuration_error",
            Self::IdentityDown | Self::LedgerDown | Self::StoreDown | Self::Internal => "proxy_internal_error",
            Self::Unauthenticated
            | Self::NotTheOperator
            | Self::CrossSite
            | Self::TokenWanted
            | Self::BadCredential(_)
            | Self::Forbidden(_)
            | Self::StepUp(_)
            | Self::TooManyAttempts(_) => "http_request_denied",
            _ => "http_request_error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitors_fault_is_a_4xx_and_nobody_elses_is() {
        // The RFC's one exception: 5.2.1.7 of RFC 9111 wants a 504 where only what is stored was wanted.
        assert_eq!((Error::NotStored.status(), Error::NotStored.blame()), (504, Blame::Visitor));
        for error in [
            Error::Malformed(String::new()),
            Error::AmbiguousPath,
            Error::Unauthenticated,
            Error::NotTheOperator,
            Error::TokenWanted,
            Error::BadCredential("token-expired"),
            Error::Forbidden(String::new()),
            Error::StepUp(1),
            Error::TooManyAttempts(1),
            Error::SignInFailed { why: "state", again: "/in".into() },
            Error::CrossSite,
            Error::NotFound,
            Error::MethodNotAllowed(vec![]),
            Error::TooLarge(1),
            Error::Loop,
            Error::Misconfigured,
            Error::IdentityDown,
            Error::LedgerDown,
            Error::StoreDown,
            Error::OriginUnreachable,
            Error::OriginFailed,
            Error::OriginTimeout,
            Error::PoolDown { stale_serves: false },
            Error::Busy,
            Error::NoShard("x"),
            Error::Moving,
            Error::Internal,
        ] {
            assert_eq!((400..500).contains(&error.status()), error.blame() == Blame::Visitor, "{error:?}");
        }
    }
}
