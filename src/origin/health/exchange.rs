//! What does an isolate report to a pool's prober, and how does it apply the prober's report?

use super::protocol::{OriginStats, Report};
use super::{OriginHealth, PoolHealth, Verdict};
use crate::config::{Millis, Pool};
use crate::origin::balance::{View, WHOLE, orca::Load};
use crate::origin::replica::Position;

/// The fraction of the way to balance by which one exchange shifts the bias; 1 would be all the way.
const STEP: f64 = 0.2;
/// The bias is at most this, and at least its reciprocal.
const MAX_BIAS: f64 = 8.0;
/// An origin's requests count 1 + this times its error rate (0 to 1) as much.
const ERROR_PENALTY: f64 = 10.0;

impl PoolHealth {
    /// This isolate's report to the prober.
    #[must_use]
    pub fn stats(&self, pool: &Pool) -> Vec<OriginStats> {
        let stats = |(origin, health): (&crate::config::Origin, &OriginHealth)| OriginStats {
            name: origin.name.clone(),
            in_flight: health.flights.count(),
            latency: health.latency.now(self.now).map(|ms| ms.round() as u32),
            load: health.load.and_then(|load| load.now(self.now)),
            position: health.position,
        };
        pool.origins.iter().zip(&self.origins).map(stats).collect()
    }

    /// Applies the prober's report, which was requested at `asked` (milliseconds since 1970).
    pub fn learn(&mut self, pool: &Pool, report: &Report, asked: Millis) {
        (self.synced_at, self.has_valid_report) = (asked, true);
        let now = self.now;
        for (origin, health) in pool.origins.iter().zip(&mut self.origins) {
            let Some(reported) = report.origins.iter().find(|one| one.name == origin.name) else { continue };
            let was_out = health.verdict.down || health.verdict.drained;
            let down = reported.up == Some(false);
            if was_out && !down && !reported.drained {
                health.returns(now);
            }
            // A good probe after an ejection or rest began ends it.
            let is_out = now < health.ejected_until || now < health.resting_until;
            if reported.up == Some(true) && reported.probed > health.judged && is_out {
                (health.ejected_until, health.resting_until) = (now, now);
                health.returns(now);
                health.failures_in_a_row = 0;
            }
            health.verdict = Verdict {
                down,
                drained: reported.drained,
                weight: reported.weight,
                others: reported.in_flight,
                reason: reported.reason.clone(),
            };
            if let Some(latency) = reported.latency {
                health.latency.observe_remote(f64::from(latency), now);
            }
            if let Some(load) = reported.load {
                let own = health.load.filter(|load| load.now(now).is_some());
                health.load = own.or(Some(Load::merged(None, load, now)));
            }
            health.position = Position::later(health.position, reported.position);
            let newer = |at: Millis| health.lag.is_none_or(|(_, known)| at > known);
            health.lag = reported.lag.map(|lag| (lag, reported.probed)).filter(|(_, at)| newer(*at)).or(health.lag);
        }
        self.shift_bias();
        self.weigh();
    }

    /// Shifts the bias towards origins that have fewer requests for their weight than the mean, a little at each
    /// exchange: isolates learn together how quick each origin is, and none overreacts to reports that are seconds old.
    fn shift_bias(&mut self) {
        // Origins compete within their role only: replicas with replicas.
        for replicas in [false, true] {
            let is_healthy = |place: &usize| {
                let role = self.origins.get(*place).is_some_and(|origin| origin.replica == replicas);
                role && self.share(*place) == WHOLE && self.weight(*place) > 0
            };
            let healthy: Vec<usize> = (0..self.origins.len()).filter(is_healthy).collect();
            if healthy.len() > 1 {
                self.shift_bias_among(&healthy);
            }
        }
    }

    fn shift_bias_among(&mut self, healthy: &[usize]) {
        let count = healthy.len() as f64;
        let mean_weight = healthy.iter().map(|place| f64::from(self.weight(*place))).sum::<f64>() / count;
        // Plus one for each: idle origins must not differ by chance. An origin that fails quickly must not seem idle.
        let queue = |place: &usize| {
            let error_rate = self.origins.get(*place).map_or(0.0, |origin| origin.error_rate);
            let load = f64::from(self.in_flight_everywhere(*place)) * mean_weight / f64::from(self.weight(*place));
            (load + 1.0) * (1.0 + ERROR_PENALTY * error_rate)
        };
        let queues: Vec<f64> = healthy.iter().map(queue).collect();
        // With the geometric mean the product of all biases stays the same: they do not drift.
        let mean = (queues.iter().map(|queue| queue.ln()).sum::<f64>() / count).exp();
        for (place, queue) in healthy.iter().zip(queues) {
            if let Some(origin) = self.origins.get_mut(*place) {
                origin.bias = (origin.bias * (mean / queue).powf(STEP)).clamp(1.0 / MAX_BIAS, MAX_BIAS);
            }
        }
    }
}
