//! Converts a reply to a `Response`.

use super::cache_store::how;
use crate::gateway::{After, Content, Reply};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/reply.js")]
extern "C" {
    fn made(status: u16, edits: &str, text: &str) -> JsValue;
    fn whole(response: &JsValue, edits: &str, store: Option<&str>) -> JsValue;
    fn bare(response: &JsValue, status: u16, edits: &str, store: Option<&str>) -> JsValue;
    fn part(response: &JsValue, edits: &str, first: f64, last: f64, store: Option<&str>) -> JsValue;
}

/// A reply as a `Response`, and the work to do after it.
pub(super) fn respond(reply: Reply<JsValue>) -> (JsValue, Vec<After>) {
    let Reply { status, edits, content, store, after } = reply;
    let store = store.as_ref().map(how);
    let response = match content {
        Content::Text(text) => made(status, edits.packed(), &text),
        Content::Whole(body) => whole(&body, edits.packed(), store.as_deref()),
        Content::Bare(body) => bare(&body, status, edits.packed(), store.as_deref()),
        Content::Part(body, first, last) => part(&body, edits.packed(), first as f64, last as f64, store.as_deref()),
    };
    (response, after)
}
