//! What is a client told of its limits? `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).

use super::Charge;
use super::bucket::{Nanos, Rate};
use crate::config::Limit;
use crate::http::head::Edits;

/// A second, in nanoseconds.
const SECOND: Nanos = 1_000_000_000;

/// Adds the fields for the limits that a request met.
pub fn add<'l>(charges: impl Iterator<Item = (&'l Limit, &'l Charge)>, now: Nanos, edits: &mut Edits) {
    let (mut policy, mut state) = (String::new(), String::new());
    for (limit, charge) in charges {
        for (place, configured) in limit.rates.iter().enumerate() {
            begin_member(&mut policy);
            policy.push_str(&configured.policy);
            if let Some(empty) = charge.buckets.get(place) {
                let (rate, now) = (Rate::of(configured), now.saturating_add_signed(charge.ahead));
                let seconds = empty.saturating_sub(now).min(rate.capacity).div_ceil(SECOND);
                begin_member(&mut state);
                state.push_str(&configured.label);
                // How many requests pass in how many seconds from now: after them the bucket is empty.
                state.push_str(&format!(";r={};t={seconds}", rate.remaining(*empty, now)));
            }
        }
    }
    for (field, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if !value.is_empty() {
            edits.set(field, &value);
        }
    }
}

fn begin_member(list: &mut String) {
    if !list.is_empty() {
        list.push_str(", ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source;

    #[test]
    fn each_rate_is_a_policy_with_what_is_left_of_it() {
        let text = "[[limit]]\nname = \"api\"\nkey = \"address\"\nrate = \"10/1m\"\n\
            [[limit]]\nname = \"all\"\nkey = \"address\"\nrate = [\"5/1s\", \"100/1h\"]\nburst = [2, 100]\n\
            [[limit]]\nname = \"edge\"\nkey = \"address\"\nrate = \"7/10s\"\nscope = \"location\"\n\
            [[route]]\nname = \"a\"\npath = \"/\"\necho = true\n";
        let config = source::read(text, "test.toml").expect("a configuration").1;
        let charge = |buckets| Charge { limit: 0, cost: 1, key: String::new(), buckets, ahead: 0, counted: true };
        let charges = [charge(vec![6 * SECOND]), charge(vec![1, 36 * SECOND]), charge(vec![])];
        let mut edits = Edits::new();
        add(config.protection.get().limits.iter().zip(&charges), 0, &mut edits);
        let expected = "=ratelimit-policy:\"api\";q=10;w=60, \"all-1s\";q=5;w=1, \"all-3600s\";q=100;w=3600, \"edge\";q=7;w=10\n\
            =ratelimit:\"api\";r=9;t=6, \"all-1s\";r=1;t=1, \"all-3600s\";r=99;t=36\n";
        assert_eq!(edits.packed(), expected);
    }
}
