//! Does the visitor have it already? (RFC 9110 13)

use crate::head::{Fields, list};

/// Whether a stored or received 200 is to be answered with 304: `If-None-Match` decides when it
/// is there (weak comparison, RFC 9110 8.8.3.2), else `If-Modified-Since`.
#[must_use]
pub fn not_modified(request: &Fields<'_>, answer: &Fields<'_>) -> bool {
    match (request.get("if-none-match"), request.get("if-modified-since")) {
        (Some(wanted), _) if wanted.trim() == "*" => true,
        (Some(wanted), _) => answer.get("etag").is_some_and(|known| list(wanted).any(|etag| weak(etag) == weak(known))),
        (None, Some(since)) => match (date(since), answer.get("last-modified").and_then(date)) {
            (Some(since), Some(modified)) => modified <= since,
            _ => false,
        },
        (None, None) => false,
    }
}

fn weak(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

fn date(text: &str) -> Option<std::time::SystemTime> {
    httpdate::parse_http_date(text).ok()
}

/// Fields of a request that would make an origin answer with less than everything.
pub const CONDITIONS: [&str; 4] = ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::answer;

    #[test]
    fn if_none_match_decides_before_if_modified_since() {
        let day = "Tue, 14 Nov 2023 22:13:20 GMT";
        let later = "Wed, 15 Nov 2023 22:13:20 GMT";
        for (request, reply, same) in [
            ("if-none-match:\"a\"", "etag:\"a\"", true),
            ("if-none-match:W/\"a\"", "etag:\"a\"", true),
            ("if-none-match:\"a\"", "etag:W/\"a\"", true),
            ("if-none-match:\"x,y\", \"a\"", "etag:\"a\"", true),
            ("if-none-match:\"x, \"a\"", "etag:\"a\"", false),
            ("if-none-match:\"b\"", "etag:\"a\"", false),
            ("if-none-match:*", "etag:\"a\"", true),
            ("if-none-match:\"a\"", "x:y", false),
            (
                &format!("if-none-match:\"b\"\nif-modified-since:{later}"),
                &format!("etag:\"a\"\nlast-modified:{day}"),
                false,
            ),
            (&format!("if-modified-since:{day}"), &format!("last-modified:{day}"), true),
            (&format!("if-modified-since:{later}"), &format!("last-modified:{day}"), true),
            (&format!("if-modified-since:{day}"), &format!("last-modified:{later}"), false),
            ("if-modified-since:yesterday", &format!("last-modified:{day}"), false),
            ("x:y", "etag:\"a\"", false),
        ] {
            let (request, reply) = (format!("200\n{request}\n"), format!("200\n{reply}\n"));
            assert_eq!(not_modified(&answer(&request).1, &answer(&reply).1), same, "{request}{reply}");
        }
    }
}
