//! Is the parsed file valid? Every rule that a value must satisfy, and the error sentence when it does not.
//! Turns [`raw::Raw`] into [`Config`].

mod browser;
mod challenge;
mod countries;
mod identity;
mod language_tag;
mod limits;
mod pools;
mod problems;
mod protection;
mod routes;
mod rules;
mod shards;
mod sizes;

use super::{
    Config, Coordinates, Ledger, Locales, Matcher, Memory, Pool, Problem, Region, Route, RouteProtection, Session,
    Setting, SettingError, Target, Tree, raw,
};
use countries::country;
use identity::issuers;
pub(super) use language_tag::canonical_tag;
use pools::pools;
use problems::{CONTINENTS, Problems, Tables, token};
use routes::{overlaps, route};
use shards::shards;
use std::collections::{HashMap, HashSet};

impl Config {
    /// Checks the parsed file.
    ///
    /// # Errors
    /// Every problem found, in the order of the file.
    pub fn check(raw: &raw::Raw) -> Result<Self, Vec<Problem>> {
        config(raw)
    }
}

fn config(raw: &raw::Raw) -> Result<Config, Vec<Problem>> {
    let mut problems = Problems::default();
    // Without `[locale]`, no path prefix is taken as a locale.
    let absent = raw::Locale { prefix: false, ..raw::Locale::default() };
    let locales = locales(raw.locale.as_ref().unwrap_or(&absent), &mut problems);
    let regions = regions(&raw.region, &mut problems);
    let pools = pools(&raw.pool, &regions, &mut problems);
    let session = session(&raw.session, &mut problems);
    if raw.locale.is_some() && locales.cookie == session.cookie {
        problems.add(
            "locale.cookie",
            format!("found {:?}, which is the session's cookie; allowed: another", locales.cookie),
        );
    }
    let issuers = issuers(&raw.issuer, &mut problems);
    token("api_key.header", &raw.api_key.header, &mut problems);
    let shards = shards(&raw.shards, &pools, &mut problems);
    let mut protection = protection::Tables::new(raw, &mut problems);
    let tables = Tables {
        pools: &pools,
        locales: &locales,
        localized: raw.locale.is_some(),
        issuers: &issuers,
        shards: &shards,
    };
    let (mut routes, mut protections): (Vec<Route>, Vec<RouteProtection>) = (Vec::new(), Vec::new());
    let (mut names, mut same_paths) = (HashSet::new(), HashMap::<String, Vec<usize>>::new());
    let texts = browser::texts(raw, &mut problems);
    let written = raw.route.iter().enumerate().map(|(place, route)| (route, format!("route[{place}]")));
    for (written, at) in written.chain(texts.iter().map(|(route, at)| (route, at.clone()))) {
        let place = routes.len();
        let mut route = route(written, &at, &tables, &mut problems);
        // Until they are sorted.
        route.place = place;
        protections.push(protection.route(written, &at, &route, &mut problems));
        let same = same_paths.entry(format!("{:?} {}", route.host, route.path.shape())).or_default();
        overlaps(&route, &at, same.iter().filter_map(|place| routes.get(*place)), &mut problems);
        same.push(place);
        problems.name(format!("{at}.name"), &route.name, !names.insert(written.name.as_str()));
        routes.push(route);
    }
    if raw.route.is_empty() {
        problems.add("route", "found none; allowed: at least one [[route]]");
    }
    routes.sort_by(|a, b| {
        a.host
            .specificity(&b.host)
            .then_with(|| a.path.specificity(&b.path))
            .then_with(|| a.methods.is_empty().cmp(&b.methods.is_empty()))
    });
    if let Some(page) = &session.sign_in {
        let guarded = routes.iter().find(|r| r.path.matches(page.split('?').next().unwrap_or_default()).is_some());
        if let Some(route) = guarded.filter(|route| route.auth == super::Auth::Required) {
            let sentence = format!(
                "found {page:?}, which route {:?} serves only with a session; allowed: a page that can be seen without one",
                route.name
            );
            problems.add("session.sign_in", sentence);
        }
    }
    let ledger = Ledger {
        max_delay: problems.duration("ledger.max_delay", &raw.ledger.max_delay),
        max_outage: problems.duration("ledger.max_outage", &raw.ledger.max_outage),
        deadline: problems.deadline("ledger.deadline", &raw.ledger.deadline, 30_000),
    };
    let memory = Memory {
        all: problems.size("cache.memory", &raw.cache.memory, 64 << 20),
        object: problems.size("cache.memory_object", &raw.cache.memory_object, 1 << 20),
    };
    let mut sorted = Vec::with_capacity(routes.len());
    for (place, route) in routes.iter_mut().enumerate() {
        sorted.extend(protections.get_mut(route.place).map(std::mem::take));
        route.place = place;
        route.pools = pools_of(route, &pools, &shards);
    }
    let cached_by_workers_cache = cached_by_workers_cache(&routes, &pools);
    if let Some((_, route)) = cached_by_workers_cache.iter().find(|(url, _)| url.text().starts_with("service:")) {
        problems.add("route", format!("found {}", SettingError::Bound(route.clone())));
    }
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    Ok(Config {
        session,
        ledger,
        memory,
        locales,
        log_requests: raw.log.requests,
        api_key: raw.api_key.header.to_ascii_lowercase(),
        assertion: raw.assertion.issuer.clone(),
        issuers: issuers.into(),
        regions,
        shards: shards.into(),
        protection: protection.finish(sorted).into(),
        tree: Tree::new(&routes),
        signs_cookies: signs_cookies(raw, &routes, &pools),
        cached_by_workers_cache,
        pools,
        routes: routes.into(),
    })
}

/// The value of [`Route::pools`].
fn pools_of(route: &Route, all: &[Pool], shards: &[super::Shards]) -> Vec<usize> {
    let mut pools = match &route.target {
        Target::Pools(pools) => pools.clone(),
        Target::Shards(place) => {
            let maps = shards.get(*place).into_iter().flat_map(|shards| shards.map.iter().chain(&shards.next));
            maps.map(|shard| shard.pool).collect()
        }
        _ => return Vec::new(),
    };
    pools.extend(route.canary.iter().map(|canary| canary.pool));
    pools.extend(route.shadow.iter().map(|(pool, _)| *pool));
    let mut at = 0;
    while let Some(place) = pools.get(at).copied() {
        pools.extend(all.get(place).and_then(|pool| pool.fallback).filter(|other| !pools.contains(other)));
        at += 1;
    }
    pools.sort_unstable();
    pools.dedup();
    pools
}

/// The value of [`Config::signs_cookies`].
fn signs_cookies(raw: &raw::Raw, routes: &[Route], pools: &[Pool]) -> Option<String> {
    let pool = pools.iter().find(|pool| pool.affinity || pool.is_replicated());
    let route = routes.iter().find(|route| route.canary.is_some());
    pool.map(|pool| format!("pool {:?}", pool.name))
        .or(route.map(|route| format!("route {:?}", route.name)))
        .or(raw.challenge.as_ref().map(|_| "[challenge]".into()))
}

/// The value of [`Config::cached_by_workers_cache`].
fn cached_by_workers_cache(routes: &[Route], pools: &[Pool]) -> Vec<(Setting, String)> {
    let mut urls = Vec::new();
    for route in routes.iter().filter(|route| route.cache.as_ref().is_some_and(|cache| cache.workers_cache)) {
        let origins = route.pools.iter().filter_map(|place| pools.get(*place)).flat_map(|pool| &pool.origins);
        let may_be_bound = |url: &Setting| matches!(url, Setting::Open(_)) || url.text().starts_with("service:");
        urls.extend(origins.filter(|o| may_be_bound(&o.url)).map(|o| (o.url.clone(), route.name.clone())));
    }
    urls
}

fn session(raw: &raw::Session, problems: &mut Problems) -> Session {
    token("session.cookie", &raw.cookie, problems);
    if raw.cookie.starts_with("__") {
        problems.add("session.cookie", "found a prefix; allowed: the bare name (on https Usher adds __Host- itself)");
    }
    let before = problems.0.len();
    let idle = problems.duration("session.idle", &raw.idle);
    let absolute = problems.duration("session.absolute", &raw.absolute);
    let memo = problems.duration("session.memo", &raw.memo);
    // Invalid durations are reported already, so they are not compared.
    let valid = problems.0.len() == before;
    if valid && (absolute < 60_000 || idle < 60_000) {
        problems.add("session.idle", "found less than a minute; allowed: 1m and more, for `idle` and for `absolute`");
    } else if valid && idle > absolute {
        problems.add("session.idle", "found more than `absolute`; allowed: at most as long as `absolute`");
    } else if valid && memo > idle / 2 {
        problems.add("session.memo", "found more than half of `idle`, so that a session in use would not be renewed; allowed: at most half of `idle`");
    }
    if !(1..=100_000).contains(&raw.memo_entries) {
        problems.add("session.memo_entries", format!("found {}; allowed: 1 to 100000", raw.memo_entries));
    }
    if let Some(page) = raw.sign_in.as_deref().filter(|page| !super::super::http::path::is_local(page)) {
        problems.add("session.sign_in", format!("found {page:?}; allowed: a path on this host, such as \"/sign-in\""));
    }
    let remember = raw.remember.as_deref().map(|text| problems.duration("session.remember", text));
    if valid && remember.is_some_and(|remember| remember < absolute) {
        problems.add("session.remember", "found less than `absolute`; allowed: at least as long as `absolute`");
    }
    if !(3..=1_000).contains(&raw.attempts) {
        problems.add("session.attempts", format!("found {}; allowed: 3 to 1000", raw.attempts));
    }
    let grace = problems.duration("session.grace", &raw.grace);
    if grace > 300_000 {
        problems.add("session.grace", format!("found {:?}; allowed: at most \"5m\"", raw.grace));
    }
    Session {
        remember,
        grace,
        attempts: raw.attempts,
        cookie: raw.cookie.clone(),
        idle,
        absolute,
        memo,
        memo_entries: raw.memo_entries,
        deadline: problems.deadline("session.deadline", &raw.deadline, 30_000),
        sign_in: raw.sign_in.clone(),
    }
}

fn locales(raw: &raw::Locale, problems: &mut Problems) -> Locales {
    let mut supported: Vec<String> = Vec::new();
    for (place, tag) in raw.supported.iter().enumerate() {
        let key = format!("locale.supported[{place}]");
        match canonical_tag(tag) {
            Some(tag) if supported.contains(&tag) => problems.add(key, format!("found {tag:?} a second time")),
            Some(tag) => supported.push(tag),
            None => problems
                .add(key, format!("found {tag:?}; allowed: a language tag such as \"en\", \"pt-BR\", \"zh-Hant\"")),
        }
    }
    if raw.supported.is_empty() {
        problems.add("locale.supported", "found none; allowed: at least one language tag");
    }
    let known = supported.clone();
    let find = |key: String, tag: &str, problems: &mut Problems| {
        let tag = canonical_tag(tag).unwrap_or_else(|| tag.to_owned());
        problems.place(key, &tag, known.iter().map(String::as_str))
    };
    let default = raw.default.as_deref().map_or(0, |tag| find("locale.default".into(), tag, problems));
    let mut countries = Vec::new();
    for (country, tag) in &raw.countries {
        let key = format!("locale.countries.{country}");
        self::country(key.clone(), country, problems);
        countries.push((country.clone(), find(key, tag, problems)));
    }
    token("locale.query", &raw.query, problems);
    token("locale.cookie", &raw.cookie, problems);
    if raw.redirect && !raw.prefix {
        problems.add("locale.redirect", "found true while `prefix` is false; allowed: together with `prefix = true`");
    }
    Locales {
        supported,
        default,
        query: raw.query.clone(),
        cookie: raw.cookie.clone(),
        prefix: raw.prefix,
        redirect: raw.redirect,
        countries,
        nearest: raw.matching == raw::Match::Cldr,
        matcher: Matcher::default(),
    }
}

fn regions(raw: &[raw::Region], problems: &mut Problems) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::with_capacity(raw.len());
    for (place, written) in raw.iter().enumerate() {
        let key = |name: &str| format!("region[{place}].{name}");
        problems.name(key("name"), &written.name, regions.iter().any(|r| r.name == written.name));
        let at = match (written.latitude, written.longitude) {
            (None, None) => None,
            (Some(latitude), Some(longitude)) => {
                let good = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
                if !good {
                    problems.add(
                        key("latitude"),
                        format!("found {latitude}, {longitude}; allowed: -90 to 90 north, -180 to 180 east"),
                    );
                }
                Some(Coordinates { latitude: millionths(latitude), longitude: millionths(longitude) })
            }
            _ => {
                problems
                    .add(key("latitude"), "found one coordinate; allowed: both `latitude` and `longitude`, or neither");
                None
            }
        };
        for (number, code) in written.countries.iter().enumerate() {
            country(key(&format!("countries[{number}]")), code, problems);
        }
        for (number, continent) in written.continents.iter().enumerate() {
            problems.place(key(&format!("continents[{number}]")), continent, CONTINENTS.into_iter());
        }
        if written.default && regions.iter().any(|r| r.default) {
            problems.add(key("default"), "found a second default region; allowed: one");
        }
        regions.push(Region {
            name: written.name.clone(),
            at,
            countries: written.countries.clone(),
            continents: written.continents.clone(),
            default: written.default,
        });
    }
    regions
}

/// Degrees to millionths of a degree; out of range saturates (the caller reports it).
fn millionths(degrees: f64) -> i32 {
    (degrees * 1e6).round() as i32
}
