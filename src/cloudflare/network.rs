//! Implements [`Network`] with the request's `cf` object.

use super::edge::Edge;
use crate::platform::Network;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/network.js")]
extern "C" {
    fn network(request: &JsValue, path: &str) -> Option<String>;
}

impl Network for Edge {
    fn network(&self, path: &str) -> Option<String> {
        network(&self.request, path)
    }
}
