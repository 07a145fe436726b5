//! Implements [`Prober`] with the Durable Objects that probe pools.

use super::edge::{Edge, timer};
use super::task::wait;
use crate::config::Millis;
use crate::platform::{Prober, Unavailable};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/prober.js")]
extern "C" {
    fn prober(pool: &str, location: Option<&str>, request: &str, deadline: f64) -> Promise;
}

impl Prober for Edge {
    async fn prober(&self, pool: &str, request: &str, deadline: Millis) -> Result<String, Unavailable> {
        wait(prober(pool, None, request, timer(deadline))).await.as_string().ok_or(Unavailable)
    }
}
