//! Which services of the platform does the gateway use? One trait for each.
//!
//! `src/cloudflare/` implements them for Cloudflare, `tests/gateway/world/` in memory.

mod body;
mod cache_store;
mod clock;
mod crypto;
mod environment;
mod fetch;
mod key_value;
mod ledger_store;
mod limit_store;
mod log;
mod network;
mod prober;
mod single_flight;
mod static_files;
mod unavailable;

pub use body::{Bodies, RequestBody, Unreadable};
pub use cache_store::{CacheStore, Store, StoredVariants};
pub use clock::Clock;
pub use crypto::{Crypto, SignedMessage};
pub use environment::Environment;
pub use fetch::{Document, DocumentRequest, Failure, Fetch, Forward, OriginRequest, Response};
pub use key_value::{KeyValue, Listing};
pub use ledger_store::LedgerStore;
pub use limit_store::LimitStore;
pub use log::Log;
pub use network::Network;
pub use prober::Prober;
pub use single_flight::{Joined, SingleFlight};
pub use static_files::StaticFiles;
pub use unavailable::Unavailable;

/// All services of the platform.
pub trait Platform:
    Clock
    + Crypto
    + Environment
    + Log
    + KeyValue
    + LedgerStore
    + LimitStore
    + Network
    + Fetch
    + Prober
    + StaticFiles
    + CacheStore
    + SingleFlight
    + RequestBody
{
}

impl<T> Platform for T where
    T: Clock
        + Crypto
        + Environment
        + Log
        + KeyValue
        + LedgerStore
        + LimitStore
        + Network
        + Fetch
        + Prober
        + StaticFiles
        + CacheStore
        + SingleFlight
        + RequestBody
{
}
