//! Has somebody tried to sign in too often, and failed?
//!
//! Failures are counted for the account and for the address, by each isolate. Whoever reaches the bound
//! is stamped in the ledger, and then waits everywhere.

use crate::config::Millis;
use crate::http::visitor::network;
use crate::identity::session::digest;
use std::collections::HashMap;

/// Failures are counted for so long, and whoever had too many waits for so long.
pub const WINDOW: Millis = 15 * 60_000;
/// Who is counted at most; those whose time is over leave first, then whoever is counted longest.
const MOST: usize = 4_096;

/// Who failed, how often, and since when.
#[derive(Debug, Default)]
pub struct Failures(HashMap<String, (Millis, u32)>);

impl Failures {
    /// Counts a failure at `now`, and says whether it is the `attempts`th in the window.
    pub fn failed(&mut self, who: &str, attempts: u32, now: Millis) -> bool {
        if self.0.len() >= MOST && !self.0.contains_key(who) {
            self.0.retain(|_, (since, _)| now.saturating_sub(*since) < WINDOW);
            let oldest = self.0.iter().min_by_key(|(_, (since, _))| *since).map(|(who, _)| who.clone());
            if let Some(oldest) = oldest.filter(|_| self.0.len() >= MOST) {
                self.0.remove(&oldest);
            }
        }
        let counted = self.0.entry(who.to_owned()).or_insert((now, 0));
        if now.saturating_sub(counted.0) >= WINDOW {
            *counted = (now, 0);
        }
        counted.1 += 1;
        let reached = counted.1 >= attempts;
        if reached {
            self.0.remove(who);
        }
        reached
    }

    /// Forgets the failures of whoever has signed in.
    pub fn succeeded(&mut self, who: &str) {
        self.0.remove(who);
    }
}

/// What an account is counted as; no account is named in the ledger.
#[must_use]
pub fn account(user: &str) -> String {
    digest(&format!("account {user}"))
}

/// What an address is counted as: of IPv6 the network of 64 bits that one household has.
#[must_use]
pub fn address(ip: &str) -> String {
    digest(&format!("address {}", network(ip).as_deref().unwrap_or(ip)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_within_the_window_is_one_too_many() {
        let mut failures = Failures::default();
        assert_eq!([0, 1, 2].map(|now| failures.failed("a", 3, now)), [false, false, true]);
        assert!(!failures.failed("a", 3, 3), "counted anew");
        assert!(!failures.failed("b", 3, 0) && !failures.failed("b", 3, WINDOW), "the window is over");
        assert_eq!([1, 2].map(|ms| failures.failed("b", 3, WINDOW + ms)), [false, true]);
        failures.failed("c", 2, 0);
        failures.succeeded("c");
        assert!(!failures.failed("c", 2, 1));
    }

    #[test]
    fn it_never_outgrows_its_bound() {
        let mut failures = Failures::default();
        for number in 0..2 * MOST {
            failures.failed(&number.to_string(), 9, number as Millis);
        }
        assert!(failures.0.len() <= MOST && failures.0.contains_key(&(2 * MOST - 1).to_string()));
    }

    #[test]
    fn a_household_is_one_address_and_an_account_is_none() {
        assert_eq!(address("2001:db8:1:2:3::4"), address("2001:db8:1:2::ffff"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_ne!(address("ada"), account("ada"));
    }
}
