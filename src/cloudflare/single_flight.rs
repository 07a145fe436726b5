//! Implements [`SingleFlight`] for the requests of this isolate.

use super::edge::{Edge, failure, response};
use super::task::within;
use crate::config::Millis;
use crate::platform::{Failure, Joined, SingleFlight};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/single_flight.js")]
extern "C" {
    fn claim(flight: &str, patience: f64) -> Option<String>;
    fn release(claim: &str, failure: u32);
    fn join(flight: &str, patience: f64) -> Promise;
}

impl SingleFlight for Edge {
    fn claim(&self, flight: &str, patience: Millis) -> Option<String> {
        claim(flight, patience as f64)
    }

    async fn join(&self, flight: &str, patience: Millis) -> Joined<JsValue> {
        let value = within(join(flight, patience as f64), patience as f64).await;
        match failure(&value) {
            None => response(value).map_or(Joined::Nothing, Joined::Response),
            Some(1) => Joined::Failed(Failure::Unreachable),
            Some(2) => Joined::Failed(Failure::Timeout),
            Some(_) => Joined::Nothing,
        }
    }

    fn release(&self, claim: &str, failure: Option<Failure>) {
        let code = match failure {
            None => 0,
            Some(Failure::Unreachable) => 1,
            Some(Failure::Timeout) => 2,
        };
        release(claim, code);
    }
}
