//! Which parts of Usher does a configuration use? A build for deployment has only those: each part asks [`USES`] at its
//! door, and what no door leads to is not in the wasm. Natively, and for `wrangler dev`, every part is there.

macro_rules! parts {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => {
        /// The parts of Usher.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Uses {
            $($(#[doc = $doc])* pub $name: bool),*
        }

        impl Uses {
            /// The parts that a list names, separated by spaces.
            const fn named(list: &str) -> Self {
                Self { $($name: names(list, stringify!($name))),* }
            }

            /// Every part.
            const ALL: Self = Self { $($name: true),* };

            /// The names of the parts that are used.
            #[cfg(not(target_arch = "wasm32"))]
            #[must_use]
            pub fn names(&self) -> Vec<&'static str> {
                [$((stringify!($name), self.$name)),*].iter().filter(|(_, used)| *used).map(|(name, _)| *name).collect()
            }
        }
    };
}

parts! {
    /// A pool's origin stays the visitor's by a cookie (`affinity`).
    affinity,
    /// Requests with API keys.
    api_keys,
    /// Pools whose origins have a state: several origins, probes, a limit of requests.
    balance,
    /// Responses are stored.
    cache,
    /// A share of the visitors gets another pool.
    canary,
    /// Browsers are challenged.
    challenge,
    /// Other sites' scripts may read responses.
    cors,
    /// Lists of addresses that change without a deployment.
    dynamic_lists,
    /// Routes that show what would be forwarded.
    echo,
    /// A pool whose origins have failed has another pool after it.
    fallback,
    /// Files of `static/`.
    files,
    /// Slow requests are sent a second time.
    hedge,
    /// Issuers are asked about tokens.
    introspection,
    /// Tokens (JWT).
    jwt,
    /// Rate limits.
    limits,
    /// Rate limits that Durable Objects count.
    limits_exact,
    /// Rate limits that Cloudflare's Rate Limiting binding counts.
    limits_location,
    /// Languages.
    locale,
    /// Sign-in with OpenID Connect.
    oidc,
    /// Routes that redirect.
    redirects,
    /// Regions.
    regions,
    /// Reads from replicas.
    replicas,
    /// Rules.
    rules,
    /// Fields that protect browsers.
    security_headers,
    /// Sessions.
    sessions,
    /// Copies of requests to another pool.
    shadow,
    /// Shard maps.
    shards,
    /// Sizes of requests.
    sizes,
    /// Switches of the operator's.
    switches,
    /// Failed sign-ins have to wait.
    throttle,
    /// Browsers are challenged by Cloudflare Turnstile.
    turnstile,
    /// Cloudflare's Workers Cache in front of origins.
    workers_cache,
}

/// The parts that this build has: those that the build names in `USHER_PARTS`, or all.
pub const USES: Uses = match option_env!("USHER_PARTS") {
    Some(list) if !list.is_empty() => Uses::named(list),
    _ => Uses::ALL,
};

/// Whether this build has the demo, with which anybody may sign in as anybody: a build for deployment has not.
pub const DEMO: bool = match option_env!("USHER_PARTS") {
    Some(list) => list.is_empty(),
    None => true,
};

/// Whether a list names a part.
const fn names(list: &str, part: &str) -> bool {
    let mut list = list.as_bytes();
    // What is left of the part's name while a word of the list is the same.
    let mut left = Some(part.as_bytes());
    loop {
        match list.split_first() {
            None => return matches!(left, Some([])),
            Some((b' ', _)) if matches!(left, Some([])) => return true,
            Some((b' ', rest)) => (left, list) = (Some(part.as_bytes()), rest),
            Some((byte, rest)) => {
                list = rest;
                left = match left {
                    Some([first, more @ ..]) if *first == *byte => Some(more),
                    _ => None,
                };
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::super::{Auth, Authenticator, Config, LimitScope, Pool, Route, RuleAction, Target};
    use super::Uses;

    impl Uses {
        /// The parts that a configuration uses.
        #[must_use]
        pub fn of(config: &Config) -> Self {
            let pool = |is: fn(&Pool) -> bool| config.pools.iter().any(is);
            let route = |is: fn(&Route) -> bool| config.routes.iter().any(is);
            let by = |by: Authenticator| {
                config.routes.iter().any(|route| route.auth != Auth::None && route.by.contains(&by))
            };
            let protection = config.protection.get();
            let limited = || {
                let by_rule = protection.rules.iter().filter_map(|rule| match rule.action {
                    RuleAction::Limit(place) => Some(place),
                    _ => None,
                });
                by_rule.chain(protection.routes.iter().flat_map(|route| route.limits.iter().map(|(place, _)| *place)))
            };
            let limit = |scope: LimitScope| {
                limited().filter_map(|place| protection.limits.get(place)).any(|limit| limit.scope == scope)
            };
            let (jwt, oidc) = (by(Authenticator::Jwt), route(|route| matches!(route.target, Target::SignIn(_))));
            Self {
                affinity: pool(|pool| pool.affinity),
                api_keys: by(Authenticator::ApiKey),
                balance: pool(|pool| pool.is_watched() || pool.max_in_flight.is_some()),
                cache: route(|route| route.cache.is_some()),
                canary: route(|route| route.canary.is_some()),
                challenge: protection.challenge.get().is_some(),
                cors: route(|route| route.cors.is_some()),
                dynamic_lists: !protection.dynamic_lists.is_empty(),
                echo: route(|route| matches!(route.target, Target::Echo)),
                fallback: pool(|pool| pool.fallback.is_some()),
                files: route(|route| matches!(route.target, Target::Static)),
                hedge: pool(|pool| pool.retry.hedge),
                introspection: jwt && config.issuers.iter().any(|issuer| issuer.introspection.is_some()),
                jwt,
                limits: limited().next().is_some(),
                limits_exact: limit(LimitScope::Exact),
                limits_location: limit(LimitScope::Location),
                locale: route(|route| route.localized),
                oidc,
                redirects: route(|route| matches!(route.target, Target::Redirect { .. })),
                regions: !config.regions.is_empty(),
                replicas: pool(Pool::is_replicated),
                rules: !protection.rules.is_empty(),
                security_headers: !protection.headers.is_empty(),
                sessions: oidc || by(Authenticator::Session) || route(|route| route.sessions),
                shadow: route(|route| route.shadow.is_some()),
                shards: route(|route| matches!(route.target, Target::Shards(_))),
                sizes: !protection.sizes.is_empty(),
                switches: protection.switches.is_some(),
                throttle: route(|route| route.throttle),
                turnstile: protection.challenge.get().as_ref().is_some_and(|challenge| challenge.turnstile.is_some()),
                workers_cache: route(|route| route.cache.as_ref().is_some_and(|cache| cache.workers_cache)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn a_list_names_parts() {
        let uses = Uses::named("cache oidc");
        assert_eq!(uses.names(), ["cache", "oidc"]);
        assert!(names("cache", "cache") && names("jwt cache", "cache") && names("cache jwt", "cache"));
        assert!(!names("caches", "cache") && !names("cach", "cache") && !names("", "cache"));
        assert_eq!(USES, Uses::ALL);
    }

    #[test]
    fn a_configuration_uses_what_it_speaks_of() {
        let uses = |text: &str| Uses::of(&source::read(text, "test.toml").expect("a configuration").1).names();
        let least = "[[pool]]\nname = \"app\"\norigins = [\"https://a\"]\n[[route]]\nname = \"app\"\npath = \"/*\"\npool = \"app\"\n";
        assert_eq!(uses(least), [""; 0]);
        assert_eq!(uses(&format!("{least}auth = \"optional\"\nsessions = true\n")), ["sessions"]);
        assert_eq!(uses(&format!("{least}auth = \"required\"\nby = [\"api_key\"]\n")), ["api_keys"]);
        assert_eq!(uses(&format!("{least}cache = {{}}\n")), ["cache"]);
        assert_eq!(uses(&least.replace("[\"https://a\"]", "[\"https://a\", \"https://b\"]")), ["balance"]);
        let everything = std::fs::read_to_string("bench/everything.toml").expect("the file");
        assert_eq!(uses(&everything), Uses::ALL.names());
    }
}
