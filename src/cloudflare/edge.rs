//! The platform for one request, and the conversion of results from JavaScript.

use crate::config::Millis;
use crate::platform::{Failure, Response, Unavailable};
use wasm_bindgen::prelude::*;

/// The platform for one request.
pub(super) struct Edge {
    pub(super) request: JsValue,
}

impl Edge {
    pub(super) fn new(request: JsValue) -> Self {
        Self { request }
    }
}

/// The code of a failure, which JavaScript returns as a number: see `message.js`.
pub(super) fn failure(value: &JsValue) -> Option<u32> {
    value.as_f64().map(|code| code as u32)
}

/// A duration for a timer of JavaScript, which has at most 2^31 - 1 milliseconds.
pub(super) fn timer(time: Millis) -> f64 {
    time.min(i32::MAX as Millis) as f64
}

/// The result of an operation without a value: 0 is success.
pub(super) fn done(value: &JsValue) -> Result<(), Unavailable> {
    if failure(value) == Some(0) { Ok(()) } else { Err(Unavailable) }
}

/// A response, or why the fetch failed.
pub(super) fn response(value: JsValue) -> Result<Response<JsValue>, Failure> {
    match failure(&value) {
        None => Ok(Response { packed: head(&value), body: value }),
        Some(2) => Err(Failure::Timeout),
        Some(_) => Err(Failure::Unreachable),
    }
}

#[wasm_bindgen(raw_module = "../src/cloudflare/message.js")]
extern "C" {
    fn head(response: &JsValue) -> String;
}
