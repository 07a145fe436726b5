//! The whole configuration as it was decided.

use super::super::http::date::Millis;
use super::super::http::visitor::Coordinates;
use super::identity::Issuer;
use super::matcher::Matcher;
use super::pool::Pool;
use super::route::{Route, Target};
use super::setting::{self, Unset};
use super::shard::Shards;

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// How sessions live.
    pub session: Session,
    /// How soon a stamp holds everywhere.
    pub ledger: Ledger,
    /// What an isolate remembers of the cache.
    pub memory: Memory,
    /// The languages spoken.
    pub locales: Locales,
    /// Whether each request writes one line.
    pub log_requests: bool,
    /// The request's field that carries an API key.
    pub api_key: String,
    /// The `iss` of what is sworn to origins.
    pub assertion: String,
    /// Whose tokens are taken, and with whom visitors sign in.
    pub issuers: Vec<Issuer>,
    /// Places that origins stand in.
    pub regions: Vec<Region>,
    /// Origins that are equals.
    pub pools: Vec<Pool>,
    /// Which pool has which part of the data.
    pub shards: Vec<Shards>,
    /// The most specific first.
    pub routes: Vec<Route>,
}

/// Checked `[session]`.
#[derive(Debug, Clone)]
pub struct Session {
    /// Cookie name without a prefix.
    pub cookie: String,
    /// Unused this long = over.
    pub idle: Millis,
    /// This long after sign-in = over.
    pub absolute: Millis,
    /// How long a record read is trusted.
    pub memo: Millis,
    /// How many records are remembered.
    pub memo_entries: usize,
    /// How long the token that a session had before its rights changed stands.
    pub grace: Millis,
    /// How long the store may take.
    pub deadline: Millis,
    /// The sign-in page's path.
    pub sign_in: Option<String>,
    /// How long a session lives that is to be remembered, when that is another time.
    pub remember: Option<Millis>,
    /// Failed sign-ins before the next has to wait.
    pub attempts: u32,
}

/// Checked `[ledger]`.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The oldest a view may be.
    pub max_delay: Millis,
    /// The oldest a view may be while the book cannot be read.
    pub max_outage: Millis,
    /// How long the book may take.
    pub deadline: Millis,
}

/// Checked `[cache]`, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Of all answers together.
    pub all: u64,
    /// Of one.
    pub object: u64,
}

/// Checked `[locale]`. Every `usize` is a place in `supported`.
#[derive(Debug, Clone)]
pub struct Locales {
    /// Tags in canonical case (RFC 5646 2.1.1).
    pub supported: Vec<String>,
    /// The default one.
    pub default: usize,
    /// Query parameter.
    pub query: String,
    /// Cookie.
    pub cookie: String,
    /// Whether the first path segment may be a locale.
    pub prefix: bool,
    /// Whether browsers are redirected to the prefixed path.
    pub redirect: bool,
    /// Country code to locale.
    pub countries: Vec<(String, usize)>,
    /// Whether a wish finds the nearest locale rather than one whose tag it begins with.
    pub nearest: bool,
    /// What is nearest to what; empty until [`Config::with_languages`].
    pub matcher: Matcher,
}

/// Checked `[[region]]`.
#[derive(Debug, Clone)]
pub struct Region {
    /// Unique name.
    pub name: String,
    /// Where it is, when stated.
    pub at: Option<Coordinates>,
    /// Country codes.
    pub countries: Vec<String>,
    /// Continent codes.
    pub continents: Vec<String>,
    /// Serves everybody else.
    pub default: bool,
}

impl Config {
    /// How long a stamp on one session is needed. Once every isolate knows of it nobody renews what it
    /// ended, and that is over after the idle time; the hour is for good measure.
    #[must_use]
    pub fn session_stamp_lifetime(&self) -> Millis {
        let idle = self.session.idle.max(self.session.remember.unwrap_or(0));
        idle + self.ledger.max_delay + self.ledger.max_outage + 3_600_000
    }

    /// See [`Route::pools`].
    pub(super) fn pools_of(&self, route: &Route) -> Vec<usize> {
        let mut pools = match &route.target {
            Target::Pools(pools) => pools.clone(),
            Target::Shards(place) => {
                let shards = self.shards.get(*place);
                let all = shards.into_iter().flat_map(|shards| shards.map.iter().chain(&shards.next));
                all.map(|shard| shard.pool).collect()
            }
            _ => return Vec::new(),
        };
        pools.extend(route.canary.iter().map(|canary| canary.pool));
        pools.extend(route.shadow.iter().map(|(pool, _)| *pool));
        let mut at = 0;
        while let Some(place) = pools.get(at).copied() {
            pools.extend(self.pools.get(place).and_then(|pool| pool.fallback).filter(|other| !pools.contains(other)));
            at += 1;
        }
        pools.sort_unstable();
        pools.dedup();
        pools
    }

    /// A route that wants Workers Cache to stand before a Worker that is bound.
    pub(super) fn cached_before_a_worker(&self) -> Option<&Route> {
        let bound = |pool: &Pool| pool.origins.iter().any(|origin| origin.url.text().starts_with("service:"));
        let asks = |route: &Route| route.pools.iter().filter_map(|place| self.pools.get(*place)).any(bound);
        let through = |route: &&Route| route.cache.as_ref().is_some_and(|cache| cache.workers_cache) && asks(route);
        self.routes.iter().find(through)
    }

    /// The same configuration with the table that the build computed of its languages.
    #[must_use]
    pub fn with_languages(mut self, table: &str) -> Self {
        self.locales.matcher = Matcher::read(table);
        self
    }

    /// The same configuration with every `"${NAME}"` replaced by what `var` says.
    ///
    /// # Errors
    /// The first name that is missing or holds no URL.
    pub fn resolved(mut self, var: impl Fn(&str) -> Option<String>) -> Result<Self, Unset> {
        for origin in self.pools.iter_mut().flat_map(|pool| &mut pool.origins) {
            origin.url.resolve(&var, setting::origin)?;
        }
        for shards in &mut self.shards {
            shards.resolve(&var)?;
        }
        for canary in self.routes.iter_mut().filter_map(|route| route.canary.as_mut()) {
            canary.percent.resolve(&var, setting::percent)?;
        }
        if let Some(route) = self.cached_before_a_worker() {
            return Err(Unset::Bound(route.name.clone()));
        }
        for issuer in &mut self.issuers {
            issuer.resolve(&var)?;
        }
        for (place, issuer) in self.issuers.iter().enumerate() {
            if self.issuers.iter().take(place).any(|other| other.iss == issuer.iss) {
                return Err(Unset::Twice(issuer.name.clone()));
            }
        }
        Ok(self)
    }
}
