//! Revalidates a stale response after the reply (RFC 5861 3).

use super::Cache;
use super::fetch::is_definite;
use super::lookup::stored;
use super::request::Request;
use super::store::{Storable, renewed};
use crate::cache::store::Received;
use crate::cache::stored::{self as meta, Stored};
use crate::cache::vary::Variants;
use crate::cache::{marks, validate};
use crate::config::{Config, HostMode, Target};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::identity::sign;
use crate::gateway::origin::{Finished, VisitorAddress, to_origin, to_visitor, unreached};
use crate::gateway::reply::{After, Revalidation};
use crate::http::head::{self, Edits, Url};
use crate::http::json;
use crate::platform::{Failure, Forward, OriginRequest, Platform, Response};

/// The visitor's fields that are not forwarded when the response is for all visitors.
const PERSONAL: [&str; 6] = ["authorization", "cache-control", "cookie", "if-range", "pragma", "range"];

impl Cache {
    /// Schedules the revalidation of a stale response, stored under the URL `found`, unless it is under way.
    pub(super) fn revalidate_later<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        request: &Request<'_, '_>,
        flight: &str,
        found: String,
    ) {
        let route = request.place.route;
        let Target::Pools(pools) = &route.target else { return };
        let (deadline, now) = (route.deadline, ctx.now());
        let Some(claim) = ctx.platform.claim(flight, deadline) else { return };
        let failed = self.failing.borrow().has(&request.key.url, now);
        if failed {
            // Until the revalidation ends, no other request waits for the failing origin.
            self.failing.borrow_mut().hold(&request.key.url, now + deadline + marks::FAILED);
        }
        let mut pools = self.origins.nearest_pools(ctx, request.place.route, pools);
        if ctx.canary {
            // A response of another pool must not replace the canary's.
            pools.truncate(1);
        }
        let criteria = self.origins.criteria(ctx, &[], self.stamped(request.key));
        let origins = self.origins.order(ctx, &pools, criteria, 2);
        let mut edits = request.fields(ctx);
        for name in PERSONAL.into_iter().chain([ctx.config.api_key.as_str()]) {
            edits.remove(name);
        }
        let path = format!("{}{}", request.place.asked(), request.key.query);
        ctx.defer(After::Revalidate(Box::new(Revalidation {
            assertion: self.origins.assertion(ctx, request.place, ("GET", &path), request.partition),
            claim,
            key: request.key.clone(),
            found,
            route: route.place,
            path: request.place.asked().to_owned(),
            origins,
            sent: edits.applied(&ctx.head.fields),
            asked: format!("{}://{}/", ctx.head.url.scheme, ctx.head.url.authority),
            prefix: ctx.stripped_prefix(request.place),
            edits,
        })));
    }

    /// Carries out what [`Cache::revalidate_later`] scheduled. If it fails, the response stays stale, and the next
    /// request tries again.
    pub(in crate::gateway) async fn revalidate<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        revalidation: &Revalidation,
    ) {
        if self.revalidated(platform, config, revalidation).await.is_none() {
            // Requests that wait for it get the stale response, and do not wait again.
            let failed = self.failing.borrow().has(&revalidation.key.url, platform.now());
            platform.release(&revalidation.claim, failed.then_some(Failure::Unreachable));
        }
    }

    async fn revalidated<P: Platform>(&self, platform: &P, config: &Config, revalidation: &Revalidation) -> Option<()> {
        let Revalidation { key, path, .. } = revalidation;
        let route = config.routes.get(revalidation.route)?;
        let policy = route.cache.as_ref()?;
        let (old, _) = stored(platform, &revalidation.found).await?;
        let known: Stored = json::read(head::response(&old.packed).1.get(meta::FIELD)?).ok()?;
        let mut whole = revalidation.edits.clone();
        if let Some(assertion) = &revalidation.assertion {
            sign(platform, assertion, &mut whole).await.ok()?;
        }
        let mut edits = whole.clone();
        validate::conditions(&head::response(&old.packed).1, &mut edits);
        let made = self.ledger.view().as_of();
        let asked = platform.now();
        let (response, changes) = self.first(platform, config, revalidation, &edits).await?;
        self.failing.borrow_mut().clear(&key.url);
        let (response, edits) = match head::status(&response.packed) {
            304 => match renewed(&known, old, &response.packed) {
                Ok((response, mut edits)) => {
                    edits.extend(&changes);
                    (response, edits)
                }
                // The 304 belongs to another response than the stored one: request it without conditions.
                Err(_) => self.first(platform, config, revalidation, &whole).await?,
            },
            _ => (response, changes),
        };
        let (status, fields) = head::response(&response.packed);
        // A status that does not describe the resource must not replace the stored response, and a response that
        // changes a session is for one visitor.
        if !is_definite(status) || status == 304 || fields.get("usher-session").is_some() {
            platform.discard(response.body);
            return None;
        }
        let received = Received {
            status,
            fields: &fields,
            route,
            policy,
            key,
            path,
            sent: &revalidation.sent,
            authorized: false,
            made,
            asked,
            received: platform.now(),
        };
        // A response that the origin no longer allows to be stored must not be served again.
        let fresh = received.judge().inspect_err(|_| platform.remove(&revalidation.found)).ok()?;
        let variants = match fresh.vary.is_empty() {
            true => None,
            false => stored(platform, &key.url).await.and_then(|(all, _)| Variants::of(&head::response(&all.packed).1)),
        };
        let claim = Some(revalidation.claim.as_str());
        let storable =
            Storable { stored: &fresh, fields: &fields, edits: &edits, key, most: policy.max_body, variants, claim };
        let how = storable.how(&self.uses.borrow());
        platform.store(response.body, &how);
        Some(())
    }

    /// The response of the first origin, or of the next one when the first is unreachable, with its changes.
    async fn first<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        revalidation: &Revalidation,
        edits: &Edits,
    ) -> Option<(Response<P::Body>, Edits)> {
        let deadline = config.routes.get(revalidation.route)?.deadline;
        let sent = |name: &str| revalidation.sent.iter().find(|(known, _)| known == name);
        let field = |name: &str| sent(name).map(|(_, value)| value.as_str());
        let visitor = VisitorAddress {
            url: Url::parse(&revalidation.asked)?,
            origin: field("origin"),
            referer: field("referer"),
            prefix: &revalidation.prefix,
        };
        for to in revalidation.origins.iter().copied() {
            let (pool, base) = to.of(config)?;
            let asked = platform.now();
            let mut edits = edits.clone();
            to_origin(config, to, &visitor, false, &mut edits);
            let request = OriginRequest {
                url: &format!("{base}{}{}", revalidation.path, revalidation.key.query),
                method: "GET",
                forward: Forward::Fields,
                edits: &edits,
                deadline,
                idle: pool.idle,
                workers_cache: None,
                visitor_host: pool.host == HostMode::Visitor,
            };
            let counted = self.origins.in_flight(config, to, asked + deadline);
            let result = platform.fetch(&request).await;
            drop(counted);
            let finished = Finished::of(&result, platform.now().saturating_sub(asked), asked);
            self.origins.record_attempt(platform, config, to, &finished);
            match result {
                Ok(response) if unreached(head::status(&response.packed)).is_none() => {
                    return Some(to_visitor(config, to, &visitor, response, true));
                }
                Ok(response) => platform.discard(response.body),
                Err(_) => {}
            }
        }
        self.note_failure(&revalidation.key, &Error::OriginUnreachable, platform.now());
        None
    }
}
