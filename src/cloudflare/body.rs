//! [`Bodies`] and [`RequestBody`]: streams that stay in JavaScript.

use super::edge::{Edge, done, failure, timer};
use super::task::within;
use crate::config::Millis;
use crate::platform::{Bodies, RequestBody, Unavailable, Unreadable};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

/// How long an operator may take to send a body that is read as text, in milliseconds.
const BODY: f64 = 600_000.0;

#[wasm_bindgen(raw_module = "../src/cloudflare/body.js")]
extern "C" {
    fn discard(response: &JsValue);
    fn body(request: &JsValue, most: u32) -> Promise;
    fn buffer(request: &JsValue, deadline: f64) -> Promise;
}

impl Bodies for Edge {
    type Body = JsValue;

    fn discard(&self, body: JsValue) {
        discard(&body);
    }
}

impl RequestBody for Edge {
    async fn read_body(&self, most: usize) -> Result<String, Unreadable> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let value = within(body(&self.request, most), BODY).await;
        match failure(&value) {
            Some(3) => Err(Unreadable::TooLarge),
            _ => value.as_string().ok_or(Unreadable::Broken),
        }
    }

    async fn buffer_body(&self, deadline: Millis) -> Result<(), Unreadable> {
        done(&within(buffer(&self.request, timer(deadline)), timer(deadline)).await)
            .map_err(|Unavailable| Unreadable::Broken)
    }
}
