//! How many requests does an origin have in flight, and what is its latency?

use crate::config::Millis;

/// The weight of an old value falls by the factor e in so many milliseconds (peak EWMA, as in Finagle).
const DECAY: f64 = 10_000.0;

/// The deadlines of requests in flight (milliseconds since 1970): a request whose end is never reported (its visitor
/// left) does not count for ever.
#[derive(Debug, Default)]
pub(super) struct InFlight(pub(super) Vec<Millis>);

impl InFlight {
    /// Removes one request with this deadline: requests with the same deadline are interchangeable.
    pub(super) fn remove(&mut self, end: Millis) {
        if let Some(at) = self.0.iter().position(|known| *known == end) {
            self.0.swap_remove(at);
        }
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// A latency in milliseconds that rises at once and falls slowly (peak EWMA).
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Peak {
    value: Option<f64>,
    at: Millis,
}

impl Peak {
    pub(super) fn observe(&mut self, took: f64, now: Millis) {
        let kept = self.kept(now);
        self.value = Some(match self.value {
            Some(known) if took < known => known * kept + took * (1.0 - kept),
            _ => took,
        });
        self.at = now;
    }

    /// Takes a latency that other isolates measured, unless this isolate has a recent one.
    pub(super) fn observe_remote(&mut self, took: f64, now: Millis) {
        if self.value.is_none() || now.saturating_sub(self.at) as f64 > DECAY {
            *self = Self { value: Some(took), at: now };
        }
    }

    /// The value, which decays without new measurements so that slow origins are tried again.
    pub(super) fn now(&self, now: Millis) -> Option<f64> {
        Some(self.value? * self.kept(now).max(0.05))
    }

    fn kept(&self, now: Millis) -> f64 {
        (-(now.saturating_sub(self.at) as f64) / DECAY).exp()
    }
}
