//! Which metadata is stored with a response, and may the stored response be served? (RFC 9111 4)

use super::control::Wanted;
use super::key::Key;
use super::status::Forward;
use crate::config::{LONGEST_STORED, Millis};
use crate::http::head::{Edits, Fields};
use crate::http::json::{self, json_struct};
use crate::ledger::{Moment, Validity, View, subject};

/// The field of a stored response that contains [`Stored`]; it is never sent to a visitor.
pub const FIELD: &str = "usher-stored";

/// How long a stale response is kept at least, in milliseconds: to be revalidated, and to be served while the origin is
/// unreachable (RFC 9111 4.2.4: "disconnected").
const KEPT: Millis = 86_400_000;

/// The metadata of a stored response. Times are milliseconds (since 1970 by the clock of this location).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The moment up to which the ledger had been read when the request was sent to the origin.
    pub made: Moment,
    /// When it was received.
    pub received: Millis,
    /// The end of its freshness.
    pub until: Millis,
    /// Its age when it was received.
    pub age: Millis,
    /// The partition that shares it; checked again when it is served.
    pub partition: String,
    /// `host/path?query`; checked again when it is served.
    pub resource: String,
    /// The tags that purge it.
    pub tags: Vec<String>,
    /// The origin's `Cache-Control`; the store has one of its own.
    pub control: Option<String>,
    /// The origin's `Expires`.
    pub expires: Option<String>,
    /// The fields that it varies on, without those in the key.
    pub vary: Vec<String>,
    /// The hash that selects this variant.
    pub chosen: String,
    /// How long after `until` it serves while it is revalidated.
    pub(super) while_revalidate: Millis,
    /// How long after `until` it serves while the origin fails.
    pub(super) if_error: Millis,
    /// Whether it serves stale while the origin is unreachable.
    pub(super) if_disconnected: bool,
    /// Whether it serves stale to a request with `max-stale`.
    pub(super) if_wanted: bool,
    /// Whether it may be served to requests with `Authorization`.
    pub(super) shareable: bool,
}
json_struct!(Stored {
    made,
    received,
    until,
    age,
    partition,
    resource,
    tags,
    control,
    expires,
    vary,
    chosen,
    while_revalidate,
    if_error,
    if_disconnected,
    if_wanted,
    shareable,
});

/// Whether and how a stored response may be served now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It may be served.
    Fresh(Stored),
    /// It is revalidated before it is served, or, where [`Stored`] allows it, afterwards.
    Stale(Stored, Forward),
    /// It is another variant; the variants differ by these fields.
    Other(Vec<String>),
    /// It must not be served, for this reason.
    Void(&'static str),
}

/// The request and the state that decide whether a stored response may be served.
pub struct LookupInput<'a> {
    /// The key of the request.
    pub key: &'a Key,
    /// The stamps of the ledger, as far as they are known here.
    pub view: &'a View,
    /// The time (milliseconds since 1970).
    pub now: Millis,
    /// The request's directives.
    pub wanted: Wanted,
    /// Whether the request has `Authorization`.
    pub authorized: bool,
    /// The hash of the variant that the request selects by these fields.
    pub chosen: &'a dyn Fn(&[String]) -> String,
    /// A response that was made before this moment of the ledger must not be served.
    pub since: Moment,
}

impl Stored {
    /// Whether it can neither be served nor be revalidated.
    pub(super) fn is_unusable(&self, fields: &Fields<'_>) -> bool {
        self.until <= self.received
            && fields.get("etag").is_none()
            && fields.get("last-modified").is_none()
            && self.while_revalidate == 0
            && self.if_error == 0
    }

    /// Adds the changes that turn the origin's response into the stored one: the `withheld` fields are removed, and the
    /// metadata is added.
    pub fn edit(&self, withheld: &[String], edits: &mut Edits) {
        for name in withheld {
            edits.remove(name);
        }
        edits.remove("age");
        edits.remove("expires");
        let grace = KEPT.max(self.while_revalidate).max(self.if_error);
        let kept = (self.until - self.received).saturating_add(grace).min(LONGEST_STORED);
        edits.set("cache-control", &format!("public, max-age={}", kept.div_ceil(1_000)));
        edits.set(FIELD, &json::text(self));
    }

    /// Reverts the changes for the store, and those that the store made: the result is the origin's response.
    pub fn restore(&self, fields: &Fields<'_>, edits: &mut Edits) {
        for (name, _) in fields.iter().filter(|(name, _)| *name == "age" || name.starts_with("cf-")) {
            edits.remove(name);
        }
        for (name, value) in [("cache-control", &self.control), ("expires", &self.expires)] {
            match value {
                Some(value) => edits.set(name, value),
                None => edits.remove(name),
            }
        }
        edits.remove(FIELD);
    }

    /// Decides whether a stored response may be served.
    #[must_use]
    pub fn judge(fields: &Fields<'_>, input: &LookupInput<'_>) -> Lookup {
        let LookupInput { key, view, now, wanted, authorized, chosen, since } = *input;
        let Some(stored) = fields.get(FIELD).and_then(|text| json::read::<Self>(text).ok()) else {
            return Lookup::Void("unreadable");
        };
        if stored.partition != key.partition || stored.resource != key.resource {
            return Lookup::Void("mismatch");
        }
        if !stored.vary.is_empty() && stored.chosen != chosen(&stored.vary) {
            return Lookup::Other(stored.vary);
        }
        if authorized && !stored.shareable {
            return Lookup::Void("authorization");
        }
        if stored.made < since {
            return Lookup::Void("wrote");
        }
        let validity = stored.validity(view);
        if validity == Validity::Void {
            return Lookup::Void("purged");
        }
        let seconds = |limit: u64| limit.saturating_mul(1_000);
        let fresh = validity == Validity::Valid && now < stored.until;
        let current = stored.current_age(now);
        let too_old = wanted.max_age.is_some_and(|most| most == 0 || current > seconds(most));
        let too_short = wanted.min_fresh.is_some_and(|least| stored.until.saturating_sub(now) < seconds(least));
        if wanted.no_cache || too_old || too_short {
            return Lookup::Stale(stored, Forward::Request);
        }
        let stale_by = now.saturating_sub(stored.until);
        let wanted_stale = validity == Validity::Valid
            && stored.if_wanted
            && wanted.max_stale.is_some_and(|most| stale_by <= seconds(most));
        if fresh || wanted_stale { Lookup::Fresh(stored) } else { Lookup::Stale(stored, Forward::Stale) }
    }

    fn validity(&self, view: &View) -> Validity {
        let mut subjects = names(&self.resource);
        subjects.extend(self.tags.iter().map(|tag| subject::tag(tag)));
        view.validity(self.made, subjects.iter().map(String::as_str))
    }

    /// Whether it serves at `now` while it is revalidated after the reply (RFC 5861 3).
    #[must_use]
    pub fn serves_while_revalidating(&self, now: Millis) -> bool {
        self.while_revalidate > 0 && now < self.until.saturating_add(self.while_revalidate)
    }

    /// Whether it serves at `now` although the origin responds with an error (RFC 5861 4).
    #[must_use]
    pub fn serves_on_error(&self, now: Millis) -> bool {
        self.if_error > 0 && now < self.until.saturating_add(self.if_error)
    }

    /// Whether it serves at `now` although the origin is unreachable (RFC 9111 4.2.4).
    #[must_use]
    pub fn serves_disconnected(&self, now: Millis) -> bool {
        self.serves_on_error(now) || (self.if_disconnected && now < self.until.saturating_add(KEPT))
    }

    /// Its age at `now`, in milliseconds (RFC 9111 4.2.3).
    fn current_age(&self, now: Millis) -> Millis {
        now.saturating_sub(self.received) + self.age
    }

    /// Its age at `now`, in whole seconds.
    #[must_use]
    pub fn age(&self, now: Millis) -> u64 {
        self.current_age(now) / 1_000
    }

    /// How long it stays fresh after `now`, in whole seconds; negative when it is stale.
    #[must_use]
    pub fn time_to_live(&self, now: Millis) -> i64 {
        let left = i128::from(self.until) - i128::from(now);
        i64::try_from(left.div_euclid(1_000)).unwrap_or_default()
    }
}

/// The subjects that purge a resource (`host/path?query`), without its tags.
#[must_use]
pub fn names(resource: &str) -> Vec<String> {
    let (host, path) = resource.split_at_checked(resource.find('/').unwrap_or(0)).unwrap_or_default();
    let bare = path.split('?').next().unwrap_or_default();
    let mut names = vec![subject::EVERYTHING.to_owned(), subject::url(resource), subject::url(path)];
    let ends = bare.char_indices().filter(|(_, c)| *c == '/').map(|(place, _)| place.max(1)).chain([bare.len()]);
    for prefix in ends.filter_map(|end| bare.get(..end)) {
        names.push(subject::prefix(prefix));
        names.push(subject::prefix(&format!("{host}{prefix}")));
    }
    names
}

#[cfg(test)]
mod tests;
