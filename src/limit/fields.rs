//! What is a client told of its limits? `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).

use super::bucket::{Nanos, Rate};
use super::{Charge, rates};
use crate::config::{Limit, LimitRate};
use crate::http::head::Edits;

/// A second, in nanoseconds.
const SECOND: Nanos = 1_000_000_000;

/// Adds the fields for the limits that a request met.
pub fn add<'l>(charges: impl Iterator<Item = (&'l Limit, &'l Charge)>, now: Nanos, edits: &mut Edits) {
    let (mut policy, mut state) = (String::new(), String::new());
    for (limit, charge) in charges {
        for (rate, place) in limit.rates.iter().zip(0..) {
            let name = name(limit, rate);
            member(&mut policy, &format!("{name};q={};w={}", rate.count, rate.period / 1_000));
            if let Some((rate, empty)) = rates(limit).get(place).zip(charge.buckets.get(place)) {
                member(&mut state, &format!("{name};{}", left(*rate, *empty, now)));
            }
        }
    }
    for (field, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if !value.is_empty() {
            edits.set(field, &value);
        }
    }
}

/// How many requests pass in how many seconds from now: after them the bucket is empty.
fn left(rate: Rate, empty: Nanos, now: Nanos) -> String {
    format!("r={};t={}", rate.remaining(empty, now), empty.saturating_sub(now).min(rate.capacity).div_ceil(SECOND))
}

/// The policy's name, a string (RFC 9651 3.3.3): the limit's, and the period of the rate where there are several.
fn name(limit: &Limit, rate: &LimitRate) -> String {
    match limit.rates.as_slice() {
        [_] => format!("\"{}\"", limit.name),
        _ => format!("\"{}-{}s\"", limit.name, rate.period / 1_000),
    }
}

fn member(list: &mut String, member: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(member);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KeyPart, LimitCounts, LimitScope};

    #[test]
    fn each_rate_is_a_policy_with_what_is_left_of_it() {
        let rate = |count, period, burst| LimitRate { count, period, burst };
        let limit = |name: &str, rates| Limit {
            name: name.into(),
            key: vec![KeyPart::Address],
            rates,
            scope: LimitScope::Isolate,
            counts: LimitCounts::All,
            shadow: false,
        };
        let charge = |buckets| Charge { limit: 0, cost: 1, key: String::new(), buckets, counted: true };
        let one = limit("api", vec![rate(10, 60_000, 10)]);
        let two = limit("all", vec![rate(5, 1_000, 2), rate(100, 3_600_000, 100)]);
        let location = limit("edge", vec![rate(7, 10_000, 7)]);
        let mut edits = Edits::new();
        let charges =
            [(&one, &charge(vec![6 * SECOND])), (&two, &charge(vec![1, 36 * SECOND])), (&location, &charge(vec![]))];
        add(charges.into_iter(), 0, &mut edits);
        let expected = "=ratelimit-policy:\"api\";q=10;w=60, \"all-1s\";q=5;w=1, \"all-3600s\";q=100;w=3600, \"edge\";q=7;w=10\n\
            =ratelimit:\"api\";r=9;t=6, \"all-1s\";r=1;t=1, \"all-3600s\";r=99;t=36\n";
        assert_eq!(edits.packed(), expected);
    }
}
