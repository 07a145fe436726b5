//! Which switches has the operator turned on, and for which requests?

use crate::config::Route;
use crate::ledger::{Moment, View};

/// A switch of the operator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Requests get 503.
    Maintenance,
    /// Everybody is challenged.
    Attack,
}

impl Switch {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Maintenance, Self::Attack];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Attack => "attack",
        }
    }

    /// The name of the state that it is on: for all requests, those to a host, or those to a route.
    #[must_use]
    pub fn state(self, host: Option<&str>, route: Option<&str>) -> String {
        match (host, route) {
            (Some(host), _) => format!("{}:host:{}", self.as_str(), host.to_ascii_lowercase()),
            (None, Some(route)) => format!("{}:route:{route}", self.as_str()),
            (None, None) => format!("{}:all", self.as_str()),
        }
    }

    /// Until when it is on for a request.
    #[must_use]
    pub fn until(self, view: &View, now: Moment, host: &str, route: &Route) -> Option<Moment> {
        let states = [self.state(None, None), self.state(Some(host), None), self.state(None, Some(&route.name))];
        states.iter().filter_map(|state| view.state(state, now)).max()
    }
}
