//! Does a conditional request's validator match, and does a 304 belong to the stored response? (RFC 9110 13)

use crate::http::date::date;
use crate::http::head::{Edits, Fields};
use crate::http::list::members;

/// Whether 304 is sent instead of a stored or received 200: `If-None-Match` decides when it is present (weak
/// comparison, RFC 9110 8.8.3.2), else `If-Modified-Since`.
#[must_use]
pub fn not_modified(request: &Fields<'_>, response: &Fields<'_>) -> bool {
    match (request.get("if-none-match"), request.get("if-modified-since")) {
        (Some(wanted), _) if wanted.trim() == "*" => true,
        (Some(wanted), _) => {
            response.get("etag").is_some_and(|known| members(wanted).any(|etag| weak(etag) == weak(known)))
        }
        // Without `Last-Modified` the response's `Date` counts (RFC 9111 4.3.2).
        (None, Some(since)) => {
            match (date(since), response.get("last-modified").or(response.get("date")).and_then(date)) {
                (Some(since), Some(modified)) => modified <= since,
                _ => false,
            }
        }
        (None, None) => false,
    }
}

/// The weak form of a response's strong `ETag`, where the body's coding is removed before it is stored or sent: the
/// bytes are no longer those that the origin's `ETag` identifies (RFC 9110 8.8.1, 13.1.5).
#[must_use]
pub fn weakened(response: &Fields<'_>) -> Option<String> {
    let coded = matches!(response.get("content-encoding"), Some("br" | "gzip"));
    response.get("etag").filter(|etag| coded && etag.starts_with('"')).map(|etag| format!("W/{etag}"))
}

fn weak(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

/// Conditions of a visitor that Usher evaluates itself: they are not forwarded to the origin.
pub const CONDITIONS: [&str; 2] = ["if-none-match", "if-modified-since"];

/// Whether a request has conditions that only the origin can evaluate (RFC 9111 4.3.2).
#[must_use]
pub fn needs_origin(request: &Fields<'_>) -> bool {
    request.get("if-match").is_some() || request.get("if-unmodified-since").is_some()
}

/// Adds the conditions that revalidate a stored response (RFC 9111 4.3.1); returns whether it has a validator.
pub fn conditions(stored: &Fields<'_>, edits: &mut Edits) -> bool {
    let (etag, modified) = (stored.get("etag"), stored.get("last-modified"));
    if let Some(etag) = etag {
        edits.set("if-none-match", etag);
    }
    if let Some(modified) = modified {
        edits.set("if-modified-since", modified);
    }
    etag.is_some() || modified.is_some()
}

/// Whether a 304 belongs to the stored response: an `ETag` that it has must match the stored one (RFC 9111 4.3.4).
#[must_use]
pub fn is_about(stored: &Fields<'_>, fresh: &Fields<'_>) -> bool {
    fresh.get("etag").zip(stored.get("etag")).is_none_or(|(fresh, stored)| weak(fresh) == weak(stored))
}

/// Fields of a 304 that do not apply to the stored body (RFC 9111 3.2).
const BODY_FIELDS: [&str; 4] = ["content-encoding", "content-length", "content-range", "transfer-encoding"];

/// Updates a stored response with the fields of a 304 (RFC 9111 3.2, 4.3.4).
pub fn update(stored: &Fields<'_>, fresh: &Fields<'_>, edits: &mut Edits) {
    // The stored body is unchanged, so its weak `ETag` stays.
    let weakened = stored.get("etag").is_some_and(|etag| etag.starts_with("W/"));
    for (name, value) in fresh.iter().filter(|(name, _)| !BODY_FIELDS.contains(name)) {
        match name {
            "etag" if weakened => {}
            "set-cookie" => edits.append_text(name, value),
            // The runtime does not preserve the bytes of a value that is not ASCII.
            _ if value.is_ascii() => edits.set(name, value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::response;

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
            assert_eq!(not_modified(&response(&request).1, &response(&reply).1), same, "{request}{reply}");
        }
    }

    #[test]
    fn a_stored_response_is_revalidated_with_its_validators() {
        let sent = |packed: &str| {
            let mut edits = Edits::new();
            let any = conditions(&response(packed).1, &mut edits);
            (any, edits.packed().to_owned())
        };
        assert_eq!(sent("200\nx:y\n"), (false, String::new()));
        assert_eq!(sent("200\netag:W/\"a\"\n"), (true, "=if-none-match:W/\"a\"\n".into()));
        let both = "200\netag:\"a\"\nlast-modified:d\n";
        assert_eq!(sent(both), (true, "=if-none-match:\"a\"\n=if-modified-since:d\n".into()));
    }

    #[test]
    fn an_etag_is_weakened_where_a_coding_is_removed() {
        let weak = |fields: &str| weakened(&response(&format!("200\n{fields}\n")).1);
        assert_eq!(weak("etag:\"a\"\ncontent-encoding:gzip").as_deref(), Some("W/\"a\""));
        assert_eq!(weak("etag:W/\"a\"\ncontent-encoding:br"), None);
        assert_eq!(weak("etag:\"a\""), None);
        assert_eq!(weak("etag:\"a\"\ncontent-encoding:zstd"), None, "nobody takes that off");
        let stored = response("200\netag:W/\"a\"\n").1;
        let mut edits = Edits::new();
        update(&stored, &response("304\netag:\"a\"\n").1, &mut edits);
        assert_eq!(edits.applied(&stored), [("etag".to_owned(), "W/\"a\"".to_owned())], "a 304 makes it no stronger");
    }

    #[test]
    fn a_304_updates_its_fields_but_none_of_the_body() {
        let stored = response("200\netag:\"a\"\nx-a:1\nx-b:1\ncontent-length:5\n").1;
        let fresh = response("304\nx-a:2\ncontent-length:0\ncontent-encoding:gzip\ncache-control:max-age=9\n").1;
        let mut edits = Edits::new();
        update(&stored, &fresh, &mut edits);
        let merged: Vec<String> = edits.applied(&stored).iter().map(|(n, v)| format!("{n}:{v}")).collect();
        assert_eq!(merged, ["etag:\"a\"", "x-b:1", "content-length:5", "x-a:2", "cache-control:max-age=9"]);
        for (etag, about) in [
            ("x:y", true),
            ("etag:\"a\"", true),
            ("etag:\"b\"", false),
            ("etag:W/\"b\"", false),
            ("etag:W/\"a\"", true),
        ] {
            let packed = format!("304\n{etag}\n");
            assert_eq!(is_about(&stored, &response(&packed).1), about, "{etag}");
        }
    }
}
