//! Exchanges reports with the probers of pools.

use super::Origins;
use crate::config::{Config, Millis, Route};
use crate::gateway::join_all::join_all;
use crate::gateway::reply::After;
use crate::http::json;
use crate::origin::balance::View;
use crate::origin::health::State;
use crate::origin::health::protocol::{Report, Request, Sync};
use crate::platform::{Crypto, Platform, Unavailable};

/// How long a prober may take to answer, in milliseconds.
const DEADLINE: Millis = 2_000;

impl Origins {
    /// The deferred exchange of reports with the probers of a route's pools, where it is due.
    pub(in crate::gateway) fn sync_later(&self, config: &Config, route: &Route, now: Millis) -> Option<After> {
        let mut due = Vec::new();
        for place in route.pools.iter().copied() {
            let Some(pool) = config.pools.get(place).filter(|pool| pool.is_watched()) else { continue };
            let Some(state) = self.pools.get(place) else { continue };
            let health = &mut state.borrow_mut().health;
            if now.saturating_sub(health.synced_at) >= pool.sync && now >= health.syncing_until {
                health.syncing_until = now + DEADLINE;
                due.push(place);
            }
        }
        (!due.is_empty()).then_some(After::SyncProbers(due))
    }

    /// Exchanges reports with the probers of several pools concurrently.
    pub(in crate::gateway) async fn sync<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        pools: &[usize],
    ) -> Result<(), Unavailable> {
        let done = join_all(pools.iter().map(|place| self.sync_pool(platform, config, *place))).await;
        done.into_iter().collect()
    }

    /// The name that this isolate uses with probers: random, for as long as the isolate lives.
    pub(in crate::gateway) fn isolate(&self, platform: &impl Crypto) -> String {
        let isolate = self.isolate.get().unwrap_or_else(|| u64::from_le_bytes(platform.random::<8>()));
        self.isolate.set(Some(isolate));
        format!("{isolate:016x}")
    }

    /// Sends this isolate's report to a pool's prober, and applies the prober's report.
    async fn sync_pool<P: Platform>(&self, platform: &P, config: &Config, place: usize) -> Result<(), Unavailable> {
        let (Some(pool), Some(state)) = (config.pools.get(place), self.pools.get(place)) else { return Ok(()) };
        let asked = platform.now();
        let isolate = self.isolate(platform);
        let origins = {
            let health = &mut state.borrow_mut().health;
            health.at(asked);
            health.stats(pool)
        };
        let request = json::text(&Request::Sync(Sync { isolate, origins }));
        let response = platform.prober(&pool.name, &request, DEADLINE).await;
        let report = response.and_then(|text| json::read::<Report>(&text).map_err(|_| Unavailable));
        let health = &mut state.borrow_mut().health;
        let now = platform.now();
        match report {
            Ok(report) => {
                let before: Vec<State> = (0..health.len()).map(|origin| health.state(origin)).collect();
                health.at(now);
                health.learn(pool, &report, asked);
                health.syncing_until = 0;
                for (place, (was, origin)) in before.into_iter().zip(&pool.origins).enumerate() {
                    let is = health.state(place);
                    if was != is && [was, is].iter().any(|one| matches!(one, State::Down | State::Drained)) {
                        let why = health.reason(place);
                        let (pool, origin, is) = (&pool.name, &origin.name, is.as_str());
                        platform.warning(&format!("pool {pool:?}: origin {origin:?} is {is} ({why})"));
                    }
                }
                Ok(())
            }
            Err(Unavailable) => {
                // It is not asked again for as long as an answer may take.
                health.syncing_until = now + DEADLINE;
                Err(Unavailable)
            }
        }
    }
}
