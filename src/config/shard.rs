//! Which pool holds which part of the data?

use super::data::data;
use super::phase::Phase;
use super::setting::Setting;

/// Checked `[[shards]]`.
#[derive(Debug, Clone)]
pub struct Shards {
    /// Unique name.
    pub name: String,
    /// How a key is mapped to a shard.
    pub by: ShardBy,
    /// Which part of a request is the shard key.
    pub key: ShardKey,
    /// Type of the keys of a range map.
    pub values: Values,
    /// The current map.
    pub map: Vec<Shard>,
    /// Version of the map; increases with each change.
    pub version: u64,
    /// The new map that data is being moved to; empty when there is no move.
    pub next: Vec<Shard>,
    /// Phase of that move.
    pub(super) phase: Setting,
}

impl Shards {
    /// Phase of the move, if there is one.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        (!self.next.is_empty()).then(|| Phase::parse(self.phase.text()).unwrap_or_default())
    }
}

/// Which part of a request is its shard key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardKey {
    /// A parameter of the route's path.
    Path(String),
    /// A query parameter.
    Query(String),
    /// A header field.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// A claim of the token, or the member of this name in the session's data.
    Claim(String),
    /// The user who is signed in.
    User,
    /// The visitor's country and continent.
    Place,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Unique in its map.
    pub name: String,
    /// Index into [`super::Config::pools`].
    pub pool: usize,
    /// Its share of the slots, relative to the other shards.
    pub weight: u32,
    /// Lower bound of its keys, included.
    pub from: Option<Bound>,
    /// Upper bound of its keys, excluded.
    pub to: Option<Bound>,
    /// Countries whose visitors it serves.
    pub countries: Vec<String>,
    /// Continents whose visitors it serves.
    pub continents: Vec<String>,
    /// Whether it serves visitors from anywhere else.
    pub default: bool,
}

/// A key as an ordered value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// A number, or a day, month or quarter as one: 20261124, 202611, 20264.
    Number(i64),
    /// A text, in byte order.
    Text(String),
}

impl Values {
    /// Parses a key as this type; `None` when it is not one.
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

/// `by` of shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "lowercase"))]
pub enum ShardBy {
    /// By the key's hash: 4,096 slots, each of one shard.
    #[default]
    Hash,
    /// By ranges of ordered keys.
    Range,
    /// By the visitor's country and continent.
    Geo,
}

/// `values` of shards by range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "lowercase"))]
pub enum Values {
    /// Whole numbers.
    Number,
    /// Texts, in byte order.
    #[default]
    Text,
    /// Days, `2026-11-24`, or any time that begins with one.
    Day,
    /// Months, `2026-11`, or any time that begins with one.
    Month,
    /// Quarters, `2026-Q4`, or any time in one.
    Quarter,
}

data!(struct Shards { name, by, key, values, map, version, next, phase });
data!(enum ShardKey {
    User, 1 = Path(name), 2 = Query(name), 3 = Header(name), 4 = Cookie(name), 5 = Claim(name), 6 = Place,
});
data!(struct Shard { name, pool, weight, from, to, countries, continents, default });
data!(enum Bound { Number(number), 1 = Text(text) });
data!(enum ShardBy { Hash, 1 = Range, 2 = Geo });
data!(enum Values { Text, 1 = Number, 2 = Day, 3 = Month, 4 = Quarter });
