//! Which records has this isolate read recently? A cache in memory that saves reads of the store.

use crate::http::date::Millis;
use lru::LruCache;
use std::rc::Rc;

/// A bounded cache; the record that was read first is evicted first.
#[derive(Debug)]
pub struct Memo<T> {
    /// Records, each with the time at which it was read.
    known: LruCache<Rc<str>, (Rc<T>, Millis)>,
    most: usize,
    lifetime: Millis,
}

impl<T> Memo<T> {
    /// Keeps at most `most` records, each for `lifetime` milliseconds.
    #[must_use]
    pub fn new(most: usize, lifetime: Millis) -> Self {
        // A bounded one would allocate all of its space at once.
        Self { known: LruCache::unbounded(), most, lifetime }
    }

    /// The record read under `key` less than a lifetime before `now`.
    #[must_use]
    pub fn get(&self, key: &str, now: Millis) -> Option<Rc<T>> {
        let (record, read) = self.known.peek(key)?;
        (now.saturating_sub(*read) < self.lifetime).then(|| Rc::clone(record))
    }

    /// Keeps a record that was read at `now`.
    pub fn put(&mut self, key: &str, record: Rc<T>, now: Millis) {
        self.known.put(key.into(), (record, now));
        if self.known.len() > self.most {
            self.known.pop_lru();
        }
    }

    /// Removes a record: its session has ended in this isolate.
    pub fn forget(&mut self, key: &str) {
        self.known.pop(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(user: &str) -> Rc<String> {
        Rc::new(user.into())
    }

    #[test]
    fn a_record_is_kept_for_its_lifetime_and_no_longer() {
        let mut memo = Memo::new(10, 5_000);
        memo.put("a", record("u"), 1_000);
        assert!(memo.get("a", 5_999).is_some() && memo.get("a", 6_000).is_none() && memo.get("b", 1_000).is_none());
        memo.forget("a");
        assert!(memo.get("a", 1_000).is_none());
    }

    #[test]
    fn reading_again_keeps_a_record_longer() {
        let mut memo = Memo::new(2, 5_000);
        memo.put("a", record("u"), 1);
        memo.put("b", record("u"), 2);
        memo.put("a", record("u"), 3);
        memo.put("c", record("u"), 4);
        assert!(memo.get("a", 5).is_some() && memo.get("b", 5).is_none() && memo.get("c", 5).is_some());
    }

    proptest! {
        #[test]
        fn the_memo_stays_within_its_bound(keys in prop::collection::vec(0u8..30, 0..200), most in 1usize..10) {
            let mut memo = Memo::new(most, 1_000);
            for (now, key) in keys.iter().enumerate() {
                memo.put(&key.to_string(), record("u"), now as Millis);
                prop_assert!(memo.known.len() <= most);
                prop_assert!(memo.get(&key.to_string(), now as Millis).is_some());
            }
        }
    }
}
