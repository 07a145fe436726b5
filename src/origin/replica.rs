//! May a visitor who wrote read from this replica? Only when it has replicated their last write.
//!
//! An origin answers a write with its position (`X-Usher-Position`); replicas report theirs in probes and responses.
//! The visitor's signed cookie contains the position of their last write. A replica whose known position has reached
//! it shows the visitor their own writes: positions only grow, so a known position is never ahead of the real one.

use crate::config::{Millis, Replicas};
use crate::http::json::{Json, Malformed, Object, Reader, ToJson};

/// The response field with an origin's position in the primary's history.
pub const POSITION: &str = "x-usher-position";
/// The response field with the replica lag in milliseconds.
pub const LAG: &str = "x-usher-lag-ms";

/// A position in a primary's history; comparable only with positions of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// A number that grows.
    Number(u64),
    /// A log sequence number as PostgreSQL writes it: `16/B374D848`.
    Lsn(u64),
    /// A time (RFC 3339), in microseconds since 1970.
    Time(u64),
}

impl Json for Position {
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.alternative(&mut |name, value| {
            let number = value.map(u64::read).transpose()?;
            match (name, number) {
                ("number", Some(number)) => Ok(Self::Number(number)),
                ("lsn", Some(number)) => Ok(Self::Lsn(number)),
                ("time", Some(number)) => Ok(Self::Time(number)),
                _ => Err(Malformed("it is no position: number, lsn, time".into())),
            }
        })
    }
}

impl ToJson for Position {
    fn write(&self, to: &mut String) {
        let (name, number) = match self {
            Self::Number(number) => ("number", number),
            Self::Lsn(number) => ("lsn", number),
            Self::Time(number) => ("time", number),
        };
        let mut object = Object::new(to);
        object.member(name, number);
        object.end();
    }
}

impl Position {
    /// Parses a field value; `None` when it is of none of the three kinds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some((high, low)) = text.split_once('/') {
            let half = |text: &str| {
                let good = (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
                good.then(|| u64::from_str_radix(text, 16).ok())?
            };
            return Some(Self::Lsn(half(high)? << 32 | half(low)?));
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().map(Self::Number);
        }
        time(text).map(Self::Time)
    }

    /// Whether this position is at or after another; `false` for positions of different kinds.
    #[must_use]
    pub fn has_reached(self, other: Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) | (Self::Lsn(a), Self::Lsn(b)) | (Self::Time(a), Self::Time(b)) => {
                a >= b
            }
            _ => false,
        }
    }

    /// The later of a known and a newly reported position; the reported one where they are of different kinds.
    #[must_use]
    pub fn later(known: Option<Self>, reported: Option<Self>) -> Option<Self> {
        match (known, reported) {
            (Some(known), Some(reported)) if known.has_reached(reported) => Some(known),
            (known, None) => known,
            (_, reported) => reported,
        }
    }

    /// Its form in a cookie: `n`, `l` or `t` for the kind, and the number.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Number(number) => format!("n{number}"),
            Self::Lsn(number) => format!("l{number}"),
            Self::Time(number) => format!("t{number}"),
        }
    }

    /// Parses the form of [`Position::text`].
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (kind, number) = text.split_at_checked(1)?;
        let number = number.parse().ok()?;
        Some(match kind {
            "n" => Self::Number(number),
            "l" => Self::Lsn(number),
            "t" => Self::Time(number),
            _ => return None,
        })
    }
}

/// Parses an RFC 3339 time (`2026-11-24T12:00:00.123456Z`, or with `+01:00`) to microseconds since 1970.
fn time(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize, most: u64| -> Option<u64> {
        let digits = text.get(from..to)?;
        let good = digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| digits.parse().ok())?.filter(|number| *number <= most)
    };
    let mark = |at: usize, marks: &[u8]| bytes.get(at).is_some_and(|byte| marks.contains(byte)).then_some(());
    let (year, month, day) = (number(0, 4, 9_999)?, number(5, 7, 12)?, number(8, 10, 31)?);
    let (hour, minute, second) = (number(11, 13, 23)?, number(14, 16, 59)?, number(17, 19, 60)?);
    for (at, marks) in [(4, b"-".as_slice()), (7, b"-"), (10, b"Tt "), (13, b":"), (16, b":")] {
        mark(at, marks)?;
    }
    let rest = text.get(19..)?;
    let (micros, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, zone) = rest.split_at_checked(digits)?;
            let kept: String = digits.chars().chain("000000".chars()).take(6).collect();
            (if digits.is_empty() { None } else { kept.parse::<u64>().ok() }?, zone)
        }
        None => (0, rest),
    };
    let shift: i64 = match zone {
        "Z" | "z" => 0,
        _ => {
            let (sign, rest) = zone.split_at_checked(1)?;
            let (hours, minutes) = rest.split_once(':')?;
            let two = |text: &str| {
                (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<i64>().ok())?
            };
            let minutes = two(hours).filter(|h| *h < 24)? * 60 + two(minutes).filter(|m| *m < 60)?;
            match sign {
                "+" => minutes * 60,
                "-" => -minutes * 60,
                _ => return None,
            }
        }
    };
    if month == 0 || day == 0 || year < 1970 {
        return None;
    }
    // Days of the civil calendar (proleptic Gregorian), counted from March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    let since = days.checked_sub(719_468)?;
    let seconds = i64::try_from(since * 86_400 + hour * 3_600 + minute * 60 + second).ok()? - shift;
    u64::try_from(seconds).ok()?.checked_mul(1_000_000)?.checked_add(micros)
}

/// A visitor's last write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The primary's position after the write, where its response stated one.
    pub position: Option<Position>,
    /// When the last write without a position was (milliseconds since 1970); 0 = never.
    pub unpositioned: Millis,
    /// When the last write was (milliseconds since 1970).
    pub at: Millis,
}

/// How long a write is remembered, in milliseconds.
pub const REMEMBERED: Millis = 3_600_000;

impl Written {
    /// A write whose response came at `at` (milliseconds since 1970).
    #[must_use]
    pub fn new(position: Option<Position>, at: Millis) -> Self {
        Self { position, unpositioned: if position.is_some() { 0 } else { at }, at }
    }

    /// Its form in a cookie.
    #[must_use]
    pub fn text(self) -> String {
        format!("{}~{}~{}", self.at, self.unpositioned, self.position.map(Position::text).unwrap_or_default())
    }

    /// Parses the form of [`Written::text`].
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (at, rest) = text.split_once('~')?;
        let (unpositioned, position) = rest.split_once('~')?;
        let position = if position.is_empty() { None } else { Some(Position::read(position)?) };
        Some(Self { position, unpositioned: unpositioned.parse().ok()?, at: at.parse().ok()? })
    }

    /// This write and a newer one, combined.
    #[must_use]
    pub fn then(self, newer: Self) -> Self {
        Self {
            position: Position::later(self.position, newer.position),
            unpositioned: self.unpositioned.max(newer.unpositioned),
            at: self.at.max(newer.at),
        }
    }

    /// From when on (milliseconds since 1970) any stored response shows this write, even one of a replica with the
    /// maximum lag.
    #[must_use]
    pub fn shown_from(self, bounds: &Replicas) -> Millis {
        self.at.saturating_add(bounds.max_lag.max(bounds.window))
    }
}

/// Whether a visitor whose last write is `written` may read from a replica at `position`, whose last reported lag is
/// `lag` milliseconds.
#[must_use]
pub fn may_read(
    bounds: &Replicas,
    position: Option<Position>,
    lag: Option<Millis>,
    written: Option<Written>,
    now: Millis,
) -> bool {
    if lag.is_some_and(|lag| lag > bounds.max_lag) {
        return false;
    }
    let Some(written) = written else { return true };
    // One and a half times the lag, which may have grown since the report.
    let window = lag.map_or(bounds.window, |lag| bounds.window.max(lag + lag / 2));
    let reached = |wanted| position.is_some_and(|position| position.has_reached(wanted));
    let window_is_over = written.unpositioned == 0 || now.saturating_sub(written.unpositioned) >= window;
    written.position.is_none_or(reached) && window_is_over
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn positions_are_numbers_log_positions_and_times() {
        for (text, position) in [
            ("42", Position::Number(42)),
            ("16/B374D848", Position::Lsn(0x16_B374_D848)),
            ("0/0", Position::Lsn(0)),
            ("1970-01-01T00:00:00Z", Position::Time(0)),
            ("2026-11-24T12:00:00.5Z", Position::Time(1_795_521_600_500_000)),
            ("2026-11-24T13:00:00.500000+01:00", Position::Time(1_795_521_600_500_000)),
            ("2024-02-29 23:59:59.123456789-00:30", Position::Time(1_709_252_999_123_456)),
        ] {
            assert_eq!(Position::parse(text), Some(position), "{text}");
            assert_eq!(Position::read(&position.text()), Some(position));
        }
        for text in [
            "",
            "-1",
            "1/",
            "/1",
            "1/2/3",
            "123456789/0",
            "x",
            "2026-13-01T00:00:00Z",
            "2026-11-24T12:00:00",
            "99999999999999999999",
        ] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }

    #[test]
    fn log_positions_are_ordered_by_number_not_by_text() {
        let at = |text| Position::parse(text).unwrap();
        assert!(at("16/0").has_reached(at("F/FFFFFFFF")));
        assert!(!at("9").has_reached(at("10")));
        assert!(at("10").has_reached(at("10")));
        assert!(!at("10").has_reached(at("0/1")), "two kinds");
    }

    const BOUNDS: Replicas = Replicas { window: 5_000, max_lag: 30_000, wait: 0 };

    #[test]
    fn a_replica_is_read_when_it_has_reached_what_was_written() {
        let wrote = Some(Written::new(Some(Position::Number(7)), 1_000));
        let may = |position: Option<u64>, lag| may_read(&BOUNDS, position.map(Position::Number), lag, wrote, 1_001);
        assert!(may(Some(7), None) && may(Some(8), Some(30_000)));
        assert!(!may(Some(6), None) && !may(None, None));
        assert!(!may(Some(8), Some(30_001)), "too far behind for anybody");
        assert!(may_read(&BOUNDS, None, None, None, 0), "who wrote nothing reads anywhere");
    }

    #[test]
    fn a_write_with_a_position_and_one_without_are_both_waited_for() {
        let first = Written::new(Some(Position::Number(7)), 1_000);
        let both = first.then(Written::new(None, 2_000));
        let may = |position, now| may_read(&BOUNDS, Some(Position::Number(position)), None, Some(both), now);
        assert!(!may(7, 6_999) && !may(6, 7_000) && may(7, 7_000));
        let newer = both.then(Written::new(Some(Position::Lsn(1)), 3_000));
        assert_eq!(
            (newer.position, newer.unpositioned, newer.at),
            (Some(Position::Lsn(1)), 2_000, 3_000),
            "the newer kind"
        );
    }

    #[test]
    fn without_positions_a_time_window_follows_the_lag() {
        let wrote = Some(Written::new(None, 10_000));
        let may = |lag, now| may_read(&BOUNDS, Some(Position::Number(1)), lag, wrote, now);
        assert!(!may(None, 14_999) && may(None, 15_000));
        assert!(!may(Some(8_000), 21_999) && may(Some(8_000), 22_000));
    }

    proptest! {
        #[test]
        fn any_field_or_cookie_is_parsed_without_panic(text in ".{0,64}") {
            let _ = Position::parse(&text);
            let _ = Written::read(&text);
        }

        #[test]
        fn the_known_position_of_a_replica_never_goes_back(steps in prop::collection::vec(any::<u64>(), 1..20)) {
            let mut known = None;
            for step in &steps {
                let before = known;
                known = Position::later(known, Some(Position::Number(*step)));
                prop_assert!(before.is_none_or(|before: Position| known.unwrap().has_reached(before)));
            }
            prop_assert_eq!(known, steps.iter().max().copied().map(Position::Number));
        }

        #[test]
        fn a_cookie_restores_the_last_write(at: u64, number: u64, kind in 0..4) {
            let position = match kind { 0 => None, 1 => Some(Position::Number(number)), 2 => Some(Position::Lsn(number)), _ => Some(Position::Time(number)) };
            let written = Written { position, unpositioned: at / 2, at };
            prop_assert_eq!(Written::read(&written.text()), Some(written));
        }
    }
}
