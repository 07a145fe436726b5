//! Of which resources is something known for a moment: that they were not stored, so that requests for
//! them need not queue, or that asking for them failed?

use crate::config::Millis;
use std::collections::{HashMap, VecDeque};

/// How long it is remembered that an answer could not be shared.
pub const UNCACHEABLE: Millis = 120_000;
/// How long it is remembered that an origin could not be reached.
pub const FAILED: Millis = 5_000;
/// Marks that an isolate keeps.
const MOST: usize = 4_096;

/// Marks on keys, each for a moment. The oldest leave first.
#[derive(Debug)]
pub struct Marks {
    lifetime: Millis,
    until: HashMap<Hash, Millis>,
    order: VecDeque<Hash>,
}

/// Keys are as long as visitors like; what is kept of them is not.
type Hash = [u8; 16];

fn hash(key: &str) -> Hash {
    hmac_sha256::Hash::hash(key.as_bytes()).first_chunk().copied().unwrap_or_default()
}

impl Marks {
    /// No marks yet; each will hold so long, in milliseconds.
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

    /// Marks a key until a moment.
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

    /// Takes a mark away. The key keeps its place in the line until that is over.
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
    fn a_mark_may_be_held_longer() {
        let mut marks = Marks::new(FAILED);
        marks.set("a", 1_000);
        marks.hold("a", 40_000);
        assert!(marks.has("a", 39_999) && !marks.has("a", 40_000));
    }

    #[test]
    fn a_mark_holds_for_two_minutes_or_until_something_is_stored() {
        let mut marks = Marks::new(UNCACHEABLE);
        marks.set("a", 1_000);
        assert!(marks.has("a", 120_999) && !marks.has("a", 121_000) && !marks.has("b", 1_000));
        marks.clear("a");
        assert!(!marks.has("a", 1_001));
        marks.set("a", 2_000);
        assert!(marks.has("a", 2_001));
    }

    #[test]
    fn the_oldest_marks_leave_when_there_are_too_many() {
        let mut marks = Marks::new(UNCACHEABLE);
        for n in 0..=MOST {
            marks.set(&n.to_string(), 0);
        }
        assert!(!marks.has("0", 1) && marks.has("1", 1) && marks.has(&MOST.to_string(), 1));
        assert!(marks.order.len() == MOST && marks.until.len() == MOST);
    }
}
