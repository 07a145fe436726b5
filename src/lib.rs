//! Usher: the front door of a web application, at the edge.
//!
//! The order of modules is the order of dependency: a module imports only modules declared above
//! it (`tests/architecture.rs` holds this).

pub mod cache;
#[cfg(target_arch = "wasm32")]
pub mod cloudflare;
pub mod config;
pub mod error;
pub mod gateway;
pub mod head;
pub mod headers;
pub mod identity;
pub mod ledger;
pub mod locale;
pub mod observe;
pub mod path;
pub mod platform;
pub mod respond;
pub mod route;
pub mod session;
pub mod steer;
pub mod visitor;
