//! Implements [`Clock`] with JavaScript's clock and timers.

use super::edge::{Edge, timer};
use super::task::wait;
use crate::config::Millis;
use crate::platform::Clock;
use js_sys::Promise;
use wasm_bindgen::prelude::*;

// The path is relative to build/usher.js, which imports it.
#[wasm_bindgen(raw_module = "../src/cloudflare/timing.js")]
extern "C" {
    // Without `catch` the glue imports the whole module a second time.
    #[wasm_bindgen(catch)]
    fn sleep(time: f64) -> Result<Promise, JsValue>;
}

impl Clock for Edge {
    fn now(&self) -> Millis {
        js_sys::Date::now() as Millis
    }

    async fn sleep(&self, time: Millis) {
        if let Ok(over) = sleep(timer(time)) {
            wait(over).await;
        }
    }
}
