//! Which keys configure shard maps?

use super::super::{ShardBy, Values};
use super::Plain;
use serde::Deserialize;

/// `[[shards]]`: which pool holds which part of the data.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shards {
    /// Unique name; routes refer to it.
    pub name: String,
    /// How a key is mapped to a shard.
    pub by: ShardBy,
    /// Which part of a request is the key: `path:NAME`, `query:NAME`, `header:NAME`, `cookie:NAME`,
    /// `claim:NAME` or `user`; not with `geo`.
    #[serde(default)]
    pub key: Option<String>,
    /// Type of the keys, for `by = "range"`.
    #[serde(default)]
    pub values: Values,
    /// The current map.
    pub map: Vec<Shard>,
    /// Version of the map, to be increased with each change; forwarded to origins.
    #[serde(default)]
    pub version: u64,
    /// The new map that data is being moved to.
    #[serde(default)]
    pub next: Vec<Shard>,
    /// Phase of that move: `prepare`, `dual_read`, `cut` or `retire`, or `"${NAME}"`.
    #[serde(default)]
    pub phase: Option<String>,
}

/// One shard.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Unique in its map; forwarded to the origin as `X-Shard`.
    pub name: String,
    /// Name of the pool.
    pub pool: String,
    /// Its share of the slots relative to the other shards, 1 to 1000 (`hash`).
    #[serde(default)]
    pub weight: Option<u32>,
    /// Lower bound of its keys, included; unbounded when left out (`range`).
    #[serde(default)]
    pub from: Option<Plain>,
    /// Upper bound of its keys, excluded; unbounded when left out (`range`).
    #[serde(default)]
    pub to: Option<Plain>,
    /// Codes of the countries whose visitors it serves (`geo`).
    #[serde(default)]
    pub countries: Vec<String>,
    /// Codes of the continents whose visitors it serves (`geo`).
    #[serde(default)]
    pub continents: Vec<String>,
    /// Whether it serves visitors from anywhere else (`geo`).
    #[serde(default)]
    pub default: bool,
}
