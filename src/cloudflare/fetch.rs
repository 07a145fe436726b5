//! Implements [`Fetch`] with `fetch` and with bound Workers.

use super::edge::{Edge, failure, response, timer};
use super::task::{wait, within};
use crate::config::Millis;
use crate::platform::{Document, DocumentRequest, Failure, Fetch, Forward, OriginRequest, Response};
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/fetch.js")]
extern "C" {
    fn ask(request: &JsValue, packed: &str, deadline: f64, idle: f64, flags: u32) -> Promise;
    fn hedge(request: &JsValue, packed: &str, times: &[f64], flags: u32) -> Promise;
    fn document(url: &str, form: Option<&str>, authorization: Option<&str>, deadline: f64, most: u32) -> Promise;
}

/// A request as one string, so that one value is passed to JavaScript: URL, method and `more`, each ended by a line
/// feed, then the edits.
fn packed(request: &OriginRequest<'_>, more: &str) -> String {
    let OriginRequest { url, method, edits, .. } = *request;
    format!("{url}\n{method}\n{more}\n{}", edits.packed())
}

/// What of the visitor's request is forwarded (0 to 3), plus 4 when the origin gets the visitor's host as its own.
fn flags(request: &OriginRequest<'_>) -> u32 {
    let forward = match request.forward {
        Forward::Nothing => 0,
        Forward::Fields => 1,
        Forward::Streamed => 2,
        Forward::Buffered => 3,
    };
    forward + 4 * u32::from(request.visitor_host)
}

impl Fetch for Edge {
    async fn fetch(&self, request: &OriginRequest<'_>) -> Result<Response<JsValue>, Failure> {
        let packed = packed(request, request.workers_cache.unwrap_or_default());
        let deadline = timer(request.deadline);
        let asked = ask(&self.request, &packed, deadline, timer(request.idle), flags(request));
        response(within(asked, deadline).await)
    }

    async fn hedge(
        &self,
        first: &OriginRequest<'_>,
        after: Millis,
        second: &OriginRequest<'_>,
    ) -> (bool, Result<Response<JsValue>, Failure>) {
        let [deadline, other, after] = [first.deadline, second.deadline, after].map(timer);
        let times = [deadline, timer(first.idle), after, other];
        let asked = hedge(&self.request, &packed(first, second.url), &times, flags(first));
        match within(asked, deadline.max(after + other)).await.dyn_into::<Array>() {
            Ok(pair) => (failure(&pair.get(0)) == Some(1), response(pair.get(1))),
            Err(_) => (false, Err(Failure::Unreachable)),
        }
    }

    async fn fetch_document(&self, request: &DocumentRequest<'_>) -> Result<Document, Failure> {
        let DocumentRequest { url, form, authorization, deadline, most } = *request;
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let value = wait(document(url, form, authorization, deadline as f64, most)).await;
        let read = value.as_string().ok_or(if failure(&value) == Some(2) {
            Failure::Timeout
        } else {
            Failure::Unreachable
        })?;
        let (status, text) = read.split_once('\n').ok_or(Failure::Unreachable)?;
        Ok(Document { status: status.parse().map_err(|_| Failure::Unreachable)?, text: text.to_owned() })
    }
}
