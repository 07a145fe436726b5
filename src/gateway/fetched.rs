//! Asking for what is not in store: once for all who want it, with conditions where there is
//! something to ask after; storing what may be stored; and what serves when the origin fails.

use super::cached::{hit, passed, told};
use super::forward::{Got, Passage};
use super::storing::{Known, renewed, store};
use super::{Gateway, visit::Visit};
use crate::cache::control::Wanted;
use crate::cache::status::{Forward, Status};
use crate::cache::store::{Received, Unstored};
use crate::cache::stored::{Lookup, Stored, names};
use crate::cache::vary::{self, Variants};
use crate::cache::{Key, Partition, validate};
use crate::config::{Cache, Config, LONGEST_STORED, Millis, Pool};
use crate::error::Error;
use crate::head::{self, Edits, Fields};
use crate::ledger::Moment;
use crate::platform::{Answer, Failure, Joined, Platform, Reply};
use crate::route::Place;
use std::cell::OnceCell;

/// One request on its way past the cache.
pub(super) struct Errand<'q, 'a> {
    pub(super) place: &'q Place<'a, 'a>,
    pub(super) policy: &'q Cache,
    pub(super) partition: &'q Partition,
    pub(super) key: &'q Key,
    pub(super) wanted: Wanted,
    /// Whether the request has `Authorization`.
    pub(super) authorized: bool,
    /// Whether the visitor asks for a part.
    pub(super) part: bool,
    /// Whether the origin is asked for that part alone: what is stored is whole.
    pub(super) ranged: bool,
    /// See [`Errand::told`].
    pub(super) told: OnceCell<Vec<(String, String)>>,
}

impl Errand<'_, '_> {
    /// What the origin is told; found out only where something varies on it.
    pub(super) fn told(&self, config: &Config, visit: &Visit<'_>) -> &[(String, String)] {
        self.told.get_or_init(|| told(config, visit, self.place, self.partition))
    }
}

/// What the store did not have.
pub(super) struct Miss<B> {
    pub(super) reason: Forward,
    pub(super) detail: Option<&'static str>,
    /// What may serve when the origin fails.
    pub(super) stale: Option<(Stored, Answer<B>)>,
    /// The URL where that was.
    pub(super) found: Option<String>,
    pub(super) variants: Option<Variants>,
    /// Whether the ledger could be read: what was made without it cannot be purged.
    pub(super) readable: bool,
}

/// What came of a miss.
pub(super) enum Fetched<B> {
    /// An answer.
    Reply(Reply<B>),
    /// Another request's answer was not for this one: look again, knowing perhaps by what the
    /// resource's variants differ.
    Again(Option<Variants>),
}

impl Gateway {
    /// What those have in common who wait for one answer: the resource, what is known to select among
    /// its variants, and the newest moment at which it may have become invalid, so that nobody waits
    /// for an answer from before a purge.
    pub(super) fn flight(
        &self,
        config: &Config,
        visit: &Visit<'_>,
        errand: &Errand<'_, '_>,
        variants: Option<&Variants>,
    ) -> String {
        let chosen = variants.map(|known| vary::chosen(&known.names, errand.told(config, visit)));
        format!("{}#{}#{}", errand.key.url, self.newest(errand.key), chosen.unwrap_or_default())
    }

    /// The newest moment at which a resource may have become invalid, as far as is known here.
    pub(super) fn newest(&self, key: &Key) -> Moment {
        self.view.borrow().newest(names(&key.resource).iter().map(String::as_str))
    }

    /// Asks the origin, or waits for another request that already does; the `last` time it asks by
    /// itself when that one's answer is not for it.
    pub(super) async fn fetched<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        errand: &Errand<'_, 'a>,
        miss: Miss<P::Body>,
        last: bool,
    ) -> Result<Fetched<P::Body>, Error> {
        let alone = !miss.readable || visit.head.method != "GET" || errand.authorized || errand.ranged;
        let marked = alone || self.uncacheable.borrow().has(&errand.key.url, platform.now());
        let mut claim = None;
        if !marked && !errand.wanted.no_cache && !errand.wanted.no_store {
            let flight = self.flight(config, visit, errand, miss.variants.as_ref());
            claim = platform.claim(&flight, errand.place.route.deadline);
            if claim.is_none() {
                match platform.join(&flight, errand.place.route.deadline).await {
                    Joined::Answer(answer) => match self.judge(platform, config, visit, errand, &answer) {
                        Lookup::Fresh(stored) => {
                            let Miss { reason, detail, .. } = miss;
                            visit.cache =
                                Status::Forward { reason, status: None, stored: false, collapsed: true, detail };
                            return Ok(Fetched::Reply(hit(&stored, answer, visit, platform.now())));
                        }
                        Lookup::Other(names) if !last => return Ok(Fetched::Again(Some(Variants::by(names)))),
                        _ if !last => return Ok(Fetched::Again(None)),
                        _ => {}
                    },
                    Joined::Failed(failure) => {
                        return failed(error(failure), miss, visit, platform.now()).map(Fetched::Reply);
                    }
                    Joined::Alone => {}
                }
            }
        }
        self.asked(platform, config, visit, errand, miss, claim).await.map(Fetched::Reply)
    }

    /// Asks the origin. Whoever has a `claim` has something to share at the end, or says that there is
    /// nothing.
    async fn asked<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        errand: &Errand<'_, 'a>,
        miss: Miss<P::Body>,
        claim: Option<String>,
    ) -> Result<Reply<P::Body>, Error> {
        let result = self.answered(platform, config, visit, errand, miss, claim.as_deref()).await;
        let stored = result.as_ref().is_ok_and(|reply| reply.store.is_some());
        if let Some(claim) = claim.filter(|_| !stored) {
            let failure = match result.as_ref().err().or(visit.outage.as_ref()) {
                Some(Error::OriginUnreachable | Error::OriginFailed) => Some(Failure::Unreachable),
                Some(Error::OriginTimeout) => Some(Failure::Timeout),
                _ => None,
            };
            platform.release(&claim, failure);
        }
        result
    }

    async fn answered<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        errand: &Errand<'_, 'a>,
        mut miss: Miss<P::Body>,
        claim: Option<&str>,
    ) -> Result<Reply<P::Body>, Error> {
        let mut nothing = Edits::default();
        if errand.part && !errand.ranged {
            // All of it is asked for, so that it can be stored; the visitor is given their part as it comes.
            nothing.remove("range");
            nothing.remove("if-range");
        }
        let (mut conditions, as_asked) = (nothing.clone(), Edits::default());
        let through = self.through(config, errand);
        let mut passage = Passage {
            place: errand.place,
            query: &errand.key.query,
            shared: Some(errand.partition),
            conditions: &nothing,
            through: through.as_deref(),
        };
        let conditional = !errand.ranged
            && miss
                .stale
                .as_ref()
                .is_some_and(|(_, answer)| validate::conditions(&head::answer(&answer.packed).1, &mut conditions));
        if conditional {
            passage.conditions = &conditions;
        }
        visit.stamped = self.newest(errand.key);
        let made = self.view.borrow().as_of();
        let mut asked = platform.now();
        let mut got = match self.ask(platform, config, visit, &passage).await {
            Ok(got) => got,
            Err(error) => {
                self.note_failure(errand.key, &error, platform.now());
                return failed(error, miss, visit, platform.now());
            }
        };
        let mut said = None;
        let unchanged = conditional && got.status() == 304;
        if let Some((stored, answer)) = miss.stale.take_if(|_| unchanged) {
            match renewed(&stored, answer, &got.answer.packed) {
                Ok((answer, mut edits)) => {
                    said = Some(304);
                    edits.extend(&got.edits);
                    got = Got { answer, edits, personal: got.personal };
                }
                // It speaks of another answer than ours: ask for all of it.
                Err(answer) => {
                    miss.stale = Some((stored, answer));
                    passage.conditions = &nothing;
                    asked = platform.now();
                    got = match self.ask(platform, config, visit, &passage).await {
                        Ok(got) => got,
                        Err(error) => return failed(error, miss, visit, platform.now()),
                    };
                }
            }
        }
        // Too long to be kept, or nobody knows how long: the part alone is asked for, also next time.
        let mut ranged = errand.ranged;
        if errand.part && !ranged && !got.personal && got.status() == 200 && !is_sized(&got, errand.policy) {
            self.uncacheable.borrow_mut().set(&errand.key.url, platform.now());
            platform.discard(got.answer.body);
            passage.conditions = &as_asked;
            ranged = true;
            got = match self.ask(platform, config, visit, &passage).await {
                Ok(got) => got,
                Err(error) => return failed(error, miss, visit, platform.now()),
            };
        }
        let now = platform.now();
        let broken = matches!(got.status(), 500 | 502 | 503 | 504);
        if let Some((stored, answer)) = miss.stale.take_if(|(stored, _)| broken && stored.serves_on_error(now)) {
            visit.cache = served_stale(miss.reason, Some(got.status()), "stale-if-error");
            // Whoever waited for this answer has the same stale one.
            visit.outage = Some(Error::OriginFailed);
            return Ok(hit(&stored, answer, visit, now));
        }
        // Nobody was asked whether anything had changed.
        if got.status() == 304 && !ranged {
            return failed(Error::OriginUnreachable, miss, visit, now);
        }
        let (status, fields) = head::answer(&got.answer.packed);
        let verdict = match () {
            () if visit.head.method != "GET" => Err(Unstored::Method),
            () if got.personal => Err(Unstored::SetCookie),
            () if ranged && status != 200 => Err(Unstored::Status),
            () if !says_length(&fields) && platform.oversized(&errand.key.url) => Err(Unstored::Size),
            () if !miss.readable => Err(Unstored::Ledger),
            () if errand.wanted.no_store => Err(Unstored::Unwanted),
            () => {
                let varied = fields.get("vary").is_some();
                let received = Received {
                    status,
                    fields: &fields,
                    route: errand.place.route,
                    policy: errand.policy,
                    key: errand.key,
                    path: &errand.place.path,
                    told: if varied { errand.told(config, visit) } else { &[] },
                    authorized: errand.authorized,
                    made,
                    asked,
                    received: platform.now(),
                };
                received.judge()
            }
        };
        let Miss { reason, detail, variants, found, .. } = miss;
        // What the origin no longer lets us store must not serve in an outage either.
        let withdrawn = verdict.as_ref().is_err_and(|why| why.is_of_the_answer());
        if let Some(found) = found.filter(|_| is_definite(status) && withdrawn && !ranged) {
            platform.forget(&found);
        }
        visit.cache = Status::Forward {
            reason,
            status: said,
            stored: verdict.is_ok(),
            collapsed: false,
            detail: detail.or(verdict.as_ref().err().map(|why| why.word())),
        };
        self.note(errand, status, &verdict, platform.now());
        // Other variants may have come into store while this one was asked for.
        let latest = platform.memory(&errand.key.url).and_then(|all| Variants::of(&head::answer(&all.packed).1));
        let variants = latest.or(variants);
        let uses = self.uses.borrow();
        let used = |chosen: &str| uses.last(&errand.key.url, chosen);
        let variants: Known<'_> = (variants, &used);
        let store = verdict
            .as_ref()
            .ok()
            .map(|stored| store(stored, &fields, &got.edits, errand.key, errand.policy, variants, claim));
        drop(uses);
        if let Some(stored) = verdict.ok().filter(|stored| !stored.vary.is_empty()) {
            self.uses.borrow_mut().note(&errand.key.url, &stored.chosen, platform.now());
        }
        let mut reply = passed(got, visit, true);
        reply.store = store;
        Ok(reply)
    }

    /// What keys the answer in Cloudflare's Workers Cache, where the route uses it: all that is in our
    /// key, and the newest moment at which it may have become invalid, so that no copy from before a
    /// purge can be met. The ledger forgets a stamp when nothing stored can be as old; so does the key.
    fn through(&self, config: &Config, errand: &Errand<'_, '_>) -> Option<String> {
        // Who wrote could be shown what it has from before.
        let replicated = |place: &usize| config.pools.get(*place).is_some_and(Pool::is_replicated);
        if errand.place.route.pools.iter().any(replicated) {
            return None;
        }
        if !errand.policy.workers_cache || errand.authorized || errand.ranged {
            return None;
        }
        let (since, era) = (self.newest(errand.key), self.view.borrow().as_of() / LONGEST_STORED);
        let props = serde_json::json!({ "usher": "cached", "key": errand.key.url, "since": since, "era": era });
        Some(props.to_string())
    }

    /// Remembers for a moment that an origin could not be reached, so that not everybody finds out anew.
    pub(super) fn note_failure(&self, key: &Key, error: &Error, now: Millis) {
        if matches!(error, Error::OriginUnreachable | Error::OriginTimeout) {
            self.failing.borrow_mut().set(&key.url, now);
        }
    }

    /// Remembers whether the next ones need to wait for one another. An origin that fails has said
    /// nothing of that.
    fn note(&self, errand: &Errand<'_, '_>, status: u16, verdict: &Result<Stored, Unstored>, now: Millis) {
        if status < 500 {
            self.failing.borrow_mut().clear(&errand.key.url);
        }
        let mut marks = self.uncacheable.borrow_mut();
        match verdict {
            Ok(stored) if stored.until > now => marks.clear(&errand.key.url),
            Err(why) if !why.is_of_the_answer() || errand.ranged || errand.authorized || status >= 500 => {}
            _ => marks.set(&errand.key.url, now),
        }
    }
}

/// Whether an answer says how long it is, as it is stored, and may be kept.
fn is_sized<B>(got: &Got<B>, policy: &Cache) -> bool {
    let (_, fields) = head::answer(&got.answer.packed);
    let length = fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
    says_length(&fields) && length.is_some_and(|length| length <= policy.max_body)
}

/// Whether an answer says how long it is as it is stored: without its coding.
fn says_length(fields: &Fields<'_>) -> bool {
    fields.get("content-length").is_some() && fields.get("content-encoding").is_none()
}

/// Whether a status says how things are with the resource, rather than with the request or the origin.
pub(super) fn is_definite(status: u16) -> bool {
    matches!(status, 200..=399 | 404 | 410)
}

fn error(failure: Failure) -> Error {
    match failure {
        Failure::Unreachable => Error::OriginUnreachable,
        Failure::Timeout => Error::OriginTimeout,
    }
}

fn served_stale(reason: Forward, status: Option<u16>, detail: &'static str) -> Status {
    Status::Forward { reason, status, stored: false, collapsed: false, detail: Some(detail) }
}

/// The origin gave no answer: what is stale serves where it may.
fn failed<B>(error: Error, miss: Miss<B>, visit: &mut Visit<'_>, now: Millis) -> Result<Reply<B>, Error> {
    let down = matches!(error, Error::OriginUnreachable | Error::OriginTimeout | Error::Busy) || visit.serves_stale;
    match miss.stale.filter(|(stored, _)| down && stored.serves_disconnected(now)) {
        Some((stored, answer)) => {
            visit.cache = served_stale(miss.reason, None, "origin-down");
            visit.outage = Some(error);
            Ok(hit(&stored, answer, visit, now))
        }
        None => {
            let detail = if down { "origin-down" } else { "status" };
            visit.cache = served_stale(miss.reason, None, detail);
            Err(error)
        }
    }
}
