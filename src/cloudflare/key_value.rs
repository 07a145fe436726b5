//! Implements [`KeyValue`] with Workers KV.

use super::edge::{Edge, done, failure};
use super::task::wait;
use crate::config::Millis;
use crate::http::json;
use crate::identity::session::ListEntry;
use crate::platform::{KeyValue, Listing, Unavailable};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/key_value.js")]
extern "C" {
    /// Sets how long a write may take, in milliseconds.
    #[wasm_bindgen(js_name = setDeadline)]
    pub(super) fn set_deadline(deadline: f64);
    fn get(key: &str, deadline: f64) -> Promise;
    fn put(key: &str, value: &str, seconds: f64) -> Promise;
    fn remove(key: &str) -> Promise;
    #[wasm_bindgen(js_name = putEntry)]
    fn put_entry(name: &str, text: &str, seconds: f64) -> Promise;
    fn list(prefix: &str, from: Option<&str>) -> Promise;
}

impl KeyValue for Edge {
    async fn get(&self, key: &str, deadline: Millis) -> Result<Option<String>, Unavailable> {
        let value = wait(get(key, deadline as f64)).await;
        if failure(&value).is_some() { Err(Unavailable) } else { Ok(value.as_string()) }
    }

    async fn put(&self, key: &str, value: &str, seconds: u64) -> Result<(), Unavailable> {
        done(&wait(put(key, value, seconds as f64)).await)
    }

    async fn delete(&self, key: &str) -> Result<(), Unavailable> {
        done(&wait(remove(key)).await)
    }

    async fn put_entry(&self, entry: &ListEntry, seconds: u64) -> Result<(), Unavailable> {
        done(&wait(put_entry(&entry.name, &entry.text, seconds as f64)).await)
    }

    async fn list(&self, prefix: &str, from: Option<&str>) -> Result<Listing, Unavailable> {
        let text = wait(list(prefix, from)).await.as_string().ok_or(Unavailable)?;
        json::read(&text).map_err(|_| Unavailable)
    }
}
