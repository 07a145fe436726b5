//! What is stored: a response as it was received, or a stored one that a 304 updated.

use super::reply::LENGTH;
use crate::cache::control::Directives;
use crate::cache::stored::Stored;
use crate::cache::vary::{self, Uses, Variants};
use crate::cache::{Key, validate};
use crate::headers;
use crate::http::head::{self, Edits, Fields};
use crate::platform::{Response, Store, StoredVariants};

/// A stored response updated by a 304 (packed as `fresh`), with the changes that update it.
///
/// # Errors
/// The unchanged response, when the 304 belongs to another.
pub(super) fn renewed<B>(
    stored: &Stored,
    response: Response<B>,
    fresh: &str,
) -> Result<(Response<B>, Edits), Response<B>> {
    let (status, old) = head::response(&response.packed);
    let (_, fresh) = head::response(fresh);
    if !validate::is_about(&old, &fresh) {
        return Err(response);
    }
    let mut edits = Edits::new();
    stored.restore(&old, &mut edits);
    validate::update(&old, &fresh, &mut edits);
    if let Some(length) = old.get(LENGTH) {
        edits.set("content-length", length);
        edits.remove(LENGTH);
    }
    let fields: String = edits.applied(&old).iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    Ok((Response { packed: format!("{status}\n{fields}"), body: response.body }, edits))
}

/// A response to store.
pub(super) struct Storable<'s> {
    /// Its metadata.
    pub(super) stored: &'s Stored,
    /// Its fields, as the origin sent them.
    pub(super) fields: &'s Fields<'s>,
    /// The changes to them after they were received, such as rewritten addresses.
    pub(super) edits: &'s Edits,
    pub(super) key: &'s Key,
    /// The largest body, in bytes.
    pub(super) most: u64,
    /// The variants known of the resource.
    pub(super) variants: Option<Variants>,
    pub(super) claim: Option<&'s str>,
}

impl Storable<'_> {
    /// How it is stored. `uses` has the times of last use, so that the least recently used variant is replaced.
    pub(super) fn how(self, uses: &Uses) -> Store {
        let Self { stored, fields, key, .. } = self;
        let mut edits = self.edits.clone();
        headers::to_store(fields, &mut edits);
        stored.edit(&Directives::of(fields).withheld, &mut edits);
        let (url, variants) = if stored.vary.is_empty() {
            (key.url.clone(), None)
        } else {
            let used = |chosen: &str| uses.last(&key.url, chosen);
            let (slot, all) = Variants::with(self.variants, &stored.vary, &stored.chosen, &used);
            let mut edits = Edits::default();
            edits.set(vary::FIELD, &all.text());
            (key.slot(slot), Some(StoredVariants { key: key.url.clone(), edits }))
        };
        Store { claim: self.claim.unwrap_or_default().to_owned(), key: url, edits, most: self.most, variants }
    }
}
