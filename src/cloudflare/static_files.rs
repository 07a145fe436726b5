//! Implements [`StaticFiles`] with Workers static assets.

use super::edge::{Edge, response};
use super::task::wait;
use crate::platform::{Failure, Response, StaticFiles};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/static_files.js")]
extern "C" {
    fn file(path: &str) -> Promise;
}

impl StaticFiles for Edge {
    async fn file(&self, path: &str) -> Result<Response<JsValue>, Failure> {
        response(wait(file(path)).await)
    }
}
