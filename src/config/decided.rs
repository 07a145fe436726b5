//! The whole checked configuration.

use super::super::http::date::Millis;
use super::super::http::visitor::Coordinates;
use super::identity::Issuer;
use super::matcher::Matcher;
use super::pool::Pool;
use super::route::{Route, Target};
use super::setting::{self, SettingError};
use super::shard::Shards;

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Session lifetimes, cookie and limits.
    pub session: Session,
    /// How soon a stamp holds in every isolate.
    pub ledger: Ledger,
    /// Size limits of an isolate's in-memory cache.
    pub memory: Memory,
    /// Supported locales and how one is negotiated.
    pub locales: Locales,
    /// Whether each request writes one log line.
    pub log_requests: bool,
    /// Name of the request field that carries an API key, in lower case.
    pub api_key: String,
    /// The `iss` of assertions sent to origins.
    pub assertion: String,
    /// Issuers whose tokens are accepted or with which visitors sign in.
    pub issuers: Vec<Issuer>,
    /// Regions in which origins are.
    pub regions: Vec<Region>,
    /// Pools of origins.
    pub pools: Vec<Pool>,
    /// Shard maps: which pool holds which part of the data.
    pub shards: Vec<Shards>,
    /// Sorted, the most specific first.
    pub routes: Vec<Route>,
}

/// Checked `[session]`.
#[derive(Debug, Clone)]
pub struct Session {
    /// Cookie name without the `__Host-` prefix.
    pub cookie: String,
    /// A session unused for this long is over.
    pub idle: Millis,
    /// A session is over this long after sign-in, used or not.
    pub absolute: Millis,
    /// How long an isolate trusts a session record it has read.
    pub memo: Millis,
    /// How many session records an isolate keeps in memory.
    pub memo_entries: usize,
    /// How long the session's previous token stays valid after its rights change.
    pub grace: Millis,
    /// Timeout of a session store request.
    pub deadline: Millis,
    /// Path of the sign-in page.
    pub sign_in: Option<String>,
    /// Lifetime of a session started with `remember`; `None` = the same as of any other session.
    pub remember: Option<Millis>,
    /// Failed sign-ins allowed before the next one has to wait.
    pub attempts: u32,
}

/// Checked `[ledger]`.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Maximum age of a view of the ledger.
    pub max_delay: Millis,
    /// Maximum age of a view while the ledger cannot be read.
    pub max_outage: Millis,
    /// Timeout of a ledger request.
    pub deadline: Millis,
}

/// Checked `[cache]`, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Of all responses in an isolate's memory together.
    pub all: u64,
    /// Of one response.
    pub object: u64,
}

/// Checked `[locale]`. Every `usize` is an index into `supported`.
#[derive(Debug, Clone)]
pub struct Locales {
    /// Tags in canonical case (RFC 5646 2.1.1).
    pub supported: Vec<String>,
    /// The default locale.
    pub default: usize,
    /// Name of the query parameter that chooses a locale.
    pub query: String,
    /// Name of the cookie that chooses a locale.
    pub cookie: String,
    /// Whether the first path segment may be a locale.
    pub prefix: bool,
    /// Whether browsers are redirected to the prefixed path.
    pub redirect: bool,
    /// Country code to locale.
    pub countries: Vec<(String, usize)>,
    /// Whether a requested tag selects the nearest locale by CLDR distance instead of by prefix lookup (RFC 4647 3.4).
    pub nearest: bool,
    /// The nearest locale of each tag; empty until [`Config::with_languages`].
    pub matcher: Matcher,
}

/// Checked `[[region]]`.
#[derive(Debug, Clone)]
pub struct Region {
    /// Unique name.
    pub name: String,
    /// Its coordinates, when configured.
    pub at: Option<Coordinates>,
    /// Codes of the countries it serves.
    pub countries: Vec<String>,
    /// Codes of the continents it serves.
    pub continents: Vec<String>,
    /// Whether it serves visitors that no other region serves.
    pub default: bool,
}

impl Config {
    /// Lifetime of a stamp that ends one session. Once every isolate has read the stamp, no isolate renews the
    /// session, so it expires after its idle time; one hour is added as a margin.
    #[must_use]
    pub fn session_stamp_lifetime(&self) -> Millis {
        let idle = self.session.idle.max(self.session.remember.unwrap_or(0));
        idle + self.ledger.max_delay + self.ledger.max_outage + 3_600_000
    }

    /// The value of [`Route::pools`].
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

    /// The first route that uses Workers Cache in front of a bound Worker (`service:`).
    pub(super) fn cached_before_a_worker(&self) -> Option<&Route> {
        let bound = |pool: &Pool| pool.origins.iter().any(|origin| origin.url.text().starts_with("service:"));
        let forwards = |route: &Route| route.pools.iter().filter_map(|place| self.pools.get(*place)).any(bound);
        let conflicts =
            |route: &&Route| route.cache.as_ref().is_some_and(|cache| cache.workers_cache) && forwards(route);
        self.routes.iter().find(conflicts)
    }

    /// Sets the language table that the build computed.
    #[must_use]
    pub fn with_languages(mut self, table: &str) -> Self {
        self.locales.matcher = Matcher::read(table);
        self
    }

    /// Replaces every `"${NAME}"` by the value that `var` returns.
    ///
    /// # Errors
    /// The first var that is missing or has an invalid value, or the first conflict between the resolved values.
    pub fn resolved(mut self, var: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
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
            return Err(SettingError::Bound(route.name.clone()));
        }
        for issuer in &mut self.issuers {
            issuer.resolve(&var)?;
        }
        for (place, issuer) in self.issuers.iter().enumerate() {
            if self.issuers.iter().take(place).any(|other| other.iss == issuer.iss) {
                return Err(SettingError::Twice(issuer.name.clone()));
            }
        }
        Ok(self)
    }
}
