//! What `host.js` offers.

use js_sys::Promise;
use wasm_bindgen::prelude::*;

// The path is as seen from build/usher.js, which imports it.
#[wasm_bindgen(raw_module = "../src/cloudflare/host.js")]
extern "C" {
    pub(super) fn head(response: &JsValue) -> String;
    pub(super) fn variable(name: &str) -> Option<String>;
    pub(super) fn log(line: &str);
    pub(super) fn later(task: u32);
    pub(super) fn ask(
        request: &JsValue,
        url: &str,
        method: &str,
        carry: u32,
        edits: &str,
        deadline: f64,
        idle: f64,
        through: Option<&str>,
        as_visitor: bool,
    ) -> Promise;
    pub(super) fn hedge(
        request: &JsValue,
        method: &str,
        edits: &str,
        idle: f64,
        url: &str,
        deadline: f64,
        after: f64,
        other: &str,
        other_deadline: f64,
        as_visitor: bool,
    ) -> Promise;
    // With `catch`, or the glue would import the whole module a second time.
    #[wasm_bindgen(catch)]
    pub(super) fn hold(request: &JsValue, deadline: f64) -> Result<Promise, JsValue>;
    pub(super) fn waits(deadline: f64);
    pub(super) fn discard(answer: &JsValue);
    #[wasm_bindgen(catch)]
    pub(super) fn pause(time: f64) -> Result<Promise, JsValue>;
    pub(super) fn prober(pool: &str, location: Option<&str>, letter: &str, deadline: f64) -> Promise;
    pub(super) fn probe(url: &str, method: &str, edits: &str, deadline: f64, most: u32) -> Promise;
    pub(super) fn file(path: &str) -> Promise;
    #[wasm_bindgen(js_name = recordRead)]
    pub(super) fn record_read(key: &str, deadline: f64) -> Promise;
    #[wasm_bindgen(js_name = recordWrite)]
    pub(super) fn record_write(key: &str, value: &str, seconds: f64) -> Promise;
    #[wasm_bindgen(js_name = recordDelete)]
    pub(super) fn record_delete(key: &str) -> Promise;
    #[wasm_bindgen(js_name = noteWrite)]
    pub(super) fn note_write(name: &str, text: &str, seconds: f64) -> Promise;
    pub(super) fn notes(prefix: &str, from: Option<&str>) -> Promise;
    #[wasm_bindgen(js_name = ledgerRead)]
    pub(super) fn ledger_read(entry: &str, deadline: f64) -> Promise;
    #[wasm_bindgen(js_name = ledgerStamp)]
    pub(super) fn ledger_stamp(entry: &str, deadline: f64) -> Promise;
    pub(super) fn body(request: &JsValue, most: u32) -> Promise;
    pub(super) fn made(status: u16, edits: &str, text: &str) -> JsValue;
    pub(super) fn whole(response: &JsValue, edits: &str, store: Option<&str>) -> JsValue;
    pub(super) fn bare(response: &JsValue, status: u16, edits: &str, store: Option<&str>) -> JsValue;
    pub(super) fn part(response: &JsValue, edits: &str, first: f64, last: f64, store: Option<&str>) -> JsValue;
}

#[wasm_bindgen(raw_module = "../src/cloudflare/store.js")]
extern "C" {
    pub(super) fn remembers(all: f64, object: f64);
    pub(super) fn recall(key: &str) -> JsValue;
    pub(super) fn stored(key: &str) -> Promise;
    pub(super) fn forget(key: &str);
    pub(super) fn claim(flight: &str, patience: f64) -> Option<String>;
    pub(super) fn oversized(key: &str) -> bool;
    pub(super) fn release(claim: &str, failure: u32);
    pub(super) fn join(flight: &str, patience: f64) -> Promise;
    pub(super) fn keep(answer: &JsValue, store: &str);
}

/// What `keys.js` offers.
pub(super) mod keys {
    use super::{Promise, wasm_bindgen};

    #[wasm_bindgen(raw_module = "../src/cloudflare/keys.js")]
    extern "C" {
        pub(in super::super) fn verify(algorithm: &str, key: &str, signed: &str, signature: &[u8]) -> Promise;
        pub(in super::super) fn sign(key: &str, text: &str) -> Promise;
        pub(in super::super) fn consult(
            url: &str,
            form: Option<&str>,
            authorization: Option<&str>,
            deadline: f64,
            most: u32,
        ) -> Promise;
    }
}
