//! How are the parameters of a form written and read? (`application/x-www-form-urlencoded`, WHATWG URL 5)

use super::head::parameters;
use super::path;

/// The parameters as one text.
#[must_use]
pub fn write(all: &[(&str, &str)]) -> String {
    let pairs = all.iter().map(|(name, value)| format!("{name}={}", path::encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The first value of a parameter, decoded; empty when there is none.
#[must_use]
pub fn read(text: &str, name: &str) -> String {
    let value = parameters(text).find(|(known, _)| *known == name).map(|(_, value)| path::decode(value));
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = write(&[("a", "x&y=z +%"), ("b", "\u{e9}"), ("a", "second")]);
        assert_eq!(["a", "b", "c"].map(|name| read(&text, name)), ["x&y=z +%", "\u{e9}", ""]);
    }
}
