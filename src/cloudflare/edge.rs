//! One request's platform, and how JavaScript says what came of something.

use crate::config::Millis;
use crate::platform::{Failure, Response, Unavailable};
use wasm_bindgen::prelude::*;

/// The platform as one request has it.
pub(super) struct Edge {
    pub(super) request: JsValue,
}

impl Edge {
    pub(super) fn new(request: JsValue) -> Self {
        Self { request }
    }
}

/// Failures come as numbers: see `message.js`.
pub(super) fn failure(value: &JsValue) -> Option<u32> {
    value.as_f64().map(|code| code as u32)
}

/// A timer of JavaScript holds at most 2^31 - 1 milliseconds.
pub(super) fn timer(time: Millis) -> f64 {
    time.min(i32::MAX as Millis) as f64
}

/// What came of something that gives nothing.
pub(super) fn done(value: &JsValue) -> Result<(), Unavailable> {
    if failure(value) == Some(0) { Ok(()) } else { Err(Unavailable) }
}

/// A response, or why there is none.
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
