//! How far has a move of data between shards come?

/// Phase of a move from the old map to the new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// The old map; a 421 response sends the request to the new one.
    #[default]
    Prepare,
    /// The old map; a read that gets 404 is repeated by the new one.
    DualRead,
    /// The new map; a read that gets 404 is repeated by the old one.
    Cut,
    /// The new map.
    Retire,
}

impl Phase {
    /// Parses a phase's name; `None` when it is not one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "prepare" => Self::Prepare,
            "dual_read" => Self::DualRead,
            "cut" => Self::Cut,
            "retire" => Self::Retire,
            _ => return None,
        })
    }
}
