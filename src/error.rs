//! Why does a request fail, who is to blame, and which status does the response get?

/// Why a request fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request is malformed; the sentence states what is wrong and how to fix it.
    #[error("{0}")]
    Malformed(String),
    /// Two parsers of the path would send it to different routes.
    #[error(
        "the path can be read in more than one way: send it without encoded slashes, empty or dotted segments, and ';'"
    )]
    AmbiguousPath,
    /// The route requires a session, and the request has none.
    #[error("a session is required")]
    Unauthenticated,
    /// The route requires a token or an API key, and the request has none.
    #[error("a bearer token or an API key is required")]
    TokenRequired,
    /// A token or an API key is invalid, and why.
    #[error("the token or key does not hold: {0}")]
    BadCredential(&'static str),
    /// The subject lacks a role, scope or claim; these scopes would be sufficient (empty when none would).
    #[error("a role, a scope or a claim is missing")]
    Forbidden(String),
    /// The subject must authenticate again: authentication may be at most this many seconds old.
    #[error("the last sign-in is too long ago: {0} s are allowed")]
    StepUp(u64),
    /// Too many failed sign-ins: seconds until another attempt is allowed.
    #[error("too many failed sign-ins: again in {0} s")]
    TooManyAttempts(u64),
    /// A rate limit is reached: seconds until another request passes.
    #[error("too many requests: again in {0} s")]
    TooManyRequests(u64),
    /// A rule of the operator's refuses the request.
    #[error("a rule refuses it")]
    Blocked {
        /// 403, 404, 410 or 451.
        status: u16,
        /// Who demands it (RFC 7725 4): a URL, or an empty string.
        blocked_by: String,
    },
    /// The browser has to pass a challenge, of so many bits of work, first.
    #[error("a challenge has to be passed first")]
    Challenged(u32),
    /// The operator works on it: seconds until it is probably over.
    #[error("maintenance")]
    Maintenance(u64),
    /// The identity provider refused a sign-in, or its response is invalid.
    #[error("the sign-in failed: {why}")]
    SignInFailed {
        /// What went wrong.
        why: &'static str,
        /// Where the sign-in starts again: a path on this host.
        again: String,
    },
    /// The operator's bearer token is required, and is missing or wrong.
    #[error("the operator's bearer token is required")]
    NotTheOperator,
    /// Another site made a browser send this request (CSRF).
    #[error("the request was made by another site")]
    CrossSite,
    /// No route matches the path.
    #[error("nothing is here")]
    NotFound,
    /// Routes match the path, but not the method: the allowed methods.
    #[error("allowed here: {}", .0.join(", "))]
    MethodNotAllowed(Vec<String>),
    /// The body is larger than this many bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The request is larger than it may be, or its body takes too long to arrive.
    #[error("too many {what}: at most {most}")]
    Oversized {
        /// 408, 413, 414 or 431.
        status: u16,
        /// Of what it has too many.
        what: &'static str,
        /// How many are allowed.
        most: u64,
    },
    /// The request has passed through this gateway before.
    #[error("the request has come through this gateway before: an origin's URL leads back to it")]
    Loop,
    /// A setting or secret of the operator's is missing; the log states which.
    #[error("the gateway is not configured")]
    Misconfigured,
    /// The subject cannot be established now: sessions or keys cannot be read.
    #[error("sessions cannot be checked now")]
    IdentityDown,
    /// The ledger did not confirm a stamp.
    #[error("the ledger did not answer: it may not have been stamped, try again")]
    LedgerDown,
    /// The store that an operator's request needs is down.
    #[error("the store cannot be reached now: try again")]
    StoreDown,
    /// The request allows only a stored response (`only-if-cached`), and none may serve (RFC 9111 5.2.1.7).
    #[error("no stored response may serve")]
    NotStored,
    /// The origin could not be reached.
    #[error("the origin cannot be reached")]
    OriginUnreachable,
    /// The origin responded with an error.
    #[error("the origin answered with an error")]
    OriginFailed,
    /// The origin did not begin to respond in time.
    #[error("the origin did not answer in time")]
    OriginTimeout,
    /// No origin of the pool is healthy.
    #[error("no origin is fit to answer now")]
    PoolDown {
        /// Whether a stored response serves instead, as the pool configures (`down = "stale"`).
        stale_serves: bool,
    },
    /// Every eligible origin is at its limit of concurrent requests.
    #[error("the origins are at as many requests as they may be: try again in a moment")]
    Busy,
    /// The shard key of the request is missing or malformed.
    #[error("{0}")]
    NoShard(&'static str),
    /// The data of the request is being moved to another shard.
    #[error("this part of the data is moving: nothing was done, try again in a moment")]
    Moving,
    /// A bug in Usher.
    #[error("something went wrong here")]
    Internal,
}

/// Who is responsible for an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The client.
    Visitor,
    /// The operator of the gateway.
    Operator,
    /// The origin.
    Origin,
    /// A service of the platform.
    Platform,
    /// Usher itself.
    Usher,
}

impl Error {
    /// The status of the response (RFC 9110 15).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::AmbiguousPath | Self::NoShard(_) => 400,
            Self::Unauthenticated | Self::NotTheOperator => 401,
            Self::TokenRequired | Self::BadCredential(_) | Self::StepUp(_) => 401,
            Self::SignInFailed { .. } => 400,
            Self::CrossSite | Self::Forbidden(_) | Self::Challenged(_) => 403,
            Self::TooManyAttempts(_) | Self::TooManyRequests(_) => 429,
            Self::Blocked { status, .. } | Self::Oversized { status, .. } => *status,
            Self::NotFound => 404,
            Self::MethodNotAllowed(_) => 405,
            Self::TooLarge(_) => 413,
            Self::Internal => 500,
            Self::OriginUnreachable | Self::OriginFailed => 502,
            Self::Misconfigured | Self::IdentityDown | Self::LedgerDown | Self::StoreDown => 503,
            Self::PoolDown { .. } | Self::Busy | Self::Moving | Self::Maintenance(_) => 503,
            Self::OriginTimeout | Self::NotStored => 504,
            Self::Loop => 508,
        }
    }

    /// Who is responsible.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Misconfigured | Self::Loop | Self::Maintenance(_) => Blame::Operator,
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
            | Self::TokenRequired
            | Self::BadCredential(_)
            | Self::Forbidden(_)
            | Self::StepUp(_)
            | Self::TooManyAttempts(_)
            | Self::Challenged(_)
            | Self::Blocked { status: 403 | 451, .. }
            | Self::TooManyRequests(_) => "http_request_denied",
            _ => "http_request_error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_of_the_visitor_is_a_4xx() {
        // The one exception: RFC 9111 5.2.1.7 requires a 504 for `only-if-cached` without a stored response.
        assert_eq!((Error::NotStored.status(), Error::NotStored.blame()), (504, Blame::Visitor));
        for error in [
            Error::Malformed(String::new()),
            Error::AmbiguousPath,
            Error::Unauthenticated,
            Error::NotTheOperator,
            Error::TokenRequired,
            Error::BadCredential("token-expired"),
            Error::Forbidden(String::new()),
            Error::StepUp(1),
            Error::TooManyAttempts(1),
            Error::TooManyRequests(1),
            Error::Challenged(18),
            Error::Maintenance(1),
            Error::Blocked { status: 410, blocked_by: String::new() },
            Error::SignInFailed { why: "state", again: "/in".into() },
            Error::CrossSite,
            Error::NotFound,
            Error::MethodNotAllowed(vec![]),
            Error::TooLarge(1),
            Error::Oversized { status: 431, what: "fields", most: 1 },
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
