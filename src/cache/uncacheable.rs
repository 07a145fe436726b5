//! Which resources were not stored a moment ago, so that requests for them need not queue?

use crate::config::Millis;
use std::collections::{HashMap, VecDeque};

/// How long a mark holds.
const LIFETIME: Millis = 120_000;
/// Marks that an isolate keeps.
const MOST: usize = 4_096;

/// Marks on keys whose last answer could not be shared. The oldest leave first.
#[derive(Debug, Default)]
pub struct Marks {
    until: HashMap<Hash, Millis>,
    order: VecDeque<Hash>,
}

/// Keys are as long as visitors like; what is kept of them is not.
type Hash = [u8; 16];

fn hash(key: &str) -> Hash {
    hmac_sha256::Hash::hash(key.as_bytes()).first_chunk().copied().unwrap_or_default()
}

impl Marks {
    /// Whether the last answer for this key, within two minutes of `now`, could not be shared.
    #[must_use]
    pub fn has(&self, key: &str, now: Millis) -> bool {
        self.until.get(&hash(key)).is_some_and(|until| now < *until)
    }

    /// Notes that an answer could not be shared.
    pub fn set(&mut self, key: &str, now: Millis) {
        let key = hash(key);
        if self.until.insert(key, now + LIFETIME).is_none() {
            self.order.push_back(key);
        }
        while self.until.len() > MOST {
            match self.order.pop_front() {
                Some(oldest) => self.until.remove(&oldest),
                None => break,
            };
        }
    }

    /// Notes that an answer was stored. The key keeps its place in the line until that is over.
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
    fn a_mark_holds_for_two_minutes_or_until_something_is_stored() {
        let mut marks = Marks::default();
        marks.set("a", 1_000);
        assert!(marks.has("a", 120_999) && !marks.has("a", 121_000) && !marks.has("b", 1_000));
        marks.clear("a");
        assert!(!marks.has("a", 1_001));
        marks.set("a", 2_000);
        assert!(marks.has("a", 2_001));
    }

    #[test]
    fn the_oldest_marks_leave_when_there_are_too_many() {
        let mut marks = Marks::default();
        for n in 0..=MOST {
            marks.set(&n.to_string(), 0);
        }
        assert!(!marks.has("0", 1) && marks.has("1", 1) && marks.has(&MOST.to_string(), 1));
        assert!(marks.order.len() == MOST && marks.until.len() == MOST);
    }
}
