//! Which address does a field contain: the visitor's, or the origin's own?
//!
//! The platform sets `Host` to the origin's host, so the origin's own URLs (`Location`, `Link`, ...) contain an
//! address that visitors must not be sent to. The base URL of the origin that responded is replaced with the
//! visitor's scheme, host and prefix, as nginx's `proxy_redirect default` does. In the other direction, a pool may
//! want the visitor's own `Origin` and `Referer` rewritten to the origin's address, so that they agree with the
//! `Host` that the origin receives.

use crate::http::head::{Edits, Fields, Url};
use crate::http::search;

/// The address of a Worker behind a service binding: see `src/cloudflare/fetch.js`.
const BOUND: &str = "https://service.invalid";

/// The addresses of an origin and of the visitor.
#[derive(Debug, Clone, Copy)]
pub struct Addresses<'a> {
    /// The origin's: scheme, host with its port, and the path of its base URL without a trailing slash.
    scheme: &'a str,
    authority: &'a str,
    base: &'a str,
    /// The visitor's scheme and authority: `https`, `www.example.com`.
    visitor: (&'a str, &'a str),
    /// The locale prefix removed from the path, such as `/ja`; or empty.
    prefix: &'a str,
}

impl<'a> Addresses<'a> {
    /// The addresses of an origin, by its base URL (or `service:BINDING`), and of a visitor, by the requested URL.
    #[must_use]
    pub fn new(origin: &'a str, requested: &Url<'a>, prefix: &'a str) -> Option<Self> {
        let (whole, base) = match origin.strip_prefix("service:") {
            Some(rest) => (BOUND, rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or_default()),
            None => (origin, Url::parse(origin)?.path),
        };
        let Url { scheme, authority, .. } = Url::parse(whole)?;
        let base = base.trim_end_matches('/');
        Some(Self { scheme, authority, base, visitor: (requested.scheme, requested.authority), prefix })
    }

    /// The response fields that change when the origin's address is replaced with the visitor's, each with all of
    /// its lines. `is_localized` returns whether a path of this host may have a locale prefix.
    #[must_use]
    pub fn to_visitor(&self, fields: &Fields<'_>, is_localized: &dyn Fn(&str) -> bool) -> Vec<(String, Vec<String>)> {
        let mut changed: Vec<(String, Vec<String>)> = Vec::new();
        for (name, value) in fields.iter() {
            let new = match name {
                "location" | "content-location" | "sourcemap" | "x-sourcemap" => self.reference(value, is_localized),
                "refresh" => self.refresh(value, is_localized),
                "link" => self.link(value, is_localized),
                "service-worker-allowed" => self.below_base(value.trim()).map(str::to_owned),
                "access-control-allow-origin"
                | "content-security-policy"
                | "content-security-policy-report-only"
                | "report-to"
                | "reporting-endpoints"
                | "timing-allow-origin" => self.within(value),
                "set-cookie" => self.cookie(value),
                _ => None,
            };
            if let Some(new) = new
                && !changed.iter().any(|(known, _)| known == name)
            {
                let all = fields.iter().filter(|(other, _)| *other == name);
                let lines = match name {
                    "set-cookie" => all.map(|(_, line)| self.cookie(line).unwrap_or_else(|| line.to_owned())).collect(),
                    _ => vec![new],
                };
                changed.push((name.to_owned(), lines));
            }
        }
        changed
    }

    /// Rewrites the visitor's own `Origin` and `Referer` to the origin's address. Other values are kept, except those
    /// that claim the origin's address already: such an `Origin` becomes `null`, such a `Referer` is removed.
    pub fn to_origin(&self, origin: Option<&str>, referer: Option<&str>, edits: &mut Edits) {
        let own = |scheme: &str, authority: &str| (scheme, authority) == self.visitor;
        if let Some(sent) = origin {
            let url = Url::parse(sent).filter(|url| !sent.ends_with('/') && url.path == "/" && url.query.is_none());
            match url {
                Some(url) if own(url.scheme, url.authority) => {
                    edits.set("origin", &format!("{}://{}", self.scheme, self.authority));
                }
                Some(url) if self.is_origin(url.scheme, url.authority) => edits.set("origin", "null"),
                _ => edits.set("origin", sent),
            }
        }
        if let Some(sent) = referer {
            match Url::parse(sent) {
                Some(url) if own(url.scheme, url.authority) => {
                    let (path, query) = (url.path, url.search());
                    edits.set("referer", &format!("{}://{}{}{path}{query}", self.scheme, self.authority, self.base));
                }
                Some(url) if self.is_origin(url.scheme, url.authority) => edits.remove("referer"),
                _ => edits.set("referer", sent),
            }
        }
    }

    /// Whether an address is the origin's. The scheme is ignored: behind another proxy an origin may not know its own.
    fn is_origin(&self, scheme: &str, authority: &str) -> bool {
        bare(scheme, authority).eq_ignore_ascii_case(bare(self.scheme, self.authority))
    }

    /// An absolute URL of the origin, rewritten to the visitor's address: without the base path, and with the locale
    /// prefix where the path has one.
    fn url(&self, text: &str, is_localized: &dyn Fn(&str) -> bool) -> Option<String> {
        let (scheme, rest) = search::split_once(text, "//")?;
        let (kind, socket) = match scheme.to_ascii_lowercase().as_str() {
            "" => (self.scheme, false),
            "http:" => ("http", false),
            "https:" => ("https", false),
            "ws:" => ("http", true),
            "wss:" => ("https", true),
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        if !self.is_origin(kind, authority) {
            return None;
        }
        let path = if self.base.is_empty() { path } else { self.below_base(path)? };
        let (visitor, host) = self.visitor;
        let visitor = match (socket, visitor) {
            (false, scheme) => scheme,
            (true, "https") => "wss",
            (true, _) => "ws",
        };
        Some(format!("{visitor}://{host}{}{path}", self.prefix_before(path, is_localized)))
    }

    /// The web origin of the base URL (RFC 6454: without a path), rewritten to the visitor's.
    fn origin(&self, text: &str) -> Option<String> {
        let bare = search::split_once(text, "://").is_some_and(|(_, rest)| !search::contains(rest, "/"));
        let new = self.url(&format!("{text}{}", self.base), &|_| false).filter(|_| bare)?;
        Some(new.trim_end_matches('/').to_owned())
    }

    /// The part of a path after the path of the base URL; `None` when the path is not below it.
    fn below_base<'t>(&self, path: &'t str) -> Option<&'t str> {
        let rest = path.strip_prefix(self.base).filter(|_| !self.base.is_empty())?;
        match rest {
            "" => Some("/"),
            rest if rest.starts_with(['/', '?', '#']) => Some(rest),
            _ => None,
        }
    }

    /// The locale prefix to put before a path of the origin for the visitor; empty when it has or needs none.
    fn prefix_before(&self, path: &str, is_localized: &dyn Fn(&str) -> bool) -> &'a str {
        let bare = path.split(['?', '#']).next().unwrap_or_default();
        let has = bare.strip_prefix(self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if self.prefix.is_empty() || has || !is_localized(if bare.is_empty() { "/" } else { bare }) {
            ""
        } else {
            self.prefix
        }
    }

    /// Rewrites an absolute URL, or an absolute path on the origin; other references are unchanged.
    fn reference(&self, value: &str, is_localized: &dyn Fn(&str) -> bool) -> Option<String> {
        let text = value.trim();
        if !text.starts_with('/') || text.starts_with("//") {
            return self.url(text, is_localized);
        }
        let path = self.below_base(text).unwrap_or(text);
        let new = format!("{}{path}", self.prefix_before(path, is_localized));
        if new.starts_with("//") || new.starts_with("/\\") {
            // Without the base, a path on the origin would be parsed as another host.
            let (scheme, host) = self.visitor;
            return (path != text).then(|| format!("{scheme}://{host}{new}"));
        }
        (new != text).then_some(new)
    }

    /// Rewrites `5; url=http://...`; `url=` may be missing (HTML 4.2.5.3, "shared declarative refresh steps").
    fn refresh(&self, value: &str, is_localized: &dyn Fn(&str) -> bool) -> Option<String> {
        let (time, rest) = value.split_once([';', ','])?;
        let rest = rest.trim();
        let named = rest.get(..3).filter(|name| name.eq_ignore_ascii_case("url")).and_then(|_| rest.get(3..));
        let url = named.and_then(|rest| rest.trim_start().strip_prefix('=')).unwrap_or(rest);
        let bare = url.trim().trim_matches(['"', '\'']);
        Some(format!("{time}; url={}", self.reference(bare, is_localized)?))
    }

    /// Rewrites every `<...>` of `Link` (RFC 8288 3).
    fn link(&self, value: &str, is_localized: &dyn Fn(&str) -> bool) -> Option<String> {
        let mut out = String::with_capacity(value.len());
        let (mut rest, mut changed) = (value, false);
        while let Some((before, (target, after))) =
            rest.split_once('<').and_then(|(b, r)| Some((b, r.split_once('>')?)))
        {
            let new = self.reference(target, is_localized);
            changed |= new.is_some();
            out.push_str(before);
            out.push('<');
            out.push_str(new.as_deref().unwrap_or(target));
            out.push('>');
            rest = after;
        }
        out.push_str(rest);
        changed.then_some(out)
    }

    /// Rewrites absolute URLs inside a value with other content.
    fn within(&self, value: &str) -> Option<String> {
        let ends = |c: char| c.is_ascii_whitespace() || [',', ';', '"', '\'', '<', '>', '(', ')'].contains(&c);
        let mut out = String::with_capacity(value.len());
        let mut changed = false;
        for piece in value.split_inclusive(ends) {
            let token = piece.trim_end_matches(ends);
            let new =
                self.url(token, &|_| false).or_else(|| self.origin(token)).filter(|_| search::contains(token, "://"));
            changed |= new.is_some();
            out.push_str(new.as_deref().unwrap_or(token));
            out.push_str(piece.get(token.len()..).unwrap_or_default());
        }
        changed.then_some(out)
    }

    /// Rewrites `Set-Cookie`: removes a `Domain` of the origin's own host, and the base from `Path`.
    fn cookie(&self, line: &str) -> Option<String> {
        let host = |authority: &'a str| authority.split(':').next().unwrap_or_default();
        let (own, visitor) = (host(self.authority), host(self.visitor.1));
        let foreign = |domain: &str| {
            let domain = domain.trim_start_matches('.');
            let covers = visitor.len() > domain.len()
                && visitor.to_ascii_lowercase().ends_with(&format!(".{}", domain.to_ascii_lowercase()));
            domain.eq_ignore_ascii_case(own) && !domain.eq_ignore_ascii_case(visitor) && !covers
        };
        let mut changed = false;
        let mut kept: Vec<String> = Vec::new();
        for (place, part) in line.split(';').enumerate() {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let attribute = |wanted: &str| place > 0 && name.trim().eq_ignore_ascii_case(wanted);
            if attribute("domain") && foreign(value.trim()) {
                changed = true;
                continue;
            }
            match self.below_base(value.trim()).filter(|_| attribute("path")) {
                Some(path) => {
                    changed = true;
                    kept.push(format!("{name}={path}"));
                }
                None => kept.push(part.to_owned()),
            }
        }
        changed.then(|| kept.join(";"))
    }
}

/// An authority without the default port of its scheme.
fn bare<'t>(scheme: &str, authority: &'t str) -> &'t str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests;
