//! The whole checked configuration.

use super::super::http::date::Millis;
use super::super::http::visitor::Coordinates;
use super::data::{Data, Reader, data};
use super::identity::Issuer;
use super::limit::Limit;
use super::list::{Lazy, List};
use super::matcher::Matcher;
use super::pool::Pool;
use super::protection::{Protection, RouteProtection};
use super::route::Route;
use super::setting::Setting;
use super::shard::Shards;
use super::tree::Tree;

/// A checked configuration.
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug))]
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
    pub issuers: List<Issuer>,
    /// Regions in which origins are.
    pub regions: Vec<Region>,
    /// Pools of origins.
    pub pools: Vec<Pool>,
    /// Shard maps: which pool holds which part of the data.
    pub shards: List<Shards>,
    /// What limits, rules and protects requests.
    pub protection: Lazy<Protection>,
    /// Sorted, the most specific first.
    pub routes: List<Route>,
    /// The routes by host and path.
    pub tree: Tree,
    /// The first pool or route that hands out signed cookies, such as `pool "app"`.
    pub signs_cookies: Option<String>,
    /// Addresses of origins that cannot be bound Workers (`service:`), each with the route that uses Workers Cache in
    /// front of it.
    pub cached_by_workers_cache: Vec<(Setting, String)>,
}
data!(struct Config {
    session, ledger, memory, locales, log_requests, api_key, assertion, issuers, regions, pools, shards, protection, routes, tree,
    signs_cookies, cached_by_workers_cache,
});
data!(struct Session {
    cookie, idle, absolute, memo, memo_entries, grace, deadline, sign_in, remember, attempts,
});
data!(struct Ledger { max_delay, max_outage, deadline });
data!(struct Memory { all, object });
data!(struct Locales { supported, default, query, cookie, prefix, redirect, countries, nearest, matcher });
data!(struct Region { name, at, countries, continents, default });

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
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug))]
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
    /// The nearest locale of each tag.
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
    /// A rate limit.
    #[must_use]
    pub fn limit(&self, place: usize) -> Option<&Limit> {
        self.protection.get().limits.get(place)
    }

    /// What limits and protects the requests of a route.
    #[must_use]
    pub fn route_protection(&self, route: &Route) -> Option<&RouteProtection> {
        self.protection.get().routes.get(route.place)
    }

    /// Lifetime of a stamp that ends one session. Once every isolate has read the stamp, no isolate renews the
    /// session, so it expires after its idle time; one hour is added as a margin.
    #[must_use]
    pub fn session_stamp_lifetime(&self) -> Millis {
        let idle = self.session.idle.max(self.session.remember.unwrap_or(0));
        idle + self.ledger.max_delay + self.ledger.max_outage + 3_600_000
    }
}

impl Data for Coordinates {
    #[cfg(not(target_arch = "wasm32"))]
    fn write(&self, to: &mut super::data::Writer) {
        self.latitude.write(to);
        self.longitude.write(to);
    }

    fn read(from: &mut Reader) -> Self {
        Self { latitude: Data::read(from), longitude: Data::read(from) }
    }
}
