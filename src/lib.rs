//! Usher: the front door of a web application, at the edge.
//!
//! The order of modules is the order of dependency: a module imports only modules declared above
//! it (`tests/architecture.rs` holds this).

pub mod path;
pub mod error;
pub mod config;
pub mod date;
pub mod head;
pub mod cookie;
pub mod visitor;
pub mod route;
pub mod cross_site;
pub mod ledger;
pub mod jwt;
pub mod hint;
pub mod session;
pub mod throttle;
pub mod identity;
pub mod oidc;
pub mod locale;
pub mod steer;
pub mod replica;
pub mod balance;
pub mod health;
pub mod retry;
pub mod shard;
pub mod trial;
pub mod cache;
pub mod assertion;
pub mod headers;
pub mod respond;
pub mod observe;
pub mod platform;
pub mod gateway;
#[cfg(target_arch = "wasm32")]
pub mod cloudflare;
