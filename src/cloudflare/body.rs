//! [`Bodies`] and [`RequestBody`]: streams that stay in JavaScript.

use super::edge::{Edge, failure, timer};
use super::task::within;
use crate::config::Millis;
use crate::platform::{Bodies, RequestBody, Unreadable};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

/// How long an operator may take to send a body that is read as text, in milliseconds.
const BODY: f64 = 600_000.0;

#[wasm_bindgen(raw_module = "../src/cloudflare/body.js")]
extern "C" {
    fn discard(response: &JsValue);
    fn body(request: &JsValue, most: u32) -> Promise;
    fn buffer(request: &JsValue, deadline: f64) -> Promise;
    fn bound(request: &JsValue, most: f64, deadline: f64);
    fn fault(request: &JsValue) -> u32;
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
        let done = within(buffer(&self.request, timer(deadline)), timer(deadline)).await;
        match failure(&done) {
            Some(0) => Ok(()),
            Some(2) => Err(Unreadable::Late),
            _ => Err(Unreadable::Broken),
        }
    }

    fn bound_body(&self, most: u64, deadline: Millis) {
        bound(&self.request, most as f64, timer(deadline));
    }

    fn body_fault(&self) -> Option<Unreadable> {
        match fault(&self.request) {
            2 => Some(Unreadable::Late),
            3 => Some(Unreadable::TooLarge),
            _ => None,
        }
    }
}
