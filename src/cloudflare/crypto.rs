//! Implements [`Crypto`] with WebCrypto.

use super::edge::Edge;
use super::task::wait;
use crate::platform::{Crypto, SignedMessage, Unavailable};
use js_sys::Promise;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

/// How many random bytes are read from the platform at one time; each is used once.
const BATCH: usize = 1024;

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
        RANDOM.with_borrow_mut(|unused| {
            if unused.len() < N {
                unused.resize(BATCH.max(N), 0);
                if getrandom::fill(unused).is_err() {
                    // Without randomness tokens are predictable: trap instead of creating one.
                    std::process::abort();
                }
            }
            let rest = unused.len() - N;
            let mut bytes = [0; N];
            for (to, from) in bytes.iter_mut().zip(unused.drain(rest..)) {
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
