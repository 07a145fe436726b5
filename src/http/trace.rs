//! Which trace is this request part of? (W3C Trace Context, level 1)

use super::search;

/// A trace, and Usher's span in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace<'a> {
    /// The trace id: 32 hexadecimal digits, from the client or new.
    id: std::borrow::Cow<'a, str>,
    /// The id of Usher's span: 16 hexadecimal digits.
    span: String,
    /// The flags: two hexadecimal digits.
    flags: &'a str,
    /// The `tracestate` of the systems before Usher, when the client's trace is continued.
    state: Option<String>,
}

impl<'a> Trace<'a> {
    /// Continues the client's trace, or starts a new one when `traceparent` is missing or invalid (3.2.2.2 and 4.3).
    #[must_use]
    pub fn of(traceparent: Option<&'a str>, tracestate: Option<&str>, random: &[u8; 24]) -> Self {
        let (id, span) = random.split_at_checked(16).unwrap_or_default();
        let span = hex(span);
        match traceparent.and_then(parse) {
            Some((id, flags)) => Self { id: id.into(), span, flags, state: tracestate.and_then(state) },
            None => Self { id: hex(id).into(), span, flags: "00", state: None },
        }
    }

    /// The `traceparent` that the origin receives.
    #[must_use]
    pub fn field(&self) -> String {
        format!("00-{}-{}-{}", self.id, self.span, self.flags)
    }

    /// The `tracestate` that the origin receives, if any.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The trace's id, for the log.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Trace id and flags of a valid `traceparent`; versions above 00 may have more parts after them.
fn parse(text: &str) -> Option<(&str, &str)> {
    let mut parts = search::trim(text).splitn(5, '-');
    let (version, id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = digits(version, 2) && digits(id, 32) && digits(parent, 16) && digits(flags, 2);
    let more = parts.next().is_some();
    let zero = |text: &str| text.bytes().all(|b| b == b'0');
    let good = lengths && version != "ff" && !(version == "00" && more) && !zero(id) && !zero(parent);
    // Only the sampled bit is defined (3.2.2.5.1); the others are not forwarded.
    let sampled = flags
        .bytes()
        .next_back()
        .is_some_and(|digit| matches!(digit, b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f'));
    good.then_some((id, if sampled { "01" } else { "00" }))
}

/// Most members of a `tracestate` (3.3.1.1).
const MOST_MEMBERS: usize = 32;
/// Most characters of a `tracestate`: the number that every vendor should propagate (3.3.1.5).
const LONGEST_STATE: usize = 512;
/// Members longer than this many characters are removed first from a `tracestate` that is too long (3.3.1.5).
const LONG_MEMBER: usize = 128;

/// The `tracestate` to forward; `None` when it is invalid, for then none of it is forwarded (3.3, 4.3). When it is
/// too long, the long members are removed first, then those on the right, which are the oldest.
fn state(text: &str) -> Option<String> {
    let mut members: Vec<&str> = Vec::new();
    for member in text.split(',').map(search::trim).filter(|member| !member.is_empty()) {
        let (key, _) = member.split_once('=').filter(|(key, value)| is_key(key) && is_value(value))?;
        if members.iter().any(|known| known.split('=').next() == Some(key)) {
            continue;
        }
        members.push(member);
    }
    if members.is_empty() || members.len() > MOST_MEMBERS {
        return None;
    }
    let long = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>() > LONGEST_STATE + 1;
    while long(&members) {
        let large = members.iter().rposition(|member| member.len() > LONG_MEMBER);
        members.remove(large.unwrap_or(members.len() - 1));
    }
    (!members.is_empty()).then(|| members.join(","))
}

/// Whether a key is `vendor` or `tenant@vendor` (3.3.1.3.1).
fn is_key(key: &str) -> bool {
    let of = |text: &str, most: usize, digit: bool| {
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || (digit && b.is_ascii_digit()));
        let rest = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*/".contains(&b));
        first && rest && text.len() <= most
    };
    match key.split_once('@') {
        Some((tenant, vendor)) => of(tenant, 241, true) && of(vendor, 14, false),
        None => of(key, 256, false),
    }
}

/// Whether a value is printable ASCII without `,` and `=`, and does not end with a space (3.3.1.3.2).
fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && !value.ends_with(' ')
        && value.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b',' && b != b'=')
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_valid_trace_is_continued_with_our_span() {
        let sent = format!("00-{ID}-00f067aa0ba902b7-01");
        let trace = Trace::of(Some(&sent), Some("a=1"), &[1; 24]);
        assert_eq!(trace.field(), format!("00-{ID}-0101010101010101-01"));
        assert_eq!(trace.state(), Some("a=1"));
        let later = format!("cc-{ID}-00f067aa0ba902b7-03-what-the-future-brings");
        assert_eq!(Trace::of(Some(&later), None, &[1; 24]).field(), format!("00-{ID}-0101010101010101-01"));
    }

    #[test]
    fn an_invalid_traceparent_starts_a_new_trace() {
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
            let trace = Trace::of(Some(&sent), Some("a=1"), &[1; 24]);
            assert_eq!(trace.field(), format!("00-{}-0101010101010101-00", "01".repeat(16)), "{sent}");
            assert_eq!(trace.state(), None, "{sent}");
        }
    }

    #[test]
    fn only_a_valid_tracestate_is_forwarded() {
        let all = format!("a={}", (0x20..0x7f).map(char::from).filter(|c| !",=".contains(*c)).collect::<String>());
        let (keys, tenants) = (format!("{}=1", "z".repeat(256)), format!("{}@{}=1", "t".repeat(241), "v".repeat(14)));
        for good in ["foo=1", "foo=1,bar=2", "0a-_*/@b1=x", "a= x", &all, &keys, &tenants] {
            assert_eq!(state(good).as_deref(), Some(good), "{good}");
        }
        assert_eq!(state("foo=1 \t , \t bar=2,,\tbaz=3 ").as_deref(), Some("foo=1,bar=2,baz=3"));
        assert_eq!(state("foo=1,bar=2,foo=3").as_deref(), Some("foo=1,bar=2"), "the newest of a key counts");
        let (long, longer) = (format!("{}=1", "z".repeat(257)), format!("{}@v=1", "t".repeat(242)));
        let value = format!("a={}", "x".repeat(257));
        for bad in [
            "",
            " ",
            ",",
            "foo",
            "foo=",
            "foo =1",
            "Foo=1",
            "foo.bar=1",
            "1foo=1",
            "foo@=1",
            "@foo=1",
            "foo@@bar=1",
            "foo@bar@baz=1",
            "foo@1bar=1",
            "foo=bar=baz",
            "foo=é",
            "foo=1,=2",
            "a=1;b=2=3",
            &long,
            &longer,
            &value,
        ] {
            assert_eq!(state(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_tracestate_has_at_most_32_members_and_a_long_one_is_cut_from_the_right() {
        let members = |count: usize| (1..=count).map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",");
        assert_eq!(state(&members(32)), Some(members(32)));
        assert_eq!(state(&members(33)), None);
        let long = |key: char, value: usize| format!("{key}={}", "x".repeat(value));
        let four = [long('a', 100), long('b', 200), long('c', 100), long('d', 100)];
        assert_eq!(
            state(&four.join(",")).as_deref(),
            Some(four.join(",").as_str()),
            "{} characters",
            four.join(",").len()
        );
        let five = [&four[..], &[long('e', 20)]].concat().join(",");
        assert_eq!(state(&five), Some([&four[0], &four[2], &four[3], &long('e', 20)].map(String::as_str).join(",")));
        let six = ['a', 'b', 'c', 'd', 'e', 'f'].map(|key| long(key, 100));
        assert_eq!(state(&six.join(",")), Some(six[..4].join(",")));
    }

    proptest! {
        #[test]
        fn the_traceparent_is_always_well_formed(sent in "\\PC{0,60}|00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", random: [u8; 24]) {
            let field = Trace::of(Some(&sent), None, &random).field();
            prop_assert_eq!(field.len(), 55);
        }

        #[test]
        fn a_forwarded_tracestate_is_valid(sent in "([a-z0-9@_ -]{1,9}=?[ -~]{0,160},?){0,40}") {
            if let Some(forwarded) = state(&sent) {
                prop_assert!(forwarded.len() <= LONGEST_STATE && forwarded.split(',').count() <= MOST_MEMBERS);
                prop_assert_eq!(state(&forwarded), Some(forwarded));
            }
        }
    }
}
