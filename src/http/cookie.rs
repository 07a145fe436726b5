//! Which cookies does a request carry? (RFC 6265bis 4.2.1, 5.8.3)
//!
//! One reader for every cookie that means something to Usher. Pairs are separated by `;` and by nothing
//! else: a sibling host may set a cookie whose value holds a comma and the name of another cookie. Two
//! `Cookie` lines arrive joined by a comma; what stands behind it belongs to the value before it, so
//! such a request carries no cookie of Usher's that can be believed.

/// What was found under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// No cookie has the name.
    None,
    /// One has: its value.
    One(&'a str),
    /// Several have: nobody can say which was meant.
    Several,
}

impl<'a> Found<'a> {
    /// The value, where exactly one cookie has the name.
    #[must_use]
    pub fn one(self) -> Option<&'a str> {
        match self {
            Self::One(value) => Some(value),
            Self::None | Self::Several => None,
        }
    }
}

/// The pairs of a `Cookie` field in the order they came: name and value, without white space around.
pub fn pairs(field: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    field.unwrap_or_default().split(';').filter_map(pair)
}

fn pair(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    Some((name.trim_matches(WHITE), value.trim_matches(WHITE)))
}

/// What may stand around a pair (RFC 6265bis 5.6).
const WHITE: [char; 2] = [' ', '\t'];

/// The cookie of this very name.
#[must_use]
pub fn find<'a>(field: Option<&'a str>, name: &str) -> Found<'a> {
    let mut all = pairs(field).filter(|(known, _)| *known == name).map(|(_, value)| value);
    match (all.next(), all.next()) {
        (None, _) => Found::None,
        (Some(value), None) => Found::One(value),
        (Some(_), Some(_)) => Found::Several,
    }
}

/// A `Cookie` field without the pairs that `is_ours` names, every other byte as it came; `None` when no
/// pair is left. `is_secret` tells, of a name and value behind a comma, that they must not leave the
/// gateway: a second `Cookie` line may have carried them.
#[must_use]
pub fn without(field: &str, is_ours: impl Fn(&str) -> bool, is_secret: impl Fn(&str, &str) -> bool) -> Option<String> {
    let mut kept: Vec<String> = Vec::new();
    for member in field.split(';') {
        let mut pieces: Vec<&str> = Vec::new();
        for piece in member.split(',') {
            let goes = pair(piece).is_some_and(
                |(name, value)| {
                    if pieces.is_empty() { is_ours(name) } else { is_secret(name, value) }
                },
            );
            if !goes {
                pieces.push(piece);
            }
        }
        if !pieces.is_empty() {
            kept.push(pieces.join(","));
        }
    }
    let left = kept.join(";");
    let left = if left.len() < field.len() { left.trim_start_matches(WHITE) } else { &left };
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
    fn one_pair_is_taken_out_and_every_other_byte_stays() {
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
        fn what_holds_none_of_ours_is_left_byte_for_byte(field in "[a-r]{1,3}=[ -~é]{0,9}(; ?[a-r]{1,3}=[ -:<-~é]{0,9}){0,4}") {
            prop_assert_eq!(without(&field, |name| name == "s", |name, _| name == "s"), Some(field));
        }
    }
}
