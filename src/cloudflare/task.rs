//! Runs the gateway's `async fn` on JavaScript's promises, without a JavaScript closure or a
//! microtask of our own for each wait.
//!
//! A task that waits hands its promises out ([`wait`]); `entry.js` awaits them and calls
//! [`resume`] with what they resolved to. Several promises of one task go out as one
//! `Promise.all`. A task whose request was cancelled is never resumed; it is swept away when it has
//! slept longer than any wait can last.

use super::host;
use js_sys::{Array, Promise};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use wasm_bindgen::prelude::*;

type Work = Pin<Box<dyn Future<Output = JsValue>>>;

/// A task not resumed for this long belongs to a request that is gone, in milliseconds.
const ASLEEP: f64 = 900_000.0;

struct Sleeping {
    work: Work,
    since: f64,
    /// How many promises it handed out.
    waits: usize,
}

struct Tasks {
    sleeping: HashMap<u32, Sleeping>,
    last: u32,
    sweep_at: usize,
}

impl Default for Tasks {
    /// Numbers begin anywhere, so that what waits for a task of a dead instance finds none here.
    fn default() -> Self {
        let last = getrandom::u32().unwrap_or_default();
        Self { sleeping: HashMap::new(), last, sweep_at: 0 }
    }
}

thread_local! {
    static TASKS: RefCell<Tasks> = RefCell::default();
    /// Promises handed out by the task that is being polled.
    static OUT: RefCell<Vec<Promise>> = const { RefCell::new(Vec::new()) };
    /// What they resolved to, in the same order.
    static IN: RefCell<Vec<JsValue>> = const { RefCell::new(Vec::new()) };
    static PENDING: Cell<u32> = const { Cell::new(0) };
}

/// Waits for a promise that always resolves.
pub(super) fn wait(promise: Promise) -> Wait {
    Wait { promise: Some(promise), place: 0 }
}

/// See [`wait`].
pub(super) struct Wait {
    promise: Option<Promise>,
    place: usize,
}

impl Future for Wait {
    type Output = JsValue;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<JsValue> {
        if let Some(promise) = self.promise.take() {
            self.place = OUT.with_borrow_mut(|out| {
                out.push(promise);
                out.len() - 1
            });
            return Poll::Pending;
        }
        let place = self.place;
        IN.with_borrow_mut(|values| match values.get_mut(place) {
            Some(value) => Poll::Ready(std::mem::replace(value, JsValue::UNDEFINED)),
            None => Poll::Pending,
        })
    }
}

pub(super) fn start(work: impl Future<Output = JsValue> + 'static) -> JsValue {
    let task = TASKS.with_borrow_mut(|tasks| tasks.next());
    run(task, Box::pin(work))
}

pub(super) fn resume(task: u32, value: JsValue) -> JsValue {
    let Some(Sleeping { work, waits, .. }) = TASKS.with_borrow_mut(|tasks| tasks.sleeping.remove(&task)) else {
        PENDING.set(0);
        return JsValue::UNDEFINED;
    };
    IN.with_borrow_mut(|values| {
        values.clear();
        if waits == 1 {
            values.push(value);
        } else if let Ok(array) = value.dyn_into::<Array>() {
            values.extend(array.iter());
        }
    });
    run(task, work)
}

pub(super) fn pending() -> u32 {
    PENDING.get()
}

/// Leaves work to be begun once the current call has returned.
pub(super) fn later(work: impl Future<Output = JsValue> + 'static) {
    let task = TASKS.with_borrow_mut(|tasks| {
        let task = tasks.next();
        tasks.sleep(task, Box::pin(work), 1);
        task
    });
    host::later(task);
}

fn run(task: u32, mut work: Work) -> JsValue {
    OUT.with_borrow_mut(Vec::clear);
    let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    IN.with_borrow_mut(Vec::clear);
    match polled {
        Poll::Ready(value) => {
            PENDING.set(0);
            value
        }
        Poll::Pending => {
            let mut promises = OUT.with_borrow_mut(std::mem::take);
            let waits = promises.len();
            TASKS.with_borrow_mut(|tasks| tasks.sleep(task, work, waits));
            PENDING.set(task);
            match (promises.pop(), waits) {
                (Some(promise), 1) => promise.into(),
                (last, _) => Promise::all(&promises.into_iter().chain(last).collect::<Array>()).into(),
            }
        }
    }
}

impl Tasks {
    fn next(&mut self) -> u32 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.last
    }

    fn sleep(&mut self, task: u32, work: Work, waits: usize) {
        let since = js_sys::Date::now();
        self.sleeping.insert(task, Sleeping { work, since, waits });
        if self.sleeping.len() > self.sweep_at {
            self.sleeping.retain(|_, task| since - task.since < ASLEEP);
            self.sweep_at = 64.max(2 * self.sleeping.len());
        }
    }
}
