//! The rim: Cloudflare's types into ours and back. Only here is the platform named.
//!
//! `entry.js` calls [`start`] with each request and [`resume`] when what it waits for is there;
//! `host.js` does what the gateway asks for.

mod edge;
mod host;
mod ledger;
mod prober;
mod task;

use crate::error::Error;
use crate::gateway::{Built, Gateway};
use edge::Edge;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// The checked configuration, as the build embeds it.
const CONFIG: &str = include_str!(concat!(env!("OUT_DIR"), "/config.json"));
/// Which of its locales is nearest to which tag, as the build found out.
const LANGUAGES: &str = include_str!(concat!(env!("OUT_DIR"), "/languages.txt"));
/// Usher's own words in these locales.
const WORDS: &str = include_str!(concat!(env!("OUT_DIR"), "/words.json"));
/// Which pages of `static/` are there in which of them.
const PAGES: &str = include_str!(concat!(env!("OUT_DIR"), "/pages.json"));
/// Changes whenever a file of `static/` does.
const EDITION: &str = env!("USHER_EDITION");

thread_local! {
    static GATEWAY: Rc<Gateway> = {
        console_error_panic_hook::set_once();
        // The build checked this very text; if it cannot be read, nothing is served.
        let raw = serde_json::from_str(CONFIG).unwrap_or_default();
        let built = Built { raw, languages: LANGUAGES, words: WORDS, pages: PAGES, edition: EDITION };
        let gateway = Gateway::new(&built, host::variable);
        let memory = gateway.memory();
        host::remembers(memory.all as f64, memory.object as f64);
        host::waits(gateway.store_deadline() as f64);
        Rc::new(gateway)
    };
}

/// Begins to answer a request: the response, or the promise that is waited for ([`pending`]).
#[wasm_bindgen]
pub fn start(packed: String, request: JsValue) -> JsValue {
    let gateway = GATEWAY.with(Rc::clone);
    task::start(async move {
        let edge = Edge::new(request);
        let reply = gateway.serve(&edge, &packed).await;
        let (mut response, after) = edge::respond(reply);
        if response.is_undefined() {
            response = edge::respond(gateway.refuse(&edge, &packed, Error::OriginUnreachable)).0;
        }
        if !after.is_empty() {
            task::later(async move {
                gateway.after(&edge, after).await;
                JsValue::UNDEFINED
            });
        }
        response
    })
}

/// Answers a request that the gateway broke down under.
#[wasm_bindgen]
#[must_use]
pub fn apologize(packed: &str, request: JsValue) -> JsValue {
    let gateway = GATEWAY.with(Rc::clone);
    edge::respond(gateway.refuse(&Edge::new(request), packed, Error::Internal)).0
}

/// Goes on with a task whose promise has resolved to `value`.
#[wasm_bindgen]
pub fn resume(task: u32, value: JsValue) -> JsValue {
    task::resume(task, value)
}

/// The task that the last call left waiting, or 0.
#[wasm_bindgen]
#[must_use]
pub fn pending() -> u32 {
    task::pending()
}
