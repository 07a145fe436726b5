//! Which cookies does a request carry? (RFC 6265bis 4.2.1, 5.8.3)
//!
//! Every cookie that Usher uses is read here. Only `;` separates pairs: a sibling host may set a cookie whose
//! value contains a comma and the name of another cookie. The runtime joins two `Cookie` lines with a comma;
//! the text after the comma is parsed as part of the value before it, so a cookie of Usher's on the second
//! line is not accepted.

use super::search;

/// The cookies found under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// No cookie has this name.
    None,
    /// Exactly one cookie has this name: its value.
    One(&'a str),
    /// Several cookies have this name: which one is meant is ambiguous.
    Several,
}

impl<'a> Found<'a> {
    /// The value, when exactly one cookie has the name.
    #[must_use]
    pub fn one(self) -> Option<&'a str> {
        match self {
            Self::One(value) => Some(value),
            Self::None | Self::Several => None,
        }
    }
}

/// The name-value pairs of a `Cookie` field in the order received, without surrounding white space.
pub fn pairs(field: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    field.unwrap_or_default().split(';').filter_map(pair)
}

fn pair(text: &str) -> Option<(&str, &str)> {
    let (name, value) = search::split_once(text, "=")?;
    Some((search::trim(name), search::trim(value)))
}

/// The cookie with this name; names are case-sensitive.
#[must_use]
pub fn find<'a>(field: Option<&'a str>, name: &str) -> Found<'a> {
    let mut all = pairs(field).filter(|(known, _)| *known == name).map(|(_, value)| value);
    match (all.next(), all.next()) {
        (None, _) => Found::None,
        (Some(value), None) => Found::One(value),
        (Some(_), Some(_)) => Found::Several,
    }
}

/// A `Cookie` field without the pairs for which `is_ours` is true, every other byte unchanged; `None` when no
/// pair is left. A pair after a comma may come from a second `Cookie` line: it is removed when `is_secret` is
/// true for its name and value.
#[must_use]
pub fn without(field: &str, is_ours: impl Fn(&str) -> bool, is_secret: impl Fn(&str, &str) -> bool) -> Option<String> {
    let mut kept: Vec<String> = Vec::new();
    for member in field.split(';') {
        let mut pieces: Vec<&str> = Vec::new();
        for piece in member.split(',') {
            let removed = pair(piece)
                .is_some_and(|(name, value)| if pieces.is_empty() { is_ours(name) } else { is_secret(name, value) });
            if !removed {
                pieces.push(piece);
            }
        }
        if !pieces.is_empty() {
            kept.push(pieces.join(","));
        }
    }
    let left = kept.join(";");
    let left = if left.len() < field.len() { left.trim_start_matches([' ', '\t']) } else { &left };
    (!left.trim_matches([' ', '\t', ';']).is_empty()).then(|| left.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_semicolon_ends_a_pair() {
        assert_eq!(find(Some("theme=dark,a=1"), "a"), Found::None, "a sibling's value is no cookie of ours");
        assert_eq!(find(Some("theme=dark, a=1"), "a"), Found::None, "nor is a second line");
        assert_eq!(find(Some("a=1, b=2"), "a"), Found::One("1, b=2"));
        assert_eq!(find(Some("x=1,a=1; a=2"), "a"), Found::One("2"));
        assert_eq!(find(Some(" a = 1 ;b=2"), "a"), Found::One("1"));
        assert_eq!(find(Some("a=\"x;y\""), "a"), Found::One("\"x"));
        assert_eq!(find(Some("a=1; A=2; a=3"), "a"), Found::Several);
        assert_eq!(find(Some("a; =a; b"), "a"), Found::None);
        assert_eq!(find(None, "a"), Found::None);
    }

    #[test]
    fn without_removes_one_pair_and_keeps_every_other_byte() {
        for (field, left) in [
            ("s=1", None),
            ("s=1; ", None),
            ("s=1;a=é", Some("a=é")),
            ("a=\"x;y\"; s=1;  b=2;c", Some("a=\"x;y\";  b=2;c")),
            ("a=1,2; s=1", Some("a=1,2")),
            ("x=1,s=1", Some("x=1,s=1")),
            ("x=1, s=secret; b=2", Some("x=1; b=2")),
            ("s=1, b=2; c=3", Some("b=2; c=3")),
            ("a==;;b", Some("a==;;b")),
        ] {
            let left_over = without(field, |name| name == "s", |name, value| name == "s" && value == "secret");
            assert_eq!(left_over.as_deref(), left, "{field}");
        }
    }

    proptest! {
        #[test]
        fn a_field_without_usher_cookies_is_unchanged(field in "[a-r]{1,3}=[ -~é]{0,9}(; ?[a-r]{1,3}=[ -:<-~é]{0,9}){0,4}") {
            prop_assert_eq!(without(&field, |name| name == "s", |name, _| name == "s"), Some(field));
        }
    }
}
