//! May this request be retried at another origin?
//!
//! Only when it may be sent twice (RFC 9110 9.2.2: idempotent methods, or a request with an `Idempotency-Key`, by which
//! its origin recognises it), only to another origin, only before a response has begun, only within the request's
//! deadline, and only within the retry budget: when all origins fail, more requests do not help.

use crate::config::{Millis, Retry};
use crate::http::date::date;
use crate::http::head::Head;

/// Retries per second that are always allowed, for sites with few requests.
const EACH_SECOND: f64 = 10.0;
/// The budget holds at most so many seconds of these.
const SAVED: f64 = 10.0;
/// `Retry-After` is followed for at most so many milliseconds.
const LONGEST_REST: Millis = 300_000;

/// How a request's body may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is no body.
    None,
    /// It is small enough to be buffered.
    Held,
    /// It is streamed, once.
    Streamed,
}

/// Whether a request's body is buffered (up to `most` bytes, by `Content-Length`) or streamed.
#[must_use]
pub fn body(head: &Head<'_>, most: u64) -> Body {
    let length = || head.fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
    match head.has_body {
        false => Body::None,
        true if length().is_some_and(|length| length <= most) => Body::Held,
        true => Body::Streamed,
    }
}

/// Whether a request may be sent twice without a further effect at its origin.
#[must_use]
pub fn may_repeat(head: &Head<'_>) -> bool {
    !head.is_websocket() && (head.is_idempotent() || head.fields.get("idempotency-key").is_some())
}

/// The maximum number of attempts for a request.
#[must_use]
pub fn attempts(head: &Head<'_>, retry: &Retry) -> u32 {
    if may_repeat(head) && body(head, retry.max_body) != Body::Streamed { retry.attempts } else { 1 }
}

/// The milliseconds for which an origin rests by its `Retry-After` (RFC 9110 10.2.3); `now` in milliseconds since 1970.
#[must_use]
pub fn rest(retry_after: Option<&str>, now: Millis) -> Option<Millis> {
    let text = retry_after?.trim();
    let duration = match text.parse::<u64>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => date(text)?.saturating_sub(now),
    };
    (duration > 0).then_some(duration.min(LONGEST_REST))
}

/// An isolate's retry budget: a share of its requests, and a few retries per second.
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
    /// Counts a request: `share` percent of requests may be retried.
    pub fn earn(&mut self, share: u32, now: Millis) {
        let passed = now.saturating_sub(self.at).min(60_000) as f64 / 1_000.0;
        self.at = now;
        let each = passed * EACH_SECOND + f64::from(share) / 100.0;
        // Without a share there are no retries at all.
        self.tokens = if share == 0 { 0.0 } else { (self.tokens + each).min(EACH_SECOND * SAVED) };
    }

    /// Returns a retry that was not sent.
    pub fn give_back(&mut self) {
        self.tokens += 1.0;
    }

    /// Whether one more retry is allowed; if so, takes it from the budget.
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
    fn only_repeatable_requests_are_retried() {
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
    fn an_origin_rests_as_long_as_its_retry_after_states() {
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
        /// When all requests fail, retries stay within a fifth of the requests plus ten per second.
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
