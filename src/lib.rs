//! Usher: a reverse proxy and gateway for web applications, on Cloudflare Workers.
//!
//! The order of modules is the order of dependency: a module imports only modules declared above
//! it (`tests/architecture.rs` checks this).

pub mod http;
pub mod error;
pub mod config;
pub mod memo;
pub mod sort;
pub mod route;
pub mod locale;
pub mod ledger;
pub mod identity;
pub mod origin;
pub mod cache;
pub mod headers;
pub mod respond;
pub mod limit;
pub mod observe;
pub mod platform;
pub mod gateway;
#[cfg(target_arch = "wasm32")]
pub mod cloudflare;
