//! The services of the platform, in memory.

use super::{Heard, Message, Visit, World};
use crate::native;
use usher::config::Millis;
use usher::http::head::{self, Head};
use usher::identity::session::ListEntry;
use usher::ledger::{Entry, Page, Stamp};
use usher::limit::exact;
use usher::platform::{
    Bodies, CacheStore, Clock, Crypto, Document, DocumentRequest, Environment, Failure, Fetch, Forward, Joined,
    KeyValue, LedgerStore, LimitStore, Listing, Log, Network, OriginRequest, Prober, RequestBody, Response,
    SignedMessage, SingleFlight, StaticFiles, Store, Unavailable, Unreadable,
};

impl Visit<'_> {
    fn world(&self) -> &World {
        self.waits.set(self.waits.get() + 1);
        &self.isolate.world
    }
}

pub(super) fn up(down: bool) -> Result<(), Unavailable> {
    if down { Err(Unavailable) } else { Ok(()) }
}

impl Clock for Visit<'_> {
    fn now(&self) -> Millis {
        self.isolate.world.now.get()
    }

    async fn sleep(&self, time: Millis) {
        self.world().pass(time);
    }
}

impl Crypto for Visit<'_> {
    fn random<const N: usize>(&self) -> [u8; N] {
        let dice = &self.isolate.world.dice;
        std::array::from_fn(|_| {
            dice.set(dice.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            (dice.get() >> 56) as u8
        })
    }

    async fn verify(&self, message: &SignedMessage<'_>) -> Result<bool, Unavailable> {
        let verified = &self.world().verified;
        verified.set(verified.get() + 1);
        Ok(native::holds(message))
    }

    async fn sign(&self, key: &str, text: &str) -> Result<String, Unavailable> {
        self.world();
        native::sign(key, text).ok_or(Unavailable)
    }
}

impl Environment for Visit<'_> {
    fn var(&self, name: &str) -> Option<String> {
        self.isolate.world.vars.borrow().get(name).cloned()
    }
}

impl Log for Visit<'_> {
    fn log(&self, line: &str) {
        self.isolate.world.log.borrow_mut().push(line.to_owned());
    }
}

impl KeyValue for Visit<'_> {
    async fn get(&self, key: &str, _: Millis) -> Result<Option<String>, Unavailable> {
        let world = self.world();
        world.store_reads.set(world.store_reads.get() + 1);
        up(world.store_down.get())?;
        Ok(world.shown(key))
    }

    async fn put(&self, key: &str, value: &str, _: u64) -> Result<(), Unavailable> {
        up(self.world().store_down.get())?;
        self.world().store.borrow_mut().insert(key.into(), value.into());
        self.world().remember_store();
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Unavailable> {
        assert!(!key.is_empty(), "the store knows no such key");
        up(self.world().store_down.get())?;
        self.world().store.borrow_mut().remove(key);
        self.world().notes.borrow_mut().remove(key);
        self.world().remember_store();
        Ok(())
    }

    async fn put_entry(&self, entry: &ListEntry, _: u64) -> Result<(), Unavailable> {
        up(self.world().store_down.get())?;
        assert!(entry.text.len() <= 1_024 && entry.name.len() <= 512, "more than the store takes: {entry:?}");
        self.world().notes.borrow_mut().insert(entry.name.clone(), entry.text.clone());
        Ok(())
    }

    async fn list(&self, prefix: &str, _: Option<&str>) -> Result<Listing, Unavailable> {
        up(self.world().store_down.get())?;
        let notes = self.world().notes.borrow();
        let found = notes.iter().filter(|(name, _)| name.starts_with(prefix));
        Ok(Listing { entries: found.map(|(name, text)| (name.clone(), text.clone())).collect(), next: None })
    }
}

impl LedgerStore for Visit<'_> {
    async fn ledger_read(&self, since: u64, _: Millis) -> Result<(Millis, Page), Unavailable> {
        let world = self.world();
        world.ledger_reads.set(world.ledger_reads.get() + 1);
        up(world.ledger_down.get())?;
        Ok((world.now.get(), world.page(since)))
    }

    async fn ledger_stamp(&self, entry: &Entry, _: Millis) -> Result<Page, Unavailable> {
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
        // As the object does: what has ended is gone.
        if !entry.subjects.is_empty() {
            world.stamps.borrow_mut().retain(|stamp| stamp.until >= moment);
        }
        Ok(world.page(entry.since))
    }
}

impl Bodies for Visit<'_> {
    type Body = Message;

    fn discard(&self, _: Message) {}
}

impl RequestBody for Visit<'_> {
    async fn read_body(&self, most: usize) -> Result<String, Unreadable> {
        self.world();
        if self.body.len() > most { Err(Unreadable::TooLarge) } else { Ok(self.body.to_owned()) }
    }

    async fn buffer_body(&self, _: Millis) -> Result<(), Unreadable> {
        Ok(())
    }

    fn bound_body(&self, most: u64, _: Millis) {
        self.body_fault.set((self.body.len() as u64 > most).then_some(Unreadable::TooLarge));
    }

    fn body_fault(&self) -> Option<Unreadable> {
        self.body_fault.get()
    }
}

impl Fetch for Visit<'_> {
    async fn fetch(&self, request: &OriginRequest<'_>) -> Result<Response<Message>, Failure> {
        let world = self.world();
        let head = Head::parse(self.packed).ok_or(Failure::Unreachable)?;
        let fields = if request.forward == Forward::Nothing { head::Fields::default() } else { head.fields };
        let heard =
            Heard { method: request.method.into(), url: request.url.into(), fields: request.edits.applied(&fields) };
        world.heard.borrow_mut().push(heard.clone());
        if self.body_fault.get().is_some() {
            return Err(Failure::Unreachable);
        }
        let message = (world.origin.borrow())(&heard)?;
        Ok(Response { packed: message.packed(), body: message })
    }

    async fn hedge(
        &self,
        first: &OriginRequest<'_>,
        _: Millis,
        second: &OriginRequest<'_>,
    ) -> (bool, Result<Response<Message>, Failure>) {
        // Who is asked first is always too slow here.
        let _ = self.fetch(first).await;
        (true, self.fetch(second).await)
    }

    async fn fetch_document(&self, request: &DocumentRequest<'_>) -> Result<Document, Failure> {
        let world = self.world();
        world.consulted.borrow_mut().push(request.url.to_owned());
        let word = (world.issuer.borrow())(request.url, request.form)?;
        if word.text.len() > request.most { Err(Failure::Unreachable) } else { Ok(word) }
    }
}

impl Prober for Visit<'_> {
    async fn prober(&self, pool: &str, letter: &str, _: Millis) -> Result<String, Unavailable> {
        self.world().prober(pool, letter)
    }
}

impl LimitStore for Visit<'_> {
    async fn count_exactly(&self, object: &str, key: &str, request: &str, _: Millis) -> Result<String, Unavailable> {
        let world = self.world();
        world.limits_asked.set(world.limits_asked.get() + 1);
        up(world.limits_down.get())?;
        let mut counted = world.counted.borrow_mut();
        let kept = counted.entry((object.to_owned(), key.to_owned())).or_default();
        let (store, response) = exact::answer(request, kept, world.now.get() * 1_000_000).ok_or(Unavailable)?;
        store.into_iter().for_each(|(text, _)| *kept = text);
        Ok(response)
    }

    async fn count_in_location(&self, binding: &str, key: &str) -> Result<bool, Unavailable> {
        let world = self.world();
        up(world.limits_down.get())?;
        // As miniflare's binding of 10 in a minute.
        let start = world.now.get() / 60_000;
        let mut windows = world.windows.borrow_mut();
        let window = windows.entry((binding.to_owned(), key.to_owned())).or_default();
        if window.0 != start {
            *window = (start, 0);
        }
        window.1 += 1;
        Ok(window.1 <= 10)
    }
}

impl Network for Visit<'_> {
    fn network(&self, path: &str) -> Option<String> {
        self.isolate.world.network.borrow().get(path).cloned()
    }
}

impl StaticFiles for Visit<'_> {
    async fn file(&self, path: &str) -> Result<Response<Message>, Failure> {
        let missing = Message::new(404, &[], "");
        let message = self.world().files.borrow().get(path).cloned().unwrap_or(missing);
        Ok(Response { packed: message.packed(), body: message })
    }
}

impl CacheStore for Visit<'_> {
    fn memory(&self, key: &str) -> Option<Response<Message>> {
        let message = self.isolate.memory.borrow().get(key).cloned()?;
        Some(Response { packed: message.packed(), body: message })
    }

    async fn stored(&self, key: &str) -> Option<Response<Message>> {
        self.world();
        let message = self.isolate.cache.borrow().get(key).cloned()?;
        Some(Response { packed: message.packed(), body: message })
    }

    fn store(&self, answer: Message, store: &Store) {
        let packed = answer.packed();
        let mut fields = store.edits.applied(&head::response(&packed).1);
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

    fn remove(&self, key: &str) {
        self.isolate.cache.borrow_mut().remove(key);
        self.isolate.memory.borrow_mut().remove(key);
    }

    fn oversized(&self, _: &str) -> bool {
        false
    }
}

impl SingleFlight for Visit<'_> {
    fn claim(&self, flight: &str, _: Millis) -> Option<String> {
        self.isolate.flights.borrow_mut().insert(flight.to_owned()).then(|| flight.to_owned())
    }

    async fn join(&self, _: &str, _: Millis) -> Joined<Message> {
        Joined::Nothing
    }

    fn release(&self, flight: &str, _: Option<Failure>) {
        assert!(self.isolate.flights.borrow_mut().remove(flight), "released what was not claimed: {flight}");
    }
}
