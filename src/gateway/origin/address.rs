//! Addresses in messages, both ways: see [`crate::headers::address`].

use crate::cache::validate;
use crate::config::{Config, HostMode};
use crate::headers::address::Addresses;
use crate::http::head::{self, Edits, Head, Url};
use crate::origin::selection::OriginRef;
use crate::platform::Response;
use crate::route;

/// The address under which the visitor sees the application.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct VisitorAddress<'a> {
    /// The URL they asked for.
    pub(in crate::gateway) url: Url<'a>,
    /// `Origin` as they sent it.
    pub(in crate::gateway) origin: Option<&'a str>,
    /// `Referer` as they sent it.
    pub(in crate::gateway) referer: Option<&'a str>,
    /// The locale prefix that was taken off the path, or an empty string.
    pub(in crate::gateway) prefix: &'a str,
}

impl<'a> VisitorAddress<'a> {
    pub(in crate::gateway) fn of(head: &Head<'a>, prefix: &'a str) -> Self {
        Self { url: head.url, origin: head.fields.get("origin"), referer: head.fields.get("referer"), prefix }
    }
}

/// Writes the visitor's `Origin` and `Referer` as this origin wants them; `again` where an attempt before this one may
/// have written them otherwise.
pub(in crate::gateway) fn to_origin(
    config: &Config,
    to: OriginRef,
    visitor: &VisitorAddress<'_>,
    again: bool,
    edits: &mut Edits,
) {
    let Some((pool, base)) = to.of(config) else { return };
    if pool.host == HostMode::Origin
        && let Some(addresses) = Addresses::new(base, &visitor.url, "")
    {
        addresses.to_origin(visitor.origin, visitor.referer, edits);
    } else if again {
        for (name, sent) in [("origin", visitor.origin), ("referer", visitor.referer)] {
            if let Some(sent) = sent {
                edits.set_text(name, sent);
            }
        }
    }
}

/// A response that names the visitor's address where it named the origin's, with the changes that make it so. Of one
/// that may be `shared` a strong `ETag` becomes weak where its coding is taken off.
pub(in crate::gateway) fn to_visitor<B>(
    config: &Config,
    from: OriginRef,
    visitor: &VisitorAddress<'_>,
    response: Response<B>,
    shared: bool,
) -> (Response<B>, Edits) {
    let mut edits = Edits::new();
    let Some((pool, base)) = from.of(config) else { return (response, edits) };
    let is_localized = |path: &str| {
        let url = Url { path, query: None, ..visitor.url };
        let own = path.starts_with("/.usher/") || path.starts_with("/.well-known/usher/");
        !own && route::find(config, &url, "GET").is_ok_and(|place| place.route.localized && place.prefix.is_none())
    };
    let (status, fields) = head::response(&response.packed);
    let addresses = Addresses::new(base, &visitor.url, visitor.prefix).filter(|_| pool.rewrite);
    let mut changed = addresses.map(|addresses| addresses.to_visitor(&fields, &is_localized)).unwrap_or_default();
    changed.extend(validate::weakened(&fields).filter(|_| shared).map(|etag| ("etag".to_owned(), vec![etag])));
    if changed.is_empty() {
        return (response, edits);
    }
    for (name, lines) in &changed {
        edits.remove(name);
        lines.iter().for_each(|line| edits.append_text(name, line));
    }
    let mut packed = format!("{status}\n");
    for (name, value) in fields.iter() {
        match changed.iter_mut().find(|(known, _)| known == name) {
            Some((_, lines)) if !lines.is_empty() => packed.push_str(&format!("{name}:{}\n", lines.remove(0))),
            Some(_) => {}
            None => packed.push_str(&format!("{name}:{value}\n")),
        }
    }
    (Response { packed, body: response.body }, edits)
}
