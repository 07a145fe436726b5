//! What is kept beside a stored answer, and is the answer still good? (RFC 9111 4)

use super::control::Wanted;
use super::key::Key;
use super::status::Forward;
use crate::config::{LONGEST_STORED, Millis};
use crate::http::head::{Edits, Fields};
use crate::ledger::{Moment, Validity, View, subject};
use serde::{Deserialize, Serialize};

/// The field of a stored answer that holds [`Stored`]; it never leaves the gateway.
pub const FIELD: &str = "usher-stored";

/// A stale answer is kept this long to be asked after, and to serve while the origin cannot be
/// reached (RFC 9111 4.2.4: "disconnected").
const KEPT: Millis = 86_400_000;

/// What is kept beside a stored answer. Times are milliseconds (since 1970 by this place's clock).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The ledger was read up to here when the origin was asked.
    pub made: Moment,
    /// When it was received.
    pub received: Millis,
    /// Fresh until.
    pub until: Millis,
    /// How old it was when received.
    pub age: Millis,
    /// Checked again on the way out.
    pub partition: String,
    /// `host/path?query`.
    pub resource: String,
    /// What it can be purged by.
    pub tags: Vec<String>,
    /// The origin's `Cache-Control`, which the store's own replaces.
    pub control: Option<String>,
    /// The origin's `Expires`.
    pub expires: Option<String>,
    /// What it varies on beside what is in the key.
    pub vary: Vec<String>,
    /// Which of its variants it is.
    pub chosen: String,
    /// Serves so long after `until` while it is asked for anew.
    pub(super) while_revalidate: Millis,
    /// Serves so long after `until` while the origin fails.
    pub(super) if_error: Millis,
    /// Serves while the origin cannot be reached.
    pub(super) if_disconnected: bool,
    /// Serves stale to whoever asks for it (`max-stale`).
    pub(super) if_wanted: bool,
    /// May be given to requests with `Authorization`.
    pub(super) shareable: bool,
}

/// What a stored answer is good for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It serves.
    Fresh(Stored),
    /// The origin is to be asked first, or, where [`Stored`] allows it, afterwards.
    Stale(Stored, Forward),
    /// It is another variant; they differ by these names.
    Other(Vec<String>),
    /// It must not be served; the word says why.
    Void(&'static str),
}

/// What decides beside the answer itself.
pub struct Question<'a> {
    /// Where the answer was found.
    pub key: &'a Key,
    /// What is no longer valid.
    pub view: &'a View,
    /// The time.
    pub now: Millis,
    /// The visitor's directives.
    pub wanted: Wanted,
    /// Whether the request has `Authorization`.
    pub authorized: bool,
    /// The variant that the request chooses by these names.
    pub chosen: &'a dyn Fn(&[String]) -> String,
    /// It serves only if it was made since (a moment of the ledger's).
    pub since: Moment,
}

impl Stored {
    /// Whether nothing could ever be done with it.
    pub(super) fn is_worthless(&self, fields: &Fields<'_>) -> bool {
        self.until <= self.received
            && fields.get("etag").is_none()
            && fields.get("last-modified").is_none()
            && self.while_revalidate == 0
            && self.if_error == 0
    }

    /// The changes that turn the origin's answer, without what stays here, into the stored one.
    pub fn edit(&self, withheld: &[String], edits: &mut Edits) {
        for name in withheld {
            edits.remove(name);
        }
        edits.remove("age");
        edits.remove("expires");
        let grace = KEPT.max(self.while_revalidate).max(self.if_error);
        let kept = (self.until - self.received).saturating_add(grace).min(LONGEST_STORED);
        edits.set("cache-control", &format!("public, max-age={}", kept.div_ceil(1_000)));
        edits.set(FIELD, &serde_json::to_string(self).unwrap_or_default());
    }

    /// Undoes what was changed for the store, and by it: the origin's answer again.
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

    /// Judges a stored answer.
    #[must_use]
    pub fn judge(fields: &Fields<'_>, question: &Question<'_>) -> Lookup {
        let Question { key, view, now, wanted, authorized, chosen, since } = *question;
        let Some(stored) = fields.get(FIELD).and_then(|json| serde_json::from_str::<Self>(json).ok()) else {
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

    /// Whether it serves at `now` while it is asked for anew behind the answer (RFC 5861 3).
    #[must_use]
    pub fn serves_while_revalidating(&self, now: Millis) -> bool {
        self.while_revalidate > 0 && now < self.until.saturating_add(self.while_revalidate)
    }

    /// Whether it serves at `now` although the origin answers with an error (RFC 5861 4).
    #[must_use]
    pub fn serves_on_error(&self, now: Millis) -> bool {
        self.if_error > 0 && now < self.until.saturating_add(self.if_error)
    }

    /// Whether it serves at `now` although the origin cannot be reached (RFC 9111 4.2.4).
    #[must_use]
    pub fn serves_disconnected(&self, now: Millis) -> bool {
        self.serves_on_error(now) || (self.if_disconnected && now < self.until.saturating_add(KEPT))
    }

    /// Milliseconds since the origin made it (RFC 9111 4.2.3).
    fn current_age(&self, now: Millis) -> Millis {
        now.saturating_sub(self.received) + self.age
    }

    /// Whole seconds since the origin made it.
    #[must_use]
    pub fn age(&self, now: Millis) -> u64 {
        self.current_age(now) / 1_000
    }

    /// Whole seconds it stays fresh; negative when it no longer is.
    #[must_use]
    pub fn time_to_live(&self, now: Millis) -> i64 {
        let left = i128::from(self.until) - i128::from(now);
        i64::try_from(left.div_euclid(1_000)).unwrap_or_default()
    }
}

/// What a resource (`host/path?query`) can be purged by, whatever its tags.
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
