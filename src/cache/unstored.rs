//! Why is an answer not stored?

/// Why an answer is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstored {
    /// Only answers to GET are stored.
    Method,
    /// Not final, partial, or not understood where it must be.
    Status,
    /// `no-store`, by the origin.
    NoStore,
    /// `no-store`, by the visitor.
    Unwanted,
    /// `private`.
    Private,
    /// The request had `Authorization`, and the answer does not say that others may have it.
    Authorization,
    /// `Set-Cookie`.
    SetCookie,
    /// It varies on what differs with each request.
    Vary,
    /// It says no lifetime, and neither does the route.
    NoLifetime,
    /// It is stale already and there is nothing to ask after it by.
    Stale,
    /// More tags, or longer ones, than could be purged.
    Tags,
    /// More bytes than are stored, by its own `Content-Length`.
    Size,
    /// The path says that it is a picture, say, and the answer is a page.
    Disguised,
    /// The ledger could not be read when it was asked for.
    Ledger,
}

impl Unstored {
    /// Whether the answer itself is why, and not how or when it was asked for.
    #[must_use]
    pub fn is_of_the_answer(self) -> bool {
        !matches!(self, Self::Method | Self::Ledger | Self::Unwanted | Self::Authorization)
    }

    /// One word for `Cache-Status` and the log.
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
