//! Looks a request up in the store, and serves the stored response where it is usable.

use super::fetch::{Fetched, Miss};
use super::request::Request;
use super::{Cache, reply};
use crate::cache::Status;
use crate::cache::status::{Forward, Level};
use crate::cache::stored::{Lookup, LookupInput, Stored};
use crate::cache::vary::{self, Variants};
use crate::config::{Millis, Target};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::record::Record;
use crate::gateway::reply::Reply;
use crate::http::head;
use crate::platform::{Platform, Response};

/// How often a request looks again when another request's response was not for it.
const TURNS: u32 = 3;

/// A response that was found in the store.
struct Found<B> {
    lookup: Lookup,
    response: Response<B>,
    level: Level,
    /// Its URL in the store.
    url: String,
}

impl Cache {
    /// Serves from the store or forwards to the origin, and sets the record's `Cache-Status`.
    pub(super) async fn look_up<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        request: &Request<'_, 'a>,
    ) -> Result<Reply<P::Body>, Error> {
        let mut turns = TURNS;
        let mut differs = None;
        loop {
            turns -= 1;
            let readable = self.ledger.current(ctx.platform).await.is_ok();
            let (variants, found) = if readable { self.find(ctx, request).await } else { (None, None) };
            let now = ctx.now();
            let at = found.as_ref().map(|found| found.url.clone());
            let (reason, detail, stale) = match found {
                Some(Found { lookup: Lookup::Fresh(stored), response, level, .. }) => {
                    if variants.is_some() {
                        self.uses.borrow_mut().note(&request.key.url, &stored.chosen, now);
                    }
                    let stale = (now >= stored.until).then_some("max-stale");
                    record.cache = Status::Hit { ttl: stored.time_to_live(now), level, stale };
                    return Ok(reply::hit(ctx, &stored, response));
                }
                Some(Found { lookup: Lookup::Stale(stored, Forward::Stale), response, level, url })
                    if self.serves_at_once(request, &stored, now) =>
                {
                    let revalidates = stored.serves_while_revalidating(now);
                    let flight = self.flight(ctx, request, variants.as_ref());
                    self.revalidate_later(ctx, request, &flight, url);
                    let stale = Some(if revalidates { "revalidating" } else { "origin-down" });
                    record.cache = Status::Hit { ttl: stored.time_to_live(now), level, stale };
                    return Ok(reply::hit(ctx, &stored, response));
                }
                Some(Found { lookup: Lookup::Stale(stored, reason), response, .. }) => {
                    (reason, None, Some((stored, response)))
                }
                Some(Found { lookup: Lookup::Other(_), .. }) => (Forward::VaryMiss, None, None),
                Some(Found { lookup: Lookup::Void(why), .. }) => (Forward::Miss, Some(why), None),
                None if variants.is_some() => (Forward::VaryMiss, None, None),
                None => (Forward::Miss, None, None),
            };
            if request.wanted.only_if_cached {
                record.cache = Status::Refused;
                return Err(Error::NotStored);
            }
            let found = at.filter(|_| stale.is_some());
            let variants = variants.or(differs.take());
            let last = turns == 0;
            let miss = Miss { reason, detail, found, stale, variants, readable, last, claim: None };
            match self.fetch(ctx, record, request, miss).await? {
                Fetched::Reply(reply) => return Ok(reply),
                Fetched::Again(variants) => differs = variants,
            }
        }
    }

    /// Whether a stale response is served at once and revalidated after the reply: because its `stale-while-revalidate`
    /// allows it (RFC 5861 3), or because its origin failed a moment ago and would delay the reply again.
    fn serves_at_once(&self, request: &Request<'_, '_>, stored: &Stored, now: Millis) -> bool {
        let failed = || self.failing.borrow().has(&request.key.url, now) && stored.serves_disconnected(now);
        !request.authorized
            && matches!(request.place.route.target, Target::Pools(_))
            && (stored.serves_while_revalidating(now) || failed())
    }

    /// The stored response for this request, and the resource's known variants.
    async fn find<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        request: &Request<'_, '_>,
    ) -> (Option<Variants>, Option<Found<P::Body>>) {
        let Some((response, level)) = stored(ctx.platform, &request.key.url).await else { return (None, None) };
        let fields = head::response(&response.packed).1;
        let Some(variants) = Variants::of(&fields) else {
            let lookup = self.judge(ctx, request, &response);
            return (None, Some(Found { lookup, response, level, url: request.key.url.clone() }));
        };
        let slot = variants.slot(&vary::chosen(&variants.names, request.sent(ctx)));
        let Some(url) = slot.map(|slot| request.key.slot(slot)) else { return (Some(variants), None) };
        let Some((response, level)) = stored(ctx.platform, &url).await else { return (Some(variants), None) };
        let lookup = self.judge(ctx, request, &response);
        (Some(variants), Some(Found { lookup, response, level, url }))
    }

    /// Whether a stored response may be served to this request.
    pub(super) fn judge<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        request: &Request<'_, '_>,
        response: &Response<P::Body>,
    ) -> Lookup {
        let input = LookupInput {
            key: request.key,
            view: &self.ledger.view(),
            now: ctx.now(),
            wanted: request.wanted,
            authorized: request.authorized,
            chosen: &|names| vary::chosen(names, request.sent(ctx)),
            since: request.shows_from,
        };
        Stored::judge(&head::response(&response.packed).1, &input)
    }
}

/// A stored response, from the nearest level that has it.
pub(super) async fn stored<P: Platform>(platform: &P, url: &str) -> Option<(Response<P::Body>, Level)> {
    match platform.memory(url) {
        Some(response) => Some((response, Level::Memory)),
        None => platform.stored(url).await.map(|response| (response, Level::Store)),
    }
}
