//! Parses durations and sizes: `250ms`, `5s`, `10m`, `12h`, `7d`; `64KiB`, `25MiB`.

/// Parses a duration into milliseconds; `None` when it is not one or longer than 366 days.
#[must_use]
pub fn duration(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at_checked(digits)?;
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let longest = 366 * 86_400_000;
    count.parse::<u64>().ok()?.checked_mul(scale).filter(|&ms| ms <= longest)
}

/// Parses a size (`512B`, `64KiB`, `25MiB`) into bytes; `None` when it is not one or above 1 GiB.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at_checked(digits)?;
    let scale = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(scale).filter(|&bytes| bytes <= 1 << 30)
}

/// The name among `known` nearest to `found`, when it is near enough to be a typo (a third of its length in edits).
#[must_use]
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (distance(found, name), name))
        .min()
        .filter(|&(edits, name)| edits <= name.chars().count().div_ceil(3))
        .map(|(_, name)| name)
}

/// Levenshtein distance over characters.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = changed.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_whole_number_and_a_unit() {
        for (text, ms) in [
            ("250ms", Some(250)),
            ("0s", Some(0)),
            ("5s", Some(5_000)),
            ("10m", Some(600_000)),
            ("12h", Some(43_200_000)),
            ("7d", Some(604_800_000)),
            ("", None),
            ("5", None),
            ("s", None),
            ("-5s", None),
            ("5 s", None),
            ("1.5s", None),
            ("5é", None),
            ("367d", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(duration(text), ms, "{text:?}");
        }
    }

    #[test]
    fn sizes_have_a_whole_number_and_a_unit() {
        for (text, bytes) in [
            ("0B", Some(0)),
            ("64KiB", Some(65_536)),
            ("25MiB", Some(26_214_400)),
            ("1024MiB", Some(1 << 30)),
            ("1025MiB", None),
            ("64", None),
            ("64KB", None),
            ("KiB", None),
            ("1.5MiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn the_nearest_name_is_found_for_a_typo_only() {
        let known = ["deadline", "methods", "auth"];
        assert_eq!(nearest("dedline", known), Some("deadline"));
        assert_eq!(nearest("method", known), Some("methods"));
        assert_eq!(nearest("autth", known), Some("auth"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn distance_is_levenshtein_distance() {
        for (a, b, d) in [("", "", 0), ("kitten", "sitting", 3), ("", "abc", 3), ("flaw", "lawn", 2)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
            assert_eq!(distance(b, a), d, "{b} {a}");
        }
    }
}
