//! What does the head of a request or response contain: everything before its body?
//!
//! JavaScript passes a head to the wasm as one packed string, so that the boundary is crossed once. It is
//! parsed here without copying; changes are returned as [`Edits`], also one packed string.
//!
//! A packed request is lines: URL, method, `1` or `0` for a body, then `name:value` for each field
//! (names in lower case), an empty line, and the edge's data: country, continent, latitude,
//! longitude, data centre, protocol. A packed response is its status, then the fields.

use super::search;

/// Field lines in the order received.
#[derive(Debug, Clone, Default)]
pub struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    /// The value of a field; the runtime joins several lines of one name with `, `.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().copied()
    }

    /// Reads field lines up to an empty line or the end; gives what follows too.
    fn parse_lines(text: &'a str) -> (Self, &'a str) {
        let mut fields = Vec::with_capacity(24);
        let mut rest = text;
        loop {
            let (mut colon, mut end) = (None, rest.len());
            for (at, byte) in rest.bytes().enumerate() {
                match byte {
                    b'\n' => {
                        end = at;
                        break;
                    }
                    b':' if colon.is_none() => colon = Some(at),
                    _ => {}
                }
            }
            if let Some(field) = colon.and_then(|colon| rest.get(..colon).zip(rest.get(colon + 1..end))) {
                fields.push(field);
            }
            rest = rest.get(end + 1..).unwrap_or_default();
            if end == 0 || rest.is_empty() {
                return (Self(fields), rest);
            }
        }
    }
}

/// The slices of a URL that the runtime has already parsed and serialised (WHATWG URL).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    /// `https` or `http`.
    pub scheme: &'a str,
    /// Host, with the port if there is one.
    pub authority: &'a str,
    /// Begins with `/`.
    pub path: &'a str,
    /// Without `?`; `None` when there is no `?`.
    pub query: Option<&'a str>,
}

impl<'a> Url<'a> {
    /// Slices a serialised http(s) URL; `None` for another scheme, user information or an empty host.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) =
            search::split_once(text, "://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (before, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        let slash = before.find('/').unwrap_or(before.len());
        let (authority, path) = before.split_at_checked(slash)?;
        let path = if path.is_empty() { "/" } else { path };
        (!authority.is_empty() && !search::contains(authority, "@")).then_some(Self { scheme, authority, path, query })
    }

    /// The host without its port and without trailing dots: with or without them it is the same host.
    #[must_use]
    pub fn host(&self) -> &'a str {
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => self.authority,
        };
        host.trim_end_matches('.')
    }

    /// The query with its `?`; empty without a query.
    #[must_use]
    pub fn search(&self) -> String {
        self.query.map(|query| format!("?{query}")).unwrap_or_default()
    }

    /// The parameters of the query, not percent-decoded.
    pub fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        parameters(self.query.unwrap_or_default())
    }

    /// The first value of a parameter, not percent-decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// The parameters of a query or form, not percent-decoded.
pub(super) fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Cloudflare's data on the visitor (`request.cf`); a value is empty when it is unknown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Edge<'a> {
    /// ISO 3166-1 code.
    pub country: &'a str,
    /// Two-letter code.
    pub continent: &'a str,
    /// Decimal degrees.
    pub latitude: &'a str,
    /// Decimal degrees.
    pub longitude: &'a str,
    /// IATA code of the data centre.
    pub colo: &'a str,
    /// The visitor's protocol, for example `HTTP/2`.
    pub protocol: &'a str,
}

/// The head of a request.
#[derive(Debug, Clone)]
pub struct Head<'a> {
    /// The requested URL.
    pub url: Url<'a>,
    /// The method as sent; methods are case-sensitive.
    pub method: &'a str,
    /// Whether a body follows.
    pub has_body: bool,
    /// The fields.
    pub fields: Fields<'a>,
    /// Cloudflare's data on the visitor.
    pub edge: Edge<'a>,
}

impl<'a> Head<'a> {
    /// Parses a packed request; `None` when its URL is invalid or its lines end early.
    #[must_use]
    pub fn parse(packed: &'a str) -> Option<Self> {
        let (url, rest) = packed.split_once('\n')?;
        let (method, rest) = rest.split_once('\n')?;
        let (has_body, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        let (url, has_body) = (Url::parse(url)?, has_body == "1");
        let (fields, edge) = Fields::parse_lines(rest);
        let mut lines = edge.split('\n');
        let mut next = || lines.next().unwrap_or_default();
        let edge = Edge {
            country: next(),
            continent: next(),
            latitude: next(),
            longitude: next(),
            colo: next(),
            protocol: next(),
        };
        Some(Self { url, method, has_body, fields, edge })
    }

    /// Whether the method is safe (RFC 9110 9.2.1).
    #[must_use]
    pub fn is_safe(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }

    /// Whether the method is idempotent, so that the request may be sent again (RFC 9110 9.2.2).
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.is_safe() || matches!(self.method, "PUT" | "DELETE")
    }

    /// Whether this is a WebSocket handshake (RFC 6455 4.1).
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        self.fields.get("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }
}

/// Parses a packed response: status and fields. A malformed status becomes 502.
#[must_use]
pub fn response(packed: &str) -> (u16, Fields<'_>) {
    let (_, fields) = packed.split_once('\n').unwrap_or_default();
    (status(packed), Fields::parse_lines(fields).0)
}

/// The status of a packed response. A malformed one becomes 502.
#[must_use]
pub fn status(packed: &str) -> u16 {
    let digits = packed.bytes().take_while(|byte| *byte != b'\n').count();
    packed.get(..digits).and_then(|status| status.parse().ok()).unwrap_or(502)
}

/// Changes to the fields of a message, packed: lines of `-name`, `=name:value`, `+name:value`, and
/// `?name:value`, which sets a field that is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits(String);

impl Edits {
    /// No changes yet, with room for as many as a forwarded request gets.
    #[must_use]
    pub fn new() -> Self {
        Self(String::with_capacity(768))
    }

    /// Removes a field.
    pub fn remove(&mut self, name: &str) {
        self.0.push('-');
        self.0.push_str(name);
        self.0.push('\n');
    }

    /// Sets a field to one value; characters other than printable ASCII are percent-encoded.
    pub fn set(&mut self, name: &str, value: &str) {
        self.put('=', name, value, |c| (' '..='~').contains(&c));
    }

    /// Sets a field to one value and keeps non-ASCII characters, as UTF-8; control characters are percent-encoded.
    pub fn set_text(&mut self, name: &str, value: &str) {
        self.put('=', name, value, |c| !c.is_control());
    }

    /// Adds a line to a field, encoded like [`Edits::set_text`].
    pub fn append_text(&mut self, name: &str, value: &str) {
        self.put('+', name, value, |c| !c.is_control());
    }

    /// Adds a line to a field, encoded like [`Edits::set`].
    pub fn append(&mut self, name: &str, value: &str) {
        self.put('+', name, value, |c| (' '..='~').contains(&c));
    }

    /// Sets a field that the message does not have, encoded like [`Edits::set`].
    pub fn set_missing(&mut self, name: &str, value: &str) {
        self.put('?', name, value, |c| (' '..='~').contains(&c));
    }

    /// Appends changes that are packed.
    pub fn extend_packed(&mut self, packed: &str) {
        self.0.push_str(packed);
    }

    /// Appends other changes after the existing ones.
    pub fn extend(&mut self, others: &Self) {
        self.0.push_str(&others.0);
    }

    /// Writes one line. Characters that are not `plain` are percent-encoded as UTF-8, so that a value cannot start a
    /// new line.
    fn put(&mut self, mark: char, name: &str, value: &str, plain: impl Fn(char) -> bool) {
        self.0.push(mark);
        self.0.push_str(name);
        self.0.push(':');
        if value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            self.0.push_str(value);
        } else {
            for c in value.chars() {
                if plain(c) {
                    self.0.push(c);
                } else {
                    self.0.push_str(&super::path::encode(c.encode_utf8(&mut [0; 4])));
                }
            }
        }
        self.0.push('\n');
    }

    /// The packed form.
    #[must_use]
    pub fn packed(&self) -> &str {
        &self.0
    }

    /// The fields after the changes are applied.
    #[must_use]
    pub fn applied(&self, fields: &Fields<'_>) -> Vec<(String, String)> {
        let mut out: Vec<(String, String)> = fields.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        for line in self.0.lines() {
            let mut rest = line.chars();
            let mark = rest.next();
            let (name, value) = rest.as_str().split_once(':').unwrap_or((rest.as_str(), ""));
            let old = out.iter().position(|(known, _)| known == name);
            match (mark, old) {
                (Some('+'), Some(place)) => {
                    if let Some((_, known)) = out.get_mut(place) {
                        known.push_str(", ");
                        known.push_str(value);
                    }
                }
                (Some('?'), Some(_)) => {}
                (mark, old) => {
                    if let Some(place) = old {
                        out.remove(place);
                    }
                    if mark != Some('-') {
                        out.push((name.to_owned(), value.to_owned()));
                    }
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_packed_request_is_parsed_in_place() {
        let packed =
            "https://a.example:8443/x/y?q=1&r\nPOST\n1\naccept:*/*\nx-odd:a:b\n\nJP\nAS\n35.6\n139.7\nNRT\nHTTP/2\n";
        let head = Head::parse(packed).expect("a head");
        assert_eq!(head.url, Url { scheme: "https", authority: "a.example:8443", path: "/x/y", query: Some("q=1&r") });
        assert_eq!((head.url.host(), head.method, head.has_body), ("a.example", "POST", true));
        assert_eq!(
            (head.fields.get("accept"), head.fields.get("x-odd"), head.fields.get("nope")),
            (Some("*/*"), Some("a:b"), None)
        );
        assert_eq!(
            (head.url.parameter("q"), head.url.parameter("r"), head.url.parameter("s")),
            (Some("1"), Some(""), None)
        );
        assert_eq!((head.edge.country, head.edge.colo, head.edge.protocol), ("JP", "NRT", "HTTP/2"));
    }

    #[test]
    fn a_serialised_url_is_sliced_at_its_delimiters() {
        for (text, parts) in [
            ("http://localhost/", Some(("localhost", "/", None))),
            ("http://[::1]:87/a", Some(("[::1]", "/a", None))),
            ("https://e.example?x", Some(("e.example", "/", Some("x")))),
            ("https://e.example/?", Some(("e.example", "/", Some("")))),
            ("https://e.example/a#b?c", Some(("e.example", "/a", None))),
            ("https://u@e.example/", None),
            ("ftp://e.example/", None),
            ("/a", None),
        ] {
            assert_eq!(Url::parse(text).map(|url| (url.host(), url.path, url.query)), parts, "{text}");
        }
    }

    #[test]
    fn edits_remove_set_and_append() {
        let (_, fields) = response("200\na:1\nb:2\nc:3\n");
        let mut edits = Edits::new();
        edits.remove("a");
        edits.set("b", "9");
        edits.append("c", "4");
        edits.append("d", "5");
        edits.set_missing("a", "6");
        edits.set_missing("b", "7");
        let found: Vec<(String, String)> = edits.applied(&fields);
        let found: Vec<(&str, &str)> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(found, [("c", "3, 4"), ("b", "9"), ("d", "5"), ("a", "6")]);
    }

    proptest! {
        #[test]
        fn no_input_can_panic_the_parser(packed in "\\PC{0,120}|(https?://[a-z:/?#@]{0,20}\n){0,6}") {
            let _ = Head::parse(&packed);
            let _ = response(&packed);
        }

        #[test]
        fn a_value_cannot_escape_its_line(value in "(\\PC|\r|\n|\u{0}){0,40}") {
            let mut edits = Edits::new();
            edits.set("x", &value);
            prop_assert_eq!(edits.packed().lines().count(), 1);
            prop_assert!(edits.packed().trim_end().bytes().all(|b| (0x20..0x7f).contains(&b)));
            let mut edits = Edits::new();
            edits.set_text("x", &value);
            prop_assert!(edits.packed().matches(char::is_control).eq(["\n"]));
        }
    }
}
