//! Who gets the canary, and is it to be given up?

use crate::config::{Canary, Millis};
use crate::origin::balance::{mix, rendezvous};

/// Answers that are judged together, and at least so many are needed.
const ENOUGH: usize = 50;
/// Answers that are remembered.
const REMEMBERED: usize = 400;

/// The lot that somebody draws for a route's canary, 0 to 99: who draws less than its share in a hundred
/// gets it, and whoever gets it at five in a hundred gets it at ten as well. It is the same for a user or an
/// address everywhere; browsers keep what they drew first, for people move and sign in.
#[must_use]
pub fn draw(route: &str, who: &str) -> u64 {
    mix(rendezvous::hash(who) ^ rendezvous::hash(route)) % 100
}

/// How a canary does, as this isolate sees it.
#[derive(Debug, Default)]
pub struct Analysis {
    answers: Vec<(bool, Millis)>,
    next: usize,
    /// Why it was given up.
    aborted: Option<String>,
}

impl Analysis {
    /// Whether it was given up.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.aborted.is_some()
    }

    /// Why it was given up.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.aborted.as_deref()
    }

    /// The canary answered, well or not, after so long. Gives it up when it is worse than it may be, and
    /// says why, once.
    pub fn record(&mut self, canary: &Canary, good: bool, took: Millis) -> Option<&str> {
        if self.aborted.is_some() {
            return None;
        }
        match self.answers.get_mut(self.next) {
            Some(slot) => *slot = (good, took),
            None => self.answers.push((good, took)),
        }
        self.next = (self.next + 1) % REMEMBERED;
        let count = self.answers.len();
        if count < ENOUGH {
            return None;
        }
        let failed = self.answers.iter().filter(|(good, _)| !good).count();
        let errors = canary.abort_errors.filter(|most| failed * 100 >= *most as usize * count);
        let slow = canary.abort_p99.filter(|most| {
            let slow = self.answers.iter().filter(|(_, took)| took > most).count();
            // One alone may be chance.
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
    fn the_share_of_visitors_is_kept_and_grows() {
        let chosen = |percent| (0..20_000).filter(|n| draw("shop", &format!("user-{n}")) < percent).count();
        // 3.3 sigma of 20,000 throws of 0.05 are 102.
        assert!((898..1_102).contains(&chosen(5)), "{}", chosen(5));
        assert_eq!((chosen(0), chosen(100)), (0, 20_000));
        for n in 0..2_000 {
            let who = format!("user-{n}");
            assert!(draw("shop", &who) < 100);
        }
    }

    #[test]
    fn a_canary_that_fails_is_aborted_once() {
        let (canary, mut trial) = (canary(Some(10), None), Analysis::default());
        for number in 0..49 {
            assert_eq!(trial.record(&canary, number % 5 != 0, 1), None, "too few to judge");
        }
        assert!(trial.record(&canary, true, 1).is_some_and(|why| why.starts_with("10 of 50")));
        assert!(trial.is_aborted() && trial.record(&canary, false, 1).is_none());
    }

    #[test]
    fn a_canary_that_is_slow_is_aborted_and_a_good_one_is_not() {
        let (canary, mut trial) = (canary(Some(10), Some(500)), Analysis::default());
        for number in 0..1_000 {
            assert_eq!(trial.record(&canary, number % 50 != 0, if number % 200 == 0 { 900 } else { 500 }), None);
        }
        for _ in 0..5 {
            trial.record(&canary, true, 501);
        }
        assert!(trial.reason().is_some_and(|why| why.contains("500 ms")));
    }
}
