//! What does the operator configure? `usher.toml` as checked, typed values.
//!
//! [`raw::Raw`] is the parsed file; [`Config::check`] turns it into a [`Config`] or a list of [`Problem`]s.
//! The build script runs the same code, so an invalid file fails the build.

mod algorithm;
mod check;
mod decided;
pub mod identity;
#[cfg(not(target_arch = "wasm32"))]
pub mod languages;
pub mod matcher;
pub mod messages;
pub mod pattern;
mod pool;
mod problem;
pub mod raw;
mod route;
mod setting;
mod shard;
#[cfg(not(target_arch = "wasm32"))]
pub mod source;
pub mod units;
mod url;

pub use algorithm::Algorithm;
pub use decided::{Config, Ledger, Locales, Memory, Region, Session};
pub use identity::{Client, Cors, Issuer, KeySource};
pub use matcher::Matcher;
pub use messages::Catalog;
pub use pattern::{Host, Pattern, Segment};
pub use pool::{Ejection, HashBy, Origin, Pool, Probe, Replicas, Retry};
pub use problem::Problem;
pub use raw::{Algorithm as Balance, Auth, Authenticator, Down, Fail, HostMode, Require, ShardBy, Shared};
pub use route::{Cache, Canary, Route, TRACKERS, Target};
pub use setting::{Setting, SettingError};
pub use shard::{Bound, Phase, Shard, ShardKey, Shards};
pub use url::{base_url, is_secure, origin_url};

pub use super::http::date::Millis;
pub use super::http::visitor::Coordinates;

/// Longest lifetime of a stored response; a purge stamp is dropped after the same time.
pub const LONGEST_STORED: Millis = 30 * 86_400_000;

/// Lifetime of a stamp that ends the sessions of a user or of everyone, a token or an API key: longer than any
/// API key lives. The issuer sets the lifetime of a token.
pub const LONGEST_ENDED: Millis = 366 * 86_400_000;

#[cfg(test)]
mod tests;
