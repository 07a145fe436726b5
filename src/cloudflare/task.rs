//! Runs the gateway's `async fn` on JavaScript's promises, without a JavaScript closure or a microtask for each wait.
//!
//! A task that waits returns its promises ([`wait`]); `entry.js` awaits them and calls [`resume`] with their values.
//! Several promises of one task become one `Promise.all`. A task whose request was cancelled is never resumed, and the
//! platform does not report the cancellation: such a task is removed when it has waited longer than its promises can
//! last ([`within`]), or earlier when there are too many tasks.

use js_sys::{Array, Promise};
use std::cell::{Cell, RefCell};
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
const MOST: usize = 1 << PLACE_BITS;
/// The bits of a task's number that are its place.
const PLACE_BITS: u32 = 13;

struct Sleeping {
    /// Its number: its place, and how many tasks have slept before it.
    task: u32,
    work: Work,
    /// When it began to wait (milliseconds since 1970).
    since: f64,
    /// When it is removed unless it was resumed (milliseconds since 1970).
    until: f64,
    /// How many promises it waits for.
    waits: usize,
}

struct Tasks {
    /// By place.
    sleeping: Vec<Option<Sleeping>>,
    /// Places without a task.
    free: Vec<usize>,
    /// How many tasks have slept.
    slept: u32,
    /// When to remove tasks of cancelled requests next (milliseconds since 1970).
    sweep_at: f64,
}

impl Default for Tasks {
    /// The count begins anywhere, so that a request that waits for a task of an earlier instance finds none here.
    fn default() -> Self {
        let slept = getrandom::u32().unwrap_or_default();
        Self { sleeping: Vec::new(), free: Vec::new(), slept, sweep_at: 0.0 }
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
    run(Box::pin(work))
}

pub(super) fn resume(task: u32, value: JsValue) -> JsValue {
    let Some(Sleeping { work, waits, .. }) = TASKS.with_borrow_mut(|tasks| tasks.take(task)) else {
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
    run(work)
}

pub(super) fn pending() -> u32 {
    PENDING.get()
}

/// Schedules work that starts once the current call has returned.
pub(super) fn later(work: impl Future<Output = JsValue> + 'static) {
    run_later(TASKS.with_borrow_mut(|tasks| tasks.sleep(Box::pin(work), 1)));
}

fn run(mut work: Work) -> JsValue {
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
            PENDING.set(TASKS.with_borrow_mut(|tasks| tasks.sleep(work, waits)));
            match (promises.pop(), waits) {
                (Some(promise), 1) => promise.into(),
                (last, _) => Promise::all(&promises.into_iter().chain(last).collect::<Array>()).into(),
            }
        }
    }
}

impl Tasks {
    /// Keeps a task that waits, and gives its number, which is never 0.
    fn sleep(&mut self, work: Work, waits: usize) -> u32 {
        let now = js_sys::Date::now();
        if now >= self.sweep_at || self.sleeping.len() - self.free.len() >= MOST {
            self.sweep(now);
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.sleeping.push(None);
            self.sleeping.len() - 1
        });
        self.slept = self.slept.wrapping_add(1);
        if self.slept << PLACE_BITS == 0 {
            self.slept = 1;
        }
        let task = self.slept << PLACE_BITS | place as u32;
        let until = now + LONGEST.get() + LATE;
        if let Some(slot) = self.sleeping.get_mut(place) {
            *slot = Some(Sleeping { task, work, since: now, until, waits });
        }
        task
    }

    /// The task with this number, which does not wait any more.
    fn take(&mut self, task: u32) -> Option<Sleeping> {
        let place = task as usize % MOST;
        let found = self.sleeping.get_mut(place)?.take_if(|sleeping| sleeping.task == task)?;
        self.free.push(place);
        Some(found)
    }

    /// Removes the tasks of cancelled requests; where none is too late, the one that has waited longest.
    fn sweep(&mut self, now: f64) {
        let waiting = || self.sleeping.iter().flatten();
        let late = waiting().filter(|sleeping| now >= sleeping.until).map(|sleeping| sleeping.task);
        let mut over: Vec<u32> = late.collect();
        if self.sleeping.len() - self.free.len() - over.len() >= MOST {
            // Most of the tasks that have waited longest belong to cancelled requests.
            let first = waiting().min_by(|a, b| a.since.total_cmp(&b.since));
            over.extend(first.map(|first| first.task));
        }
        over.into_iter().for_each(|task| drop(self.take(task)));
        self.sweep_at = now + LATE;
    }
}
