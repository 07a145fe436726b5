//! Runs the gateway's `async fn` on JavaScript's promises, without a JavaScript closure or a microtask for each wait.
//!
//! A task that waits returns its promises ([`wait`]); `entry.js` awaits them and calls [`resume`] with their values.
//! Several promises of one task become one `Promise.all`. A task whose request was cancelled is never resumed, and the
//! platform does not report the cancellation: such a task is removed when it has waited longer than its promises can
//! last ([`within`]), or earlier when there are too many tasks.

use js_sys::{Array, Promise};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "../src/cloudflare/task.js")]
extern "C" {
    /// Runs a task once the current call into the gateway has returned.
    #[wasm_bindgen(js_name = later)]
    fn run_later(task: u32);
}

type Work = Pin<Box<dyn Future<Output = JsValue>>>;

/// How long a promise may take to resolve, unless stated otherwise ([`within`]), in milliseconds.
const PATIENCE: f64 = 60_000.0;
/// A task that is not resumed so long after its promises must have resolved belongs to a cancelled request, in
/// milliseconds.
const LATE: f64 = 5_000.0;
/// The most tasks that wait at one time; each takes some kilobytes.
const MOST: usize = 8_192;

struct Sleeping {
    work: Work,
    /// When it began to wait (milliseconds since 1970).
    since: f64,
    /// When it is removed unless it was resumed (milliseconds since 1970).
    until: f64,
    /// How many promises it waits for.
    waits: usize,
}

struct Tasks {
    sleeping: HashMap<u32, Sleeping>,
    last: u32,
    /// When to remove tasks of cancelled requests next (milliseconds since 1970).
    sweep_at: f64,
}

impl Default for Tasks {
    /// The first number is random, so that a request that waits for a task of an earlier instance finds none here.
    fn default() -> Self {
        let last = getrandom::u32().unwrap_or_default();
        Self { sleeping: HashMap::new(), last, sweep_at: 0.0 }
    }
}

thread_local! {
    static TASKS: RefCell<Tasks> = RefCell::default();
    /// Promises of the task that is being polled.
    static OUT: RefCell<Vec<Promise>> = const { RefCell::new(Vec::new()) };
    /// Their values, in the same order.
    static IN: RefCell<Vec<JsValue>> = const { RefCell::new(Vec::new()) };
    static PENDING: Cell<u32> = const { Cell::new(0) };
    /// How long the task that is being polled may have to wait.
    static LONGEST: Cell<f64> = const { Cell::new(PATIENCE) };
}

/// Waits for a promise that always resolves, within a minute.
pub(super) fn wait(promise: Promise) -> Wait {
    Wait { promise: Some(promise), place: 0, longest: PATIENCE }
}

/// Waits for a promise that always resolves, within `longest` milliseconds.
pub(super) fn within(promise: Promise, longest: f64) -> Wait {
    Wait { longest, ..wait(promise) }
}

/// See [`wait`].
pub(super) struct Wait {
    promise: Option<Promise>,
    place: usize,
    longest: f64,
}

impl Future for Wait {
    type Output = JsValue;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<JsValue> {
        if let Some(promise) = self.promise.take() {
            LONGEST.set(LONGEST.get().max(self.longest));
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

/// Schedules work that starts once the current call has returned.
pub(super) fn later(work: impl Future<Output = JsValue> + 'static) {
    let task = TASKS.with_borrow_mut(|tasks| {
        let task = tasks.next();
        tasks.sleep(task, Box::pin(work), 1);
        task
    });
    run_later(task);
}

fn run(task: u32, mut work: Work) -> JsValue {
    OUT.with_borrow_mut(Vec::clear);
    LONGEST.set(PATIENCE);
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
        let now = js_sys::Date::now();
        self.sleeping.insert(task, Sleeping { work, since: now, until: now + LONGEST.get() + LATE, waits });
        if now >= self.sweep_at || self.sleeping.len() > MOST {
            self.sleeping.retain(|_, task| now < task.until);
            self.sweep_at = now + LATE;
        }
        if self.sleeping.len() > MOST {
            // Most of the tasks that have waited longest belong to cancelled requests.
            let first = self.sleeping.iter().min_by(|a, b| a.1.since.total_cmp(&b.1.since));
            if let Some(first) = first.map(|(task, _)| *task) {
                self.sleeping.remove(&first);
            }
        }
    }
}
