//! Implements [`Log`] with the console.

use super::edge::Edge;
use crate::platform::Log;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = log)]
    fn console_log(line: &str);
}

impl Log for Edge {
    fn log(&self, line: &str) {
        console_log(line);
    }
}
