//! Which part of a stored response does a request ask for? (RFC 9110 14.1, 14.2, 13.1.5)

use crate::http::date::date;
use crate::http::head::Fields;

/// The part of a body of known length to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it: the request has no `Range`, or one that may be ignored (several ranges, another unit, malformed).
    Whole,
    /// These bytes, both included.
    Bytes {
        /// The position of the first byte, from 0.
        first: u64,
        /// The position of the last byte.
        last: u64,
    },
    /// Nothing: the range begins after the end (416).
    Unsatisfiable,
}

/// The part of a body of `length` bytes that a `Range` asks for.
#[must_use]
pub fn part(range: &str, length: u64) -> Part {
    read(range).map_or(Part::Whole, |(first, last)| match (first, last) {
        (Some(first), _) if first >= length => Part::Unsatisfiable,
        (Some(first), last) => Part::Bytes { first, last: last.unwrap_or(u64::MAX).min(length - 1) },
        (None, Some(0)) => Part::Unsatisfiable,
        (None, Some(_)) if length == 0 => Part::Unsatisfiable,
        (None, Some(suffix)) => Part::Bytes { first: length.saturating_sub(suffix), last: length - 1 },
        (None, None) => Part::Whole,
    })
}

/// Reads `bytes=1-2`, `bytes=1-` or `bytes=-2`; a number that is absent is `None`.
fn read(range: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, set) = range.trim().split_once('=')?;
    let (first, last) = set.trim().split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))?;
    let number = |text: &str| -> Option<Option<u64>> {
        match text {
            "" => Some(None),
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => Some(Some(digits.parse().unwrap_or(u64::MAX))),
            _ => None,
        }
    };
    let (first, last) = (number(first)?, number(last)?);
    let backwards = matches!((first, last), (Some(first), Some(last)) if first > last);
    (!backwards && (first.is_some() || last.is_some())).then_some((first, last))
}

/// Whether a part may be sent: `If-Range` is absent, or names the stored response (strong comparison; a date must equal
/// its `Last-Modified`).
#[must_use]
pub fn holds(request: &Fields<'_>, stored: &Fields<'_>) -> bool {
    match request.get("if-range") {
        None => true,
        Some(etag) if etag.starts_with('"') => stored.get("etag") == Some(etag),
        Some(etag) if etag.starts_with("W/") => false,
        Some(when) => date(when).is_some() && date(when) == stored.get("last-modified").and_then(date),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::response;
    use proptest::prelude::*;

    #[test]
    fn one_range_selects_a_part_and_everything_else_the_whole_body() {
        let bytes = |first, last| Part::Bytes { first, last };
        for (range, found) in [
            ("bytes=0-1", bytes(0, 1)),
            ("bytes=1-", bytes(1, 10)),
            ("bytes=-1", bytes(10, 10)),
            ("bytes=-99", bytes(0, 10)),
            ("bytes=5-99", bytes(5, 10)),
            ("Bytes=0-0", bytes(0, 0)),
            ("bytes=0-99999999999999999999", bytes(0, 10)),
            ("bytes=11-", Part::Unsatisfiable),
            ("bytes=-0", Part::Unsatisfiable),
            ("bytes=2-1", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("items=0-1", Part::Whole),
            ("bytes 0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(range, 11), found, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(part("bytes=-5", 0), Part::Unsatisfiable);
    }

    #[test]
    fn if_range_is_compared_strongly() {
        let day = "Tue, 14 Nov 2023 22:13:20 GMT";
        let other = "Tue, 14 Nov 2023 22:13:21 GMT";
        for (condition, stored, good) in [
            ("x:y", "etag:\"a\"", true),
            ("if-range:\"a\"", "etag:\"a\"", true),
            ("if-range:\"b\"", "etag:\"a\"", false),
            ("if-range:W/\"a\"", "etag:W/\"a\"", false),
            (&format!("if-range:{day}"), &format!("last-modified:{day}"), true),
            (&format!("if-range:{other}"), &format!("last-modified:{day}"), false),
            (&format!("if-range:{day}"), "x:y", false),
            ("if-range:nonsense", "x:y", false),
        ] {
            let (request, stored) = (format!("200\n{condition}\n"), format!("200\n{stored}\n"));
            assert_eq!(holds(&response(&request).1, &response(&stored).1), good, "{request}{stored}");
        }
    }

    proptest! {
        #[test]
        fn a_part_is_within_the_body(range in "\\PC{0,20}|bytes=[0-9]{0,21}-[0-9]{0,21}", length in 0u64..100) {
            if let Part::Bytes { first, last } = part(&range, length) {
                prop_assert!(first <= last && last < length, "{first} {last} {length}");
            }
        }
    }
}
