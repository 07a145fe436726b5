//! A second version beside the first: the canary that some visitors get, and the shadow that nobody
//! sees.

use super::attempt::{Parcel, url};
use super::crew::Choice;
use super::{Gateway, addressed, visit::Visit};
use crate::balance::mix;
use crate::config::{Addressed, Canary, Config, Millis, Route};
use crate::error::Error;
use crate::head::{self, Edits};
use crate::hint::Kind;
use crate::observe;
use crate::platform::{After, Answer, Ask, Carry, Platform, Shadow};
use crate::route::Place;
use crate::{steer, trial};

/// How long a browser keeps its lot, in milliseconds: longer than a canary lives.
const KEPT: Millis = 30 * 86_400_000;
/// How long a shadow may take, in milliseconds: behind it, other work waits.
const LONGEST_SHADOW: Millis = 5_000;

impl Gateway {
    /// Whether this visitor gets the route's canary. Their lot is drawn once and kept in a signed cookie, so
    /// that it stays theirs when their address changes and when they sign in.
    pub(super) fn gets_canary(&self, config: &Config, visit: &mut Visit<'_>, route: &Route) -> bool {
        let Some(canary) = &route.canary else { return false };
        if self.trial(config, route).is_none_or(|trial| trial.borrow().is_over()) {
            return false;
        }
        let percent = canary.percent.text().parse().unwrap_or(0);
        // Where it makes no difference nobody draws.
        if percent == 0 || percent >= 100 {
            return percent > 0;
        }
        let kept = self.hinted(config, visit, (Kind::Lot, &route.name)).and_then(|lot| lot.parse::<u64>().ok());
        let lot = kept.unwrap_or_else(|| {
            let network = visit.visitor.network();
            let user = visit.identity.record().map(|record| record.user.as_str());
            let who = user.or(network.as_deref()).unwrap_or(&visit.request_id);
            trial::lot(&route.name, who)
        });
        if kept.is_none() {
            self.hint(config, visit, (Kind::Lot, &route.name), &lot.to_string(), KEPT);
        }
        lot < percent
    }

    /// The pools to be asked for a route's request, from near to far: the canary's before them, for those
    /// who get it.
    pub(super) fn pools(&self, config: &Config, visit: &Visit<'_>, route: &Route, pools: &[usize]) -> Vec<usize> {
        let region = visit.region.map(|(place, _)| place);
        let mut pools = steer::pools(config, pools, &visit.visitor, region);
        if let Some(canary) = route.canary.as_ref().filter(|_| visit.canary) {
            pools.retain(|pool| *pool != canary.pool);
            pools.insert(0, canary.pool);
        }
        pools
    }

    fn trial(&self, config: &Config, route: &Route) -> Option<&std::cell::RefCell<trial::Trial>> {
        let place = config.routes.iter().position(|known| std::ptr::eq(known, route))?;
        self.crews.trials.get(place)
    }

    /// Asks the route's pools; for some visitors the canary's before them.
    #[expect(clippy::too_many_arguments, reason = "whose request, for which route, to which pools")]
    pub(super) async fn tested<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        place: &Place<'a, 'a>,
        pools: Vec<usize>,
        parcel: &Parcel<'_>,
        edits: &mut Edits,
    ) -> Result<Answer<P::Body>, Error> {
        self.shadow_later(platform, config, visit, place.route, parcel, edits);
        let Some(canary) = place.route.canary.as_ref().filter(|_| visit.canary) else {
            return self.tries(platform, config, visit, &pools, parcel, edits).await;
        };
        let asked = platform.now();
        visit.steered = Some("canary");
        let result = self.tries(platform, config, visit, &pools, parcel, edits).await;
        // Another pool may have answered in the end: the canary's failure all the same.
        let own = visit.pool == config.pools.get(canary.pool).map(|pool| pool.name.as_str());
        if !own {
            visit.steered = Some("not-canary");
        }
        let good = own && result.as_ref().is_ok_and(|answer| head::answer(&answer.packed).0 < 500);
        // How long a body takes, and whether it comes, is its sender's doing.
        if !visit.head.has_body {
            let took = if own { platform.now().saturating_sub(asked) } else { 0 };
            self.judge_canary(platform, config, place.route, canary, good, took);
        }
        result
    }

    fn judge_canary<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        route: &Route,
        canary: &Canary,
        good: bool,
        took: u64,
    ) {
        let Some(trial) = self.trial(config, route) else { return };
        if let Some(why) = trial.borrow_mut().answered(canary, good, took) {
            let sentence = format!("route {:?}: the canary is given up in this isolate: {why}", route.name);
            platform.log(&observe::event("error", &sentence));
        }
    }

    /// Leaves a share of the safe requests to be shown to the route's shadow.
    fn shadow_later<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        route: &Route,
        parcel: &Parcel<'_>,
        edits: &Edits,
    ) {
        let Some((pool, percent)) = route.shadow else { return };
        let safe = matches!(visit.head.method, "GET" | "HEAD") && !visit.head.is_websocket();
        if !safe || mix(visit.dice ^ 0x5ad0) % 100 >= u64::from(percent) {
            return;
        }
        let Some(origin) = self.order(config, visit, &[pool], &[], 1, platform.now()).pop() else { return };
        let mut edits = edits.clone();
        edits.set("x-usher-shadow", "1");
        let choice = Choice { pool: origin.0, origin: origin.1 };
        addressed::to_origin(config, choice, &visit.head.url, addressed::Own::of(visit), false, &mut edits);
        visit.after.push(After::Shadow(Box::new(Shadow {
            origin,
            method: visit.head.method.to_owned(),
            path: parcel.path.to_owned(),
            edits,
            deadline: route.deadline.min(LONGEST_SHADOW),
        })));
    }

    /// Shows a request to a shadow; what it answers is only counted.
    pub(super) async fn shadowed<P: Platform>(&self, platform: &P, config: &Config, shadow: &Shadow) {
        let (pool, origin) = shadow.origin;
        let Some((pool, base)) = url(config, Choice { pool, origin }) else { return };
        let url = format!("{base}{}", shadow.path);
        let Shadow { method, edits, deadline, .. } = shadow;
        let (carry, idle, deadline) = (Carry::Fields, pool.idle, *deadline);
        let as_visitor = pool.host == Addressed::Visitor;
        let ask = Ask { url: &url, method, carry, edits, deadline, idle, through: None, as_visitor };
        let choice = Choice { pool: shadow.origin.0, origin };
        let _flight = self.takes_off(config, choice, platform.now() + deadline);
        let good = match platform.fetch(&ask).await {
            Ok(answer) => {
                let status = head::answer(&answer.packed).0;
                platform.discard(answer.body);
                status < 500
            }
            Err(_) => false,
        };
        self.counters.borrow_mut().attempted(&pool.name, if good { "answered" } else { "failed" });
    }
}
