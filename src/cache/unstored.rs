//! Why is a response not stored?

/// Why a response is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstored {
    /// Only responses to GET are stored.
    Method,
    /// The status is not final, is partial, is never stored, or is not understood beside `must-understand`.
    Status,
    /// The response has `no-store`.
    NoStore,
    /// The request has `no-store`.
    Unwanted,
    /// The response has `private`.
    Private,
    /// The request had `Authorization`, and the response does not allow sharing.
    Authorization,
    /// The response has `Set-Cookie`.
    SetCookie,
    /// The response varies on a field that differs with each request.
    Vary,
    /// Neither the response nor the route states a lifetime.
    NoLifetime,
    /// The response is stale already and has no validator.
    Stale,
    /// The response has too many tags, or an invalid one.
    Tags,
    /// The body is larger than the route allows.
    Size,
    /// The path has a file's extension, and the response is a page or data (web cache deception).
    Disguised,
    /// The ledger could not be read when the request was sent to the origin.
    Ledger,
}

impl Unstored {
    /// Whether the reason is the response itself, and not the request or its time.
    #[must_use]
    pub fn is_caused_by_response(self) -> bool {
        !matches!(self, Self::Method | Self::Ledger | Self::Unwanted | Self::Authorization)
    }

    /// The reason's name in `Cache-Status` and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::NoStore => "no-store",
            Self::Unwanted => "request-no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::SetCookie => "set-cookie",
            Self::Vary => "vary",
            Self::NoLifetime => "no-lifetime",
            Self::Stale => "stale",
            Self::Tags => "tags",
            Self::Size => "size",
            Self::Disguised => "disguised",
            Self::Ledger => "ledger",
        }
    }
}
