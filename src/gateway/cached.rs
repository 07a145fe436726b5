//! Passing the cache: look up, and answer from store where that is good enough.

use super::fetched::{Errand, Fetched, Miss};
use super::forward::{Got, Passage};
use super::said::dress;
use super::{Gateway, visit::Visit};
use crate::cache::control::Wanted;
use crate::cache::range::{self, Part};
use crate::cache::status::{Forward, Level};
use crate::cache::stored::{Lookup, Question, Stored};
use crate::cache::vary::{self, Variants};
use crate::cache::{self, Bypass, Key, Partition, Status, validate};
use crate::config::{Config, Millis, Target};
use crate::error::Error;
use crate::head::{self, Edits, Fields};
use crate::headers;
use crate::identity::Identity;
use crate::platform::{Answer, Content, Platform, Reply};
use crate::route::Place;
use std::cell::OnceCell;

/// The field of a long stored answer that says how many bytes it has; it never leaves the gateway.
pub(super) const LENGTH: &str = "usher-length";

/// How often a request looks again when what another asked for was not for it.
const TURNS: u32 = 3;

/// What was found in store.
pub(super) struct Found<B> {
    pub(super) lookup: Lookup,
    pub(super) answer: Answer<B>,
    pub(super) level: Level,
    /// The URL where it was.
    pub(super) url: String,
}

impl Gateway {
    /// Answers from store, or asks, and says which in `Cache-Status`.
    pub(super) async fn cached<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        place: &Place<'a, 'a>,
    ) -> Result<Reply<P::Body>, Error> {
        visit.canary = self.gets_canary(config, visit, place.route);
        visit.shows_from = self.shows_from(config, visit, place.route);
        match cache::admits(place.route, visit.head, &visit.identity) {
            Err(bypass) => self.past(platform, config, visit, place, bypass).await,
            Ok(_) if visit.shows_from > visit.started => self.past(platform, config, visit, place, Bypass::Wrote).await,
            Ok((policy, partition)) => {
                let mark = self.shard_mark(config, visit, place)?;
                let edition = match &place.route.target {
                    Target::Static => self.edition.as_str(),
                    _ if visit.canary => "canary",
                    _ => mark.as_deref().unwrap_or("-"),
                };
                // A pool's origin is told whether the path said the language; its links may say so too.
                let said = place.prefix.is_some() && matches!(place.route.target, Target::Pools(_) | Target::Shards(_));
                let tag = place.kept_prefix().or(visit.language(config));
                let locale = tag.map(|tag| if said { format!("{tag}~") } else { tag.to_owned() });
                let key = Key::new(&visit.head.url, &place.path, policy, edition, locale.as_deref(), &partition);
                let fields = &visit.head.fields;
                let wanted = if policy.request_directives { Wanted::of(fields) } else { Wanted::default() };
                // What was for the gateway says no more than the partition does; what the origin gets may say
                // whatever it likes.
                let authorized = visit.hands_on_credentials(config, place.route);
                let part = visit.head.method == "GET" && fields.get("range").is_some();
                let unshared = wanted.no_store
                    || authorized
                    || !matches!(place.route.target, Target::Pools(_) | Target::Shards(_));
                let marked = self.uncacheable.borrow().has(&key.url, visit.started);
                let errand = Errand {
                    place,
                    policy,
                    partition: &partition,
                    key: &key,
                    wanted,
                    authorized,
                    part,
                    ranged: part && (unshared || marked),
                    told: OnceCell::new(),
                };
                visit.cache_key = Some(key.url.clone());
                self.looked_up(platform, config, visit, &errand).await
            }
        }
    }

    /// Goes past the cache; a change that succeeds makes what is stored invalid.
    async fn past<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        place: &Place<'a, 'a>,
        bypass: Bypass,
    ) -> Result<Reply<P::Body>, Error> {
        visit.cache = Status::Bypass(bypass.word());
        let query = visit.head.url.search();
        let passage = Passage { place, query: &query, shared: None, conditions: &Edits::default(), through: None };
        let got = self.ask(platform, config, visit, &passage).await?;
        self.invalidate(platform, config, visit, place, &got.answer.packed).await;
        Ok(passed(got, visit, false))
    }

    async fn looked_up<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        errand: &Errand<'_, 'a>,
    ) -> Result<Reply<P::Body>, Error> {
        let mut turns = TURNS;
        let mut differs = None;
        loop {
            turns -= 1;
            let readable = self.current(platform, config).await.is_ok();
            let (variants, found) =
                if readable { self.find(platform, config, visit, errand).await } else { (None, None) };
            let now = platform.now();
            let at = found.as_ref().map(|found| found.url.clone());
            let (reason, detail, stale) = match found {
                Some(Found { lookup: Lookup::Fresh(stored), answer, level, .. }) => {
                    if variants.is_some() {
                        self.uses.borrow_mut().note(&errand.key.url, &stored.chosen, now);
                    }
                    let stale = (now >= stored.until).then_some("max-stale");
                    visit.cache = Status::Hit { ttl: stored.time_to_live(now), level, stale };
                    return Ok(hit(&stored, answer, visit, now));
                }
                Some(Found { lookup: Lookup::Stale(stored, Forward::Stale), answer, level, url })
                    if self.serves_at_once(errand, &stored, now) =>
                {
                    let revalidates = stored.serves_while_revalidating(now);
                    let flight = self.flight(config, visit, errand, variants.as_ref());
                    self.revalidate_later(platform, config, visit, errand, flight, url);
                    let stale = Some(if revalidates { "revalidating" } else { "origin-down" });
                    visit.cache = Status::Hit { ttl: stored.time_to_live(now), level, stale };
                    return Ok(hit(&stored, answer, visit, now));
                }
                Some(Found { lookup: Lookup::Stale(stored, reason), answer, .. }) => {
                    (reason, None, Some((stored, answer)))
                }
                Some(Found { lookup: Lookup::Other(_), .. }) => (Forward::VaryMiss, None, None),
                Some(Found { lookup: Lookup::Void(why), .. }) => (Forward::Miss, Some(why), None),
                None if variants.is_some() => (Forward::VaryMiss, None, None),
                None => (Forward::Miss, None, None),
            };
            if errand.wanted.only_if_cached {
                visit.cache = Status::Refused;
                return Err(Error::NotStored);
            }
            let found = at.filter(|_| stale.is_some());
            let variants = variants.or(differs.take());
            let miss = Miss { reason, detail, found, stale, variants, readable };
            match self.fetched(platform, config, visit, errand, miss, turns == 0).await? {
                Fetched::Reply(reply) => return Ok(reply),
                Fetched::Again(variants) => differs = variants,
            }
        }
    }

    /// Whether something stale serves at once, while it is asked for behind the answer: because it says so
    /// (RFC 5861 3), or because asking failed a moment ago and would take long again.
    fn serves_at_once(&self, errand: &Errand<'_, '_>, stored: &Stored, now: Millis) -> bool {
        let failed = || self.failing.borrow().has(&errand.key.url, now) && stored.serves_disconnected(now);
        !errand.authorized
            && matches!(errand.place.route.target, Target::Pools(_))
            && (stored.serves_while_revalidating(now) || failed())
    }

    /// What is stored for this request, and which variants are.
    async fn find<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
        errand: &Errand<'_, '_>,
    ) -> (Option<Variants>, Option<Found<P::Body>>) {
        let Some((answer, level)) = stored(platform, &errand.key.url).await else { return (None, None) };
        let fields = head::answer(&answer.packed).1;
        let Some(variants) = Variants::of(&fields) else {
            let lookup = self.judge(platform, config, visit, errand, &answer);
            return (None, Some(Found { lookup, answer, level, url: errand.key.url.clone() }));
        };
        let slot = variants.slot(&vary::chosen(&variants.names, errand.told(config, visit)));
        let Some(url) = slot.map(|slot| errand.key.slot(slot)) else { return (Some(variants), None) };
        let Some((answer, level)) = stored(platform, &url).await else { return (Some(variants), None) };
        let lookup = self.judge(platform, config, visit, errand, &answer);
        (Some(variants), Some(Found { lookup, answer, level, url }))
    }

    /// Whether a stored answer is good for this request.
    pub(super) fn judge<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
        errand: &Errand<'_, '_>,
        answer: &Answer<P::Body>,
    ) -> Lookup {
        let question = Question {
            key: errand.key,
            view: &self.view.borrow(),
            now: platform.now(),
            wanted: errand.wanted,
            authorized: errand.authorized,
            chosen: &|names| vary::chosen(names, errand.told(config, visit)),
            since: visit.shows_from,
        };
        Stored::judge(&head::answer(&answer.packed).1, &question)
    }
}

/// A stored answer, from the nearest level that has it.
pub(super) async fn stored<P: Platform>(platform: &P, url: &str) -> Option<(Answer<P::Body>, Level)> {
    match platform.memory(url) {
        Some(answer) => Some((answer, Level::Memory)),
        None => platform.cache_read(url).await.map(|answer| (answer, Level::Store)),
    }
}

/// What the origin of a cached route is told of one request.
pub(super) fn told(
    config: &Config,
    visit: &Visit<'_>,
    place: &Place<'_, '_>,
    partition: &Partition,
) -> Vec<(String, String)> {
    visit.to_origin(config, place, Some(partition)).applied(&visit.head.fields)
}

/// An answer that was just asked for. `shared` says that it passed the cache.
pub(super) fn passed<B>(got: Got<B>, visit: &Visit<'_>, shared: bool) -> Reply<B> {
    let Got { answer, mut edits, personal } = got;
    let (status, fields) = head::answer(&answer.packed);
    dress(&fields, visit, &mut edits);
    if personal {
        edits.remove("cdn-cache-control");
    } else {
        ours(visit, fields.get("cache-control"), &mut edits);
    }
    let same = shared && status == 200 && visit.head.is_safe() && validate::not_modified(&visit.head.fields, &fields);
    match shared && !same {
        true => parted(status, edits, answer.body, visit, (&fields, fields.get("content-length"))),
        false => reply(if same { 304 } else { status }, edits, answer.body, visit),
    }
}

/// A stored answer, or the part of it that is asked for.
pub(super) fn hit<B>(stored: &Stored, answer: Answer<B>, visit: &Visit<'_>, now: Millis) -> Reply<B> {
    let (status, fields) = head::answer(&answer.packed);
    let mut edits = Edits::new();
    stored.restore(&fields, &mut edits);
    edits.set("age", &stored.age(now).to_string());
    dress(&fields, visit, &mut edits);
    ours(visit, stored.control.as_deref(), &mut edits);
    let request = &visit.head.fields;
    if status == 200 && validate::not_modified(request, &fields) {
        return reply(304, edits, answer.body, visit);
    }
    // Of a long one the store knows no length, but we noted it.
    let length = fields.get("content-length").or(fields.get(LENGTH));
    parted(status, edits, answer.body, visit, (&fields, length))
}

/// An answer, or the part of it that is asked for, where its length is known (RFC 9110 14.2).
fn parted<B>(
    status: u16,
    mut edits: Edits,
    body: B,
    visit: &Visit<'_>,
    (fields, length): (&Fields<'_>, Option<&str>),
) -> Reply<B> {
    let request = &visit.head.fields;
    let length = length.and_then(|length| length.parse().ok());
    let length = length.filter(|_| fields.get("content-encoding").is_none());
    let wanted = request.get("range").filter(|_| visit.head.method == "GET" && status == 200);
    match wanted.zip(length).filter(|_| range::holds(request, fields)) {
        Some((wanted, length)) => match range::part(wanted, length) {
            Part::Whole => reply(status, edits, body, visit),
            Part::Bytes { first, last } => {
                edits.set("content-range", &format!("bytes {first}-{last}/{length}"));
                edits.set("content-length", &(last - first + 1).to_string());
                let content = Content::Part(body, first, last);
                Reply { status: 206, edits, content, store: None, after: Vec::new() }
            }
            Part::Unsatisfiable => {
                edits.set("content-range", &format!("bytes */{length}"));
                // It says nothing of the resource, and nobody else's request is to be answered so.
                for name in ["age", "cdn-cache-control", "content-length", "etag", "expires", "last-modified"] {
                    edits.remove(name);
                }
                edits.set("cache-control", "no-store");
                Reply { status: 416, edits, content: Content::Bare(body), store: None, after: Vec::new() }
            }
        },
        None => reply(status, edits, body, visit),
    }
}

/// What is answered to somebody signed in is kept by no cache on the way.
fn ours(visit: &Visit<'_>, control: Option<&str>, edits: &mut Edits) {
    if matches!(visit.identity, Identity::User { .. }) || !visit.hints.is_empty() {
        edits.set("cache-control", &headers::private(control));
    }
}

fn reply<B>(status: u16, edits: Edits, body: B, visit: &Visit<'_>) -> Reply<B> {
    let bare = visit.head.method == "HEAD" || status == 304;
    let content = if bare { Content::Bare(body) } else { Content::Whole(body) };
    Reply { status, edits, content, store: None, after: Vec::new() }
}
