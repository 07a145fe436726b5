//! Where does a text contain another one? For short texts: the standard library's search prepares each time for long
//! ones, which takes longer than the search, and is 4 KB of wasm.

/// The parts of a text before and after the first `part`.
#[must_use]
pub fn split_once<'t>(text: &'t str, part: &str) -> Option<(&'t str, &'t str)> {
    let first = part.bytes().next()?;
    let starts = |at: usize| text.get(at..).and_then(|rest| rest.strip_prefix(part));
    let found = |(at, byte): (usize, u8)| if byte == first { text.get(..at).zip(starts(at)) } else { None };
    text.bytes().enumerate().find_map(found)
}

/// A text without spaces and tabs around it: the optional white space of HTTP (RFC 9110 5.6.3).
#[must_use]
pub fn trim(text: &str) -> &str {
    let white = |byte: &u8| matches!(byte, b' ' | b'\t');
    let before = text.bytes().take_while(white).count();
    let after = text.bytes().rev().take_while(white).count();
    text.get(before..text.len() - after).unwrap_or_default()
}

/// Whether a text contains `part`.
#[must_use]
pub fn contains(text: &str, part: &str) -> bool {
    split_once(text, part).is_some()
}

/// A text with `new` in place of each `part`.
#[must_use]
pub fn replace(text: &str, part: &str, new: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = split_once(rest, part) {
        out.push_str(before);
        out.push_str(new);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_finds_what_the_standard_library_finds(text in "[ab/é]{0,12}", part in "[ab/é]{1,3}", new in "[ax]{0,2}") {
            prop_assert_eq!(split_once(&text, &part), text.split_once(part.as_str()));
            let spaced = text.replace('a', " ").replace('b', "\t");
            prop_assert_eq!(trim(&spaced), spaced.trim_matches([' ', '\t']));
            prop_assert_eq!(contains(&text, &part), text.contains(part.as_str()));
            prop_assert_eq!(replace(&text, &part, &new), text.replace(part.as_str(), &new));
        }
    }
}
