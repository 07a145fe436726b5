//! Gets the response of whatever the route's target is: an origin of its pools, or the static files.

mod address;
mod affinity;
mod ask;
mod attempt;
mod canary;
mod finished;
mod hedge;
mod in_flight;
mod outgoing;
mod replica;
mod request;
mod select;
mod shadow;
mod shard;
mod static_files;
mod sync;

pub(super) use address::{VisitorAddress, to_origin, to_visitor};
pub(super) use ask::unreached;
pub(super) use finished::Finished;
pub(super) use request::{Answer, Request, consumed_credentials, echo, fields};

use super::apart::apart;
use super::context::Context;
use super::identity::Identities;
use super::observe::Observer;
use super::record::Record;
use crate::config::{Config, Pages, Target, USES};
use crate::error::Error;
use crate::http::signed_cookie::{self, Purpose};
use crate::identity::assertion::Unsigned;
use crate::identity::{Partition, session};
use crate::memo::Memo;
use crate::origin::canary::Analysis;
use crate::origin::replica::{REMEMBERED, Written};
use crate::origin::selection::PoolState;
use crate::origin::shard::Heat;
use crate::platform::Platform;
use crate::route::Place;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Users whose last writes are remembered at one time.
const WRITERS: usize = 10_000;

/// The state of origins in this isolate.
pub(super) struct Origins {
    identities: Rc<Identities>,
    observer: Rc<Observer>,
    /// By the places of [`Config::pools`].
    pools: Vec<RefCell<PoolState>>,
    /// The load of shards, by the places of [`Config::shards`].
    heats: Vec<RefCell<Heat>>,
    /// The analyses of canaries, by the places of [`Config::routes`]; from their first request on.
    analyses: RefCell<BTreeMap<usize, Analysis>>,
    /// The last writes of users, by pool and user: for clients that keep no cookies.
    writers: RefCell<Memo<Written>>,
    /// The name that this isolate uses with probers.
    isolate: Cell<Option<u64>>,
    /// The key of signed cookies.
    cookie_key: String,
    /// The static pages that exist in several locales.
    pages: Pages,
}

impl Origins {
    pub(super) fn new(
        config: &Config,
        cookie_key: String,
        pages: Pages,
        identities: Rc<Identities>,
        observer: Rc<Observer>,
    ) -> Self {
        Self {
            identities,
            observer,
            pools: config.pools.iter().map(|pool| RefCell::new(PoolState::new(pool))).collect(),
            heats: (0..config.shards.len()).map(|_| RefCell::default()).collect(),
            analyses: RefCell::default(),
            writers: RefCell::new(Memo::new(WRITERS, REMEMBERED)),
            isolate: Cell::new(None),
            cookie_key,
            pages,
        }
    }

    /// Asks the route's target.
    pub(super) async fn ask<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        request: &Request<'_, 'a>,
    ) -> Result<Answer<P::Body>, Error> {
        let asked = ctx.now();
        let answer = match &request.place.route.target {
            Target::Static => match apart(USES.files, || self.file(ctx, record, request.place)) {
                Some(work) => work.await,
                None => Err(Error::Internal),
            },
            Target::Pools(_) | Target::Shards(_) => self.origin(ctx, record, request).await,
            _ => Err(Error::Internal),
        };
        record.origin_ms = ctx.now().saturating_sub(asked);
        answer
    }

    /// The assertion for the origins of a route, where there are keys for it.
    pub(super) fn assertion<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        place: &Place<'_, '_>,
        request: (&str, &str),
        shared: &Partition,
    ) -> Option<Unsigned> {
        self.identities.assertion(ctx, place, request, Some(shared))
    }

    /// The state of a pool.
    pub(super) fn pool(&self, place: usize) -> Option<&RefCell<PoolState>> {
        self.pools.get(place)
    }

    /// The load of shards, by the places of [`Config::shards`].
    pub(super) fn heats(&self) -> &[RefCell<Heat>] {
        &self.heats
    }

    /// The analyses of canaries, by the places of [`Config::routes`].
    pub(super) fn analyses(&self) -> &RefCell<BTreeMap<usize, Analysis>> {
        &self.analyses
    }

    /// The text of a signed cookie that the visitor sent, of a pool or route.
    fn signed_cookie<P: Platform>(&self, ctx: &Context<'_, P>, purpose: Purpose, of: &str) -> Option<String> {
        let name = signed_cookie::name(&ctx.config.session.cookie, purpose, of);
        let name = session::cookie_name(&name, ctx.is_https());
        let value = crate::http::cookie::find(ctx.head.fields.get("cookie"), &name).one()?;
        signed_cookie::verify(&self.cookie_key, purpose, of, value)
    }

    /// Sets a signed cookie of a pool or route for `lifetime` seconds.
    fn set_signed_cookie<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        (purpose, of): (Purpose, &str),
        text: &str,
        lifetime: u64,
    ) {
        let name = signed_cookie::name(&ctx.config.session.cookie, purpose, of);
        let value = signed_cookie::sign(&self.cookie_key, purpose, of, text);
        ctx.set_cookie(session::attributes(&name, &value, lifetime, ctx.is_https()));
    }
}
