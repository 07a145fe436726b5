//! Which trace is this request part of? (W3C Trace Context, level 1)

/// A trace, and our place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace<'a> {
    /// 32 hexadecimal digits, of the client's choice or new.
    id: std::borrow::Cow<'a, str>,
    /// 16 hexadecimal digits: this hop.
    span: String,
    /// Two hexadecimal digits.
    flags: &'a str,
    /// Whether the client began it; only then does its `tracestate` mean anything.
    pub continued: bool,
}

impl<'a> Trace<'a> {
    /// Continues the client's trace, or starts one when there is none to continue (3.2.2.2 and 4.3).
    #[must_use]
    pub fn of(traceparent: Option<&'a str>, random: &[u8; 24]) -> Self {
        let (id, span) = random.split_at_checked(16).unwrap_or_default();
        let span = hex(span);
        match traceparent.and_then(parse) {
            Some((id, flags)) => Self { id: id.into(), span, flags, continued: true },
            None => Self { id: hex(id).into(), span, flags: "00", continued: false },
        }
    }

    /// The `traceparent` that the origin receives.
    #[must_use]
    pub fn field(&self) -> String {
        format!("00-{}-{}-{}", self.id, self.span, self.flags)
    }

    /// The trace's id, for the log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Trace id and flags of a valid `traceparent`; versions above 00 may carry more behind them.
fn parse(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.trim_matches([' ', '\t']).splitn(5, '-');
    let (version, id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = digits(version, 2) && digits(id, 32) && digits(parent, 16) && digits(flags, 2);
    let more = parts.next().is_some();
    let zero = |text: &str| text.bytes().all(|b| b == b'0');
    let good = lengths && version != "ff" && !(version == "00" && more) && !zero(id) && !zero(parent);
    // Only the sampled bit is defined (3.2.2.5.1); the others are not passed on.
    let sampled = flags
        .bytes()
        .next_back()
        .is_some_and(|digit| matches!(digit, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f'));
    good.then_some((id, if sampled { "01" } else { "00" }))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_valid_trace_is_continued_with_our_span() {
        let sent = format!("00-{ID}-00f067aa0ba902b7-01");
        let trace = Trace::of(Some(&sent), &[1; 24]);
        assert_eq!(trace.field(), format!("00-{ID}-0101010101010101-01"));
        assert!(trace.continued);
        let later = format!("cc-{ID}-00f067aa0ba902b7-03-what-the-future-brings");
        assert_eq!(Trace::of(Some(&later), &[1; 24]).field(), format!("00-{ID}-0101010101010101-01"));
    }

    #[test]
    fn anything_else_starts_a_new_one() {
        let zeros = "0".repeat(32);
        for sent in [
            String::new(),
            format!("00-{ID}-00f067aa0ba902b7"),
            format!("00-{ID}-00f067aa0ba902b7-01-x"),
            format!("00-{ID}-00f067aa0ba902b7-01-"),
            format!("ff-{ID}-00f067aa0ba902b7-01"),
            format!("00-{zeros}-00f067aa0ba902b7-01"),
            format!("00-{ID}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            format!("0-{ID}-00f067aa0ba902b7-01"),
            format!("00-{ID}-00f067aa0ba902b7-0g"),
            format!("00-{ID}-00f067aa0ba902b7-01, 00-{ID}-00f067aa0ba902b7-01"),
        ] {
            let trace = Trace::of(Some(&sent), &[1; 24]);
            assert_eq!(trace.field(), format!("00-{}-0101010101010101-00", "01".repeat(16)), "{sent}");
            assert!(!trace.continued, "{sent}");
        }
    }

    proptest! {
        #[test]
        fn the_field_is_always_well_formed(sent in "\\PC{0,60}|00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", random: [u8; 24]) {
            let field = Trace::of(Some(&sent), &random).field();
            prop_assert_eq!(field.len(), 55);
        }
    }
}
