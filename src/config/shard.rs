//! Which pool has which part of the data?

use super::raw::{ShardBy, Values};
use super::setting::{Bad, Setting, Unset};

/// Checked `[[shards]]`.
#[derive(Debug, Clone)]
pub struct Shards {
    /// Unique name.
    pub name: String,
    /// How a key finds its shard.
    pub by: ShardBy,
    /// What of a request is the key.
    pub key: ShardKey,
    /// How keys of a range are read.
    pub values: Values,
    /// The map as it is.
    pub map: Vec<Shard>,
    /// Grows with each change of the map.
    pub version: u64,
    /// The map that data is being moved to; empty when there is no move.
    pub next: Vec<Shard>,
    /// How far that move is.
    phase: Setting,
}

impl Shards {
    pub(super) fn new(raw: &super::raw::Shards, key: ShardKey, maps: [Vec<Shard>; 2], phase: Setting) -> Self {
        let [map, next] = maps;
        let (name, version) = (raw.name.clone(), raw.version);
        Self { name, by: raw.by, key, values: raw.values, map, version, next, phase }
    }

    /// How far the move is, if there is one.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        (!self.next.is_empty()).then(|| Phase::parse(self.phase.text()).unwrap_or_default())
    }

    pub(super) fn resolve(&mut self, var: impl Fn(&str) -> Option<String>) -> Result<(), Unset> {
        self.phase.resolve(var, phase)
    }
}

/// How far a move is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// The old map; an origin that says 421 sends to the new one.
    #[default]
    Prepare,
    /// The old map; what is not found there (404) is read by the new one.
    DualRead,
    /// The new map; what is not found there (404) is read by the old one.
    Cut,
    /// The new map.
    Retire,
}

impl Phase {
    /// Reads its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "prepare" => Self::Prepare,
            "dual_read" => Self::DualRead,
            "cut" => Self::Cut,
            "retire" => Self::Retire,
            _ => return None,
        })
    }
}

/// How far a move of shards is.
pub(super) fn phase(text: String) -> Result<String, Bad> {
    if Phase::parse(&text).is_some() { Ok(text) } else { Err(Unset::NotAPhase) }
}

/// What of a request is its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardKey {
    /// A parameter of the route's path.
    Path(String),
    /// A query parameter.
    Query(String),
    /// A field.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A claim of the token, or what the session keeps under this name.
    Claim(String),
    /// Who is signed in.
    User,
    /// Where the visitor is.
    Place,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Unique in its map.
    pub name: String,
    /// Place in [`super::Config::pools`].
    pub pool: usize,
    /// Its share of the slots.
    pub weight: u32,
    /// The first key it has.
    pub from: Option<Bound>,
    /// The first key it does not have.
    pub to: Option<Bound>,
    /// Countries it has.
    pub countries: Vec<String>,
    /// Continents it has.
    pub continents: Vec<String>,
    /// Whether it has everybody else.
    pub default: bool,
}

/// A place in the order of keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// Of numbers, and of times: 20261124, 202611, 20264.
    Number(i64),
    /// Of texts.
    Text(String),
}

impl Values {
    /// A key's place in the order, if it is such a key.
    #[must_use]
    pub fn read(self, text: &str) -> Option<Bound> {
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = text.get(from..to)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let dash = |at: usize| (text.get(at..=at) == Some("-")).then_some(());
        let ends = |at: usize, marks: &[u8]| text.as_bytes().get(at).is_none_or(|byte| marks.contains(byte));
        let year = || number(0, 4);
        let month = || {
            dash(4)?;
            number(5, 7).filter(|month| (1..=12).contains(month))
        };
        match self {
            Self::Text => Some(Bound::Text(text.to_owned())),
            Self::Number => text.parse().ok().map(Bound::Number),
            Self::Day => {
                dash(7)?;
                let (year, month) = (year()?, month()?);
                let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
                let last = match month {
                    2 => 28 + i64::from(leap),
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                };
                let day = number(8, 10).filter(|day| (1..=last).contains(day) && ends(10, b"Tt "))?;
                Some(Bound::Number((year * 100 + month) * 100 + day))
            }
            Self::Month => ends(7, b"-").then_some(Bound::Number(year()? * 100 + month()?)),
            Self::Quarter => {
                let quarter = match text.get(4..6)? {
                    "-Q" => number(6, 7).filter(|quarter| (1..=4).contains(quarter) && text.len() == 7)?,
                    _ => (month().filter(|_| ends(7, b"-"))? + 2) / 3,
                };
                Some(Bound::Number(year()? * 10 + quarter))
            }
        }
    }
}
