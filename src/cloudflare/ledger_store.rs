//! Implements [`LedgerStore`] with the ledger's Durable Object.

use super::edge::Edge;
use super::task::wait;
use crate::config::Millis;
use crate::ledger::{self, Entry, Moment, Page};
use crate::platform::{LedgerStore, Unavailable};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/ledger_store.js")]
extern "C" {
    #[wasm_bindgen(js_name = ledgerRead)]
    fn ledger_read(since: f64, deadline: f64) -> Promise;
    #[wasm_bindgen(js_name = ledgerStamp)]
    fn ledger_stamp(subjects: &str, soft: bool, lifetime: f64, since: f64, deadline: f64) -> Promise;
}

/// When a read began (milliseconds since 1970), and its page.
async fn read(answer: Promise) -> Result<(Millis, Page), Unavailable> {
    let text = wait(answer).await.as_string().ok_or(Unavailable)?;
    Page::read(&text).ok_or(Unavailable)
}

impl LedgerStore for Edge {
    async fn ledger_read(&self, since: Moment, deadline: Millis) -> Result<(Millis, Page), Unavailable> {
        read(ledger_read(since as f64, deadline as f64)).await
    }

    async fn ledger_stamp(&self, entry: &Entry, deadline: Millis) -> Result<Page, Unavailable> {
        let Entry { subjects, soft, lifetime, since } = entry;
        let subjects = ledger::lines(subjects);
        read(ledger_stamp(&subjects, *soft, *lifetime as f64, *since as f64, deadline as f64))
            .await
            .map(|(_, page)| page)
    }
}
