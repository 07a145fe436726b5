//! Records an isolate has read and trusts for a moment, so that the store is spared.

use crate::http::date::Millis;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// A bounded memory; the oldest reading leaves first.
#[derive(Debug)]
pub struct Memo<T> {
    known: HashMap<Rc<str>, (Rc<T>, Millis)>,
    order: VecDeque<(Rc<str>, Millis)>,
    most: usize,
    lifetime: Millis,
}

impl<T> Memo<T> {
    /// Remembers `most` records, each for `lifetime` milliseconds.
    #[must_use]
    pub fn new(most: usize, lifetime: Millis) -> Self {
        Self { known: HashMap::new(), order: VecDeque::new(), most, lifetime }
    }

    /// The record read under `key` less than a lifetime before `now`.
    #[must_use]
    pub fn get(&self, key: &str, now: Millis) -> Option<Rc<T>> {
        self.known
            .get(key)
            .filter(|(_, read)| now.saturating_sub(*read) < self.lifetime)
            .map(|(record, _)| Rc::clone(record))
    }

    /// Remembers what was read at `now`.
    pub fn put(&mut self, key: &str, record: Rc<T>, now: Millis) {
        let key: Rc<str> = self.known.get_key_value(key).map_or_else(|| key.into(), |(known, _)| Rc::clone(known));
        self.known.insert(Rc::clone(&key), (record, now));
        self.order.push_back((key, now));
        while self.known.len() > self.most || self.order.len() > 2 * self.most {
            let Some((oldest, read)) = self.order.pop_front() else { break };
            if self.known.get(&oldest).is_some_and(|(_, latest)| *latest == read) {
                self.known.remove(&oldest);
            }
        }
    }

    /// Forgets a session that has ended here.
    pub fn forget(&mut self, key: &str) {
        self.known.remove(key);
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
    fn a_record_is_trusted_for_its_lifetime_and_no_longer() {
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
        fn it_never_outgrows_its_bound(keys in prop::collection::vec(0u8..30, 0..200), most in 1usize..10) {
            let mut memo = Memo::new(most, 1_000);
            for (now, key) in keys.iter().enumerate() {
                memo.put(&key.to_string(), record("u"), now as Millis);
                prop_assert!(memo.known.len() <= most && memo.order.len() <= 2 * most);
                prop_assert!(memo.get(&key.to_string(), now as Millis).is_some());
            }
        }
    }
}
