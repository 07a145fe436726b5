//! [`Crypto`] by WebCrypto.

use super::edge::Edge;
use super::task::wait;
use crate::platform::{Crypto, SignedMessage, Unavailable};
use js_sys::Promise;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

/// Random bytes are drawn from the platform this many at a time, and each is used once.
const DRAW: usize = 1024;

thread_local! {
    static RANDOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[wasm_bindgen(raw_module = "../src/cloudflare/crypto.js")]
extern "C" {
    fn verify(algorithm: &str, key: &str, signed: &str, signature: &[u8]) -> Promise;
    fn sign(key: &str, text: &str) -> Promise;
}

impl Crypto for Edge {
    fn random<const N: usize>(&self) -> [u8; N] {
        RANDOM.with_borrow_mut(|drawn| {
            if drawn.len() < N {
                drawn.resize(DRAW.max(N), 0);
                if getrandom::fill(drawn).is_err() {
                    // Without randomness a token could be guessed: trap rather than hand one out.
                    std::process::abort();
                }
            }
            let rest = drawn.len() - N;
            let mut bytes = [0; N];
            for (to, from) in bytes.iter_mut().zip(drawn.drain(rest..)) {
                *to = from;
            }
            bytes
        })
    }

    async fn verify(&self, message: &SignedMessage<'_>) -> Result<bool, Unavailable> {
        let SignedMessage { algorithm, key, signed, signature } = *message;
        wait(verify(algorithm.name(), key, signed, signature)).await.as_bool().ok_or(Unavailable)
    }

    async fn sign(&self, key: &str, text: &str) -> Result<String, Unavailable> {
        wait(sign(key, text)).await.as_string().ok_or(Unavailable)
    }
}
