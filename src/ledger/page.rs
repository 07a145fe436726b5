//! Pages and subjects as lines, which is how they pass between the gateway and JavaScript.

use super::{Page, Stamp};
use crate::config::Millis;
use crate::http::search;

impl Page {
    /// Reads a page as lines: when its read began (milliseconds since 1970), [`Page::as_of`] and whether there is more;
    /// then of each stamp since, until, whether it is soft, and the subject as in [`lines`]. Whether is 1 or 0.
    #[must_use]
    pub fn read(text: &str) -> Option<(Millis, Self)> {
        let mut all = text.split('\n');
        let mut head = all.next()?.split(' ');
        let mut number = || head.next()?.parse::<u64>().ok();
        let (began, as_of, more) = (number()?, number()?, number()? == 1);
        let stamps = all.map(|line| {
            let mut parts = line.splitn(4, ' ');
            let mut number = || parts.next()?.parse::<u64>().ok();
            let (since, until, soft) = (number()?, number()?, number()? == 1);
            Some(Stamp { subject: unescaped(parts.next()?), since, soft, until })
        });
        Some((began, Self { as_of, stamps: stamps.collect::<Option<_>>()?, more }))
    }
}

/// Subjects as lines: `\` and line feed are written `\\` and `\n`.
#[must_use]
pub fn lines(subjects: &[String]) -> String {
    let mut lines = String::new();
    for (place, subject) in subjects.iter().enumerate() {
        if place > 0 {
            lines.push('\n');
        }
        for c in subject.chars() {
            match c {
                '\n' => lines.push_str("\\n"),
                '\\' => lines.push_str("\\\\"),
                c => lines.push(c),
            }
        }
    }
    lines
}

/// A subject as it was before [`lines`].
fn unescaped(line: &str) -> String {
    if !search::contains(line, "\\") {
        return line.to_owned();
    }
    let mut subject = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => subject.extend(chars.next().map(|c| if c == 'n' { '\n' } else { c })),
            c => subject.push(c),
        }
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_page_is_read_from_lines() {
        let page = Page::read("7 30 1\n10 99 0 tag:a b\n20 98 1 user:a\\nb\\\\").expect("a page");
        let stamp = |subject: &str, since, soft, until| Stamp { subject: subject.into(), since, soft, until };
        let stamps = vec![stamp("tag:a b", 10, false, 99), stamp("user:a\nb\\", 20, true, 98)];
        assert_eq!(page, (7, Page { as_of: 30, stamps, more: true }));
        assert_eq!(Page::read("7 30 0").map(|(_, page)| page.more), Some(false));
        for broken in ["", "7", "7 30", "7 30 0\n", "7 30 0\n1 2 0", "7 x 0", "7 30 0\n1 -2 0 tag:a"] {
            assert_eq!(Page::read(broken), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn every_subject_is_one_line_that_reads_back(subjects in prop::collection::vec("[a-z\\\\\n:é ]{0,12}", 1..4)) {
            let text = lines(&subjects);
            let read: Vec<String> = text.split('\n').map(unescaped).collect();
            prop_assert_eq!(read, subjects);
        }

        #[test]
        fn no_text_panics_the_reader(text in "[0-9 \\\\\na-c]{0,40}") {
            let _ = Page::read(&text);
        }
    }
}
