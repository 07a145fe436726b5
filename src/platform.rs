//! All that the gateway needs of the world, in our types.

use crate::assertion::Oath;
use crate::cache::Key;
use crate::config::{Algorithm, Millis};
use crate::head::Edits;
use crate::ledger::{Entry, Page};
use crate::session::Note;
use std::future::Future;

/// A service of the platform did not do what it was asked, or not in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Down;

/// Why an origin gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It could not be reached, or broke off.
    Unreachable,
    /// It did not begin to answer in time.
    Timeout,
}

/// Why a request's body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is larger than was allowed.
    TooLarge,
    /// It broke off, or is no UTF-8.
    Broken,
}

/// An answer whose body stays outside.
#[derive(Debug)]
pub struct Answer<B> {
    /// Packed head: see [`crate::head::answer`].
    pub packed: String,
    /// The answer itself, body and all.
    pub body: B,
}

/// What came of waiting for another request for the same.
#[derive(Debug)]
pub enum Joined<B> {
    /// Its answer, as it is being stored.
    Answer(Answer<B>),
    /// The origin gave none.
    Failed(Failure),
    /// Its answer is nobody else's, or it is gone.
    Alone,
}

/// What of the visitor's request goes along to an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carry {
    /// Nothing: Usher asks for itself.
    Nothing,
    /// The fields.
    Fields,
    /// The fields and the body, streaming.
    Everything,
    /// The fields and the body, which is held so that it can be sent again.
    Held,
}

/// What an origin is asked.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The whole URL.
    pub url: &'a str,
    /// Method.
    pub method: &'a str,
    /// What of the visitor's request goes along.
    pub carry: Carry,
    /// Changes to the fields that go along.
    pub edits: &'a Edits,
    /// Until the answer begins.
    pub deadline: Millis,
    /// How long nothing may come of an answer that has begun; 0 = for ever.
    pub idle: Millis,
    /// What keys the answer where Cloudflare's Workers Cache stands before the origin: JSON.
    pub through: Option<&'a str>,
    /// Whether the origin is to see the visitor's host as its own, where the platform can do that.
    pub as_visitor: bool,
}

/// A signature and what it is of.
#[derive(Debug)]
pub struct Proof<'a> {
    /// How it was made; none with a shared secret.
    pub algorithm: Algorithm,
    /// The public key as JWK.
    pub key: &'a str,
    /// What was signed.
    pub signed: &'a str,
    /// The signature.
    pub signature: &'a [u8],
}

/// What an issuer is asked; the form and the authorization are secret.
pub struct Question<'a> {
    /// The whole URL.
    pub url: &'a str,
    /// A form to post; without one it is a GET.
    pub form: Option<&'a str>,
    /// The value of `Authorization`.
    pub authorization: Option<&'a str>,
    /// Until the whole answer is there.
    pub deadline: Millis,
    /// Bytes of the answer at most.
    pub most: usize,
}

/// What an issuer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Status code; redirects are not followed.
    pub status: u16,
    /// The whole body.
    pub text: String,
}

/// Some of the notes there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
pub struct Notes {
    /// Each with its name.
    pub notes: Vec<(String, String)>,
    /// Where to go on.
    pub next: Option<String>,
}

/// The world.
pub trait Platform {
    /// An answer held outside: its body streams past us.
    type Body;

    /// Milliseconds since 1970.
    fn now(&self) -> Millis;

    /// Random bytes nobody can guess.
    fn random<const N: usize>(&self) -> [u8; N];

    /// A var or secret.
    fn var(&self, name: &str) -> Option<String>;

    /// Writes one line to the log.
    fn log(&self, line: &str);

    /// A record: of a session, an API key, an issuer's keys. Simultaneous reads of one key may share
    /// one read.
    fn record_read(&self, key: &str, deadline: Millis) -> impl Future<Output = Result<Option<String>, Down>>;

    /// Writes a record, kept for `seconds`.
    fn record_write(&self, key: &str, value: &str, seconds: u64) -> impl Future<Output = Result<(), Down>>;

    /// Removes a record, or a note.
    fn record_delete(&self, key: &str) -> impl Future<Output = Result<(), Down>>;

    /// Writes a note that [`Platform::notes`] lists, kept for `seconds`.
    fn note_write(&self, note: &Note, seconds: u64) -> impl Future<Output = Result<(), Down>>;

    /// The notes whose names begin so, 1,000 at most, and where to go on, if anywhere.
    fn notes(&self, prefix: &str, from: Option<&str>) -> impl Future<Output = Result<Notes, Down>>;

    /// Whether a signature was made with the private half of this public key (WebCrypto's verdict).
    fn verify(&self, proof: &Proof<'_>) -> impl Future<Output = Result<bool, Down>>;

    /// Signs with a private key, given as JWK (Ed25519 or P-256); base64url.
    fn sign(&self, key: &str, text: &str) -> impl Future<Output = Result<String, Down>>;

    /// Asks an issuer, in our own name; simultaneous questions without a body may share one.
    fn consult(&self, question: &Question<'_>) -> impl Future<Output = Result<Word, Failure>>;

    /// Reads the ledger from a moment on. Simultaneous reads from one moment may share one read, so
    /// it says when the read began (milliseconds since 1970).
    fn ledger_read(&self, since: u64, deadline: Millis) -> impl Future<Output = Result<(Millis, Page), Down>>;

    /// Stamps, and reads what is new, the stamps included. Without subjects it is a read that is
    /// shared with nobody.
    fn ledger_stamp(&self, entry: &Entry, deadline: Millis) -> impl Future<Output = Result<Page, Down>>;

    /// Asks an origin.
    fn fetch(&self, ask: &Ask<'_>) -> impl Future<Output = Result<Answer<Self::Body>, Failure>>;

    /// Asks one origin, and another as well when no answer has begun after so long: the first answer
    /// to begin, and whether it is the other's. Who is too late is told to stop.
    fn hedge(
        &self,
        first: &Ask<'_>,
        after: Millis,
        second: &Ask<'_>,
    ) -> impl Future<Output = (bool, Result<Answer<Self::Body>, Failure>)>;

    /// Reads the request's body, so that it can be sent again ([`Carry::Held`]), within `deadline`.
    fn hold(&self, deadline: Millis) -> impl Future<Output = Result<(), Unreadable>>;

    /// Lets go of an answer that nobody gets.
    fn discard(&self, body: Self::Body);

    /// Waits.
    fn pause(&self, time: Millis) -> impl Future<Output = ()>;

    /// Says something to a pool's prober ([`crate::health::letter::Letter`] as JSON), and hears JSON.
    fn prober(&self, pool: &str, letter: &str, deadline: Millis) -> impl Future<Output = Result<String, Down>>;

    /// A static file, by path.
    fn file(&self, path: &str) -> impl Future<Output = Result<Answer<Self::Body>, Failure>>;

    /// A stored answer that this isolate remembers, at once.
    fn memory(&self, key: &str) -> Option<Answer<Self::Body>>;

    /// Takes it on to ask for what others may want as well, and gives the claim's name; `None` when
    /// another request already has, or nobody is to wait for it. It is heard from within `patience`.
    fn claim(&self, flight: &str, patience: Millis) -> Option<String>;

    /// Waits for what the request that claimed it finds out.
    fn join(&self, flight: &str, patience: Millis) -> impl Future<Output = Joined<Self::Body>>;

    /// Whether the body of what has this URL in the store turned out too large to be stored a moment ago.
    fn oversized(&self, key: &str) -> bool;

    /// Says that there will be nothing to share.
    fn release(&self, claim: &str, failure: Option<Failure>);

    /// Takes an answer out of the store of this place.
    fn forget(&self, key: &str);

    /// Stores a copy of an answer that no visitor gets.
    fn keep(&self, answer: Self::Body, store: &Store);

    /// A stored answer of this place.
    fn cache_read(&self, key: &str) -> impl Future<Output = Option<Answer<Self::Body>>>;

    /// The request's body as text, at most `most` bytes.
    fn body(&self, most: usize) -> impl Future<Output = Result<String, Unreadable>>;
}

/// What the visitor gets.
#[derive(Debug)]
pub struct Reply<B> {
    /// Status code.
    pub status: u16,
    /// Fields: of a made answer all there are, of another's the changes.
    pub edits: Edits,
    /// What follows.
    pub content: Content<B>,
    /// Whether a copy is stored as it passes.
    pub store: Option<Store>,
    /// What is to be done behind the visitor's back.
    pub after: Vec<After>,
}

/// A reply's body.
#[derive(Debug)]
pub enum Content<B> {
    /// Made here.
    Text(String),
    /// Another's answer, streaming.
    Whole(B),
    /// Another's answer without its body (304, HEAD).
    Bare(B),
    /// Of another's answer these bytes, both included (206).
    Part(B, u64, u64),
}

/// A copy to store of the answer being given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// What [`Platform::claim`] gave, or nothing.
    pub claim: String,
    /// The URL it has in the store.
    pub key: String,
    /// From the origin's answer to the stored one.
    pub edits: Edits,
    /// Bytes at most; of what turns out to be longer nothing is stored.
    pub most: u64,
    /// What stands at the resource's own URL when this is one of its variants.
    pub variants: Option<Variants>,
}

/// What stands in the store for a resource that has variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variants {
    /// The resource's URL in the store.
    pub key: String,
    /// Its only field and value.
    pub edits: Edits,
}

/// A stale answer that is to be asked for anew behind the visitor's back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refresh {
    /// What [`Platform::claim`] gave.
    pub claim: String,
    /// Its key.
    pub key: Key,
    /// The URL in the store where it was found.
    pub found: String,
    /// A place in the configuration's routes.
    pub route: usize,
    /// The path the origin is asked for.
    pub path: String,
    /// Whom to ask, in this order: places of pools and of origins in them.
    pub origins: Vec<(usize, usize)>,
    /// From the visitor's request to what the origin is asked: none of it is the visitor's own.
    pub edits: Edits,
    /// What the origin is told then.
    pub told: Vec<(String, String)>,
    /// What is sworn to the origin.
    pub oath: Option<Oath>,
    /// What the visitor asked for: its scheme and host name this place.
    pub asked: String,
    /// The locale prefix that was taken off the path, `/ja`, or nothing.
    pub prefix: String,
}

/// Work that is not waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Read the ledger's new pages.
    ReadLedger,
    /// Write a session's record back.
    Renew {
        /// The session's key.
        key: String,
        /// JSON.
        value: String,
        /// Its line in the user's list.
        note: Note,
        /// Kept for this long.
        seconds: u64,
    },
    /// Ask for an issuer's keys anew: its place in the configuration's.
    Keys(usize),
    /// Remove a session's record, or a note.
    Delete {
        /// Its key.
        key: String,
    },
    /// Ask for a stale answer anew.
    Refresh(Box<Refresh>),
    /// Tell pools' probers what is known here, and hear what they know: places in the configuration's.
    Sync(Vec<usize>),
    /// Show a request to a pool whose answer nobody sees.
    Shadow(Box<Shadow>),
}

/// A request that a second pool is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// Places of the pool and of the origin in it.
    pub origin: (usize, usize),
    /// The method, a safe one.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Changes to the visitor's fields.
    pub edits: Edits,
    /// Until its answer begins.
    pub deadline: Millis,
}
