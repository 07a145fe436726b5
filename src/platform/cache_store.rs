//! Where responses are stored: this isolate's memory, and the Cache API of this location.

use super::body::Bodies;
use super::fetch::Response;
use crate::http::head::Edits;
use std::future::Future;

/// How a copy of a response is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// What [`super::SingleFlight::claim`] gave; empty without a claim.
    pub claim: String,
    /// The URL it has in the store.
    pub key: String,
    /// The changes from the origin's response to the stored one.
    pub edits: Edits,
    /// The largest body, in bytes; a longer one is not stored.
    pub most: u64,
    /// What is stored under the resource's own URL when this is one of its variants.
    pub variants: Option<StoredVariants>,
}

/// The list of a resource's variants, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVariants {
    /// The resource's URL in the store.
    pub key: String,
    /// Its only field and value.
    pub edits: Edits,
}

/// The store of responses.
pub trait CacheStore: Bodies {
    /// A stored response that this isolate keeps in memory, at once.
    fn memory(&self, key: &str) -> Option<Response<Self::Body>>;

    /// A stored response of this location.
    fn stored(&self, key: &str) -> impl Future<Output = Option<Response<Self::Body>>>;

    /// Stores a copy of a response that no visitor gets.
    fn store(&self, response: Self::Body, how: &Store);

    /// Removes a response from memory and from the store of this location.
    fn remove(&self, key: &str);

    /// Whether the body of the response with this URL in the store was too large to be stored a moment ago.
    fn oversized(&self, key: &str) -> bool;
}
