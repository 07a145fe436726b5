//! Addresses in messages, both ways: see [`crate::headers::address`].

use super::attempt::url;
use super::crew::Choice;
use super::visit::Visit;
use crate::cache::validate;
use crate::config::{Addressed, Config, Pool};
use crate::head::{self, Edits, Url};
use crate::headers::address::Addresses;
use crate::platform::Answer;
use crate::route;

/// Spells what the visitor's own browser says of its page as an origin wants it, for this attempt; `again`
/// where an attempt before this one may have spelled it otherwise.
pub(super) fn to_origin(
    config: &Config,
    choice: Choice,
    asked: &Url<'_>,
    own: Own<'_>,
    again: bool,
    edits: &mut Edits,
) {
    let Some((pool, base)) = url(config, choice) else { return };
    if pool.host == Addressed::Origin
        && let Some(addresses) = Addresses::new(base, asked, "")
    {
        addresses.to_origin(own.origin, own.referer, edits);
    } else if again {
        for (name, sent) in [("origin", own.origin), ("referer", own.referer)] {
            if let Some(sent) = sent {
                edits.set_text(name, sent);
            }
        }
    }
}

/// `Origin` and `Referer` as the visitor sent them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Own<'a> {
    pub(super) origin: Option<&'a str>,
    pub(super) referer: Option<&'a str>,
}

impl<'a> Own<'a> {
    pub(super) fn of(visit: &Visit<'a>) -> Self {
        let field = |name| visit.head.fields.get(name);
        Self { origin: field("origin"), referer: field("referer") }
    }
}

/// An answer that names the visitor's address where it named the origin's, with the changes that make it
/// so. `prefix` was taken off the path. Of one that may be `shared` a strong `ETag` becomes weak where its
/// coding is taken off.
pub(super) fn to_visitor<B>(
    config: &Config,
    (pool, base): (&Pool, &str),
    (asked, prefix): (&Url<'_>, &str),
    (answer, shared): (Answer<B>, bool),
    edits: &mut Edits,
) -> Answer<B> {
    let is_localized = |path: &str| {
        let url = Url { path, query: None, ..*asked };
        let own = path.starts_with("/.usher/") || path.starts_with("/.well-known/usher/");
        !own && route::find(config, &url, "GET").is_ok_and(|place| place.route.localized && place.prefix.is_none())
    };
    let (status, fields) = head::answer(&answer.packed);
    let addresses = Addresses::new(base, asked, prefix).filter(|_| pool.rewrite);
    let mut changed = addresses.map(|addresses| addresses.to_visitor(&fields, &is_localized)).unwrap_or_default();
    changed.extend(validate::weakened(&fields).filter(|_| shared).map(|etag| ("etag".to_owned(), vec![etag])));
    if changed.is_empty() {
        return answer;
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
    Answer { packed, body: answer.body }
}
