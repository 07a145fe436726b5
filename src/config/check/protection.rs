//! Is what limits and protects requests valid?

use super::super::{Auth, Limit, Protection, Route, RouteProtection, Sizes, raw};
use super::browser::security_headers;
use super::challenge::challenge;
use super::limits::{self, limits};
use super::problems::Problems;
use super::rules::{dynamic, lists, rules};
use super::sizes::sizes;

/// What the tables beside the routes configure.
pub(super) struct Tables<'a> {
    raw: &'a raw::Raw,
    limits: Vec<Limit>,
    sizes: Vec<Sizes>,
    headers: Vec<super::super::SecurityHeaders>,
    protection: Protection,
}

impl<'a> Tables<'a> {
    pub(super) fn new(raw: &'a raw::Raw, problems: &mut Problems) -> Self {
        let limits = limits(&raw.limit, problems);
        let lists = lists(&raw.list, problems);
        let challenge = raw.challenge.as_ref().map(|raw| challenge(raw, problems));
        let rules = rules(&raw.rule, &lists, &limits, challenge.as_ref(), problems);
        let sizes: Vec<Sizes> = raw.request.iter().map(|raw| sizes(raw, "request", None, problems)).collect();
        let headers = headers_of_all(raw).map(|table| security_headers(&[table], false, problems));
        let request = sizes.first().map(|_| 0);
        let switches = raw
            .switches
            .as_ref()
            .map(|raw| problems.duration("switches.retry_after", raw.retry_after.as_deref().unwrap_or("5m")));
        let protection = Protection {
            request,
            all_headers: headers.as_ref().map(|_| 0),
            switches,
            dynamic_lists: dynamic(&lists),
            rules: rules.into(),
            challenge: challenge.into(),
            ..Protection::default()
        };
        Self { raw, limits, sizes, headers: headers.into_iter().collect(), protection }
    }

    /// What limits and protects the requests of a route.
    pub(super) fn route(
        &mut self,
        raw: &raw::Route,
        at: &str,
        route: &Route,
        problems: &mut Problems,
    ) -> RouteProtection {
        let request = self.protection.request;
        let own = raw.request.as_ref().map(|own| {
            let others = request.and_then(|place| self.sizes.get(place));
            let own = sizes(own, &format!("{at}.request"), others, problems);
            self.sizes.push(own);
            self.sizes.len() - 1
        });
        let its = raw.security_headers.as_ref().map(|table| (table, format!("{at}.security_headers")));
        let tables: Vec<(&raw::SecurityHeaders, String)> = headers_of_all(self.raw).into_iter().chain(its).collect();
        let headers = (!tables.is_empty()).then(|| {
            let headers = security_headers(&tables, route.auth != Auth::None && route.cors.is_none(), problems);
            self.headers.iter().position(|known| *known == headers).unwrap_or_else(|| {
                self.headers.push(headers);
                self.headers.len() - 1
            })
        });
        let limits = limits::uses(raw, at, &self.limits, problems);
        RouteProtection { limits, sizes: own.or(request), headers }
    }

    /// All of it.
    pub(super) fn finish(self, routes: Vec<RouteProtection>) -> Protection {
        Protection {
            sizes: self.sizes.into(),
            limits: self.limits.into(),
            headers: self.headers.into(),
            routes: routes.into(),
            ..self.protection
        }
    }
}

/// `[security_headers]` with its key.
fn headers_of_all(raw: &raw::Raw) -> Option<(&raw::SecurityHeaders, String)> {
    raw.security_headers.as_ref().map(|table| (table, "security_headers".to_owned()))
}
