//! The rim: Cloudflare's types into ours and back. Only here is the platform named.
//!
//! `entry.js` calls [`start`] with each request and [`resume`] when what it waits for is there. The services of
//! `src/platform/` have a file each, with the JavaScript that they need beside it.

mod body;
mod cache_store;
mod clock;
mod crypto;
mod edge;
mod environment;
mod fetch;
mod instance;
mod key_value;
mod ledger_object;
mod ledger_store;
mod log;
mod prober;
mod prober_object;
mod reply;
mod single_flight;
mod static_files;
mod task;

use crate::error::Error;
use edge::Edge;
use instance::gateway;
use wasm_bindgen::prelude::*;

/// Begins to answer a request: the response, or the promise that is waited for ([`pending`]).
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

/// Answers a request during which the gateway panicked.
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

/// The task that the last call left waiting, or 0.
#[wasm_bindgen]
#[must_use]
pub fn pending() -> u32 {
    task::pending()
}
