//! The life of a request.
//!
//! ```text
//! visitor -> route -> limit -> identity -> locale -> cache --fresh--> reply
//!                                                      |  miss, stale
//!                                                      v
//!                                   origin (selection, deadline, retry elsewhere)
//!                                                      |
//!                                                      v
//!                             sessions -> store -> reply -> work after the reply
//! ```
//!
//! The gateway is made of services that own their state; each calls only those to its right:
//! admin -> cache -> origin -> identity -> ledger -> limit -> observe. Only the gateway waits; what to do is decided by the
//! topics. Identity fails closed; cache and observation fail open. Every failure becomes a reply in one place
//! (`failure.rs`).

mod admin;
mod apart;
mod cache;
mod challenge;
mod context;
mod failure;
mod identity;
mod join_all;
mod ledger;
mod limit;
mod localized;
mod observe;
mod operator;
mod origin;
mod preflight;
mod record;
mod reply;

pub use reply::{After, Content, Renewal, Reply, Revalidation, Shadow};

use crate::config::{
    Auth, Authenticator, Built, Catalog, Config, Memory, Millis, Pages, Pool, SettingError, Target, USES,
};
use crate::error::Error;
use crate::headers;
use crate::http::head::Head;
use crate::http::{path, signed_cookie};
use crate::identity::assertion::{KEYS, Signer};
use crate::identity::cross_site;
use crate::ledger::STATES;
use crate::origin::steer;
use crate::platform::{Platform, Unavailable};
use crate::respond::{self, Generated};
use crate::route;
use apart::{Work, apart};
use context::Context;
use futures_util::future::join;
use record::Record;
use std::cell::Cell;
use std::rc::Rc;

/// Usher's own pages are below this path.
const OWN: &str = "/.usher/";

/// Whether anybody reads the ledger.
const USES_LEDGER: bool = USES.cache || USES.sessions || USES.jwt || USES.api_keys || STATES;

/// One isolate's gateway.
pub struct Gateway {
    catalog: Catalog,
    /// The services; or why nothing can be served.
    services: Result<Services, String>,
}

/// What the gateway is made of: each service owns its state; the configuration lives as long as the isolate.
struct Services {
    config: &'static Config,
    observer: Rc<observe::Observer>,
    limits: limit::Limits,
    ledger: Rc<ledger::Ledger>,
    identities: Rc<identity::Identities>,
    origins: Rc<origin::Origins>,
    cache: Rc<cache::Cache>,
    admin: admin::Admin,
}

impl Gateway {
    /// Reads what the build decided ([`Built`]), and the vars that it names.
    #[must_use]
    pub fn new(data: Rc<[u8]>, var: impl Fn(&str) -> Option<String>) -> Self {
        let (Built { config, catalog, pages, edition }, valid) = Built::read(data, &var);
        let config: &Config = Box::leak(Box::new(config));
        let services = valid.map_err(|unset| unset.to_string());
        Self { catalog, services: services.and_then(|()| Services::new(config, pages, edition, var)) }
    }

    /// How much memory an isolate may use for stored responses.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.services.as_ref().map_or(Memory { all: 0, object: 0 }, |services| services.config.memory)
    }

    /// How long the store of sessions may take, in milliseconds.
    #[must_use]
    pub fn store_deadline(&self) -> Millis {
        self.services.as_ref().map_or(0, |services| services.config.session.deadline)
    }

    /// A pool as it is configured, for its prober.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.services.as_ref().ok()?.config.pools.iter().find(|pool| pool.name == name)
    }

    /// Answers one request, given as its packed head.
    pub async fn serve<P: Platform>(&self, platform: &P, packed: &str) -> Reply<P::Body> {
        let Some(head) = Head::parse(packed) else {
            let error = Error::Malformed("the request's URL is none".into());
            return respond::error(&error, &failure::nobody(platform, &self.catalog)).into();
        };
        match &self.services {
            Ok(services) => {
                let mut ctx = Context::new(platform, services.config, &head);
                let mut record = Record::new();
                let outcome = services.answer(&mut ctx, &mut record).await;
                let reply = outcome.unwrap_or_else(|error| failure::reply(&mut ctx, &mut record, &self.catalog, error));
                services.finish(ctx, &record, reply)
            }
            Err(sentence) => failure::misconfigured(platform, &head, &self.catalog, sentence),
        }
    }

    /// Answers a request with a failure that happened outside the gateway.
    pub fn refuse<P: Platform>(&self, platform: &P, packed: &str, error: Error) -> Reply<P::Body> {
        let (Some(head), Ok(services)) = (Head::parse(packed), &self.services) else {
            return respond::error(&error, &failure::nobody(platform, &self.catalog)).into();
        };
        let mut ctx = Context::new(platform, services.config, &head);
        let mut record = Record::new();
        let reply = failure::reply(&mut ctx, &mut record, &self.catalog, error);
        let mut reply = services.finish(ctx, &record, reply);
        // The request itself has left its work already.
        reply.after.clear();
        reply
    }

    /// Does the work that a reply left.
    pub async fn after<P: Platform>(&self, platform: &P, work: Vec<After>) {
        let Ok(services) = &self.services else { return };
        for task in work {
            services.work(platform, &task).await;
        }
    }
}

impl Services {
    /// # Errors
    /// What is wrong with a secret that the configuration needs.
    fn new(
        config: &'static Config,
        pages: Pages,
        edition: String,
        var: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let cookie_key = var("COOKIE_KEY").unwrap_or_default();
        let short = cookie_key.len() < signed_cookie::SHORTEST_KEY;
        if let Some(who) = config.signs_cookies.as_ref().filter(|_| short) {
            return Err(SettingError::NoCookieKey(who.clone()).to_string());
        }
        let signer = var("SIGNING_KEYS").filter(|text| !text.is_empty()).map(|text| Signer::read(&text)).transpose();
        let signer = signer.map_err(|why| format!("the secret SIGNING_KEYS cannot be used: {why}"))?;

        let observer = Rc::new(observe::Observer::new(var("ADMIN_TOKEN").unwrap_or_default()));
        let ledger = Rc::new(ledger::Ledger::new(config.ledger.clone()));
        let identities =
            identity::Identities::new(config, signer, Rc::clone(&ledger), Rc::clone(&observer)).map(Rc::new)?;
        let origins = origin::Origins::new(config, cookie_key, pages, Rc::clone(&identities), Rc::clone(&observer));
        let origins = Rc::new(origins);
        let cache = cache::Cache::new(edition, Rc::clone(&origins), Rc::clone(&ledger));
        let cache = Rc::new(cache);
        let admin = admin::Admin {
            identities: Rc::clone(&identities),
            ledger: Rc::clone(&ledger),
            origins: Rc::clone(&origins),
            cache: Rc::clone(&cache),
            observer: Rc::clone(&observer),
            health: Cell::new(None),
        };
        let limits = limit::Limits::new(Rc::clone(&observer));
        Ok(Self { config, observer, limits, ledger, identities, origins, cache, admin })
    }

    /// The life of a request, up to its reply.
    async fn answer<'a, P: Platform>(
        &'a self,
        ctx: &mut Context<'a, P>,
        record: &mut Record<'a>,
    ) -> Result<Reply<P::Body>, Error> {
        let head = ctx.head;
        if let Some(work) = apart(limit::has_states(self.config), || self.ledger.current(ctx.platform)) {
            let _ = work.await;
        }
        if USES.rules {
            let limit::Met { tags, elsewhere, allowed } = self.limits.meet_rules(ctx, &self.ledger.view(), record)?;
            (ctx.tags, ctx.allowed) = (tags, allowed);
            let asks = limit::COUNTS_ELSEWHERE && !elsewhere.is_empty();
            if let Some(work) = apart(asks, || self.limits.count_elsewhere(ctx, elsewhere, record)) {
                work.await?;
            }
        }
        if headers::is_loop(&head.fields) {
            return Err(Error::Loop);
        }
        if let Some(page) = path::normal(head.url.path).ok().as_deref().and_then(|path| path.strip_prefix(OWN)) {
            ctx.check_size()?;
            return self.admin.answer(ctx, record, page).await.map(Reply::from);
        }
        if head.url.path == KEYS && self.identities.signs() {
            return self.identities.published_keys(head.method).map(Reply::from);
        }
        if USES.cors
            && let Some(preflight) = preflight::answer(self.config, head)
        {
            return Ok(preflight.into());
        }
        let place = route::find(self.config, &head.url, head.method)?;
        let route = place.route;
        ctx.route = Some(route);
        if USES.switches {
            self.limits.meet_switches(ctx, &self.ledger.view(), record)?;
        }
        ctx.check_size()?;
        if self.identities.is_cross_site(ctx, route) {
            return Err(Error::CrossSite);
        }
        let mut elsewhere = Vec::new();
        if USES.limits {
            elsewhere = self.limits.count_early(ctx, route, record)?;
        }
        if USES.regions {
            ctx.region = steer::region(&self.config.regions, &ctx.visitor);
        }
        // Objects and bindings count while the session is read.
        let asks = limit::COUNTS_ELSEWHERE && !elsewhere.is_empty();
        let both = || join(self.limits.ask(ctx, elsewhere), self.identities.identify(ctx, route, record));
        let (counted, identity) = if let Some(work) = apart(asks, both) {
            work.await
        } else {
            let identity = self.identities.identify(ctx, route, record).await;
            (Vec::new(), identity)
        };
        ctx.identity = identity;
        if limit::COUNTS_ELSEWHERE {
            self.limits.settle(ctx, counted, record)?;
        }
        let late = USES.limits && limit::Limits::has_late(ctx, route);
        if let Some(work) = apart(late, || self.limits.count_late(ctx, route, record)) {
            work.await?;
        }
        ctx.locale = (USES.locale && route.localized).then(|| {
            let own = ctx.identity.record().and_then(|record| record.locale.as_deref());
            ctx.negotiate(place.prefix, own)
        });
        ctx.identity.admit(route, ctx.started)?;
        if let Some(location) = localized::location(ctx, &place) {
            return Ok(localized::reply(ctx, Generated::redirect(302, &location)));
        }
        match &route.target {
            Target::Redirect { to, status } if USES.redirects => {
                Ok(Generated::redirect(*status, &route::filled(to, route, &place.path)).into())
            }
            Target::Respond { status, body, media } => Ok(Generated::new(*status, media, body.clone()).into()),
            Target::Echo if USES.echo => Ok(localized::reply(ctx, origin::echo(ctx, &place))),
            Target::SignIn(issuer) => {
                let work = apart(USES.oidc, || self.identities.sign_in(ctx, &place, *issuer));
                let answer = work.ok_or(Error::Internal)?.await?;
                Ok(localized::reply(ctx, answer))
            }
            Target::Static if !matches!(head.method, "GET" | "HEAD") => {
                Err(Error::MethodNotAllowed(vec!["GET".into(), "HEAD".into()]))
            }
            Target::Redirect { .. } | Target::Echo => Err(Error::Internal),
            Target::Static | Target::Pools(_) | Target::Shards(_) => {
                ctx.canary = USES.canary && self.origins.gets_canary(ctx, route);
                self.cache.answer(ctx, record, &place).await
            }
        }
    }

    /// What every reply gets on its way out, and the log line.
    fn finish<P: Platform>(
        &self,
        ctx: Context<'_, P>,
        record: &Record<'_>,
        mut reply: Reply<P::Body>,
    ) -> Reply<P::Body> {
        reply.edits.set("x-request-id", &ctx.request_id);
        record.describe(&ctx, &mut reply.edits);
        if let Some(cors) = ctx.route.and_then(|route| route.cors.as_ref()).filter(|_| USES.cors) {
            cross_site::readable(cors, ctx.head, &mut reply.edits);
        }
        if ctx.route.is_some_and(|route| route.auth != Auth::None && route.by.contains(&Authenticator::ApiKey)) {
            reply.edits.append("vary", &self.config.api_key);
        }
        self.observer.counters().count(&record.cache);
        if ctx.head.method == "HEAD" && matches!(reply.content, Content::Text(_)) {
            reply.content = Content::Text(String::new());
        }
        if record.origin_ms > 0 || record.identity_ms > 0 {
            let (identity, origin) = (record.identity_ms, record.origin_ms);
            reply.edits.append("server-timing", &format!("usher-identity;dur={identity}, usher-origin;dur={origin}"));
        }
        if USES.limits {
            self.limits.finish(&ctx, reply.status, &mut reply.edits);
        }
        if USES.security_headers {
            limit::protect(&ctx, matches!(reply.content, Content::Text(_)), &mut reply.edits);
        }
        if self.config.log_requests {
            self.observer.log_request(&ctx, record, reply.status);
        }
        // What other requests wait for comes first, one after the other.
        let now = ctx.now();
        if USES_LEDGER && self.ledger.is_due(now) {
            reply.after.push(After::ReadLedger);
        }
        if USES.balance {
            reply.after.extend(ctx.route.and_then(|route| self.origins.sync_later(self.config, route, now)));
        }
        let (cookies, mut after) = ctx.into_effects();
        cookies.iter().for_each(|cookie| reply.edits.append("set-cookie", cookie));
        reply.after.append(&mut after);
        reply
    }

    /// Does what a reply left to be done after it.
    async fn work<P: Platform>(&self, platform: &P, task: &After) {
        if let Some((work, consequence)) = self.task(platform, task)
            && work.await.is_err()
        {
            platform.warning(consequence);
        }
    }

    /// The work of a task, and what is so when it fails; nothing where the failure is logged already.
    fn task<'t, P: Platform>(&'t self, platform: &'t P, task: &'t After) -> Option<(Work<'t, Done>, &'static str)> {
        let config = self.config;
        Some(match task {
            After::ReadLedger => (
                apart(USES_LEDGER, || self.ledger.read(platform))?,
                "the ledger could not be read behind an answer; the next request that needs it reads again",
            ),
            After::Renew(renewal) => (
                apart(USES.sessions, || self.identities.renew(platform, renewal))?,
                "a session could not be renewed; its next use tries again",
            ),
            After::Delete { key } => (
                apart(USES.sessions, || platform.delete(key))?,
                "an ended session's record could not be removed; its stamp keeps it ended",
            ),
            After::SyncProbers(pools) => (
                apart(USES.balance, || self.origins.sync(platform, config, pools))?,
                "a pool's prober could not be asked; what this isolate sees itself serves",
            ),
            After::ReadKeys(issuer) => {
                let read = || async { self.identities.read_keys(platform, config, *issuer).await.or(Ok(())) };
                (apart(USES.jwt || USES.oidc, read)?, "")
            }
            After::Revalidate(revalidation) => {
                let revalidate = || async {
                    self.cache.revalidate(platform, config, revalidation).await;
                    Ok(())
                };
                (apart(USES.cache, revalidate)?, "")
            }
            After::TakeBack(lines) => (
                apart(USES.limits_exact, || self.limits.take_back_there(platform, lines))?,
                "a limit did not take back what it had counted",
            ),
            After::Shadow(shadow) => {
                let send = || async {
                    self.origins.shadow(platform, config, shadow).await;
                    Ok(())
                };
                (apart(USES.shadow, send)?, "")
            }
        })
    }
}

/// How a task ends.
type Done = Result<(), Unavailable>;
