//! Which visitors get the canary, and when is it aborted?

use crate::config::{Canary, Millis};
use crate::origin::balance::{mix, rendezvous};

/// The number of responses without which a canary is not judged.
const MIN_RESPONSES: usize = 50;
/// The number of recent responses that are judged.
const MAX_RESPONSES: usize = 400;

/// The draw of `who` (a user or an address) for a route's canary, 0 to 99: visitors whose draw is below the canary's
/// percentage get it, so those who get it at 5 % also get it at 10 %. The draw is the same in all isolates; browsers
/// keep their first draw in a cookie, because addresses change and visitors sign in.
#[must_use]
pub fn draw(route: &str, who: &str) -> u64 {
    mix(rendezvous::hash(who) ^ rendezvous::hash(route)) % 100
}

/// The analysis of a canary's responses in this isolate.
#[derive(Debug, Default)]
pub struct Analysis {
    responses: Vec<(bool, Millis)>,
    next: usize,
    /// Why the canary is aborted.
    aborted: Option<String>,
}

impl Analysis {
    /// Whether the canary is aborted.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.aborted.is_some()
    }

    /// Why the canary is aborted.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.aborted.as_deref()
    }

    /// Records a response of the canary: whether it was good, and its latency in milliseconds. Aborts the canary when
    /// its errors or its p99 exceed the limits; returns the reason, once.
    pub fn record(&mut self, canary: &Canary, good: bool, took: Millis) -> Option<&str> {
        if self.aborted.is_some() {
            return None;
        }
        match self.responses.get_mut(self.next) {
            Some(slot) => *slot = (good, took),
            None => self.responses.push((good, took)),
        }
        self.next = (self.next + 1) % MAX_RESPONSES;
        let count = self.responses.len();
        if count < MIN_RESPONSES {
            return None;
        }
        let failed = self.responses.iter().filter(|(good, _)| !good).count();
        let errors = canary.abort_errors.filter(|most| failed * 100 >= *most as usize * count);
        let slow = canary.abort_p99.filter(|most| {
            let slow = self.responses.iter().filter(|(_, took)| took > most).count();
            // A single slow response may be chance.
            slow > 1 && slow * 100 > count
        });
        self.aborted = match (errors, slow) {
            (Some(most), _) => Some(format!("{failed} of {count} answers failed, {most} % are allowed")),
            (_, Some(most)) => Some(format!("more than one of 100 answers took longer than {most} ms")),
            _ => None,
        };
        self.aborted.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Setting;

    fn canary(abort_errors: Option<u32>, abort_p99: Option<Millis>) -> Canary {
        Canary { pool: 0, percent: Setting::Is("5".into()), abort_errors, abort_p99 }
    }

    #[test]
    fn the_share_of_visitors_matches_the_percentage() {
        let chosen = |percent| (0..20_000).filter(|n| draw("shop", &format!("user-{n}")) < percent).count();
        // 3.3 sigma of 20,000 draws of 0.05 are 102.
        assert!((898..1_102).contains(&chosen(5)), "{}", chosen(5));
        assert_eq!((chosen(0), chosen(100)), (0, 20_000));
        for n in 0..2_000 {
            let who = format!("user-{n}");
            assert!(draw("shop", &who) < 100);
        }
    }

    #[test]
    fn a_canary_that_fails_is_aborted_once() {
        let (canary, mut analysis) = (canary(Some(10), None), Analysis::default());
        for number in 0..49 {
            assert_eq!(analysis.record(&canary, number % 5 != 0, 1), None, "too few to judge");
        }
        assert!(analysis.record(&canary, true, 1).is_some_and(|why| why.starts_with("10 of 50")));
        assert!(analysis.is_aborted() && analysis.record(&canary, false, 1).is_none());
    }

    #[test]
    fn a_canary_that_is_slow_is_aborted_and_a_good_one_is_not() {
        let (canary, mut analysis) = (canary(Some(10), Some(500)), Analysis::default());
        for number in 0..1_000 {
            assert_eq!(analysis.record(&canary, number % 50 != 0, if number % 200 == 0 { 900 } else { 500 }), None);
        }
        for _ in 0..5 {
            analysis.record(&canary, true, 501);
        }
        assert!(analysis.reason().is_some_and(|why| why.contains("500 ms")));
    }
}
