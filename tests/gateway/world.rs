//! The world in memory: the only fake there is. Its clock moves when told to, and what is down is
//! down because a test said so.

use crate::native;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use usher::config::Millis;
use usher::config::{Config, Spoken, raw::Raw, source};
use usher::gateway::{Built, Gateway};
use usher::head::{self, Head};
use usher::health::letter::Letter;
use usher::health::roster::Roster;
use usher::ledger::{Entry, Page, Stamp};
use usher::platform::{
    After, Answer, Ask, Carry, Content, Down, Failure, Joined, Notes, Platform, Proof, Question, Reply, Store,
    Unreadable, Word,
};
use usher::session::Note;

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
type Issuer = Box<dyn Fn(&str, Option<&str>) -> Result<Word, Failure>>;

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
    pub(crate) rosters: RefCell<BTreeMap<String, Roster>>,
    pub(crate) prober_down: Cell<bool>,
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
            dice: Cell::new(1),
        })
    }

    pub(crate) fn pass(&self, ms: Millis) {
        self.now.set(self.now.get() + ms);
    }

    pub(crate) fn origin(&self, answer: impl Fn(&Heard) -> Result<Message, Failure> + 'static) {
        *self.origin.borrow_mut() = Box::new(answer);
    }

    pub(crate) fn issuer(&self, answer: impl Fn(&str, Option<&str>) -> Result<Word, Failure> + 'static) {
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

    /// A pool's prober, as the object around [`Roster`] does it.
    fn prober(&self, pool: &str, letter: &str) -> Result<String, Down> {
        up(self.prober_down.get())?;
        let letter: Letter = serde_json::from_str(letter).map_err(|_| Down)?;
        let mut rosters = self.rosters.borrow_mut();
        let report = rosters.entry(pool.to_owned()).or_default().answer(letter, self.now.get());
        serde_json::to_string(&report.0).map_err(|_| Down)
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

pub(crate) fn raw(toml: &str) -> Raw {
    match source::read(toml, "test.toml") {
        Ok((raw, _)) => raw,
        Err(faults) => panic!("{faults}"),
    }
}

impl Isolate {
    pub(crate) fn new(world: &Rc<World>, toml: &str) -> Self {
        let config = Config::check(&raw(toml)).unwrap();
        let languages = source::languages(&config);
        let words = serde_json::to_string(&Spoken::read(&config, Path::new("words")).unwrap()).unwrap();
        let built = Built {
            raw: raw(toml),
            languages: &languages,
            words: &words,
            pages: r#"{"/about":[0,2]}"#,
            edition: "edition",
        };
        let gateway = Gateway::new(&built, |name| world.vars.borrow().get(name).cloned());
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
        let visit = Visit { isolate: self, packed, body, waits: Cell::new(0) };
        let Reply { status, edits, content, store, after } = now(self.gateway.serve(&visit, packed));
        let waits = visit.waits.get();
        let message = match &content {
            Content::Text(text) => {
                Message { status, fields: edits.applied(&head::Fields::default()), body: text.clone() }
            }
            Content::Whole(other) | Content::Bare(other) | Content::Part(other, ..) => {
                let packed = other.packed();
                let fields = edits.applied(&head::answer(&packed).1);
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
            visit.keep(other.clone(), &store);
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
        let visit = Visit { isolate: self, packed, body: "", waits: Cell::new(0) };
        now(self.gateway.after(&visit, work));
    }
}

/// Everything here is there at once: one poll must do.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the gateway waits for something that is not there"),
    }
}

struct Visit<'a> {
    isolate: &'a Isolate,
    packed: &'a str,
    body: &'a str,
    waits: Cell<u32>,
}

impl Visit<'_> {
    fn world(&self) -> &World {
        self.waits.set(self.waits.get() + 1);
        &self.isolate.world
    }
}

fn up(down: bool) -> Result<(), Down> {
    if down { Err(Down) } else { Ok(()) }
}

impl Platform for Visit<'_> {
    type Body = Message;

    fn now(&self) -> Millis {
        self.isolate.world.now.get()
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let dice = &self.isolate.world.dice;
        std::array::from_fn(|_| {
            dice.set(dice.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            (dice.get() >> 56) as u8
        })
    }

    fn var(&self, name: &str) -> Option<String> {
        self.isolate.world.vars.borrow().get(name).cloned()
    }

    fn log(&self, line: &str) {
        self.isolate.world.log.borrow_mut().push(line.to_owned());
    }

    async fn record_read(&self, key: &str, _: Millis) -> Result<Option<String>, Down> {
        let world = self.world();
        world.store_reads.set(world.store_reads.get() + 1);
        up(world.store_down.get())?;
        Ok(world.shown(key))
    }

    async fn record_write(&self, key: &str, value: &str, _: u64) -> Result<(), Down> {
        up(self.world().store_down.get())?;
        self.world().store.borrow_mut().insert(key.into(), value.into());
        self.world().remember_store();
        Ok(())
    }

    async fn record_delete(&self, key: &str) -> Result<(), Down> {
        assert!(!key.is_empty(), "the store knows no such key");
        up(self.world().store_down.get())?;
        self.world().store.borrow_mut().remove(key);
        self.world().notes.borrow_mut().remove(key);
        self.world().remember_store();
        Ok(())
    }

    async fn note_write(&self, note: &Note, _: u64) -> Result<(), Down> {
        up(self.world().store_down.get())?;
        assert!(note.text.len() <= 1_024 && note.name.len() <= 512, "more than the store takes: {note:?}");
        self.world().notes.borrow_mut().insert(note.name.clone(), note.text.clone());
        Ok(())
    }

    async fn notes(&self, prefix: &str, _: Option<&str>) -> Result<Notes, Down> {
        up(self.world().store_down.get())?;
        let notes = self.world().notes.borrow();
        let found = notes.iter().filter(|(name, _)| name.starts_with(prefix));
        Ok(Notes { notes: found.map(|(name, text)| (name.clone(), text.clone())).collect(), next: None })
    }

    async fn verify(&self, proof: &Proof<'_>) -> Result<bool, Down> {
        let verified = &self.world().verified;
        verified.set(verified.get() + 1);
        Ok(native::holds(proof))
    }

    async fn sign(&self, key: &str, text: &str) -> Result<String, Down> {
        self.world();
        native::sign(key, text).ok_or(Down)
    }

    async fn consult(&self, question: &Question<'_>) -> Result<Word, Failure> {
        let world = self.world();
        world.consulted.borrow_mut().push(question.url.to_owned());
        let word = (world.issuer.borrow())(question.url, question.form)?;
        if word.text.len() > question.most { Err(Failure::Unreachable) } else { Ok(word) }
    }

    async fn ledger_read(&self, since: u64, _: Millis) -> Result<(Millis, Page), Down> {
        let world = self.world();
        world.ledger_reads.set(world.ledger_reads.get() + 1);
        up(world.ledger_down.get())?;
        Ok((world.now.get(), world.page(since)))
    }

    async fn ledger_stamp(&self, entry: &Entry, _: Millis) -> Result<Page, Down> {
        let world = self.world();
        up(world.ledger_down.get())?;
        let newest = world.stamps.borrow().last().map_or(0, |stamp| stamp.since);
        let moment = newest.max(world.now.get()) + 1;
        for subject in &entry.subjects {
            world.stamps.borrow_mut().push(Stamp {
                subject: subject.clone(),
                since: moment,
                soft: entry.soft,
                until: moment + entry.lifetime,
            });
        }
        Ok(world.page(entry.since))
    }

    async fn fetch(&self, ask: &Ask<'_>) -> Result<Answer<Message>, Failure> {
        let world = self.world();
        let head = Head::parse(self.packed).ok_or(Failure::Unreachable)?;
        let fields = if ask.carry == Carry::Nothing { head::Fields::default() } else { head.fields };
        let heard = Heard { method: ask.method.into(), url: ask.url.into(), fields: ask.edits.applied(&fields) };
        world.heard.borrow_mut().push(heard.clone());
        let message = (world.origin.borrow())(&heard)?;
        Ok(Answer { packed: message.packed(), body: message })
    }

    async fn hedge(&self, first: &Ask<'_>, _: Millis, second: &Ask<'_>) -> (bool, Result<Answer<Message>, Failure>) {
        // Who is asked first is always too slow here.
        let _ = self.fetch(first).await;
        (true, self.fetch(second).await)
    }

    async fn hold(&self, _: Millis) -> Result<(), Unreadable> {
        Ok(())
    }

    fn discard(&self, _: Message) {}

    async fn pause(&self, time: Millis) {
        self.world().pass(time);
    }

    async fn prober(&self, pool: &str, letter: &str, _: Millis) -> Result<String, Down> {
        self.world().prober(pool, letter)
    }

    async fn file(&self, path: &str) -> Result<Answer<Message>, Failure> {
        let missing = Message::new(404, &[], "");
        let message = self.world().files.borrow().get(path).cloned().unwrap_or(missing);
        Ok(Answer { packed: message.packed(), body: message })
    }

    fn memory(&self, key: &str) -> Option<Answer<Message>> {
        let message = self.isolate.memory.borrow().get(key).cloned()?;
        Some(Answer { packed: message.packed(), body: message })
    }

    fn claim(&self, flight: &str, _: Millis) -> Option<String> {
        self.isolate.flights.borrow_mut().insert(flight.to_owned()).then(|| flight.to_owned())
    }

    async fn join(&self, _: &str, _: Millis) -> Joined<Message> {
        Joined::Alone
    }

    fn oversized(&self, _: &str) -> bool {
        false
    }

    fn release(&self, flight: &str, _: Option<Failure>) {
        assert!(self.isolate.flights.borrow_mut().remove(flight), "released what was not claimed: {flight}");
    }

    fn forget(&self, key: &str) {
        self.isolate.cache.borrow_mut().remove(key);
        self.isolate.memory.borrow_mut().remove(key);
    }

    fn keep(&self, answer: Message, store: &Store) {
        let packed = answer.packed();
        let mut fields = store.edits.applied(&head::answer(&packed).1);
        fields.retain(|(name, _)| name != "content-length");
        fields.push(("content-length".into(), answer.body.len().to_string()));
        self.isolate.put(&store.key, Message { fields, ..answer });
        if let Some(variants) = &store.variants {
            let fields = variants.edits.applied(&head::Fields::default());
            self.isolate.put(&variants.key, Message { status: 200, fields, body: String::new() });
        }
        if !store.claim.is_empty() {
            assert!(self.isolate.flights.borrow_mut().remove(&store.claim), "stored what was not claimed");
        }
    }

    async fn cache_read(&self, key: &str) -> Option<Answer<Message>> {
        self.world();
        let message = self.isolate.cache.borrow().get(key).cloned()?;
        Some(Answer { packed: message.packed(), body: message })
    }

    async fn body(&self, most: usize) -> Result<String, Unreadable> {
        self.world();
        if self.body.len() > most { Err(Unreadable::TooLarge) } else { Ok(self.body.to_owned()) }
    }
}
