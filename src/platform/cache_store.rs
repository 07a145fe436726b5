//! Where responses are stored: this isolate's memory, and the Cache API of this location.

use super::body::Bodies;
use super::fetch::Response;
use crate::http::head::Edits;
use std::future::Future;

/// How a copy of a response is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The claim that [`super::SingleFlight::claim`] returned; empty without one.
    pub claim: String,
    /// Its URL in the store.
    pub key: String,
    /// The changes from the origin's response to the stored one.
    pub edits: Edits,
    /// The largest body, in bytes; a longer one is not stored.
    pub most: u64,
    /// The list of variants to store under the resource's own URL, when this response is one of its variants.
    pub variants: Option<StoredVariants>,
}

/// The list of a resource's variants, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVariants {
    /// The resource's URL in the store.
    pub key: String,
    /// Sets its only field.
    pub edits: Edits,
}

/// The store of responses.
pub trait CacheStore: Bodies {
    /// A stored response from this isolate's memory.
    fn memory(&self, key: &str) -> Option<Response<Self::Body>>;

    /// A stored response from the Cache API of this location.
    fn stored(&self, key: &str) -> impl Future<Output = Option<Response<Self::Body>>>;

    /// Stores a response that is not sent to a visitor.
    fn store(&self, response: Self::Body, how: &Store);

    /// Removes a response from memory and from the store of this location.
    fn remove(&self, key: &str);

    /// Whether the body of the response with this URL in the store was too large to be stored a moment ago.
    fn oversized(&self, key: &str) -> bool;
}
