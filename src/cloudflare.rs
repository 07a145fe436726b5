//! The adapter for Cloudflare: converts its types to Usher's and back. Only this module names the platform.
//!
//! `entry.js` calls [`start`] with each request, and [`resume`] when the promise that the request waits for resolves.
//! Each service of `src/platform/` has a file here, with its JavaScript in a file of the same name.

mod body;
mod cache_store;
mod clock;
mod crypto;
mod edge;
mod environment;
mod fetch;
mod instance;
mod key_value;
mod ledger_store;
mod limit_store;
mod log;
mod network;
mod prober;
mod prober_object;
mod reply;
mod single_flight;
mod static_files;
mod task;

use crate::error::Error;
pub use limit_store::count_request;
pub use prober_object::{ProbedPool, agree, judge, probing};

use edge::Edge;
use instance::gateway;
use wasm_bindgen::prelude::*;

/// Two-level segregated fit: as fast whatever is allocated, and 7 KB less than the standard library's allocator.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Starts a request: returns the response, or the promise that the request waits for ([`pending`] returns its task).
#[wasm_bindgen]
pub fn start(packed: String, request: JsValue) -> JsValue {
    let gateway = gateway();
    task::start(async move {
        let edge = Edge::new(request);
        let reply = gateway.serve(&edge, &packed).await;
        let (mut response, after) = reply::respond(reply);
        if response.is_undefined() {
            response = reply::respond(gateway.refuse(&edge, &packed, Error::OriginUnreachable)).0;
        }
        if !after.is_empty() {
            task::later(async move {
                gateway.after(&edge, after).await;
                JsValue::UNDEFINED
            });
        }
        response
    })
}

/// The error reply to a request during which the gateway panicked.
#[wasm_bindgen]
#[must_use]
pub fn apologize(packed: &str, request: JsValue) -> JsValue {
    reply::respond(gateway().refuse(&Edge::new(request), packed, Error::Internal)).0
}

/// Resumes a task whose promise has resolved to `value`.
#[wasm_bindgen]
pub fn resume(task: u32, value: JsValue) -> JsValue {
    task::resume(task, value)
}

/// The task that waits since the last call, or 0.
#[wasm_bindgen]
#[must_use]
pub fn pending() -> u32 {
    task::pending()
}
