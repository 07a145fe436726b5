//! What is said in `Cache-Status`? (RFC 9211)

/// Where a stored answer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// This isolate's memory.
    Memory,
    /// The store of this place.
    Store,
}

/// Why the origin was asked (RFC 9211 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// Nothing usable is stored.
    Miss,
    /// What is stored is for other requests.
    VaryMiss,
    /// What is stored is stale.
    Stale,
    /// The visitor's directives ask for it.
    Request,
}

impl Forward {
    fn as_str(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
            Self::Request => "request",
        }
    }
}

/// How a request met the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Served from store.
    Hit {
        /// Seconds it stays fresh; negative when it no longer is.
        ttl: i64,
        /// Where it was.
        level: Level,
        /// Why it serves although it is stale.
        stale: Option<&'static str>,
    },
    /// Went past the cache, and why.
    Bypass(&'static str),
    /// Asked the origin.
    Forward {
        /// Why.
        reason: Forward,
        /// The origin's status where it is not the answer's.
        status: Option<u16>,
        /// Whether the answer was stored.
        stored: bool,
        /// Whether the answer is that of another request for the same.
        collapsed: bool,
        /// More: why it was not stored, or what was wrong with what was.
        detail: Option<&'static str>,
    },
    /// Only what is stored was wanted, and nothing is.
    Refused,
    /// Made here; nobody was asked.
    Generated,
}

impl Status {
    /// The member that this cache adds to the field; the operator is also told the key.
    #[must_use]
    pub fn field(&self, key: Option<&str>) -> String {
        let mut field = match self {
            Self::Hit { ttl, level, stale } => {
                let level = if *level == Level::Memory { "memory" } else { "store" };
                format!("usher; hit; ttl={ttl}; detail={}", stale.unwrap_or(level))
            }
            Self::Bypass("method") => "usher; fwd=method".into(),
            Self::Bypass(why) => format!("usher; fwd=bypass; detail={why}"),
            Self::Forward { reason, status, stored, collapsed, detail } => {
                let mut field = format!("usher; fwd={}", reason.as_str());
                if let Some(status) = status {
                    field.push_str(&format!("; fwd-status={status}"));
                }
                field.push_str(if *stored { "; stored" } else { "" });
                field.push_str(if *collapsed { "; collapsed" } else { "" });
                if let Some(detail) = detail {
                    field.push_str("; detail=");
                    field.push_str(detail);
                }
                field
            }
            Self::Refused => "usher; detail=only-if-cached".into(),
            Self::Generated => "usher; detail=generated".into(),
        };
        if let Some(key) = key {
            let text: String = key.chars().filter(|c| (' '..='~').contains(c)).collect();
            field.push_str(&format!("; key=\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")));
        }
        field
    }

    /// One word for the log.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Hit { stale: None, .. } => "hit",
            Self::Hit { .. } => "hit-stale",
            Self::Bypass(_) => "bypass",
            Self::Forward { collapsed: true, .. } => "collapsed",
            Self::Forward { reason, .. } => reason.as_str(),
            Self::Refused => "refused",
            Self::Generated => "generated",
        }
    }

    /// Why, for the log.
    #[must_use]
    pub fn why(&self) -> Option<&'static str> {
        match self {
            Self::Bypass(why) => Some(why),
            Self::Hit { stale, .. } => *stale,
            Self::Forward { detail, .. } => *detail,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_as_rfc_9211_writes_it() {
        let forward =
            |reason, status, stored, collapsed, detail| Status::Forward { reason, status, stored, collapsed, detail };
        for (status, field) in [
            (Status::Hit { ttl: 30, level: Level::Memory, stale: None }, "usher; hit; ttl=30; detail=memory"),
            (Status::Hit { ttl: 30, level: Level::Store, stale: None }, "usher; hit; ttl=30; detail=store"),
            (
                Status::Hit { ttl: -3, level: Level::Store, stale: Some("revalidating") },
                "usher; hit; ttl=-3; detail=revalidating",
            ),
            (Status::Bypass("method"), "usher; fwd=method"),
            (Status::Bypass("not-shared"), "usher; fwd=bypass; detail=not-shared"),
            (forward(Forward::Miss, None, true, false, None), "usher; fwd=miss; stored"),
            (forward(Forward::Miss, None, true, false, Some("purged")), "usher; fwd=miss; stored; detail=purged"),
            (forward(Forward::Stale, Some(304), true, false, None), "usher; fwd=stale; fwd-status=304; stored"),
            (forward(Forward::VaryMiss, None, false, true, None), "usher; fwd=vary-miss; collapsed"),
            (
                forward(Forward::Request, None, false, false, Some("set-cookie")),
                "usher; fwd=request; detail=set-cookie",
            ),
            (Status::Refused, "usher; detail=only-if-cached"),
            (Status::Generated, "usher; detail=generated"),
        ] {
            assert_eq!(status.field(None), field);
        }
        assert_eq!(Status::Generated.field(Some("a\"b\\c\n")), "usher; detail=generated; key=\"a\\\"b\\\\c\"");
    }
}
