//! Implements [`LedgerStore`] with the ledger's Durable Object.

use super::edge::Edge;
use super::task::wait;
use crate::config::Millis;
use crate::ledger::{Entry, Moment, Page};
use crate::platform::{LedgerStore, Unavailable};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/ledger_store.js")]
extern "C" {
    #[wasm_bindgen(js_name = ledgerRead)]
    fn ledger_read(entry: &str, deadline: f64) -> Promise;
    #[wasm_bindgen(js_name = ledgerStamp)]
    fn ledger_stamp(entry: &str, deadline: f64) -> Promise;
}

impl LedgerStore for Edge {
    async fn ledger_read(&self, since: Moment, deadline: Millis) -> Result<(Millis, Page), Unavailable> {
        let entry = Entry { subjects: Vec::new(), soft: false, lifetime: 0, since };
        let entry = serde_json::to_string(&entry).map_err(|_| Unavailable)?;
        let read = wait(ledger_read(&entry, deadline as f64)).await.as_string().ok_or(Unavailable)?;
        let (began, page) = read.split_once('\n').ok_or(Unavailable)?;
        Ok((began.parse().map_err(|_| Unavailable)?, serde_json::from_str(page).map_err(|_| Unavailable)?))
    }

    async fn ledger_stamp(&self, entry: &Entry, deadline: Millis) -> Result<Page, Unavailable> {
        let entry = serde_json::to_string(entry).map_err(|_| Unavailable)?;
        let page = wait(ledger_stamp(&entry, deadline as f64)).await.as_string().ok_or(Unavailable)?;
        serde_json::from_str(&page).map_err(|_| Unavailable)
    }
}
