//! Forwards what the store cannot serve: once for all requests that wait for the same response, with conditions where a
//! stale response can be revalidated. Decides what is served when the origin fails.

use super::request::Request;
use super::store::{Storable, renewed};
use super::{Cache, reply};
use crate::cache::status::{Forward, Status};
use crate::cache::store::Received;
use crate::cache::stored::{Lookup, Stored, names};
use crate::cache::vary::{self, Variants};
use crate::cache::{Key, Unstored, validate};
use crate::config::{self, LONGEST_STORED, Millis, Pool};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::origin::{self, Answer};
use crate::gateway::record::Record;
use crate::gateway::reply::Reply;
use crate::http::head::{self, Edits, Fields};
use crate::http::json::{self, json_object};
use crate::ledger::Moment;
use crate::platform::{Failure, Joined, Platform, Response};

/// A request that the store cannot serve, with what was found there.
pub(super) struct Miss<B> {
    pub(super) reason: Forward,
    pub(super) detail: Option<&'static str>,
    /// The URL in the store of the stale response.
    pub(super) found: Option<String>,
    pub(super) stale: Option<(Stored, Response<B>)>,
    pub(super) variants: Option<Variants>,
    /// Whether the ledger could be read, so that the response may be stored.
    pub(super) readable: bool,
    /// Whether the request is forwarded by itself when another request's response does not match it.
    pub(super) last: bool,
    /// The claim of the flight that other requests wait for.
    pub(super) claim: Option<String>,
}

/// The outcome of a miss.
pub(super) enum Fetched<B> {
    Reply(Reply<B>),
    /// Another request's response does not match this one: look again, with the resource's variants if they are known.
    Again(Option<Variants>),
}

/// A reply, and the origin's failure when the reply is a stale response.
struct Served<B> {
    reply: Reply<B>,
    outage: Option<Error>,
}

impl Cache {
    /// The name of a flight: the key of the resource, the newest moment at which it may have become invalid, and the
    /// variant that the request selects, if known. So no request waits for a response from before a purge.
    pub(super) fn flight<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        request: &Request<'_, '_>,
        variants: Option<&Variants>,
    ) -> String {
        let chosen = variants.map(|known| vary::chosen(&known.names, request.sent(ctx)));
        format!("{}#{}#{}", request.key.url, self.stamped(request.key), chosen.unwrap_or_default())
    }

    /// The newest moment at which a resource may have become invalid, as far as is known here.
    pub(super) fn stamped(&self, key: &Key) -> Moment {
        self.ledger.view().newest(names(&key.resource).iter().map(String::as_str))
    }

    /// Forwards to the origin, or waits for another request that already does.
    pub(super) async fn fetch<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        request: &Request<'_, 'a>,
        mut miss: Miss<P::Body>,
    ) -> Result<Fetched<P::Body>, Error> {
        let alone = !miss.readable || ctx.head.method != "GET" || request.authorized || request.ranged;
        let marked = alone || self.uncacheable.borrow().has(&request.key.url, ctx.now());
        if !marked && !request.wanted.no_cache && !request.wanted.no_store {
            let flight = self.flight(ctx, request, miss.variants.as_ref());
            let deadline = request.place.route.deadline;
            miss.claim = ctx.platform.claim(&flight, deadline);
            if miss.claim.is_none() {
                match ctx.platform.join(&flight, deadline).await {
                    Joined::Response(response) => match self.judge(ctx, request, &response) {
                        Lookup::Fresh(stored) => {
                            let Miss { reason, detail, .. } = miss;
                            record.cache =
                                Status::Forward { reason, status: None, stored: false, collapsed: true, detail };
                            return Ok(Fetched::Reply(reply::hit(ctx, &stored, response)));
                        }
                        Lookup::Other(names) if !miss.last => return Ok(Fetched::Again(Some(Variants::by(names)))),
                        _ if !miss.last => return Ok(Fetched::Again(None)),
                        _ => {}
                    },
                    Joined::Failed(failure) => {
                        let Served { reply, outage } = failed(ctx, record, miss, failure.into())?;
                        record.outage = outage;
                        return Ok(Fetched::Reply(reply));
                    }
                    Joined::Nothing => {}
                }
            }
        }
        let claim = miss.claim.clone();
        let served = self.ask(ctx, record, request, miss).await;
        let stored = served.as_ref().is_ok_and(|served| served.reply.store.is_some());
        // A claim ends with a stored response or with its release.
        if let Some(claim) = claim.filter(|_| !stored) {
            let error = served.as_ref().map_or_else(Some, |served| served.outage.as_ref());
            ctx.platform.release(&claim, error.and_then(Failure::of));
        }
        let Served { reply, outage } = served?;
        record.outage = outage;
        Ok(Fetched::Reply(reply))
    }

    async fn ask<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        request: &Request<'_, 'a>,
        mut miss: Miss<P::Body>,
    ) -> Result<Served<P::Body>, Error> {
        let mut whole = Edits::default();
        if request.part && !request.ranged {
            // The whole response is requested, so that it can be stored; the visitor gets the part as it arrives.
            whole.remove("range");
            whole.remove("if-range");
        }
        let (mut conditions, as_asked) = (whole.clone(), Edits::default());
        let workers_cache = self.workers_cache(ctx, request);
        let conditional = !request.ranged
            && miss
                .stale
                .as_ref()
                .is_some_and(|(_, stale)| validate::conditions(&head::response(&stale.packed).1, &mut conditions));
        let mut question = origin::Request {
            place: request.place,
            query: &request.key.query,
            shared: Some(request.partition),
            conditions: if conditional { &conditions } else { &whole },
            workers_cache: workers_cache.as_deref(),
            stamped: self.stamped(request.key),
        };
        let made = self.ledger.view().as_of();
        let mut asked = ctx.now();
        let mut answer = match self.origins.ask(ctx, record, &question).await {
            Ok(answer) => answer,
            Err(error) => {
                self.note_failure(request.key, &error, ctx.now());
                return failed(ctx, record, miss, error);
            }
        };
        let mut validated = None;
        let unchanged = conditional && answer.status() == 304;
        if let Some((stored, stale)) = miss.stale.take_if(|_| unchanged) {
            match renewed(&stored, stale, &answer.response.packed) {
                Ok((response, mut edits)) => {
                    validated = Some(304);
                    edits.extend(&answer.edits);
                    answer = Answer { response, edits, ..answer };
                }
                // The 304 belongs to another response than the stored one: request it without conditions.
                Err(stale) => {
                    miss.stale = Some((stored, stale));
                    question.conditions = &whole;
                    asked = ctx.now();
                    answer = match self.origins.ask(ctx, record, &question).await {
                        Ok(answer) => answer,
                        Err(error) => return failed(ctx, record, miss, error),
                    };
                }
            }
        }
        // The response is too long to be stored, or of unknown length: only the part is requested, also next time.
        let mut ranged = request.ranged;
        if request.part && !ranged && !answer.personal && answer.status() == 200 && !is_sized(&answer, request.policy) {
            self.uncacheable.borrow_mut().set(&request.key.url, ctx.now());
            ctx.platform.discard(answer.response.body);
            question.conditions = &as_asked;
            ranged = true;
            answer = match self.origins.ask(ctx, record, &question).await {
                Ok(answer) => answer,
                Err(error) => return failed(ctx, record, miss, error),
            };
        }
        let now = ctx.now();
        let broken = matches!(answer.status(), 500 | 502 | 503 | 504);
        if let Some((stored, stale)) = miss.stale.take_if(|(stored, _)| broken && stored.serves_on_error(now)) {
            record.cache = served_stale(miss.reason, Some(answer.status()), "stale-if-error");
            // Requests that waited for this response get the same stale one.
            return Ok(Served { reply: reply::hit(ctx, &stored, stale), outage: Some(Error::OriginFailed) });
        }
        // A 304 to a request without conditions of Usher's is invalid.
        if answer.status() == 304 && !ranged {
            return failed(ctx, record, miss, Error::OriginUnreachable);
        }
        let received = Asked { answer: &answer, made, asked, ranged };
        let verdict = self.verdict(ctx, request, &received, miss.readable);
        let (status, fields) = head::response(&answer.response.packed);
        let Miss { reason, detail, variants, found, claim, .. } = miss;
        // A response that the origin no longer allows to be stored must not be served in an outage either.
        let withdrawn = verdict.as_ref().is_err_and(|why| why.is_caused_by_response());
        if let Some(found) = found.filter(|_| is_definite(status) && withdrawn && !ranged) {
            ctx.platform.remove(&found);
        }
        record.cache = Status::Forward {
            reason,
            status: validated,
            stored: verdict.is_ok(),
            collapsed: false,
            detail: detail.or(verdict.as_ref().err().map(|why| why.as_str())),
        };
        self.note(request, status, &verdict, ctx.now());
        // Other variants may have been stored while this one was requested.
        let latest = ctx.platform.memory(&request.key.url);
        let latest = latest.and_then(|all| Variants::of(&head::response(&all.packed).1));
        let store = verdict.as_ref().ok().map(|stored| {
            let (key, edits, most) = (request.key, &answer.edits, request.policy.max_body);
            let variants = latest.or(variants);
            let claim = claim.as_deref();
            Storable { stored, fields: &fields, edits, key, most, variants, claim }.how(&self.uses.borrow())
        });
        if let Some(stored) = verdict.ok().filter(|stored| !stored.vary.is_empty()) {
            self.uses.borrow_mut().note(&request.key.url, &stored.chosen, ctx.now());
        }
        let mut reply = reply::passed(ctx, answer, true);
        reply.store = store;
        Ok(Served { reply, outage: None })
    }

    /// Whether a response may be stored.
    fn verdict<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        request: &Request<'_, '_>,
        received: &Asked<'_, P::Body>,
        readable: bool,
    ) -> Result<Stored, Unstored> {
        let Asked { answer, made, asked, ranged } = *received;
        let (status, fields) = head::response(&answer.response.packed);
        match () {
            () if ctx.head.method != "GET" => Err(Unstored::Method),
            () if answer.personal => Err(Unstored::SetCookie),
            () if ranged && status != 200 => Err(Unstored::Status),
            () if !has_length(&fields) && ctx.platform.oversized(&request.key.url) => Err(Unstored::Size),
            () if !readable => Err(Unstored::Ledger),
            () if request.wanted.no_store => Err(Unstored::Unwanted),
            () => {
                let varied = fields.get("vary").is_some();
                let received = Received {
                    status,
                    fields: &fields,
                    route: request.place.route,
                    policy: request.policy,
                    key: request.key,
                    path: &request.place.path,
                    sent: if varied { request.sent(ctx) } else { &[] },
                    authorized: request.authorized,
                    made,
                    asked,
                    received: ctx.now(),
                };
                received.judge()
            }
        }
    }

    /// The response's key in Cloudflare's Workers Cache, where the route uses it: the key of this cache, and the newest
    /// moment at which the response may have become invalid, so that no copy from before a purge is found. The ledger
    /// removes a stamp when no stored response can be as old; `era` changes the key then.
    fn workers_cache<P: Platform>(&self, ctx: &Context<'_, P>, request: &Request<'_, '_>) -> Option<String> {
        // The Workers Cache could serve a visitor who wrote a response from before the write.
        let replicated = |place: &usize| ctx.config.pools.get(*place).is_some_and(Pool::is_replicated);
        if request.place.route.pools.iter().any(replicated) {
            return None;
        }
        if !request.policy.workers_cache || request.authorized || request.ranged {
            return None;
        }
        let (since, era) = (self.stamped(request.key), self.ledger.view().as_of() / LONGEST_STORED);
        let props = json_object!({ "usher": "cached", "key": request.key.url.as_str(), "since": since, "era": era });
        Some(json::text(&props))
    }

    /// Records for a moment that an origin was unreachable, so that not every request waits for it.
    pub(super) fn note_failure(&self, key: &Key, error: &Error, now: Millis) {
        if matches!(error, Error::OriginUnreachable | Error::OriginTimeout) {
            self.failing.borrow_mut().set(&key.url, now);
        }
    }

    /// Records whether the next requests need to wait for one another. The failure of an origin does not change that.
    fn note(&self, request: &Request<'_, '_>, status: u16, verdict: &Result<Stored, Unstored>, now: Millis) {
        if status < 500 {
            self.failing.borrow_mut().clear(&request.key.url);
        }
        let mut marks = self.uncacheable.borrow_mut();
        match verdict {
            Ok(stored) if stored.until > now => marks.clear(&request.key.url),
            Err(why) if !why.is_caused_by_response() || request.ranged || request.authorized || status >= 500 => {}
            _ => marks.set(&request.key.url, now),
        }
    }
}

/// A response, and how it was requested.
struct Asked<'r, B> {
    answer: &'r Answer<B>,
    /// The moment up to which the ledger had been read when the request was sent.
    made: Moment,
    /// When the request was sent (milliseconds since 1970).
    asked: Millis,
    /// Whether only a part was requested.
    ranged: bool,
}

/// Whether a response states its length as it is stored, and is short enough to be stored.
fn is_sized<B>(answer: &Answer<B>, policy: &config::Cache) -> bool {
    let (_, fields) = head::response(&answer.response.packed);
    let length = fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
    has_length(&fields) && length.is_some_and(|length| length <= policy.max_body)
}

/// Whether a response states its length as it is stored, which is without its coding.
fn has_length(fields: &Fields<'_>) -> bool {
    fields.get("content-length").is_some() && fields.get("content-encoding").is_none()
}

/// Whether a status describes the resource, and not the request or the origin.
pub(super) fn is_definite(status: u16) -> bool {
    matches!(status, 200..=399 | 404 | 410)
}

fn served_stale(reason: Forward, status: Option<u16>, detail: &'static str) -> Status {
    Status::Forward { reason, status, stored: false, collapsed: false, detail: Some(detail) }
}

/// Serves the stale response, where allowed, when the origin sent no response; otherwise returns the error.
fn failed<P: Platform>(
    ctx: &Context<'_, P>,
    record: &mut Record<'_>,
    miss: Miss<P::Body>,
    error: Error,
) -> Result<Served<P::Body>, Error> {
    let unreachable = matches!(error, Error::OriginUnreachable | Error::OriginTimeout | Error::Busy);
    let down = unreachable || error == Error::PoolDown { stale_serves: true };
    match miss.stale.filter(|(stored, _)| down && stored.serves_disconnected(ctx.now())) {
        Some((stored, stale)) => {
            record.cache = served_stale(miss.reason, None, "origin-down");
            Ok(Served { reply: reply::hit(ctx, &stored, stale), outage: Some(error) })
        }
        None => {
            let detail = if down { "origin-down" } else { "status" };
            record.cache = served_stale(miss.reason, None, detail);
            Err(error)
        }
    }
}
