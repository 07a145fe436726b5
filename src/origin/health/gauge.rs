//! How busy is an origin, and how slow?

use crate::config::Millis;

/// Weight of what is new falls by e in so many milliseconds (peak EWMA, as in Finagle).
const DECAY: f64 = 10_000.0;
/// Requests on their way, each with the moment when it is over at the latest: one whose end is never
/// told (its visitor left) does not count for ever.
#[derive(Debug, Default)]
pub(super) struct InFlight(pub(super) Vec<Millis>);

impl InFlight {
    /// Those with the same end are the same.
    pub(super) fn remove(&mut self, end: Millis) {
        if let Some(at) = self.0.iter().position(|known| *known == end) {
            self.0.swap_remove(at);
        }
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

/// A latency that rises at once and falls slowly.
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

    /// Others measured it, which counts only where nothing newer is known here.
    pub(super) fn heard(&mut self, took: f64, now: Millis) {
        if self.value.is_none() || now.saturating_sub(self.at) as f64 > DECAY {
            *self = Self { value: Some(took), at: now };
        }
    }

    /// It sinks while nothing is heard, so that the slow are tried again.
    pub(super) fn now(&self, now: Millis) -> Option<f64> {
        Some(self.value? * self.kept(now).max(0.05))
    }

    fn kept(&self, now: Millis) -> f64 {
        (-(now.saturating_sub(self.at) as f64) / DECAY).exp()
    }
}
