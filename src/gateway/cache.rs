//! Serves from the store where possible; otherwise forwards to the route's target, and stores what may be stored.

mod fetch;
mod invalidate;
mod lookup;
mod purge;
mod range;
mod reply;
mod request;
mod revalidate;
mod store;

use super::apart::apart;
use super::context::Context;
use super::ledger::Ledger;
use super::origin::{self, Origins, consumed_credentials};
use super::record::Record;
use super::reply::Reply;
use crate::cache::control::Wanted;
use crate::cache::marks::{self, Marks};
use crate::cache::vary::Uses;
use crate::cache::{self, Bypass, Edition, Key, Status};
use crate::config::{self, Millis, Target, USES};
use crate::error::Error;
use crate::http::head::Edits;
use crate::identity::Partition;
use crate::platform::Platform;
use crate::route::Place;
use request::Request;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// An isolate's cache: what it knows of stored responses, besides the store itself.
pub(super) struct Cache {
    origins: Rc<Origins>,
    ledger: Rc<Ledger>,
    /// Distinguishes this build's static files from those of other builds.
    edition: String,
    /// Resources whose responses could not be shared a moment ago.
    uncacheable: RefCell<Marks>,
    /// Resources whose origin was unreachable a moment ago.
    failing: RefCell<Marks>,
    /// When variants were last used.
    uses: RefCell<Uses>,
}

impl Cache {
    pub(super) fn new(edition: String, origins: Rc<Origins>, ledger: Rc<Ledger>) -> Self {
        Self {
            origins,
            ledger,
            edition,
            uncacheable: RefCell::new(Marks::new(marks::UNCACHEABLE)),
            failing: RefCell::new(Marks::new(marks::FAILED)),
            uses: RefCell::default(),
        }
    }

    /// Answers a request to a route with pools, shards or static files.
    pub(super) async fn answer<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        place: &Place<'a, 'a>,
    ) -> Result<Reply<P::Body>, Error> {
        let shows_from = if USES.replicas { self.origins.shows_writes_from(ctx, place.route) } else { 0 };
        let (policy, partition) = match cache::admits(place.route, ctx.head, &ctx.identity) {
            Err(bypass) => return self.bypass(ctx, record, place, bypass).await,
            Ok(_) if shows_from > ctx.started => return self.bypass(ctx, record, place, Bypass::Wrote).await,
            Ok(admitted) => admitted,
        };
        match apart(USES.cache, || self.serve(ctx, record, place, (policy, partition, shows_from))) {
            Some(work) => work.await,
            None => Err(Error::Internal),
        }
    }

    /// Answers a request that the cache admits.
    async fn serve<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        place: &Place<'a, 'a>,
        (policy, partition, shows_from): (&'a config::Cache, Partition, Millis),
    ) -> Result<Reply<P::Body>, Error> {
        let shard = self.origins.shard_edition(ctx, place)?;
        let edition = match &place.route.target {
            Target::Static => self.edition.as_str(),
            _ if ctx.canary => "canary",
            _ => shard.as_deref().unwrap_or("-"),
        };
        // The origin gets the information whether the path named the locale, and its links may depend on it.
        let from_origin = matches!(place.route.target, Target::Pools(_) | Target::Shards(_));
        let named = place.prefix.is_some() && from_origin;
        let tag = place.kept_prefix().or(ctx.language());
        let locale = tag.map(|tag| if named { format!("{tag}~") } else { tag.to_owned() });
        let edition = Edition { name: edition, locale: locale.as_deref() };
        let key = Key::new(&ctx.head.url, &place.path, policy, edition, &partition);
        let fields = &ctx.head.fields;
        let wanted = if policy.request_directives { Wanted::of(fields) } else { Wanted::default() };
        // Credentials for the gateway determine no more than the partition; a response may depend on those that the
        // origin gets in any way.
        let authorized = !consumed_credentials(ctx);
        let part = ctx.head.method == "GET" && fields.get("range").is_some();
        let unshared = wanted.no_store || authorized || !from_origin;
        let marked = self.uncacheable.borrow().has(&key.url, ctx.started);
        record.cache_key = Some(key.url.clone());
        let request = Request {
            place,
            policy,
            partition: &partition,
            key: &key,
            wanted,
            authorized,
            part,
            ranged: part && (unshared || marked),
            shows_from,
            sent: OnceCell::new(),
        };
        self.look_up(ctx, record, &request).await
    }

    /// Bypasses the cache; an unsafe request that succeeds invalidates stored responses.
    async fn bypass<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        place: &Place<'a, 'a>,
        why: Bypass,
    ) -> Result<Reply<P::Body>, Error> {
        record.cache = Status::Bypass(why.as_str());
        let query = ctx.head.url.search();
        let conditions = &Edits::default();
        let request =
            origin::Request { place, query: &query, shared: None, conditions, workers_cache: None, stamped: 0 };
        let answer = self.origins.ask(ctx, record, &request).await?;
        if let Some(work) = apart(USES.cache, || self.invalidate(ctx, place, &answer.response.packed)) {
            work.await;
        }
        Ok(reply::passed(ctx, answer, false))
    }
}
