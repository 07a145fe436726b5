//! The world in memory: the only fake there is. Its clock moves when told to, and what is down is
//! down because a test said so.

mod platform;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use usher::config::Millis;
use usher::config::{Built, Catalog, Config, Pages, source};
use usher::gateway::{After, Content, Gateway, Reply};
use usher::http::{head, json};
use usher::ledger::{Page, Stamp};
use usher::origin::health::prober::ProberState;
use usher::origin::health::protocol::Request;
use usher::platform::{CacheStore, Document, Failure, Unavailable, Unreadable};

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Message {
    pub(crate) fn new(status: u16, fields: &[(&str, &str)], body: &str) -> Self {
        let fields = fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Self { status, fields, body: body.into() }
    }

    pub(crate) fn packed(&self) -> String {
        let fields: String = self.fields.iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
        format!("{}\n{fields}", self.status)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What an origin received.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Heard {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

type Origin = Box<dyn Fn(&Heard) -> Result<Message, Failure>>;
type Issuer = Box<dyn Fn(&str, Option<&str>) -> Result<Document, Failure>>;

/// Everything that gateways share.
pub(crate) struct World {
    pub(crate) now: Cell<Millis>,
    pub(crate) store: RefCell<BTreeMap<String, String>>,
    pub(crate) store_down: Cell<bool>,
    pub(crate) store_reads: Cell<u32>,
    /// What the store shows is so old, in milliseconds.
    pub(crate) store_lag: Cell<Millis>,
    /// Every state of the store that there was, and since when.
    store_past: RefCell<Vec<(Millis, BTreeMap<String, String>)>>,
    pub(crate) notes: RefCell<BTreeMap<String, String>>,
    /// Answers what an issuer is asked: URL and form.
    pub(crate) issuer: RefCell<Issuer>,
    pub(crate) consulted: RefCell<Vec<String>>,
    /// Signatures that were verified with public keys.
    pub(crate) verified: Cell<u32>,
    pub(crate) stamps: RefCell<Vec<Stamp>>,
    pub(crate) ledger_down: Cell<bool>,
    pub(crate) ledger_reads: Cell<u32>,
    pub(crate) files: RefCell<BTreeMap<String, Message>>,
    pub(crate) origin: RefCell<Origin>,
    pub(crate) heard: RefCell<Vec<Heard>>,
    pub(crate) vars: RefCell<BTreeMap<String, String>>,
    pub(crate) log: RefCell<Vec<String>>,
    pub(crate) rosters: RefCell<BTreeMap<String, ProberState>>,
    pub(crate) prober_down: Cell<bool>,
    /// What objects have counted, by object and key.
    pub(crate) counted: RefCell<BTreeMap<(String, String), String>>,
    /// What Rate Limiting bindings have counted: binding and key, the window's start, how many.
    pub(crate) windows: RefCell<BTreeMap<(String, String), (Millis, u32)>>,
    pub(crate) limits_down: Cell<bool>,
    /// Times that an object was asked to count.
    pub(crate) limits_asked: Cell<u32>,
    /// What Cloudflare knows of the connection.
    pub(crate) network: RefCell<BTreeMap<String, String>>,
    dice: Cell<u64>,
}

impl World {
    pub(crate) fn new() -> Rc<Self> {
        let origin: Origin = Box::new(|_| Ok(Message::new(200, &[("cache-control", "max-age=60")], "hello")));
        Rc::new(Self {
            now: Cell::new(1_800_000_000_000),
            store: RefCell::default(),
            store_down: Cell::new(false),
            store_reads: Cell::new(0),
            store_lag: Cell::new(0),
            store_past: RefCell::default(),
            notes: RefCell::default(),
            issuer: RefCell::new(Box::new(|_, _| Err(Failure::Unreachable))),
            consulted: RefCell::default(),
            verified: Cell::new(0),
            stamps: RefCell::default(),
            ledger_down: Cell::new(false),
            ledger_reads: Cell::new(0),
            files: RefCell::default(),
            origin: RefCell::new(origin),
            heard: RefCell::default(),
            vars: RefCell::default(),
            log: RefCell::default(),
            rosters: RefCell::default(),
            prober_down: Cell::new(false),
            counted: RefCell::default(),
            windows: RefCell::default(),
            limits_down: Cell::new(false),
            limits_asked: Cell::new(0),
            network: RefCell::default(),
            dice: Cell::new(1),
        })
    }

    pub(crate) fn pass(&self, ms: Millis) {
        self.now.set(self.now.get() + ms);
    }

    pub(crate) fn origin(&self, answer: impl Fn(&Heard) -> Result<Message, Failure> + 'static) {
        *self.origin.borrow_mut() = Box::new(answer);
    }

    pub(crate) fn issuer(&self, answer: impl Fn(&str, Option<&str>) -> Result<Document, Failure> + 'static) {
        *self.issuer.borrow_mut() = Box::new(answer);
    }

    /// The store as it is shown now: as it was some time ago.
    fn shown(&self, key: &str) -> Option<String> {
        let until = self.now.get() - self.store_lag.get();
        if self.store_lag.get() == 0 {
            return self.store.borrow().get(key).cloned();
        }
        self.store_past.borrow().iter().rfind(|(since, _)| *since <= until)?.1.get(key).cloned()
    }

    fn remember_store(&self) {
        self.store_past.borrow_mut().push((self.now.get(), self.store.borrow().clone()));
    }

    /// Stamps as another isolate would.
    pub(crate) fn stamp(&self, subject: &str, since: u64) {
        self.stamps.borrow_mut().push(Stamp { subject: subject.into(), since, soft: false, until: u64::MAX });
    }

    /// A pool's prober, as the object around [`ProberState`] does it.
    fn prober(&self, pool: &str, letter: &str) -> Result<String, Unavailable> {
        platform::up(self.prober_down.get())?;
        let letter: Request = json::read(letter).map_err(|_| Unavailable)?;
        let mut rosters = self.rosters.borrow_mut();
        let report = rosters.entry(pool.to_owned()).or_default().answer(letter, self.now.get());
        Ok(json::text(&report.0))
    }

    fn page(&self, since: u64) -> Page {
        let stamps: Vec<Stamp> = self.stamps.borrow().iter().filter(|stamp| stamp.since > since).cloned().collect();
        let newest = |stamps: &[Stamp]| stamps.iter().map(|stamp| stamp.since).max().unwrap_or(0);
        // Small pages, so that readers turn them; one ends between moments, never within one.
        let end = stamps.get(2).map_or(0, |last| stamps.iter().take_while(|stamp| stamp.since <= last.since).count());
        match stamps.get(..end).filter(|_| stamps.len() > end && end > 0) {
            Some(some) => Page { as_of: newest(some), stamps: some.to_vec(), more: true },
            None => Page { as_of: newest(&stamps).max(self.now.get()), stamps, more: false },
        }
    }
}

/// One isolate: a gateway, and a cache of its own unless shared.
pub(crate) struct Isolate {
    pub(crate) world: Rc<World>,
    gateway: Gateway,
    cache: Rc<RefCell<BTreeMap<String, Message>>>,
    /// What this isolate remembers of it.
    memory: RefCell<BTreeMap<String, Message>>,
    /// What was claimed and is not settled yet.
    flights: RefCell<BTreeSet<String>>,
}

pub(crate) fn config(toml: &str) -> Config {
    match source::read(toml, "test.toml") {
        Ok((_, config)) => config,
        Err(faults) => panic!("{faults}"),
    }
}

impl Isolate {
    pub(crate) fn new(world: &Rc<World>, toml: &str) -> Self {
        let config = config(toml);
        let catalog = Catalog::read(&config, Path::new("words")).unwrap();
        let pages = Pages::new(BTreeMap::from([("/about".to_owned(), vec![0, 2])]));
        let built = Built { config, catalog, pages, edition: "edition".into() };
        let gateway = Gateway::new(built.data().into(), |name| world.vars.borrow().get(name).cloned());
        Self {
            world: Rc::clone(world),
            gateway,
            cache: Rc::default(),
            memory: RefCell::default(),
            flights: RefCell::default(),
        }
    }

    /// Another isolate of the same place: the same cache.
    pub(crate) fn beside(&self, toml: &str) -> Self {
        Self { cache: Rc::clone(&self.cache), ..Self::new(&self.world, toml) }
    }

    pub(crate) fn get(&self, url: &str, fields: &[(&str, &str)]) -> Message {
        self.ask("GET", url, fields, "")
    }

    pub(crate) fn ask(&self, method: &str, url: &str, fields: &[(&str, &str)], body: &str) -> Message {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let packed = format!("{url}\n{method}\n{}\n{fields}\n", u8::from(!body.is_empty()));
        self.serve(&packed, body).0
    }

    /// What the visitor gets, and how many things the gateway waited for.
    pub(crate) fn serve(&self, packed: &str, body: &str) -> (Message, u32) {
        let visit = Visit { isolate: self, packed, body, waits: Cell::new(0), body_fault: Cell::new(None) };
        let Reply { status, edits, content, store, after } = now(self.gateway.serve(&visit, packed));
        let waits = visit.waits.get();
        let message = match &content {
            Content::Text(text) => {
                Message { status, fields: edits.applied(&head::Fields::default()), body: text.clone() }
            }
            Content::Whole(other) | Content::Bare(other) | Content::Part(other, ..) => {
                let packed = other.packed();
                let fields = edits.applied(&head::response(&packed).1);
                let body = match content {
                    Content::Whole(_) => other.body.clone(),
                    Content::Part(_, first, last) => {
                        other.body.get(first as usize..=last as usize).unwrap_or_default().to_owned()
                    }
                    _ => String::new(),
                };
                Message { status, fields, body }
            }
        };
        if let (Some(store), Content::Whole(other) | Content::Bare(other) | Content::Part(other, ..)) =
            (store, &content)
        {
            visit.store(other.clone(), &store);
        }
        self.after(packed, after);
        (message, waits)
    }

    fn put(&self, key: &str, message: Message) {
        self.memory.borrow_mut().insert(key.to_owned(), message.clone());
        self.cache.borrow_mut().insert(key.to_owned(), message);
    }

    /// How many answers are stored.
    pub(crate) fn stored(&self) -> usize {
        self.cache.borrow().len()
    }

    fn after(&self, packed: &str, work: Vec<After>) {
        let visit = Visit { isolate: self, packed, body: "", waits: Cell::new(0), body_fault: Cell::new(None) };
        now(self.gateway.after(&visit, work));
    }
}

struct Visit<'a> {
    isolate: &'a Isolate,
    packed: &'a str,
    body: &'a str,
    waits: Cell<u32>,
    /// Why the body broke off on its way to an origin.
    body_fault: Cell<Option<Unreadable>>,
}

/// Everything here is there at once: one poll must do.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the gateway waits for something that is not there"),
    }
}
