//! Asking for a stale answer anew behind the visitor's back (RFC 5861 3).

use super::addressed::{self, Own};
use super::attempt::url;
use super::cached::stored;
use super::crew::Choice;
use super::fetched::{Errand, is_definite};
use super::forward::unreached;
use super::storing::{Known, renewed, store};
use super::{Gateway, visit::Visit};
use crate::cache::store::Received;
use crate::cache::stored::Stored;
use crate::cache::vary::Variants;
use crate::cache::{marks, validate};
use crate::config::{Addressed, Config, Millis, Target};
use crate::error::Error;
use crate::head::{self, Edits, Url};
use crate::platform::{After, Answer, Ask, Carry, Failure, Platform, Refresh};

/// What of the visitor's must not go along when Usher asks for everybody.
const OWN: [&str; 6] = ["authorization", "cache-control", "cookie", "if-range", "pragma", "range"];

impl Gateway {
    /// Leaves a stale answer to be asked for anew, unless somebody is already at it.
    pub(super) fn revalidate_later<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        errand: &Errand<'_, 'a>,
        flight: String,
        found: String,
    ) {
        let route = config.routes.iter().position(|route| std::ptr::eq(route, errand.place.route));
        let (Some(route), Target::Pools(pools)) = (route, &errand.place.route.target) else { return };
        let (deadline, now) = (errand.place.route.deadline, platform.now());
        let Some(claim) = platform.claim(&flight, deadline) else { return };
        let failed = self.failing.borrow().has(&errand.key.url, now);
        if failed {
            // While this is asked behind the answer, nobody else waits for the same.
            self.failing.borrow_mut().hold(&errand.key.url, now + deadline + marks::FAILED);
        }
        let mut pools = self.pools(config, visit, errand.place.route, pools);
        if visit.canary {
            // Nobody else's answer may take the place of the canary's.
            pools.truncate(1);
        }
        visit.stamped = self.newest(errand.key);
        let origins = self.order(config, visit, &pools, &[], 2, platform.now());
        let mut edits = visit.to_origin(config, errand.place, Some(errand.partition));
        for name in OWN.into_iter().chain([config.api_key.as_str()]) {
            edits.remove(name);
        }
        let asked = format!("{}{}", errand.place.asked(), errand.key.query);
        visit.after.push(After::Refresh(Box::new(Refresh {
            oath: self.oath(platform, config, visit, errand.place, ("GET", &asked), Some(errand.partition)),
            claim,
            key: errand.key.clone(),
            found,
            route,
            path: errand.place.asked().to_owned(),
            origins,
            told: edits.applied(&visit.head.fields),
            asked: format!("{}://{}/", visit.head.url.scheme, visit.head.url.authority),
            prefix: visit.stripped(config, errand.place),
            edits,
        })));
    }

    /// Does what [`Gateway::revalidate_later`] left. What fails is left stale: the next visitor tries
    /// again.
    pub(super) async fn refresh<P: Platform>(&self, platform: &P, config: &Config, refresh: &Refresh) {
        if self.refreshed(platform, config, refresh).await.is_none() {
            // Whoever waits for it is given what is stale, rather than wait once more.
            let failed = self.failing.borrow().has(&refresh.key.url, platform.now());
            platform.release(&refresh.claim, failed.then_some(Failure::Unreachable));
        }
    }

    async fn refreshed<P: Platform>(&self, platform: &P, config: &Config, refresh: &Refresh) -> Option<()> {
        let Refresh { key, path, .. } = refresh;
        let route = config.routes.get(refresh.route)?;
        let policy = route.cache.as_ref()?;
        let (old, _) = stored(platform, &refresh.found).await?;
        let known: Stored = serde_json::from_str(head::answer(&old.packed).1.get(crate::cache::stored::FIELD)?).ok()?;
        let mut edits = refresh.edits.clone();
        validate::conditions(&head::answer(&old.packed).1, &mut edits);
        let mut whole = refresh.edits.clone();
        if let Some(oath) = &refresh.oath {
            self.swear(platform, oath, &mut edits).await.ok()?;
            self.swear(platform, oath, &mut whole).await.ok()?;
        }
        let made = self.view.borrow().as_of();
        let asked = platform.now();
        let (answer, changes) = self.first(platform, config, refresh, &edits, route.deadline).await?;
        self.failing.borrow_mut().clear(&key.url);
        let (answer, edits) = match head::answer(&answer.packed).0 {
            304 => match renewed(&known, old, &answer.packed) {
                Ok((answer, mut edits)) => {
                    edits.extend(&changes);
                    (answer, edits)
                }
                // It speaks of another answer than ours: ask for all of it.
                Err(_) => self.first(platform, config, refresh, &whole, route.deadline).await?,
            },
            _ => (answer, changes),
        };
        let (status, fields) = head::answer(&answer.packed);
        // What says nothing of the resource does not take the place of what serves, and what speaks of
        // a session is somebody's.
        if !is_definite(status) || status == 304 || fields.get("usher-session").is_some() {
            platform.discard(answer.body);
            return None;
        }
        let received = Received {
            status,
            fields: &fields,
            route,
            policy,
            key,
            path,
            told: &refresh.told,
            authorized: false,
            made,
            asked,
            received: platform.now(),
        };
        // What the origin no longer lets us store must not go on serving.
        let fresh = received.judge().inspect_err(|_| platform.forget(&refresh.found)).ok()?;
        let variants = match fresh.vary.is_empty() {
            true => None,
            false => stored(platform, &key.url).await.and_then(|(all, _)| Variants::of(&head::answer(&all.packed).1)),
        };
        let uses = self.uses.borrow();
        let used = |chosen: &str| uses.last(&key.url, chosen);
        let variants: Known<'_> = (variants, &used);
        let store = store(&fresh, &fields, &edits, key, policy, variants, Some(&refresh.claim));
        platform.keep(answer.body, &store);
        Some(())
    }

    /// The first origin's answer, or the next one's when that cannot be reached, with changes that belong to
    /// it.
    async fn first<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        refresh: &Refresh,
        edits: &Edits,
        deadline: Millis,
    ) -> Option<(Answer<P::Body>, Edits)> {
        let field = |name: &str| refresh.told.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let own = Own { origin: field("origin"), referer: field("referer") };
        let asked_for = Url::parse(&refresh.asked)?;
        for (pool, origin) in &refresh.origins {
            let choice = Choice { pool: *pool, origin: *origin };
            let (pool, base) = url(config, choice)?;
            let url = format!("{base}{}{}", refresh.path, refresh.key.query);
            let (carry, idle, asked) = (Carry::Fields, pool.idle, platform.now());
            let mut edits = edits.clone();
            addressed::to_origin(config, choice, &asked_for, own, false, &mut edits);
            let (edits, as_visitor) = (&edits, pool.host == Addressed::Visitor);
            let ask = Ask { url: &url, method: "GET", carry, edits, deadline, idle, through: None, as_visitor };
            let flight = self.takes_off(config, choice, asked + deadline);
            let result = platform.fetch(&ask).await;
            drop(flight);
            self.went(platform, config, choice, &result, platform.now().saturating_sub(asked), asked);
            match result {
                Ok(answer) if unreached(head::answer(&answer.packed).0).is_none() => {
                    let mut changes = Edits::default();
                    let visitor = (&asked_for, refresh.prefix.as_str());
                    let answer = addressed::to_visitor(config, (pool, base), visitor, (answer, true), &mut changes);
                    return Some((answer, changes));
                }
                Ok(answer) => platform.discard(answer.body),
                Err(_) => {}
            }
        }
        self.note_failure(&refresh.key, &Error::OriginUnreachable, platform.now());
        None
    }
}
