//! What does a structured field contain? (RFC 9651: dictionaries, and lists of strings)
//!
//! Strict on purpose: a malformed field is ignored as a whole, as RFC 9213 2.2 and RFC 9875 2 require. Dates and
//! display strings are newer than both and count as malformed.

/// A bare item (RFC 9651 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Whole number.
    Integer(i64),
    /// `"text"`, unescaped.
    Text(String),
    /// `?1` or `?0`, or a key without a value.
    Flag(bool),
    /// Any other well-formed item: decimal, token, byte sequence, inner list.
    Other,
}

/// The members of a dictionary in order; the last value of a repeated key counts. `None` when it is malformed.
#[must_use]
pub fn dictionary(text: &str) -> Option<Vec<(&str, Item)>> {
    let mut rest = Parser(text.trim_matches(' '));
    let mut members: Vec<(&str, Item)> = Vec::new();
    while !rest.0.is_empty() {
        let key = rest.key()?;
        let item = if rest.eat("=") { rest.member()? } else { Item::Flag(true) };
        rest.parameters()?;
        members.retain(|(known, _)| *known != key);
        members.push((key, item));
        rest.separator()?;
    }
    Some(members)
}

/// The strings of a list; members of other types are skipped. `None` when it is malformed.
#[must_use]
pub fn strings(text: &str) -> Option<Vec<String>> {
    let mut rest = Parser(text.trim_matches(' '));
    let mut found = Vec::new();
    while !rest.0.is_empty() {
        if let Item::Text(text) = rest.member()? {
            found.push(text);
        }
        rest.parameters()?;
        rest.separator()?;
    }
    Some(found)
}

struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    fn eat(&mut self, mark: &str) -> bool {
        match self.0.strip_prefix(mark) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the longest prefix whose bytes are all `good`.
    fn take_while(&mut self, good: impl Fn(u8) -> bool) -> &'a str {
        let end = self.0.bytes().position(|b| !good(b)).unwrap_or(self.0.len());
        let (start, rest) = self.0.split_at_checked(end).unwrap_or((self.0, ""));
        self.0 = rest;
        start
    }

    fn key(&mut self) -> Option<&'a str> {
        let first = self.0.bytes().next()?;
        let key = self.take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.*".contains(&b));
        (first.is_ascii_lowercase() || first == b'*').then_some(key)
    }

    fn member(&mut self) -> Option<Item> {
        if !self.eat("(") {
            return self.item();
        }
        loop {
            self.take_while(|b| b == b' ');
            if self.eat(")") {
                return Some(Item::Other);
            }
            self.item()?;
            self.parameters()?;
            if !self.0.starts_with([' ', ')']) {
                return None;
            }
        }
    }

    fn item(&mut self) -> Option<Item> {
        match self.0.bytes().next()? {
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.text(),
            b'?' => {
                self.eat("?");
                if self.eat("1") { Some(Item::Flag(true)) } else { self.eat("0").then_some(Item::Flag(false)) }
            }
            b':' => {
                self.eat(":");
                self.take_while(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
                self.eat(":").then_some(Item::Other)
            }
            b'*' | b'A'..=b'Z' | b'a'..=b'z' => {
                self.take_while(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&b));
                Some(Item::Other)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Item> {
        let negative = self.eat("-");
        let whole = self.take_while(|b| b.is_ascii_digit());
        if self.eat(".") {
            let fraction = self.take_while(|b| b.is_ascii_digit());
            let good = (1..=12).contains(&whole.len()) && (1..=3).contains(&fraction.len());
            return good.then_some(Item::Other);
        }
        let value: i64 = whole.parse().ok().filter(|_| whole.len() <= 15)?;
        Some(Item::Integer(if negative { -value } else { value }))
    }

    fn text(&mut self) -> Option<Item> {
        self.eat("\"");
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|b| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\'));
            if self.eat("\"") {
                return Some(Item::Text(text));
            } else if self.eat("\\\"") {
                text.push('"');
            } else if self.eat("\\\\") {
                text.push('\\');
            } else {
                return None;
            }
        }
    }

    fn parameters(&mut self) -> Option<()> {
        while self.eat(";") {
            self.take_while(|b| b == b' ');
            self.key()?;
            if self.eat("=") {
                self.item()?;
            }
        }
        Some(())
    }

    /// Takes a comma that is followed by another member, or accepts the end.
    fn separator(&mut self) -> Option<()> {
        self.take_while(|b| b == b' ' || b == b'\t');
        if self.0.is_empty() {
            return Some(());
        }
        if !self.eat(",") {
            return None;
        }
        self.take_while(|b| b == b' ' || b == b'\t');
        (!self.0.is_empty()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_dictionary_is_parsed_as_a_whole_or_ignored() {
        use Item::{Flag, Integer, Other, Text};
        for (text, found) in [
            ("", Some(vec![])),
            ("max-age=60", Some(vec![("max-age", Integer(60))])),
            ("max-age=60, no-store", Some(vec![("max-age", Integer(60)), ("no-store", Flag(true))])),
            ("a=1,a=2", Some(vec![("a", Integer(2))])),
            ("a=?0;x=1;y, b=(1 \"x\");q", Some(vec![("a", Flag(false)), ("b", Other)])),
            ("a=\"x\\\"y\\\\\"", Some(vec![("a", Text("x\"y\\".into()))])),
            ("a=1.5, b=tok/en, c=:aGk=:", Some(vec![("a", Other), ("b", Other), ("c", Other)])),
            ("a=-7", Some(vec![("a", Integer(-7))])),
            ("max-age=10000, &&&&&", None),
            ("max-age =60", None),
            ("max-age= 60", None),
            ("Max-Age=60", None),
            ("a,", None),
            ("a=1234567890123456", None),
            ("a=\"x", None),
            ("a=(1", None),
            ("a b", None),
        ] {
            assert_eq!(dictionary(text), found, "{text}");
        }
    }

    #[test]
    fn a_list_yields_its_strings() {
        for (text, found) in [
            ("\"a\", \"b\";x=1", Some(vec!["a".to_owned(), "b".to_owned()])),
            ("\"a\", b, 3", Some(vec!["a".to_owned()])),
            ("\"a", None),
            ("\"a\" \"b\"", None),
            ("", Some(vec![])),
        ] {
            assert_eq!(strings(text), found, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_can_panic(text in "\\PC{0,40}|[a-z0-9=\",;() ?:.*\\\\-]{0,40}") {
            let _ = dictionary(&text);
            let _ = strings(&text);
        }
    }
}
