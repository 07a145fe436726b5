//! Does an account or an address have too many failed sign-ins?
//!
//! Each isolate counts failures for the account and for the address. One that reaches the limit is stamped in the
//! ledger, and is then throttled in every isolate.

use crate::config::Millis;
use crate::http::visitor::network;
use crate::identity::session::digest;
use std::collections::HashMap;

/// The window in which failures are counted, and the time that a throttled account or address waits, in milliseconds.
pub const WINDOW: Millis = 15 * 60_000;
/// Maximum number of entries; those whose window is over are evicted first, then the oldest.
const MOST: usize = 4_096;

/// Failed sign-ins of accounts and addresses: when the window began, and the count.
#[derive(Debug, Default)]
pub struct Failures(HashMap<String, (Millis, u32)>);

impl Failures {
    /// Counts a failure at `now`; returns whether it is the `attempts`th in the window.
    pub fn failed(&mut self, name: &str, attempts: u32, now: Millis) -> bool {
        if self.0.len() >= MOST && !self.0.contains_key(name) {
            self.0.retain(|_, (since, _)| now.saturating_sub(*since) < WINDOW);
            let oldest = self.0.iter().min_by_key(|(_, (since, _))| *since).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest.filter(|_| self.0.len() >= MOST) {
                self.0.remove(&oldest);
            }
        }
        let counted = self.0.entry(name.to_owned()).or_insert((now, 0));
        if now.saturating_sub(counted.0) >= WINDOW {
            *counted = (now, 0);
        }
        counted.1 += 1;
        let reached = counted.1 >= attempts;
        if reached {
            self.0.remove(name);
        }
        reached
    }

    /// Removes the failures of an account or address after a successful sign-in.
    pub fn succeeded(&mut self, name: &str) {
        self.0.remove(name);
    }
}

/// The name that an account is counted and stamped under: a hash, so that the ledger names no account.
#[must_use]
pub fn account(user: &str) -> String {
    digest(&format!("account {user}"))
}

/// The name that an address is counted and stamped under: a hash; of IPv6 its /64 network, which one household shares.
#[must_use]
pub fn address(ip: &str) -> String {
    digest(&format!("address {}", network(ip).as_deref().unwrap_or(ip)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_allowed_attempt_within_the_window_throttles() {
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
    fn the_number_of_entries_is_bounded() {
        let mut failures = Failures::default();
        for number in 0..2 * MOST {
            failures.failed(&number.to_string(), 9, number as Millis);
        }
        assert!(failures.0.len() <= MOST && failures.0.contains_key(&(2 * MOST - 1).to_string()));
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_an_account_is_no_address() {
        assert_eq!(address("2001:db8:1:2:3::4"), address("2001:db8:1:2::ffff"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
        assert_ne!(address("ada"), account("ada"));
    }
}
