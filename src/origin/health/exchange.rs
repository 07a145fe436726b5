//! What isolates tell one another of a pool, through its prober, and what becomes of it.

use super::protocol::{OriginStats, Report};
use super::{OriginHealth, PoolHealth, Verdict};
use crate::config::{Millis, Pool};
use crate::origin::balance::{View, WHOLE, orca::Load};
use crate::origin::replica::Position;

/// How far one exchange shifts the odds: all the way would be 1.
const LEAN: f64 = 0.2;
/// An origin gets so many times more than its weight at most, or less.
const FURTHEST: f64 = 8.0;
/// How many times busier an origin seems all of whose answers are failures.
const FLAWED: f64 = 10.0;

impl PoolHealth {
    /// What this isolate tells the prober.
    #[must_use]
    pub fn stats(&self, pool: &Pool) -> Vec<OriginStats> {
        let digest = |(origin, standing): (&crate::config::Origin, &OriginHealth)| OriginStats {
            name: origin.name.clone(),
            in_flight: standing.flights.count(),
            latency: standing.latency.now(self.now).map(|ms| ms.round() as u32),
            load: standing.load.and_then(|load| load.now(self.now)),
            position: standing.position,
        };
        pool.origins.iter().zip(&self.origins).map(digest).collect()
    }

    /// Takes the prober's word, which was asked for at `asked`.
    pub fn learn(&mut self, pool: &Pool, report: &Report, asked: Millis) {
        (self.synced_at, self.believed) = (asked, true);
        let now = self.now;
        for (origin, standing) in pool.origins.iter().zip(&mut self.origins) {
            let Some(said) = report.origins.iter().find(|said| said.name == origin.name) else { continue };
            let was_out = standing.verdict.down || standing.verdict.drained;
            let down = said.up == Some(false);
            if was_out && !down && !said.drained {
                standing.returns(now);
            }
            // A good probe after it was left alone speaks for it.
            let alone = now < standing.ejected_until || now < standing.resting_until;
            if said.up == Some(true) && said.probed > standing.judged && alone {
                (standing.ejected_until, standing.resting_until) = (now, now);
                standing.returns(now);
                standing.failures = 0;
            }
            standing.verdict = Verdict {
                down,
                drained: said.drained,
                weight: said.weight,
                others: said.in_flight,
                reason: said.reason.clone(),
            };
            if let Some(latency) = said.latency {
                standing.latency.heard(f64::from(latency), now);
            }
            if let Some(load) = said.load {
                let own = standing.load.filter(|load| load.now(now).is_some());
                standing.load = own.or(Some(Load::merged(None, load, now)));
            }
            standing.position = Position::later(standing.position, said.position);
            let newer = |at: Millis| standing.lag.is_none_or(|(_, known)| at > known);
            standing.lag = said.lag.map(|lag| (lag, said.probed)).filter(|(_, at)| newer(*at)).or(standing.lag);
        }
        self.lean();
        self.weigh();
    }

    /// Shifts the odds towards origins that have fewer requests for their weight than the mean, a
    /// little at each exchange: so isolates find out together how quick each origin is, and none of
    /// them runs after news that is seconds old.
    fn lean(&mut self) {
        // Origins compete with their equals only: replicas with replicas.
        for replicas in [false, true] {
            let fit = |place: &usize| {
                let role = self.origins.get(*place).is_some_and(|origin| origin.replica == replicas);
                role && self.share(*place) == WHOLE && self.weight(*place) > 0
            };
            let fit: Vec<usize> = (0..self.origins.len()).filter(fit).collect();
            if fit.len() > 1 {
                self.lean_among(&fit);
            }
        }
    }

    fn lean_among(&mut self, fit: &[usize]) {
        let count = fit.len() as f64;
        let usual = fit.iter().map(|place| f64::from(self.weight(*place))).sum::<f64>() / count;
        // One more for each, or quiet origins would be told apart by chance. Whoever fails is quick at it,
        // and must not seem idle for that.
        let queue = |place: &usize| {
            let flaws = self.origins.get(*place).map_or(0.0, |origin| origin.flaws);
            let load = f64::from(self.in_flight_everywhere(*place)) * usual / f64::from(self.weight(*place));
            (load + 1.0) * (1.0 + FLAWED * flaws)
        };
        let queues: Vec<f64> = fit.iter().map(queue).collect();
        // The geometric mean: what some gain others lose, and all together do not drift.
        let mean = (queues.iter().map(|queue| queue.ln()).sum::<f64>() / count).exp();
        for (place, queue) in fit.iter().zip(queues) {
            if let Some(origin) = self.origins.get_mut(*place) {
                origin.bias = (origin.bias * (mean / queue).powf(LEAN)).clamp(1.0 / FURTHEST, FURTHEST);
            }
        }
    }
}
