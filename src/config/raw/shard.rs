//! What may be said of shards.

use super::Plain;
use serde::{Deserialize, Serialize};

/// `[[shards]]`: which pool has which part of the data.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shards {
    /// Unique name; routes refer to it.
    pub name: String,
    /// How a key finds its shard.
    pub by: ShardBy,
    /// What of a request is the key: `path:NAME`, `query:NAME`, `header:NAME`, `cookie:NAME`,
    /// `claim:NAME` or `user`; not with `geo`.
    #[serde(default)]
    pub key: Option<String>,
    /// How keys of `range` are read.
    #[serde(default)]
    pub values: Values,
    /// The map as it is.
    pub map: Vec<Shard>,
    /// Grows with each change of the map; origins see it.
    #[serde(default)]
    pub version: u64,
    /// The map that data is being moved to.
    #[serde(default)]
    pub next: Vec<Shard>,
    /// How far that move is: `prepare`, `dual_read`, `cut` or `retire`, or `"${NAME}"`.
    #[serde(default)]
    pub phase: Option<String>,
}

/// `by` of shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardBy {
    /// By its hash: 4,096 slots, each of one shard.
    #[default]
    Hash,
    /// By where it stands in an order.
    Range,
    /// By where the visitor is.
    Geo,
}

/// `values` of shards by range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Values {
    /// Whole numbers.
    Number,
    /// Texts, in the order of their bytes.
    #[default]
    Text,
    /// Days, `2026-11-24`, or any later part of a time that begins so.
    Day,
    /// Months, `2026-11`, or any time that begins so.
    Month,
    /// Quarters, `2026-Q4`, or any time in one.
    Quarter,
}

/// One shard.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Unique in its map; the origin sees it as `X-Shard`.
    pub name: String,
    /// Name of the pool.
    pub pool: String,
    /// Its share of the slots beside the others', 1 to 1000 (`hash`).
    #[serde(default)]
    pub weight: Option<u32>,
    /// The first key it has; everything below `to` when left out (`range`).
    #[serde(default)]
    pub from: Option<Plain>,
    /// The first key it does not have; everything from `from` on when left out (`range`).
    #[serde(default)]
    pub to: Option<Plain>,
    /// Country codes whose visitors it has (`geo`).
    #[serde(default)]
    pub countries: Vec<String>,
    /// Continent codes whose visitors it has (`geo`).
    #[serde(default)]
    pub continents: Vec<String>,
    /// Whether it has everybody else (`geo`).
    #[serde(default)]
    pub default: bool,
}
