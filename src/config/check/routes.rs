//! Is a route valid?

use super::super::super::http::path;
use super::super::{
    Cache, Canary, Host, HostMode, Kind, LONGEST_STORED, Millis, Pattern, Route, Segment, Setting, ShardKey, TRACKERS,
    Target, base_url, raw,
};
use super::identity::{Guard, guard};
use super::problems::{Problems, Tables, quoted, setting};

/// Default `deadline` of a route.
const DEADLINE: &str = "30s";
/// Upper limit of `deadline`, in milliseconds.
const LONGEST_DEADLINE: Millis = 600_000;

pub(super) fn route(raw: &raw::Route, at: &str, tables: &Tables<'_>, problems: &mut Problems) -> Route {
    let locales = tables.locales;
    let key = |name: &str| format!("{at}.{name}");
    let host = match raw.host.as_deref().map(Host::parse) {
        None => Host::Any,
        Some(Ok(host)) => host,
        Some(Err(sentence)) => {
            problems.add(key("host"), sentence);
            Host::Any
        }
    };
    let path = Pattern::parse(&raw.path).unwrap_or_else(|sentence| {
        problems.add(key("path"), sentence);
        Pattern { segments: Vec::new(), rest: true }
    });
    if let Some(Segment::Literal(first)) = path.segments.first() {
        if first == ".usher" {
            problems.add(
                key("path"),
                "found a path below /.usher/, where Usher's own pages are and no route is asked; allowed: any other",
            );
        }
        if locales.prefix && locales.supported.iter().any(|tag| tag.eq_ignore_ascii_case(first)) {
            problems.add(
                key("path"),
                format!("found {:?}, which is never reached: /{first} is taken as a locale; allowed: the path without it, or `prefix = false` in [locale]", raw.path),
            );
        }
    }
    problems.methods(&key("methods"), &raw.methods);
    let wrong =
        |tag: &str| tag.is_empty() || tag.len() > 256 || !tag.bytes().all(|b| b.is_ascii_graphic() && b != b',');
    for (number, tag) in raw.tags.iter().enumerate().filter(|(_, tag)| wrong(tag)) {
        problems.add(
            key(&format!("tags[{number}]")),
            format!("found {tag:?}; allowed: 1 to 256 visible ASCII characters without ','"),
        );
    }
    let target = target(raw, at, &path, tables, problems);
    let Guard { issuers, max_auth_age, fail, cors } = guard(raw, at, tables, problems);
    if raw.sessions && !matches!(target, Target::Pools(_) | Target::Shards(_)) {
        problems.add(
            key("sessions"),
            "found true on a route without `pool` or `shards`; allowed: only where an origin answers",
        );
    }
    if raw.purges && !matches!(target, Target::Pools(_) | Target::Shards(_)) {
        problems.add(
            key("purges"),
            "found true on a route without `pool` or `shards`; allowed: only where an origin answers",
        );
    }
    if raw.cache.is_some() && !matches!(target, Target::Pools(_) | Target::Shards(_) | Target::Static) {
        problems.add(key("cache"), "found on a route that asks nobody; allowed: with `pool`, `shards` or `static`");
    }
    if raw.sessions && raw.auth == super::super::Auth::None {
        problems.add(
            key("sessions"),
            "found true where `auth` is \"none\"; allowed: where `auth` is \"optional\" or \"required\"",
        );
    }
    if raw.throttle && !raw.sessions {
        problems.add(key("throttle"), "found true where `sessions` is not; allowed: where the origin signs people in");
    }
    let localized = raw.localized.unwrap_or(tables.localized);
    if localized && !tables.localized {
        problems.add(
            key("localized"),
            "found true without a [locale] that says which languages there are; allowed: beside one",
        );
    }
    let forwards = matches!(target, Target::Pools(_) | Target::Shards(_) | Target::Echo);
    if raw.strip_prefix && !(forwards && localized && locales.prefix) {
        problems.add(
            key("strip_prefix"),
            "found true where no locale prefix reaches an origin; allowed: with `pool`, `shards` or `echo`, where [locale] has `prefix = true`",
        );
    }
    let seen_as_visitor = |place: &usize| tables.pools.get(*place).is_some_and(|pool| pool.host == HostMode::Visitor);
    if raw.cache.as_ref().is_some_and(|cache| cache.workers_cache)
        && matches!(&target, Target::Pools(pools) if pools.iter().any(seen_as_visitor))
    {
        problems.add(
            key("cache.workers_cache"),
            "found true before a pool with `host = \"visitor\"`, which Workers Cache would not ask so; allowed: one of the two",
        );
    }
    Route {
        place: 0,
        by: raw.by.clone(),
        issuers,
        require: raw.require.clone(),
        max_auth_age,
        fail,
        cors,
        forward_token: raw.forward_token,
        trusted_origins: raw.trusted_origins.clone(),
        throttle: raw.throttle,
        name: raw.name.clone(),
        host,
        path,
        methods: raw.methods.clone(),
        auth: raw.auth,
        pools: Vec::new(),
        canary: canary(raw, at, &target, tables, problems),
        shadow: shadow(raw, at, &target, tables, problems),
        target,
        deadline: problems.deadline(key("deadline"), raw.deadline.as_deref().unwrap_or(DEADLINE), LONGEST_DEADLINE),
        sessions: raw.sessions,
        localized,
        strip_prefix: raw.strip_prefix,
        purges: raw.purges,
        cache: raw.cache.as_ref().map(|raw| cache(raw, &key, problems)),
        tags: raw.tags.clone(),
    }
}

fn cache(raw: &raw::Cache, key: &impl Fn(&str) -> String, problems: &mut Problems) -> Cache {
    let mut lifetime = |name: &str, text: &str| {
        let key = key(&format!("cache.{name}"));
        let lifetime = problems.duration(key.as_str(), text);
        if lifetime > LONGEST_STORED {
            problems.add(key, "found more than 30d; allowed: at most 30d");
        }
        lifetime
    };
    let cache = Cache {
        ttl: raw.ttl.as_deref().map(|text| lifetime("ttl", text)),
        heuristic: raw.heuristic,
        negative: lifetime("negative", &raw.negative),
        statuses: raw.statuses.clone(),
        stale_while_revalidate: raw
            .stale_while_revalidate
            .as_deref()
            .map(|text| lifetime("stale_while_revalidate", text)),
        stale_if_error: raw.stale_if_error.as_deref().map(|text| lifetime("stale_if_error", text)),
        max_body: problems.size(key("cache.max_body"), &raw.max_body, 512 << 20),
        shared: raw.shared,
        query: raw.query.clone(),
        ignore: raw.ignore.clone().unwrap_or_else(|| TRACKERS.map(str::to_owned).to_vec()),
        sort: raw.sort,
        request_directives: raw.request_directives,
        workers_cache: raw.workers_cache,
    };
    if let Some(status) = raw.statuses.iter().find(|status| !matches!(status, 400 | 405 | 413 | 414 | 501)) {
        problems.add(
            key("cache.statuses"),
            format!("found {status}; allowed: of 400, 405, 413, 414 and 501, which are not stored unless they are named here; others are, where they state a lifetime"),
        );
    }
    if raw.query.is_some() && raw.ignore.is_some() {
        problems.add(
            key("cache.ignore"),
            "found beside `query`; allowed: one of the two, for `query` names all that counts",
        );
    }
    cache
}

fn target(raw: &raw::Route, at: &str, path: &Pattern, tables: &Tables<'_>, problems: &mut Problems) -> Target {
    let mut found: Vec<(&str, Target)> = Vec::new();
    if raw.files {
        found.push(("static", Target::Static));
    }
    if let Some(names) = &raw.pool {
        let names = match names {
            raw::Pools::One(name) => std::slice::from_ref(name),
            raw::Pools::Many(names) => names.as_slice(),
        };
        if names.is_empty() {
            problems.add(format!("{at}.pool"), "found no name; allowed: one or more pools");
        }
        let places = names
            .iter()
            .map(|name| problems.place(format!("{at}.pool"), name, tables.pools.iter().map(|p| p.name.as_str())))
            .collect();
        found.push(("pool", Target::Pools(places)));
    }
    if let Some(name) = &raw.shards {
        let key = format!("{at}.shards");
        let place = problems.place(key.as_str(), name, tables.shards.iter().map(|shards| shards.name.as_str()));
        if let Some(ShardKey::Path(parameter)) = tables.shards.get(place).map(|shards| &shards.key)
            && !path.captures(parameter)
        {
            problems.add(
                key,
                format!("found {name:?}, whose key is {{{parameter}}} of the path, which `path` does not capture; allowed: a path such as \"/x/{{{parameter}}}/*\""),
            );
        }
        found.push(("shards", Target::Shards(place)));
    }
    if let Some(redirect) = &raw.redirect {
        check_redirect(redirect, at, path, problems);
        found.push(("redirect", Target::Redirect { to: redirect.to.clone(), status: redirect.status }));
    }
    if let Some(response) = &raw.respond {
        if !(200..=599).contains(&response.status) {
            problems.add(format!("{at}.respond.status"), format!("found {}; allowed: 200 to 599", response.status));
        }
        if !response.media.contains('/') || !response.media.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            problems.add(format!("{at}.respond.type"), format!("found {:?}; allowed: a media type", response.media));
        }
        let (status, body, media) = (response.status, response.body.clone(), response.media.clone());
        found.push(("respond", Target::Respond { status, body, media }));
    }
    if raw.echo {
        found.push(("echo", Target::Echo));
    }
    if let Some(name) = &raw.sign_in {
        let key = format!("{at}.sign_in");
        let place = problems.place(key.as_str(), name, tables.issuers.iter().map(|issuer| issuer.name.as_str()));
        if tables.issuers.get(place).is_some_and(|issuer| issuer.name == *name && issuer.client.is_none()) {
            problems.add(key, format!("found {name:?}, which has no `client_id`; allowed: an issuer with one"));
        }
        let last = path.segments.last();
        let reserved = matches!(last, Some(Segment::Literal(last)) if last == "callback");
        if !path.rest || reserved || path.segments.iter().any(|segment| !matches!(segment, Segment::Literal(_))) {
            problems.add(
                format!("{at}.path"),
                "found no plain path that ends with /*; allowed with `sign_in`: such as \"/sign-in/*\", below which /callback is",
            );
        }
        found.push(("sign_in", Target::SignIn(place)));
    }
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    if names.len() != 1 {
        let what = if names.is_empty() { "no target".to_owned() } else { quoted(&names) };
        problems.add(
            at,
            format!("found {what}; allowed: exactly one of `static`, `pool`, `shards`, `redirect`, `respond`, `echo`, `sign_in`"),
        );
    }
    found.pop().map_or(Target::Echo, |(_, target)| target)
}

fn canary(raw: &raw::Route, at: &str, target: &Target, tables: &Tables<'_>, problems: &mut Problems) -> Option<Canary> {
    let raw = raw.canary.as_ref()?;
    let key = |name: &str| format!("{at}.canary.{name}");
    if !matches!(target, Target::Pools(_)) {
        problems
            .add(format!("{at}.canary"), "found on a route without `pool`; allowed: beside the pool it stands in for");
    }
    if matches!(target, Target::Pools(pools) if pools.iter().any(|place| tables.pools.get(*place).is_some_and(|p| p.name == raw.pool)))
    {
        problems.add(key("pool"), format!("found {:?}, which is the route's own pool; allowed: another one", raw.pool));
    }
    let percent = setting(&raw.percent.0, Kind::Percent).unwrap_or_else(|| {
        problems.add(
            key("percent"),
            format!("found {:?}; allowed: 0 to 100, or \"${{NAME}}\" to read it from the worker's vars", raw.percent.0),
        );
        Setting::Is(String::new())
    });
    if raw.abort_errors.is_some_and(|errors| !(1..=100).contains(&errors)) {
        problems.add(key("abort_errors"), "found a number that no share can have; allowed: 1 to 100");
    }
    Some(Canary {
        pool: problems.place(key("pool"), &raw.pool, tables.pools.iter().map(|p| p.name.as_str())),
        percent,
        abort_errors: raw.abort_errors,
        abort_p99: raw.abort_p99.as_deref().map(|text| problems.duration(key("abort_p99"), text)),
    })
}

fn shadow(
    raw: &raw::Route,
    at: &str,
    target: &Target,
    tables: &Tables<'_>,
    problems: &mut Problems,
) -> Option<(usize, u32)> {
    let raw = raw.shadow.as_ref()?;
    let key = |name: &str| format!("{at}.shadow.{name}");
    if !matches!(target, Target::Pools(_)) {
        problems.add(
            format!("{at}.shadow"),
            "found on a route without `pool`; allowed: beside the pool it is to be compared with",
        );
    }
    if !(1..=100).contains(&raw.percent) {
        problems.add(key("percent"), format!("found {}; allowed: 1 to 100", raw.percent));
    }
    Some((problems.place(key("pool"), &raw.pool, tables.pools.iter().map(|p| p.name.as_str())), raw.percent))
}

fn check_redirect(redirect: &raw::Redirect, at: &str, path: &Pattern, problems: &mut Problems) {
    let local = path::is_local(&redirect.to);
    if !local && base_url(&redirect.to.split('?').next().unwrap_or_default().replace(['{', '}'], "")).is_none() {
        problems.add(
            format!("{at}.redirect.to"),
            format!("found {:?}; allowed: a path on this host or an http(s) URL", redirect.to.as_str()),
        );
    }
    let authority = redirect.to.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    if authority.is_some_and(|authority| authority.contains('{')) {
        problems.add(
            format!("{at}.redirect.to"),
            format!(
                "found {:?}, whose host a visitor could choose; allowed: parameters in path and query",
                redirect.to
            ),
        );
    }
    for piece in redirect.to.split('{').skip(1) {
        let name = piece.split('}').next().unwrap_or_default();
        if !path.captures(name) {
            problems.add(
                format!("{at}.redirect.to"),
                format!("found {{{name}}}; allowed: parameters that `path` captures"),
            );
        }
    }
    if !matches!(redirect.status, 301 | 302 | 303 | 307 | 308) {
        problems.add(
            format!("{at}.redirect.status"),
            format!("found {}; allowed: 301, 302, 303, 307, 308", redirect.status),
        );
    }
}

/// Refuses a route that matches the same host, paths and methods as one of the earlier routes for this host and these
/// paths.
pub(super) fn overlaps<'r>(
    route: &Route,
    at: &str,
    mut same_paths: impl Iterator<Item = &'r Route>,
    problems: &mut Problems,
) {
    // A route for GET also matches HEAD, so a second route for HEAD would never be reached.
    let accepts =
        |route: &Route, method: &str| route.methods.iter().any(|m| m == method || (method == "HEAD" && m == "GET"));
    let duplicate = same_paths.find(|other| match (route.methods.is_empty(), other.methods.is_empty()) {
        (true, true) => true,
        (false, false) => {
            route.methods.iter().any(|m| accepts(other, m)) || other.methods.iter().any(|m| accepts(route, m))
        }
        _ => false,
    });
    if let Some(other) = duplicate {
        problems.add(
            format!("{at}.path"),
            format!(
                "found the same host, path and methods as route {:?}; allowed: requests that one route only claims",
                other.name
            ),
        );
    }
}
