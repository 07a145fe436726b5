//! Which resources were uncacheable a moment ago, so that their requests need not wait for one another, and for which
//! did the request to the origin fail?

use crate::config::Millis;
use std::collections::{HashMap, VecDeque};

/// How long a resource counts as uncacheable, in milliseconds.
pub const UNCACHEABLE: Millis = 120_000;
/// How long a resource counts as failing after its origin was unreachable, in milliseconds.
pub const FAILED: Millis = 5_000;
/// The most marks of one set.
const MOST: usize = 4_096;

/// A bounded set of keys that expire. When it is full, the oldest are removed first.
#[derive(Debug)]
pub struct Marks {
    lifetime: Millis,
    until: HashMap<Hash, Millis>,
    order: VecDeque<Hash>,
}

/// A key's hash: visitors determine the length of a key, so the key itself is not stored.
type Hash = [u8; 16];

fn hash(key: &str) -> Hash {
    hmac_sha256::Hash::hash(key.as_bytes()).first_chunk().copied().unwrap_or_default()
}

impl Marks {
    /// An empty set whose marks last `lifetime` milliseconds.
    #[must_use]
    pub fn new(lifetime: Millis) -> Self {
        Self { lifetime, until: HashMap::new(), order: VecDeque::new() }
    }

    /// Whether this key was marked less than a lifetime before `now`.
    #[must_use]
    pub fn has(&self, key: &str, now: Millis) -> bool {
        self.until.get(&hash(key)).is_some_and(|until| now < *until)
    }

    /// Marks a key at `now`.
    pub fn set(&mut self, key: &str, now: Millis) {
        self.hold(key, now + self.lifetime);
    }

    /// Marks a key until `until`, in milliseconds since 1970.
    pub fn hold(&mut self, key: &str, until: Millis) {
        let key = hash(key);
        if self.until.insert(key, until).is_none() {
            self.order.push_back(key);
        }
        while self.until.len() > MOST {
            match self.order.pop_front() {
                Some(oldest) => self.until.remove(&oldest),
                None => break,
            };
        }
    }

    /// Removes a mark. The key keeps its place in the order of eviction.
    pub fn clear(&mut self, key: &str) {
        if let Some(until) = self.until.get_mut(&hash(key)) {
            *until = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_can_be_extended() {
        let mut marks = Marks::new(FAILED);
        marks.set("a", 1_000);
        marks.hold("a", 40_000);
        assert!(marks.has("a", 39_999) && !marks.has("a", 40_000));
    }

    #[test]
    fn a_mark_lasts_two_minutes_or_until_it_is_cleared() {
        let mut marks = Marks::new(UNCACHEABLE);
        marks.set("a", 1_000);
        assert!(marks.has("a", 120_999) && !marks.has("a", 121_000) && !marks.has("b", 1_000));
        marks.clear("a");
        assert!(!marks.has("a", 1_001));
        marks.set("a", 2_000);
        assert!(marks.has("a", 2_001));
    }

    #[test]
    fn the_oldest_marks_are_removed_when_there_are_too_many() {
        let mut marks = Marks::new(UNCACHEABLE);
        for n in 0..=MOST {
            marks.set(&n.to_string(), 0);
        }
        assert!(!marks.has("0", 1) && marks.has("1", 1) && marks.has(&MOST.to_string(), 1));
        assert!(marks.order.len() == MOST && marks.until.len() == MOST);
    }
}
