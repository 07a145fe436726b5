//! The buckets of many keys in bounded memory.
//!
//! A table has places for a fixed number of keys. Where all places that a new key may have are taken by keys whose buckets
//! are not empty, it takes the place of the least full bucket, and what is in it (Metwally, Agrawal, El Abbadi:
//! "Efficient computation of frequent and top-k elements in data streams", 2005, section 3). A key that lost its place
//! finds at least as much in a bucket when it is back: however many keys there are, none gets a new bucket before its own
//! would be empty. Too many keys at once are counted as if some were the same.

use super::bucket::Nanos;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Places among which a key has to find one.
const WAYS: usize = 8;
/// How many times as many places there are.
const SETS: usize = 2_048;

/// Buckets by key: 16,384 places, 256 KiB.
#[derive(Debug)]
pub struct Table {
    /// Makes it unpredictable which keys share a set.
    seed: [u8; 16],
    /// Of each place the hash of its key (0 = nobody had it yet), and when its bucket is empty.
    places: Vec<(u64, Nanos)>,
}

impl Table {
    /// An empty table; `seed` is secret.
    #[must_use]
    pub fn new(seed: [u8; 16]) -> Self {
        Self { seed, places: vec![(0, 0); SETS * WAYS] }
    }

    /// When the bucket of a key is empty.
    #[must_use]
    pub fn bucket(&self, key: &str, now: Nanos) -> Nanos {
        let hash = self.hash(key);
        let (place, found) = self.place(hash, now);
        let (_, empty) = self.places.get(place).copied().unwrap_or_default();
        if found || empty > now { empty } else { 0 }
    }

    /// When the bucket of a key is empty; `None` where the key has no place.
    #[must_use]
    pub fn known(&self, key: &str) -> Option<Nanos> {
        let (place, found) = self.place(self.hash(key), 0);
        self.places.get(place).filter(|_| found).map(|(_, empty)| *empty)
    }

    /// Sets when the bucket of a key is empty; [`Table::bucket`] has said what was in it.
    pub fn set(&mut self, key: &str, empty: Nanos, now: Nanos) {
        let hash = self.hash(key);
        let (place, _) = self.place(hash, now);
        self.places.get_mut(place).into_iter().for_each(|place| *place = (hash, empty));
    }

    fn hash(&self, key: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, key).hash(&mut hasher);
        hasher.finish().max(1)
    }

    /// The place of a key, and whether it is its own; else an empty one, else the least full.
    fn place(&self, hash: u64, now: Nanos) -> (usize, bool) {
        let first = hash as usize % SETS * WAYS;
        let ways = || (first..first + WAYS).filter_map(|place| Some((place, *self.places.get(place)?)));
        match ways().find(|(_, (known, _))| *known == hash) {
            Some((place, _)) => (place, true),
            None => (ways().min_by_key(|(_, (_, empty))| (*empty).max(now)).map_or(first, |(place, _)| place), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LimitRate;
    use crate::limit::bucket::Rate;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::sync::OnceLock;

    /// Keys that share a set.
    static ONE_SET: OnceLock<Vec<String>> = OnceLock::new();

    fn rate(count: u32, period: u64, burst: u32) -> Rate {
        Rate::of(&LimitRate { count, period, burst, label: String::new(), policy: String::new() })
    }

    fn ask(table: &mut Table, rate: Rate, key: &str, now: Nanos) -> bool {
        let charged = rate.charged(table.bucket(key, now), 1, now);
        charged.into_iter().for_each(|empty| table.set(key, empty, now));
        charged.is_ok()
    }

    #[test]
    fn a_hundred_thousand_keys_take_no_more_memory_and_refill_nobody() {
        let mut table = Table::new([7; 16]);
        let rate = rate(5, 3_600_000, 5);
        let now = 1_800_000_000_000_000_000;
        for _ in 0..5 {
            assert!(ask(&mut table, rate, "one", now));
        }
        let memory = table.places.capacity();
        for number in 0..100_000 {
            ask(&mut table, rate, &number.to_string(), now);
        }
        assert_eq!((table.places.capacity(), memory * size_of::<(u64, Nanos)>()), (memory, 262_144));
        assert!(!ask(&mut table, rate, "one", now), "it has sent all it may");
        // Each key may send five, and none of these sent more.
        assert!((0..100_000).filter(|number| ask(&mut table, rate, &number.to_string(), now)).count() < 100_000);
        assert!(ask(&mut table, rate, "one", now + rate.capacity), "an hour later everything has leaked");
    }

    #[test]
    fn a_key_that_has_a_place_is_counted_alone() {
        let mut table = Table::new([1; 16]);
        let rate = rate(2, 1_000, 2);
        for number in 0..1_000 {
            let key = number.to_string();
            assert_eq!([(); 3].map(|()| ask(&mut table, rate, &key, 1_000)), [true, true, false], "{key}");
        }
        assert_eq!((table.known("7").is_some(), table.known("x")), (true, None));
    }

    proptest! {
        #[test]
        fn no_key_passes_more_than_its_rate_and_burst(
            asked in prop::collection::vec((0_u32..20, 0_u64..30_000_000), 1..600),
            burst in 1_u32..6,
        ) {
            // All keys in one set: each evicts others.
            let mut table = Table::new([3; 16]);
            let keys = ONE_SET.get_or_init(|| {
                let set = |key: &str| table.hash(key) as usize % SETS;
                (0_u32..).map(|n| n.to_string()).filter(|key| set(key) == set("0")).take(20).collect()
            });
            let rate = rate(10, 1_000, burst);
            let (mut now, mut passed) = (1_000_000_000, HashMap::<u32, u64>::new());
            let start = now;
            for (key, time) in asked {
                now += time;
                let name = keys.get(key as usize).expect("a key");
                if ask(&mut table, rate, name, now) {
                    *passed.entry(key).or_default() += 1;
                }
                let most = u64::from(burst) + (now - start) / rate.interval;
                prop_assert!(passed.get(&key).is_none_or(|count| *count <= most));
            }
        }
    }
}
