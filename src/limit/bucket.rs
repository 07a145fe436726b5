//! How full is a bucket? The generic cell rate algorithm (ITU-T I.371, annex A): a bucket leaks at a constant rate, and is
//! known by one moment, at which it will be empty. A request adds to it, and passes where it does not overflow.
//!
//! So no order of requests passes more than the rate times the time, and the burst.

use crate::config::LimitRate;

/// Nanoseconds since 1970.
pub type Nanos = u64;

/// A rate: what a request adds to a bucket, and how much a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In how many nanoseconds leaks what a request of cost 1 adds.
    pub interval: Nanos,
    /// In how many nanoseconds a full bucket is empty.
    pub capacity: Nanos,
}

impl Rate {
    /// The rate that is configured. An interval that is no whole number of nanoseconds is rounded up.
    #[must_use]
    pub fn of(rate: &LimitRate) -> Self {
        let interval = (rate.period * 1_000_000).div_ceil(u64::from(rate.count).max(1));
        Self { interval, capacity: interval.saturating_mul(rate.burst.into()) }
    }

    /// What a bucket holds. One that seems to hold more than it can (the clock went back) is full.
    fn level(self, empty: Nanos, now: Nanos) -> Nanos {
        empty.saturating_sub(now).min(self.capacity)
    }

    /// When the bucket that is empty at `empty` will be empty with a request of this cost.
    ///
    /// # Errors
    /// The request does not pass: in how many nanoseconds it would.
    pub fn charged(self, empty: Nanos, cost: u32, now: Nanos) -> Result<Nanos, Nanos> {
        let level = self.level(empty, now).saturating_add(self.interval.saturating_mul(cost.into()));
        if level <= self.capacity { Ok(now.saturating_add(level)) } else { Err(level - self.capacity) }
    }

    /// When the bucket will be empty without a request of this cost, after which it would have been empty at `charged`.
    /// Only what has not leaked since is taken back.
    #[must_use]
    pub fn taken_back(self, empty: Nanos, cost: u32, charged: Nanos, now: Nanos) -> Nanos {
        let left = self.interval.saturating_mul(cost.into()).min(charged.saturating_sub(now));
        empty.saturating_sub(left)
    }

    /// How many requests of cost 1 pass at once now.
    #[must_use]
    pub fn remaining(self, empty: Nanos, now: Nanos) -> u64 {
        (self.capacity - self.level(empty, now)) / self.interval.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(count: u32, period: u64, burst: u32) -> Rate {
        Rate::of(&LimitRate { count, period, burst, label: String::new(), policy: String::new() })
    }

    #[test]
    fn a_burst_passes_at_once_and_then_one_in_each_interval() {
        let rate = rate(10, 1_000, 3);
        let mut empty = 0;
        for _ in 0..3 {
            empty = rate.charged(empty, 1, 5_000_000_000).expect("the burst passes");
        }
        assert_eq!(rate.charged(empty, 1, 5_000_000_000), Err(100_000_000));
        assert_eq!(rate.remaining(empty, 5_000_000_000), 0);
        assert_eq!(rate.remaining(empty, 5_100_000_000), 1);
        assert!(rate.charged(empty, 1, 5_099_999_999).is_err());
        assert!(rate.charged(empty, 1, 5_100_000_000).is_ok());
        assert_eq!(rate.remaining(empty, 9_000_000_000), 3);
    }

    #[test]
    fn what_is_taken_back_is_what_has_not_leaked() {
        let rate = rate(10, 1_000, 2);
        let first = rate.charged(0, 1, 0).expect("passes");
        assert_eq!(rate.taken_back(first, 1, first, 0), 0);
        let second = rate.charged(first, 1, 60_000_000).expect("passes");
        // Of the first, 40 ms are left.
        assert_eq!(rate.taken_back(second, 1, first, 60_000_000), second - 40_000_000);
        let later = rate.charged(first, 1, 500_000_000).expect("passes");
        assert_eq!(rate.taken_back(later, 1, first, 500_000_000), later);
    }

    /// A step: how far the clock moves (back now and then), and what is sent or taken back.
    fn steps() -> impl Strategy<Value = Vec<(i64, u32, bool)>> {
        prop::collection::vec((prop_oneof![9 => 0_i64..400, 1 => -2_000_i64..0], 1_u32..4, any::<bool>()), 1..120)
    }

    proptest! {
        #[test]
        fn no_order_of_requests_passes_more_than_the_rate_and_the_burst(
            (count, period, burst) in (1_u32..50, 1_u64..20, 1_u32..60),
            steps in steps(),
        ) {
            let rate = rate(count, period * 1_000, burst);
            let (mut empty, mut now, mut passed, mut forward) = (0, 1_000_000_000_000_u64, 0_u64, 0_u64);
            for (moved, cost, _) in steps {
                now = now.saturating_add_signed(moved * 1_000_000);
                forward += moved.max(0).unsigned_abs() * 1_000_000;
                if let Ok(charged) = rate.charged(empty, cost, now) {
                    empty = charged;
                    passed += u64::from(cost);
                }
                prop_assert!(passed <= u64::from(burst) + forward / rate.interval);
            }
        }

        #[test]
        fn what_is_taken_back_lets_no_more_pass_than_were_taken_back(
            (count, burst) in (1_u32..50, 1_u32..60),
            steps in steps(),
        ) {
            let rate = rate(count, 1_000, burst);
            let (mut empty, mut now, mut kept) = (0, 1_000_000_000_000_u64, 0_u64);
            let start = now;
            let mut open: Vec<(u32, u64)> = Vec::new();
            for (moved, cost, back) in steps {
                now += moved.unsigned_abs() * 1_000_000;
                if back && !open.is_empty() {
                    let (cost, charged) = open.remove(0);
                    empty = rate.taken_back(empty, cost, charged, now);
                    kept -= u64::from(cost);
                }
                if let Ok(charged) = rate.charged(empty, cost, now) {
                    empty = charged;
                    open.push((cost, charged));
                    kept += u64::from(cost);
                }
                prop_assert!(kept <= u64::from(burst) + (now - start) / rate.interval);
            }
        }
    }
}
