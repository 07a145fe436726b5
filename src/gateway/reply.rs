//! What the visitor gets, and what is done after it.

use crate::cache::Key;
use crate::config::Millis;
use crate::http::head::Edits;
use crate::identity::assertion::Unsigned;
use crate::identity::session::ListEntry;
use crate::origin::selection::OriginRef;
use crate::platform::Store;
use crate::respond::Generated;

/// What the visitor gets.
#[derive(Debug)]
pub struct Reply<B> {
    /// Status code.
    pub status: u16,
    /// Of a generated response all fields; of another's response the changes to its fields.
    pub edits: Edits,
    /// The body.
    pub content: Content<B>,
    /// How a copy is stored as it passes.
    pub store: Option<Store>,
    /// What is done after the reply.
    pub after: Vec<After>,
}

/// A reply's body.
#[derive(Debug)]
pub enum Content<B> {
    /// Generated.
    Text(String),
    /// Another's response, streamed.
    Whole(B),
    /// Another's response without its body (304, HEAD).
    Bare(B),
    /// These bytes of another's response, both included (206).
    Part(B, u64, u64),
}

impl<B> From<Generated> for Reply<B> {
    fn from(Generated { status, edits, body }: Generated) -> Self {
        Self { status, edits, content: Content::Text(body), store: None, after: Vec::new() }
    }
}

/// Work that the visitor does not wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Read the ledger's new pages.
    ReadLedger,
    /// Write a session's renewed record.
    Renew(Renewal),
    /// Read an issuer's keys anew: its place in the configuration.
    ReadKeys(usize),
    /// Remove a session's record, or its entry in the user's list.
    Delete {
        /// Its key.
        key: String,
    },
    /// Revalidate a stale response.
    Revalidate(Box<Revalidation>),
    /// Exchange news with the probers of these pools: places in the configuration.
    SyncProbers(Vec<usize>),
    /// Have an object take back what it counted: its name, the key and the request ([`crate::limit::exact`]), a line each.
    TakeBack(String),
    /// Send a copy of the request to the route's shadow.
    Shadow(Box<Shadow>),
}

/// A session that is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The session's key.
    pub key: String,
    /// Its record as JSON.
    pub value: String,
    /// Its entry in the user's list.
    pub entry: ListEntry,
    /// Seconds until it expires.
    pub seconds: u64,
}

/// A stale response to be revalidated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revalidation {
    /// What [`crate::platform::SingleFlight::claim`] gave.
    pub claim: String,
    /// Its key.
    pub key: Key,
    /// The URL in the store where it was found.
    pub found: String,
    /// Place in the configuration's routes.
    pub route: usize,
    /// The path that the origin is asked for.
    pub path: String,
    /// The origins to ask, in this order.
    pub origins: Vec<OriginRef>,
    /// The changes from the visitor's request to the origin's: nothing of the visitor's own is left.
    pub edits: Edits,
    /// The fields that the origin gets then.
    pub sent: Vec<(String, String)>,
    /// The assertion to sign for the origin.
    pub assertion: Option<Unsigned>,
    /// Scheme and host that the visitor asked, as a URL.
    pub asked: String,
    /// The locale prefix that was taken off the path, `/ja`, or an empty string.
    pub prefix: String,
}

/// A copy of a request for a shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// Where it goes.
    pub origin: OriginRef,
    /// The method, a safe one.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Changes to the visitor's fields.
    pub edits: Edits,
    /// Milliseconds until the response begins.
    pub deadline: Millis,
}
