//! What is said in `Cache-Status`? (RFC 9211)

/// How a request met the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Served from store, fresh for this many seconds.
    Hit(i64),
    /// Served from store although stale, for the origin is down.
    HitStale(i64),
    /// Went past the cache, and why.
    Bypass(&'static str),
    /// Asked the origin: why, whether the answer was stored, or why not.
    Forward {
        /// `miss` or `stale`.
        reason: &'static str,
        /// More about the reason.
        detail: Option<&'static str>,
        /// Stored, or why not.
        stored: Result<(), &'static str>,
    },
    /// Made here; nobody was asked.
    Generated,
}

impl Status {
    /// The member that this cache adds to the field.
    #[must_use]
    pub fn field(&self) -> String {
        match self {
            Self::Hit(ttl) => format!("usher; hit; ttl={ttl}"),
            Self::HitStale(ttl) => format!("usher; hit; ttl={ttl}; detail=origin-down"),
            Self::Bypass("method") => "usher; fwd=method".into(),
            Self::Bypass(why) => format!("usher; fwd=bypass; detail={why}"),
            Self::Forward { reason, detail, stored } => {
                let kept = if stored.is_ok() { "; stored" } else { "" };
                match detail.or(stored.err()) {
                    Some(detail) => format!("usher; fwd={reason}{kept}; detail={detail}"),
                    None => format!("usher; fwd={reason}{kept}"),
                }
            }
            Self::Generated => "usher; detail=generated".into(),
        }
    }

    /// One word for the log.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Hit(_) => "hit",
            Self::HitStale(_) => "hit-stale",
            Self::Bypass(_) => "bypass",
            Self::Forward { reason, .. } => reason,
            Self::Generated => "generated",
        }
    }

    /// Why, for the log.
    #[must_use]
    pub fn why(&self) -> Option<&'static str> {
        match self {
            Self::Bypass(why) => Some(why),
            Self::Forward { detail, stored, .. } => detail.or(stored.err()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_as_rfc_9211_writes_it() {
        for (status, field) in [
            (Status::Hit(30), "usher; hit; ttl=30"),
            (Status::HitStale(-3), "usher; hit; ttl=-3; detail=origin-down"),
            (Status::Bypass("method"), "usher; fwd=method"),
            (Status::Bypass("not-shared"), "usher; fwd=bypass; detail=not-shared"),
            (Status::Forward { reason: "miss", detail: None, stored: Ok(()) }, "usher; fwd=miss; stored"),
            (
                Status::Forward { reason: "miss", detail: Some("purged"), stored: Ok(()) },
                "usher; fwd=miss; stored; detail=purged",
            ),
            (
                Status::Forward { reason: "stale", detail: None, stored: Err("set-cookie") },
                "usher; fwd=stale; detail=set-cookie",
            ),
            (Status::Generated, "usher; detail=generated"),
        ] {
            assert_eq!(status.field(), field);
        }
    }
}
