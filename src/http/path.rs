//! What is the normal form of a path, and is it ambiguous? (RFC 3986 6.2.2, 5.2.4)
//!
//! The gateway authorises by path and the origin serves by path, so both must parse the same path. [`normal`]
//! is the form that is matched, keyed and forwarded. [`otherwise`] is how a more lenient parser might interpret
//! it; a path whose two forms belong to different routes is refused.

use super::search;
use std::borrow::Cow;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// `%` without two hexadecimal digits.
    #[error("the path has a '%' that is not followed by two hexadecimal digits")]
    Encoding,
    /// A control character, literal or percent-encoded.
    #[error("the path has a control character")]
    Control,
    /// A segment `.` or `..`, literal or percent-encoded.
    #[error("the path has a segment '.' or '..': send it resolved")]
    Dots,
    /// The path does not begin with a slash.
    #[error("the path does not begin with '/'")]
    Relative,
}

/// The path with unreserved characters decoded, and the hexadecimal digits of other encodings in upper case.
///
/// # Errors
/// A path that is relative, has a stray `%`, or has a control character or a dot segment, literal or
/// percent-encoded.
pub fn normal(path: &str) -> Result<Cow<'_, str>, Bad> {
    if !path.starts_with('/') {
        return Err(Bad::Relative);
    }
    if path.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Err(Bad::Control);
    }
    if !search::contains(path, "%") {
        return if has_dots(path) { Err(Bad::Dots) } else { Ok(Cow::Borrowed(path)) };
    }
    let mut pieces = path.split('%');
    let mut out = String::with_capacity(path.len());
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or(Bad::Encoding)?;
        let byte = byte(digits).ok_or(Bad::Encoding)?;
        match byte {
            0..0x20 | 0x7f => return Err(Bad::Control),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push_str(&digits.to_ascii_uppercase());
            }
        }
        out.push_str(rest);
    }
    if has_dots(&out) { Err(Bad::Dots) } else { Ok(Cow::Owned(out)) }
}

/// Whether a URL parser would resolve this path into another one.
fn has_dots(path: &str) -> bool {
    search::contains(path, "/.") && path.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// How an origin that decodes twice, merges slashes, drops `;parameters` and resolves dot segments would
/// interpret a normal path; `None` when the result is the same path.
#[must_use]
pub fn otherwise(path: &str) -> Option<String> {
    let odd = path.contains(['%', ';', '\\']) || search::contains(path, "//") || search::contains(path, "/.");
    if !odd {
        return None;
    }
    let decoded = decode(&decode(path)).replace('\\', "/");
    let mut kept: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    let slash = if decoded.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    let read = format!("/{}{slash}", kept.join("/"));
    (read != path).then_some(read)
}

/// Percent-decodes text; bytes that are not UTF-8 become U+FFFD, a stray `%` is kept.
#[must_use]
pub fn decode(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    out.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        match piece.split_at_checked(2).and_then(|(digits, rest)| Some((byte(digits)?, rest))) {
            Some((byte, rest)) => {
                out.push(byte);
                out.extend_from_slice(rest.as_bytes());
            }
            None => {
                out.push(b'%');
                out.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn byte(digits: &str) -> Option<u8> {
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    if hex { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// Percent-encodes text for a query or a path segment: everything except unreserved characters.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Whether `target` is a path on the current host, so that a redirect to it cannot leave the host: it begins with
/// one slash, and no URL parser can interpret it as another authority.
#[must_use]
pub fn is_local(target: &str) -> bool {
    let mut bytes = target.bytes();
    bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && target.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normal_decodes_unreserved_characters() {
        for (raw, normalised) in [
            ("/", Ok("/")),
            ("/a/b", Ok("/a/b")),
            ("/%61dmin", Ok("/admin")),
            ("/%7euser", Ok("/~user")),
            ("/a%2fb", Ok("/a%2Fb")),
            ("/caf%c3%a9", Ok("/caf%C3%A9")),
            ("/a%252e", Ok("/a%252e")),
            ("/100%", Err(Bad::Encoding)),
            ("/%zz", Err(Bad::Encoding)),
            ("/%+1", Err(Bad::Encoding)),
            ("/a%00", Err(Bad::Control)),
            ("/a%0d%0aX:1", Err(Bad::Control)),
            ("/a\u{7f}", Err(Bad::Control)),
            ("/a/../b", Err(Bad::Dots)),
            ("/a/%2e%2E", Err(Bad::Dots)),
            ("/.", Err(Bad::Dots)),
            ("/.well-known/..x", Ok("/.well-known/..x")),
            ("a", Err(Bad::Relative)),
            ("", Err(Bad::Relative)),
        ] {
            assert_eq!(normal(raw).as_deref().map_err(|bad| *bad), normalised, "{raw}");
        }
    }

    #[test]
    fn otherwise_resolves_encodings_slashes_parameters_and_dots() {
        for (path, read) in [
            ("/a/b", None),
            ("/a/b.html", None),
            ("//admin", Some("/admin")),
            ("/x/..%2fadmin", Some("/admin")),
            ("/x/..%252fadmin", Some("/admin")),
            ("/x%2Fy", Some("/x/y")),
            ("/admin;a=1/x", Some("/admin/x")),
            ("/a%5Cb", Some("/a/b")),
            ("/a/", None),
            ("/a//", Some("/a/")),
            ("/.well-known/x", None),
            ("/a/./b", Some("/a/b")),
        ] {
            assert_eq!(otherwise(path).as_deref(), read, "{path}");
        }
    }

    #[test]
    fn only_a_path_on_this_host_is_local() {
        for good in ["/", "/a?b=c#d", "/a//b", "/?x=https://e.com"] {
            assert!(is_local(good), "{good}");
        }
        for bad in ["", "a", "//e.com", "/\\e.com", "https://e.com", "/a\\b", "/a b", "/a\n", "\t//e", "/é"] {
            assert!(!is_local(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn normal_is_stable_and_never_panics(raw in "[/a-z%0-9A-F.;\\\\é]{0,40}") {
            if let Ok(once) = normal(&raw) {
                let twice = normal(&once).map(Cow::into_owned);
                prop_assert_eq!(twice, Ok(once.into_owned()));
            }
            let _ = otherwise(&raw);
        }

        #[test]
        fn decoding_undoes_encoding(text in "\\PC{0,40}") {
            prop_assert_eq!(decode(&encode(&text)), text);
        }
    }
}
