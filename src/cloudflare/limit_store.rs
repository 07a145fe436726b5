//! Implements [`LimitStore`] with Durable Objects and Cloudflare's Rate Limiting binding.

use super::edge::{Edge, failure, timer};
use super::task::wait;
use crate::config::{Millis, USES};
use crate::limit::exact;
use crate::platform::{LimitStore, Unavailable};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/limit_store.js")]
extern "C" {
    #[wasm_bindgen(js_name = countExactly)]
    fn count_exactly(object: &str, key: &str, request: &str, deadline: f64) -> Promise;
    #[wasm_bindgen(js_name = countInLocation)]
    fn count_in_location(binding: &str, key: &str) -> Promise;
}

impl LimitStore for Edge {
    async fn count_exactly(
        &self,
        object: &str,
        key: &str,
        request: &str,
        deadline: Millis,
    ) -> Result<String, Unavailable> {
        wait(count_exactly(object, key, request, timer(deadline))).await.as_string().ok_or(Unavailable)
    }

    async fn count_in_location(&self, binding: &str, key: &str) -> Result<bool, Unavailable> {
        let value = wait(count_in_location(binding, key)).await;
        if failure(&value).is_some() { Err(Unavailable) } else { Ok(value.is_truthy()) }
    }
}

/// Answers a request at `now` (milliseconds since 1970): until when something is to be stored, what, and the response, a
/// line each; the first two are empty when nothing changes. `None` when it is no request.
#[wasm_bindgen(js_name = countRequest)]
#[must_use]
pub fn count_request(request: &str, kept: &str, now: f64) -> Option<String> {
    if !USES.limits_exact {
        return None;
    }
    let (store, response) = exact::answer(request, kept, now as u64 * 1_000_000)?;
    let (kept, until) = store.unwrap_or_default();
    let until = if kept.is_empty() { String::new() } else { until.div_ceil(1_000_000).to_string() };
    Some(format!("{until}\n{kept}\n{response}"))
}
