//! The gateway of this isolate, with the data that the build wrote.

use super::cache_store::limit_memory;
use super::environment::variable;
use super::key_value::set_deadline;
use crate::gateway::Gateway;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/data.js")]
extern "C" {
    /// See [`crate::config::Built`].
    fn data() -> Vec<u8>;
}

thread_local! {
    /// Never dropped: code that could drop it would be in the wasm.
    static GATEWAY: &'static Gateway = {
        console_error_panic_hook::set_once();
        let gateway = Gateway::new(data().into(), variable);
        let memory = gateway.memory();
        limit_memory(memory.all as f64, memory.object as f64);
        set_deadline(gateway.store_deadline() as f64);
        Box::leak(Box::new(gateway))
    };
}

/// The gateway; the first call creates it.
pub(super) fn gateway() -> &'static Gateway {
    GATEWAY.with(|gateway| *gateway)
}
