//! Which time does an HTTP date mean? (RFC 9110 5.6.7, RFC 9111 4.2)
//!
//! Names of days, months and zones are case-insensitive. The day of the week must be a valid name, but need not
//! match the date.

use super::search;

/// A duration, or a time since 1970, in milliseconds.
pub type Millis = u64;

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Milliseconds since 1970 of a date in one of the three forms; `None` when it is malformed or before 1970.
#[must_use]
pub fn date(text: &str) -> Option<Millis> {
    let text = search::trim(text);
    let (day, month, year, time) = match search::split_once(text, ", ") {
        Some((weekday, rest)) => {
            let parts: Vec<&str> = rest.split(' ').collect();
            match *parts.as_slice() {
                // Sun, 06 Nov 1994 08:49:37 GMT
                [day, month, year, time, zone] if is_day(weekday, true) && is_gmt(zone) => {
                    (digits(day, 2)?, month, digits(year, 4)?, time)
                }
                // Sunday, 06-Nov-94 08:49:37 GMT
                [date, time, zone] if is_day(weekday, false) && is_gmt(zone) => {
                    let mut parts = date.splitn(3, '-');
                    let (day, month, year) = (parts.next()?, parts.next()?, digits(parts.next()?, 2)?);
                    (digits(day, 2)?, month, year + if year < 70 { 2_000 } else { 1_900 }, time)
                }
                _ => return None,
            }
        }
        // Sun Nov  6 08:49:37 1994
        None => {
            let parts: Vec<&str> = text.split(' ').filter(|part| !part.is_empty()).collect();
            let [weekday, month, day, time, year] = *parts.as_slice() else { return None };
            if !is_day(weekday, true) {
                return None;
            }
            (digits(day, day.len().clamp(1, 2))?, month, digits(year, 4)?, time)
        }
    };
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? as u64 + 1;
    let mut clock = time.split(':');
    let (hour, minute, second) = (digits(clock.next()?, 2)?, digits(clock.next()?, 2)?, digits(clock.next()?, 2)?);
    let good = clock.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    if !good || day == 0 || day > length(year, month) {
        return None;
    }
    let seconds = (days(year, month, day)? * 24 + hour) * 3_600 + minute * 60 + second;
    Some(seconds * 1_000)
}

fn digits(text: &str, count: usize) -> Option<u64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn is_day(text: &str, short: bool) -> bool {
    let known = |name: &&str| {
        if short { name.get(..3) == Some(text.to_ascii_lowercase().as_str()) } else { name.eq_ignore_ascii_case(text) }
    };
    DAYS.iter().any(known)
}

/// Only GMT is valid; any other zone makes the date invalid.
fn is_gmt(zone: &str) -> bool {
    zone.eq_ignore_ascii_case("GMT")
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn length(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` before 1970.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let before = year.checked_sub(1970)?;
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let months: u64 = (1..month).map(|month| length(year, month)).sum();
    Some(before * 365 + leaps(year - 1) - leaps(1969) + months + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_date_is_parsed_in_each_form_and_in_any_case() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "SUN, 06 NOV 1994 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "SUNDAY, 06-nov-94 08:49:37 gmt",
            "Sun Nov  6 08:49:37 1994",
            "Tue Nov  6 08:49:37 1994",
            "sun nov 06 08:49:37 1994",
            " Sun, 06 Nov 1994 08:49:37 GMT ",
        ] {
            assert_eq!(date(text), Some(784_111_777_000), "{text}");
        }
        assert_eq!(date("Thu, 29 Feb 2024 23:59:60 GMT"), Some(1_709_251_200_000));
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    }

    #[test]
    fn an_invalid_date_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 AEST",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 2023 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun Nov 006 08:49:37 1994",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    proptest! {
        /// Dates formatted by another implementation (`httpdate`) are parsed, for 500 years.
        #[test]
        fn every_formatted_second_is_parsed_back(seconds in 0u64..16_000_000_000) {
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            prop_assert_eq!(date(&httpdate::fmt_http_date(at)), Some(seconds * 1_000));
        }

        #[test]
        fn no_text_can_panic(text in "\\PC{0,40}|[A-Za-z]{3},? ?[0-9 ]{0,3}[- ]?[A-Za-z]{3}[- ][0-9]{0,5} [0-9:]{0,9} [A-Z]{0,4}") {
            let _ = date(&text);
        }
    }
}
