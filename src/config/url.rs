//! Is this the URL of an origin?

/// An origin's base URL without its trailing slash, when it is one.
#[must_use]
pub fn base_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let authority = rest.split('/').next().unwrap_or_default();
    let plain = rest.bytes().all(|b| b.is_ascii_graphic() && !b"?#@\\<>\"{}|^`".contains(&b));
    (plain && !authority.is_empty() && !authority.starts_with(':')).then(|| text.trim_end_matches('/').to_owned())
}

/// What an origin is asked by: a base URL, or `service:BINDING` for a Worker that is bound.
#[must_use]
pub fn origin_url(text: &str) -> Option<String> {
    match text.strip_prefix("service:") {
        Some(name) => {
            let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            good.then(|| text.to_owned())
        }
        None => base_url(text),
    }
}

/// Whether a URL's answer can be believed: it comes by https, or from this very machine.
#[must_use]
pub fn is_secure(text: &str) -> bool {
    let local = text.strip_prefix("http://").is_some_and(|rest| {
        let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
        matches!(host, "localhost" | "127.0.0.1")
    });
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"#@\\<>\"{}|^`".contains(&b));
    plain
        && (local
            || text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':', '?'])))
}
