//! The world as it is on Cloudflare: fetch, KV, Cache API, static assets, the ledger's object.

use super::{host, host::keys, task::wait, task::within};
use crate::config::Millis;
use crate::ledger::{Entry, Page};
use crate::platform::{
    After, Answer, Ask, Carry, Content, Down, Failure, Joined, Notes, Platform, Proof, Question, Reply, Store,
    Unreadable, Word,
};
use crate::session::Note;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

/// Random bytes are drawn from the platform this many at a time, and each is used once.
const DRAW: usize = 1024;
/// How long an operator may take to send a body, in milliseconds.
const BODY: f64 = 600_000.0;

thread_local! {
    static RANDOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One request's view of the platform.
pub(super) struct Edge {
    request: JsValue,
}

impl Edge {
    pub(super) fn new(request: JsValue) -> Self {
        Self { request }
    }
}

/// Failures come as numbers: see `host.js`.
fn failure(value: &JsValue) -> Option<u32> {
    value.as_f64().map(|code| code as u32)
}

/// A timer of JavaScript's holds at most 2^31 - 1 milliseconds.
fn timer(time: Millis) -> f64 {
    time.min(i32::MAX as Millis) as f64
}

fn done(value: &JsValue) -> Result<(), Down> {
    if failure(value) == Some(0) { Ok(()) } else { Err(Down) }
}

fn answered(value: JsValue) -> Result<Answer<JsValue>, Failure> {
    match failure(&value) {
        None => Ok(Answer { packed: host::head(&value), body: value }),
        Some(2) => Err(Failure::Timeout),
        Some(_) => Err(Failure::Unreachable),
    }
}

impl Platform for Edge {
    type Body = JsValue;

    fn now(&self) -> Millis {
        js_sys::Date::now() as Millis
    }

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

    fn var(&self, name: &str) -> Option<String> {
        host::variable(name)
    }

    fn log(&self, line: &str) {
        host::log(line);
    }

    async fn record_read(&self, key: &str, deadline: Millis) -> Result<Option<String>, Down> {
        let value = wait(host::record_read(key, deadline as f64)).await;
        if failure(&value).is_some() { Err(Down) } else { Ok(value.as_string()) }
    }

    async fn record_write(&self, key: &str, value: &str, seconds: u64) -> Result<(), Down> {
        done(&wait(host::record_write(key, value, seconds as f64)).await)
    }

    async fn record_delete(&self, key: &str) -> Result<(), Down> {
        done(&wait(host::record_delete(key)).await)
    }

    async fn note_write(&self, note: &Note, seconds: u64) -> Result<(), Down> {
        done(&wait(host::note_write(&note.name, &note.text, seconds as f64)).await)
    }

    async fn notes(&self, prefix: &str, from: Option<&str>) -> Result<Notes, Down> {
        let text = wait(host::notes(prefix, from)).await.as_string().ok_or(Down)?;
        serde_json::from_str(&text).map_err(|_| Down)
    }

    async fn verify(&self, proof: &Proof<'_>) -> Result<bool, Down> {
        let Proof { algorithm, key, signed, signature } = *proof;
        let verdict = wait(keys::verify(algorithm.name(), key, signed, signature)).await;
        verdict.as_bool().ok_or(Down)
    }

    async fn sign(&self, key: &str, text: &str) -> Result<String, Down> {
        wait(keys::sign(key, text)).await.as_string().ok_or(Down)
    }

    async fn consult(&self, question: &Question<'_>) -> Result<Word, Failure> {
        let Question { url, form, authorization, deadline, most } = *question;
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let value = wait(keys::consult(url, form, authorization, deadline as f64, most)).await;
        let said = value.as_string().ok_or(if failure(&value) == Some(2) {
            Failure::Timeout
        } else {
            Failure::Unreachable
        })?;
        let (status, text) = said.split_once('\n').ok_or(Failure::Unreachable)?;
        Ok(Word { status: status.parse().map_err(|_| Failure::Unreachable)?, text: text.to_owned() })
    }

    async fn ledger_read(&self, since: u64, deadline: Millis) -> Result<(Millis, Page), Down> {
        let entry = Entry { subjects: Vec::new(), soft: false, lifetime: 0, since };
        let entry = serde_json::to_string(&entry).map_err(|_| Down)?;
        let read = wait(host::ledger_read(&entry, deadline as f64)).await.as_string().ok_or(Down)?;
        let (began, page) = read.split_once('\n').ok_or(Down)?;
        Ok((began.parse().map_err(|_| Down)?, serde_json::from_str(page).map_err(|_| Down)?))
    }

    async fn ledger_stamp(&self, entry: &Entry, deadline: Millis) -> Result<Page, Down> {
        let entry = serde_json::to_string(entry).map_err(|_| Down)?;
        let page = wait(host::ledger_stamp(&entry, deadline as f64)).await.as_string().ok_or(Down)?;
        serde_json::from_str(&page).map_err(|_| Down)
    }

    async fn fetch(&self, ask: &Ask<'_>) -> Result<Answer<JsValue>, Failure> {
        let carry = match ask.carry {
            Carry::Nothing => 0,
            Carry::Fields => 1,
            Carry::Everything => 2,
            Carry::Held => 3,
        };
        let Ask { url, method, edits, deadline, idle, through, as_visitor, .. } = *ask;
        let (deadline, idle) = (timer(deadline), timer(idle));
        let (request, edits) = (&self.request, edits.packed());
        let asked = host::ask(request, url, method, carry, edits, deadline, idle, through, as_visitor);
        answered(within(asked, deadline).await)
    }

    async fn hedge(
        &self,
        first: &Ask<'_>,
        after: Millis,
        second: &Ask<'_>,
    ) -> (bool, Result<Answer<JsValue>, Failure>) {
        let Ask { url, method, edits, deadline, idle, as_visitor, .. } = *first;
        let (deadline, other_deadline) = (timer(deadline), timer(second.deadline));
        let (edits, idle, after) = (edits.packed(), timer(idle), timer(after));
        let other = second.url;
        let request = &self.request;
        let asked = host::hedge(request, method, edits, idle, url, deadline, after, other, other_deadline, as_visitor);
        match within(asked, deadline.max(after + other_deadline)).await.dyn_into::<js_sys::Array>() {
            Ok(pair) => (failure(&pair.get(0)) == Some(1), answered(pair.get(1))),
            Err(_) => (false, Err(Failure::Unreachable)),
        }
    }

    async fn hold(&self, deadline: Millis) -> Result<(), Unreadable> {
        let held = host::hold(&self.request, timer(deadline)).map_err(|_| Unreadable::Broken)?;
        done(&within(held, timer(deadline)).await).map_err(|Down| Unreadable::Broken)
    }

    fn discard(&self, body: JsValue) {
        host::discard(&body);
    }

    async fn pause(&self, time: Millis) {
        if let Ok(over) = host::pause(timer(time)) {
            wait(over).await;
        }
    }

    async fn prober(&self, pool: &str, letter: &str, deadline: Millis) -> Result<String, Down> {
        wait(host::prober(pool, None, letter, timer(deadline))).await.as_string().ok_or(Down)
    }

    async fn file(&self, path: &str) -> Result<Answer<JsValue>, Failure> {
        answered(wait(host::file(path)).await)
    }

    fn memory(&self, key: &str) -> Option<Answer<JsValue>> {
        let value = host::recall(key);
        if value.is_undefined() { None } else { answered(value).ok() }
    }

    fn claim(&self, flight: &str, patience: Millis) -> Option<String> {
        host::claim(flight, patience as f64)
    }

    async fn join(&self, flight: &str, patience: Millis) -> Joined<JsValue> {
        let value = within(host::join(flight, patience as f64), patience as f64).await;
        match failure(&value) {
            None => answered(value).map_or(Joined::Alone, Joined::Answer),
            Some(1) => Joined::Failed(Failure::Unreachable),
            Some(2) => Joined::Failed(Failure::Timeout),
            Some(_) => Joined::Alone,
        }
    }

    fn oversized(&self, key: &str) -> bool {
        host::oversized(key)
    }

    fn release(&self, claim: &str, failure: Option<Failure>) {
        let code = match failure {
            None => 0,
            Some(Failure::Unreachable) => 1,
            Some(Failure::Timeout) => 2,
        };
        host::release(claim, code);
    }

    fn forget(&self, key: &str) {
        host::forget(key);
    }

    fn keep(&self, answer: JsValue, store: &Store) {
        host::keep(&answer, &how(store));
    }

    async fn cache_read(&self, key: &str) -> Option<Answer<JsValue>> {
        let value = wait(host::stored(key)).await;
        if value.is_undefined() { None } else { answered(value).ok() }
    }

    async fn body(&self, most: usize) -> Result<String, Unreadable> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let value = within(host::body(&self.request, most), BODY).await;
        match failure(&value) {
            Some(3) => Err(Unreadable::TooLarge),
            _ => value.as_string().ok_or(Unreadable::Broken),
        }
    }
}

/// How a copy is stored, in one string: no part of it can hold a NUL.
fn how(store: &Store) -> String {
    let (key, edits) = store.variants.as_ref().map_or(("", ""), |all| (all.key.as_str(), all.edits.packed()));
    format!("{}\0{}\0{}\0{}\0{key}\0{edits}", store.claim, store.key, store.edits.packed(), store.most)
}

/// A reply as a `Response`, and what is to be done behind it.
pub(super) fn respond(reply: Reply<JsValue>) -> (JsValue, Vec<After>) {
    let Reply { status, edits, content, store, after } = reply;
    let store = store.as_ref().map(how);
    let response = match content {
        Content::Text(text) => host::made(status, edits.packed(), &text),
        Content::Whole(body) => host::whole(&body, edits.packed(), store.as_deref()),
        Content::Bare(body) => host::bare(&body, status, edits.packed(), store.as_deref()),
        Content::Part(body, first, last) => {
            host::part(&body, edits.packed(), first as f64, last as f64, store.as_deref())
        }
    };
    (response, after)
}
