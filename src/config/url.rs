//! Is this the URL of an origin?

/// An origin's base URL without trailing slashes; `None` when the text is not one.
#[must_use]
pub fn base_url(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let authority = rest.split('/').next().unwrap_or_default();
    let plain = rest.bytes().all(|b| b.is_ascii_graphic() && !b"?#@\\<>\"{}|^`".contains(&b));
    (plain && !authority.is_empty() && !authority.starts_with(':')).then(|| text.trim_end_matches('/').to_owned())
}

/// An origin's address: a base URL, or `service:BINDING` for a bound Worker; `None` when the text is neither.
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

/// Whether a response from a URL can be trusted: https, or http on this machine (localhost, 127.0.0.1).
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
