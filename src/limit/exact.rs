//! What do an isolate and the Durable Object that counts a key say to each other?
//!
//! A request is one line: what is done (`+` counts, `-` takes back), its cost, and of each rate interval, capacity, and
//! what an earlier response said of the bucket (0 when it counts), joined with `:`. The response: the object's time, how
//! long the request must wait (0 = it passes), and when each bucket is empty. All times are nanoseconds.

use super::bucket::{Nanos, Rate};

/// In how many Durable Objects the keys of a limit are.
pub const SHARDS: u32 = 64;

/// What the object found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The object's time.
    pub now: Nanos,
    /// How long the request must wait; 0 = it passes.
    pub wait: Nanos,
    /// When the bucket of each rate is empty.
    pub buckets: Vec<Nanos>,
}

impl Response {
    /// Reads a response; `None` when it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(str::parse);
        let (now, wait) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Self { now, wait, buckets: numbers.collect::<Result<_, _>>().ok()? })
    }

    fn text(&self) -> String {
        format!("{} {}{}", self.now, self.wait, joined(&self.buckets))
    }
}

/// The request that counts.
#[must_use]
pub fn count(rates: &[Rate], cost: u32) -> String {
    request('+', cost, rates.iter().map(|rate| (*rate, 0)))
}

/// The request that takes back what was counted when the buckets were as `charged`.
#[must_use]
pub fn take_back(rates: &[Rate], cost: u32, charged: &[Nanos]) -> String {
    request('-', cost, rates.iter().copied().zip(charged.iter().copied()))
}

fn request(what: char, cost: u32, rates: impl Iterator<Item = (Rate, Nanos)>) -> String {
    let rates = rates.map(|(rate, charged)| format!(" {}:{}:{charged}", rate.interval, rate.capacity));
    rates.fold(format!("{what}{cost}"), |text, rate| text + &rate)
}

/// Answers a request at `now`: what to store (none when nothing changes) until when, and the response. `kept` is what
/// was stored. `None` when the request is none.
#[must_use]
pub fn answer(request: &str, kept: &str, now: Nanos) -> Option<(Option<(String, Nanos)>, String)> {
    let mut parts = request.split(' ');
    let what = parts.next()?;
    let counts = what.starts_with('+');
    let cost: u32 = what.strip_prefix(['+', '-'])?.parse().ok()?;
    let mut buckets = kept.split(' ').filter_map(|empty| empty.parse::<Nanos>().ok());
    let (mut before, mut after, mut wait) = (Vec::new(), Vec::new(), 0);
    for part in parts {
        let mut numbers = part.split(':').map(str::parse::<Nanos>);
        let mut number = || numbers.next()?.ok();
        let (rate, charged) = (Rate { interval: number()?, capacity: number()? }, number()?);
        let empty = buckets.next().unwrap_or(0);
        before.push(empty);
        if counts {
            match rate.charged(empty, cost, now) {
                Ok(empty) => after.push(empty),
                Err(more) => wait = more.max(wait),
            }
        } else {
            after.push(rate.taken_back(empty, cost, charged, now));
        }
    }
    if wait > 0 {
        return Some((None, Response { now, wait, buckets: before }.text()));
    }
    let until = after.iter().max().copied().unwrap_or(0);
    let text = joined(&after);
    Some((Some((text.trim_start().to_owned(), until)), Response { now, wait, buckets: after }.text()))
}

/// Numbers, each after a space.
fn joined(numbers: &[Nanos]) -> String {
    numbers.iter().map(|number| format!(" {number}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_counts_by_all_rates_or_by_none() {
        let rates = [Rate { interval: 10, capacity: 30 }, Rate { interval: 100, capacity: 200 }];
        let mut kept = String::new();
        for (now, expected) in [
            (1_000, "1000 0 1010 1100"),
            (1_000, "1000 0 1020 1200"),
            (1_000, "1000 100 1020 1200"),
            (1_100, "1100 0 1110 1300"),
        ] {
            let (stored, response) = answer(&count(&rates, 1), &kept, now).expect("a request");
            assert_eq!(response, expected);
            stored.into_iter().for_each(|(text, _)| kept = text);
        }
        let read = Response::read("1100 0 1110 1300").expect("a response");
        assert_eq!(read, Response { now: 1_100, wait: 0, buckets: vec![1_110, 1_300] });
        let (stored, response) = answer(&take_back(&rates, 1, &read.buckets), &kept, 1_100).expect("a request");
        assert_eq!((stored, response.as_str()), (Some(("1100 1200".into(), 1_200)), "1100 0 1100 1200"));
    }

    proptest! {
        #[test]
        fn no_text_can_panic_the_readers(request in "[-+0-9: ]{0,40}", kept in "[0-9 ]{0,40}", now: u64) {
            let _ = answer(&request, &kept, now);
            let _ = Response::read(&request);
        }
    }
}
