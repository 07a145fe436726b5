//! What goes into the store: an answer as it was received, or a stored one that a 304 brings up to date.

use super::cached::LENGTH;
use crate::cache::control::Directives;
use crate::cache::stored::Stored;
use crate::cache::vary::{self, Variants};
use crate::cache::{Key, validate};
use crate::config::{Cache, Millis};
use crate::head::{self, Edits, Fields};
use crate::headers;
use crate::platform::{self, Answer, Store};

/// A stored answer brought up to date by a 304, with the changes that make it so.
///
/// # Errors
/// The answer as it was, when the 304 speaks of another.
pub(super) fn renewed<B>(stored: &Stored, answer: Answer<B>, fresh: &str) -> Result<(Answer<B>, Edits), Answer<B>> {
    let (status, old) = head::answer(&answer.packed);
    let (_, fresh) = head::answer(fresh);
    if !validate::is_about(&old, &fresh) {
        return Err(answer);
    }
    let mut edits = Edits::new();
    stored.restore(&old, &mut edits);
    validate::update(&old, &fresh, &mut edits);
    if let Some(length) = old.get(LENGTH) {
        edits.set("content-length", length);
        edits.remove(LENGTH);
    }
    let fields: String = edits.applied(&old).iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    Ok((Answer { packed: format!("{status}\n{fields}"), body: answer.body }, edits))
}

/// The variants that are known, and when each was last given.
pub(super) type Known<'u> = (Option<Variants>, &'u dyn Fn(&str) -> Millis);

/// What goes into the store of an answer.
pub(super) fn store(
    stored: &Stored,
    fields: &Fields<'_>,
    edits: &Edits,
    key: &Key,
    policy: &Cache,
    (variants, used): Known<'_>,
    claim: Option<&str>,
) -> Store {
    let mut edits = edits.clone();
    headers::to_store(fields, &mut edits);
    stored.edit(&Directives::of(fields).withheld, &mut edits);
    let (url, variants) = if stored.vary.is_empty() {
        (key.url.clone(), None)
    } else {
        let (slot, all) = Variants::with(variants, &stored.vary, &stored.chosen, used);
        let mut edits = Edits::default();
        edits.set(vary::FIELD, &all.text());
        (key.slot(slot), Some(platform::Variants { key: key.url.clone(), edits }))
    };
    Store { claim: claim.unwrap_or_default().to_owned(), key: url, edits, most: policy.max_body, variants }
}
