//! Implements [`Prober`] with the Durable Objects that probe pools.

use super::edge::{Edge, timer};
use super::task::wait;
use crate::config::Millis;
use crate::platform::{Prober, Unavailable};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/prober.js")]
extern "C" {
    /// Sends a request to a pool's prober, or to its prober in one location.
    pub(super) fn prober(pool: &str, location: Option<&str>, request: &str, deadline: f64) -> Promise;
    /// Probes one URL: returns the head of its response, an empty line, and at most `most` bytes of its body.
    pub(super) fn probe(url: &str, method: &str, edits: &str, deadline: f64, most: u32) -> Promise;
}

impl Prober for Edge {
    async fn prober(&self, pool: &str, request: &str, deadline: Millis) -> Result<String, Unavailable> {
        wait(prober(pool, None, request, timer(deadline))).await.as_string().ok_or(Unavailable)
    }
}
