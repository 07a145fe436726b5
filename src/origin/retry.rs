//! May this attempt be made again, elsewhere?
//!
//! Only what may be sent twice (RFC 9110 9.2.2: idempotent methods, or a request that says by
//! `Idempotency-Key` that its origin knows it again), only to another origin, only before an answer has
//! begun, only within the request's deadline, and only while retries are few beside requests: when
//! everything fails, asking twice as often mends nothing.

use crate::config::{Millis, Retry};
use crate::http::date::date;
use crate::http::head::Head;

/// Retries that are always allowed within a second, so that quiet sites may retry as well.
const EACH_SECOND: f64 = 10.0;
/// Seconds of these that may be saved up.
const SAVED: f64 = 10.0;
/// `Retry-After` is obeyed up to so long.
const LONGEST_REST: Millis = 300_000;

/// How a request's body may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// It is small enough to be held.
    Held,
    /// It streams past, once.
    Streamed,
}

/// What becomes of the body of a request, of which at most `most` bytes are held.
#[must_use]
pub fn body(head: &Head<'_>, most: u64) -> Body {
    let length = || head.fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
    match head.has_body {
        false => Body::None,
        true if length().is_some_and(|length| length <= most) => Body::Held,
        true => Body::Streamed,
    }
}

/// Whether a request may be sent twice: to its origin it makes no difference.
#[must_use]
pub fn may_repeat(head: &Head<'_>) -> bool {
    !head.is_websocket() && (head.is_idempotent() || head.fields.get("idempotency-key").is_some())
}

/// How many origins a request is sent to at most.
#[must_use]
pub fn attempts(head: &Head<'_>, retry: &Retry) -> u32 {
    if may_repeat(head) && body(head, retry.max_body) != Body::Streamed { retry.attempts } else { 1 }
}

/// Milliseconds that an origin wants to be left alone (RFC 9110 10.2.3), `now` being milliseconds
/// since 1970.
#[must_use]
pub fn rest(retry_after: Option<&str>, now: Millis) -> Option<Millis> {
    let text = retry_after?.trim();
    let long = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => date(text)?.saturating_sub(now),
    };
    (long > 0).then_some(long.min(LONGEST_REST))
}

/// What an isolate may spend on retries: a share of its requests, and a few each second.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    tokens: f64,
    at: Millis,
}

impl Default for Budget {
    fn default() -> Self {
        Self { tokens: EACH_SECOND * SAVED, at: 0 }
    }
}

impl Budget {
    /// A request comes; `share` in a hundred of them may be retried.
    pub fn earn(&mut self, share: u32, now: Millis) {
        let passed = now.saturating_sub(self.at).min(60_000) as f64 / 1_000.0;
        self.at = now;
        let each = passed * EACH_SECOND + f64::from(share) / 100.0;
        // Without a share there are no retries at all.
        self.tokens = if share == 0 { 0.0 } else { (self.tokens + each).min(EACH_SECOND * SAVED) };
    }

    /// One that was not needed after all.
    pub fn give_back(&mut self) {
        self.tokens += 1.0;
    }

    /// Whether one more is allowed; then it is spent.
    pub fn spend(&mut self) -> bool {
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(packed: &'static str) -> Head<'static> {
        Head::parse(packed).unwrap()
    }

    const RETRY: Retry = Retry { attempts: 3, budget: 20, on: Vec::new(), max_body: 10, hedge: false };

    #[test]
    fn only_what_may_be_sent_twice_is() {
        for (packed, times) in [
            ("https://a/\nGET\n0\n\n", 3),
            ("https://a/\nDELETE\n0\n\n", 3),
            ("https://a/\nPOST\n0\n\n", 1),
            ("https://a/\nPATCH\n0\n\n", 1),
            ("https://a/\nPOST\n0\nidempotency-key:7\n\n", 3),
            ("https://a/\nPUT\n1\ncontent-length:10\n\n", 3),
            ("https://a/\nPUT\n1\ncontent-length:11\n\n", 1),
            ("https://a/\nPUT\n1\n\n", 1),
            ("https://a/\nPOST\n1\ncontent-length:10\nidempotency-key:7\n\n", 3),
            ("https://a/\nGET\n0\nupgrade:websocket\nconnection:upgrade\n\n", 1),
        ] {
            assert_eq!(attempts(&head(packed), &RETRY), times, "{packed}");
        }
    }

    #[test]
    fn an_origin_is_left_alone_as_long_as_it_says() {
        assert_eq!(rest(Some("7"), 0), Some(7_000));
        assert_eq!(rest(Some("86400"), 0), Some(300_000));
        assert_eq!(rest(Some("Thu, 01 Jan 1970 00:01:00 GMT"), 20_000), Some(40_000));
        for nothing in [None, Some("0"), Some("-1"), Some("soon"), Some("Thu, 01 Jan 1970 00:00:10 GMT")] {
            assert_eq!(rest(nothing, 20_000), None, "{nothing:?}");
        }
    }

    #[test]
    fn without_a_share_nothing_is_retried() {
        let mut budget = Budget::default();
        budget.earn(0, 1_000);
        assert!(!budget.spend());
    }

    proptest! {
        /// When everything fails, attempts stay near requests: a fifth more, and ten a second.
        #[test]
        fn retries_stay_within_their_share(requests in 1..5_000_u64, each in 0..20_u64) {
            let mut budget = Budget::default();
            let mut retries = 0;
            for request in 0..requests {
                budget.earn(20, request * each);
                while budget.spend() {
                    retries += 1;
                }
            }
            let seconds = (requests * each) as f64 / 1_000.0;
            prop_assert!(f64::from(retries) <= 100.0 + 0.2 * requests as f64 + 10.0 * seconds + 1.0, "{}", retries);
        }
    }
}
