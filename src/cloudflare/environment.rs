//! Implements [`Environment`] with the Worker's vars and secrets.

use super::edge::Edge;
use crate::platform::Environment;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/environment.js")]
extern "C" {
    /// See [`Environment::var`].
    pub(super) fn variable(name: &str) -> Option<String>;
}

impl Environment for Edge {
    fn var(&self, name: &str) -> Option<String> {
        variable(name)
    }
}
