//! What does the operator configure? `usher.toml` as checked, typed values.
//!
//! `raw::Raw` is the parsed file; `Config::check` turns it into a [`Config`] or a list of problems. The build does that,
//! natively (`tools/build`), and writes the [`Config`] as data ([`Built`]); an isolate reads that data, and contains
//! neither the file's keys nor its checks.

mod algorithm;
mod built;
mod challenge;
#[cfg(not(target_arch = "wasm32"))]
mod check;
mod data;
mod decided;
pub mod identity;
#[cfg(not(target_arch = "wasm32"))]
pub mod languages;
mod limit;
mod list;
pub mod matcher;
pub mod messages;
mod names;
pub mod pattern;
mod phase;
mod pool;
#[cfg(not(target_arch = "wasm32"))]
mod problem;
mod protection;
#[cfg(not(target_arch = "wasm32"))]
pub mod raw;
mod ranges;
mod route;
mod rule;
mod setting;
mod shard;
mod size;
#[cfg(not(target_arch = "wasm32"))]
pub mod source;
mod tree;
pub mod units;
mod url;
mod uses;

pub use algorithm::Algorithm;
pub use built::{Built, Pages};
pub use challenge::{Challenge, Turnstile};
#[cfg(not(target_arch = "wasm32"))]
pub use data::Writer;
pub use data::{Data, Reader};
pub use decided::{Config, Ledger, Locales, Memory, Region, Session};
pub use identity::{Authenticator, Client, Cors, Fail, Introspection, Issuer, KeySource, Require};
pub use limit::{KeyPart, Limit, LimitCounts, LimitRate, LimitScope};
pub use list::{Lazy, List};
pub use matcher::Matcher;
pub use messages::Catalog;
pub use names::Names;
pub use pattern::{Host, Pattern, Segment};
pub use phase::Phase;
pub use pool::{Balance, Down, Ejection, HashBy, HostMode, Origin, Pool, Probe, Replicas, Retry};
#[cfg(not(target_arch = "wasm32"))]
pub use problem::Problem;
pub use protection::{Protection, RouteProtection, SecurityHeaders};
pub use ranges::Ranges;
#[cfg(not(target_arch = "wasm32"))]
pub use ranges::network;
pub use route::{Auth, Cache, Canary, Route, Shared, TRACKERS, Target};
pub use rule::{Conditions, Rule, RuleAction, Text};
pub use setting::{Kind, Open, Setting, SettingError};
pub use shard::{Bound, Shard, ShardBy, ShardKey, Shards, Values};
pub use size::Sizes;
pub use tree::Tree;
pub use url::{base_url, is_secure, origin_url};
pub use uses::{DEMO, USES, Uses};

pub use super::http::date::Millis;
pub use super::http::visitor::Coordinates;

/// Longest lifetime of a stored response; a purge stamp is dropped after the same time.
pub const LONGEST_STORED: Millis = 30 * 86_400_000;

/// Lifetime of a stamp that ends the sessions of a user or of everyone, a token or an API key: longer than any
/// API key lives. The issuer sets the lifetime of a token.
pub const LONGEST_ENDED: Millis = 366 * 86_400_000;

#[cfg(test)]
mod tests;
