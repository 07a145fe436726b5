//! Implements [`CacheStore`] with this isolate's memory and the Cache API.

use super::edge::{Edge, response};
use super::task::wait;
use crate::platform::{CacheStore, Response, Store};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/cache_memory.js")]
extern "C" {
    /// Sets how many bytes are kept in memory: of all responses together, and of one.
    #[wasm_bindgen(js_name = limitMemory)]
    pub(super) fn limit_memory(all: f64, object: f64);
    fn recall(key: &str) -> JsValue;
    fn stored(key: &str) -> Promise;
    fn remove(key: &str);
    fn oversized(key: &str) -> bool;
}

#[wasm_bindgen(raw_module = "../src/cloudflare/cache_store.js")]
extern "C" {
    fn keep(response: &JsValue, how: &str);
}

/// How a copy is stored, as one string whose parts are separated by NUL; no part can contain a NUL.
pub(super) fn how(store: &Store) -> String {
    let (key, edits) = store.variants.as_ref().map_or(("", ""), |all| (all.key.as_str(), all.edits.packed()));
    format!("{}\0{}\0{}\0{}\0{key}\0{edits}", store.claim, store.key, store.edits.packed(), store.most)
}

fn found(value: JsValue) -> Option<Response<JsValue>> {
    if value.is_undefined() { None } else { response(value).ok() }
}

impl CacheStore for Edge {
    fn memory(&self, key: &str) -> Option<Response<JsValue>> {
        found(recall(key))
    }

    async fn stored(&self, key: &str) -> Option<Response<JsValue>> {
        found(wait(stored(key)).await)
    }

    fn store(&self, response: JsValue, store: &Store) {
        keep(&response, &how(store));
    }

    fn remove(&self, key: &str) {
        remove(key);
    }

    fn oversized(&self, key: &str) -> bool {
        oversized(key)
    }
}
