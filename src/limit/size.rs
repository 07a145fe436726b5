//! Is a request too large?

use crate::config::{Millis, Sizes};
use crate::error::Error;
use crate::http::head::Head;

/// Checks everything that is known before the body arrives.
///
/// # Errors
/// [`Error::Oversized`]: 414 for the URL (RFC 9110 15.5.15), 431 for the fields (RFC 6585 5), 413 for the body by its
/// `Content-Length` (RFC 9110 15.5.14).
pub fn check(sizes: &Sizes, head: &Head<'_>) -> Result<(), Error> {
    let refuse = |status, what, most| Err(Error::Oversized { status, what, most });
    let url = head.url.path.len() + head.url.query.map_or(0, |query| query.len() + 1);
    if url as u64 > sizes.url {
        return refuse(414, "bytes of path and query", sizes.url);
    }
    let (mut count, mut all) = (0, 0);
    for (name, value) in head.fields.iter() {
        let size = (name.len() + value.len()) as u64;
        (count, all) = (count + 1, all + size);
        if size > sizes.field {
            return refuse(431, "bytes of a field", sizes.field);
        }
        if name == "cookie" && value.len() as u64 > sizes.cookies {
            return refuse(431, "bytes of cookies", sizes.cookies);
        }
    }
    if count > sizes.fields {
        return refuse(431, "fields", sizes.fields);
    }
    if all > sizes.all_fields {
        return refuse(431, "bytes of fields", sizes.all_fields);
    }
    let length = head.fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > sizes.body) {
        return Err(large(sizes));
    }
    Ok(())
}

/// 413: the body turned out too large.
#[must_use]
pub fn large(sizes: &Sizes) -> Error {
    Error::Oversized { status: 413, what: "bytes of body", most: sizes.body }
}

/// 408: the body takes longer than `most` milliseconds (RFC 9110 15.5.9).
#[must_use]
pub fn late(most: Millis) -> Error {
    Error::Oversized { status: 408, what: "milliseconds until the body was there", most }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_named() {
        let sizes =
            Sizes { url: 20, fields: 10, field: 40, all_fields: 200, cookies: 12, body: 5, body_timeout: 1_000 };
        let line = |name: &str, length: usize| format!("{name}:{}\n", "x".repeat(length));
        for (target, fields, expected) in [
            ("/", String::new(), None),
            ("/1234567890?123456789", String::new(), Some((414, 20))),
            ("/1234567890?12345678", String::new(), None),
            ("/", line("a", 39), None),
            ("/", line("a", 40), Some((431, 40))),
            ("/", (0..10).map(|n| line(&n.to_string(), 5)).collect(), None),
            ("/", (0..11).map(|n| line(&n.to_string(), 5)).collect(), Some((431, 10))),
            ("/", (0..9).map(|n| line(&n.to_string(), 30)).collect(), Some((431, 200))),
            ("/", line("cookie", 13), Some((431, 12))),
            ("/", line("cookie", 12), None),
            ("/", "content-length:5\n".into(), None),
            ("/", "content-length:6\n".into(), Some((413, 5))),
        ] {
            let packed = format!("https://a{target}\nPOST\n1\n{fields}\n");
            let found = match check(&sizes, &Head::parse(&packed).expect("a head")) {
                Err(Error::Oversized { status, most, .. }) => Some((status, most)),
                _ => None,
            };
            assert_eq!(found, expected, "{packed}");
        }
    }
}
