//! Are issuers valid, and which access rules does a route have?

use super::super::Kind;
use super::super::identity::distinguishes_access_tokens;
use super::super::{
    Algorithm, Auth, Authenticator, Client, Cors, Fail, Introspection, Issuer, KeySource, Millis, Setting, base_url,
    raw, units,
};
use super::problems::{Problems, Tables, quoted, setting};

/// Default `max_age`: how long a browser may cache a preflight response.
const CORS_MAX_AGE: &str = "10m";

pub(super) fn issuers(raw: &[raw::Issuer], problems: &mut Problems) -> Vec<Issuer> {
    let mut issuers: Vec<Issuer> = Vec::with_capacity(raw.len());
    for (place, written) in raw.iter().enumerate() {
        let key = |name: &str| format!("issuer[{place}].{name}");
        problems.name(key("name"), &written.name, issuers.iter().any(|i| i.name == written.name));
        let issuer = issuer(written, &key, problems);
        let overlapping =
            |other: &&Issuer| other.prefix.starts_with(&issuer.prefix) || issuer.prefix.starts_with(&other.prefix);
        if let Some(other) = issuers.iter().find(overlapping) {
            problems.add(
                key("prefix"),
                format!("found {:?} beside {:?} of issuer {:?}, so that a user of one could be called like one of the other; allowed: prefixes of which none begins with another, such as \"a:\" and \"b:\"", issuer.prefix, other.prefix, other.name),
            );
        }
        if issuers.iter().any(|other| other.iss == issuer.iss) {
            problems.add(key("iss"), format!("found {:?} a second time; allowed: an `iss` used once", written.iss));
        }
        issuers.push(issuer);
    }
    issuers
}

fn issuer(raw: &raw::Issuer, key: &impl Fn(&str) -> String, problems: &mut Problems) -> Issuer {
    let text = |name: &str, value: &str, problems: &mut Problems| {
        setting(value, Kind::Text).unwrap_or_else(|| {
            problems.add(
                key(name),
                format!(
                    "found {value:?}; allowed: a text, or \"${{NAME}}\" to read one from the worker's vars and secrets"
                ),
            );
            Setting::Is(String::new())
        })
    };
    let url = |name: &str, value: &str, problems: &mut Problems| {
        setting(value, Kind::Url).unwrap_or_else(|| {
            problems.add(
                key(name),
                format!("found {value:?}; allowed: an https:// URL (http:// on localhost only), or \"${{NAME}}\""),
            );
            Setting::Is(String::new())
        })
    };
    let secret_var = |name: &str, value: &str, problems: &mut Problems| {
        let found = setting(value, Kind::Text).filter(|found| matches!(found, Setting::Open(_)));
        found.unwrap_or_else(|| {
            problems.add(
                key(name),
                "found a secret in the file; allowed: \"${NAME}\", and the secret by `wrangler secret put NAME`",
            );
            Setting::Is(String::new())
        })
    };
    let mut sources = Vec::new();
    if let Some(value) = &raw.jwks {
        sources.push(("jwks", KeySource::Url(url("jwks", value, problems))));
    }
    if let Some(value) = &raw.keys {
        if value.contains("\"oct\"") {
            problems.add(
                key("keys"),
                "found a secret in the file; allowed: \"${NAME}\", and the keys by `wrangler secret put NAME`",
            );
        }
        sources.push(("keys", KeySource::Set(text("keys", value, problems))));
    }
    if let Some(value) = &raw.secret {
        sources.push(("secret", KeySource::Secret(secret_var("secret", value, problems))));
    }
    if sources.len() > 1 {
        let names: Vec<&str> = sources.iter().map(|(name, _)| *name).collect();
        problems.add(
            key(names.last().copied().unwrap_or_default()),
            format!("found {}; allowed: one of them", quoted(&names)),
        );
    }
    let keys = sources.pop().map_or(KeySource::Discovered, |(_, source)| source);
    let iss = if matches!(keys, KeySource::Discovered) {
        url("iss", &raw.iss, problems)
    } else {
        text("iss", &raw.iss, problems)
    };
    if !raw.algorithms.is_empty() || raw.introspection.is_none() {
        algorithms(&raw.algorithms, &keys, key, problems);
    }
    let audience: Vec<Setting> = raw.audience.iter().map(|value| text("audience", value, problems)).collect();
    if audience.is_empty() && raw.client_id.is_none() {
        problems.add(key("audience"), "found none; allowed: at least one, or `client_id` to sign in with it");
    }
    if raw.client_id.as_ref().is_some_and(|id| raw.audience.contains(id))
        && !distinguishes_access_tokens(raw.typ.as_deref())
    {
        problems.add(
            key("audience"),
            "found the `client_id`, so that an ID token could be used as an access token; allowed: another audience, or a `typ` that access tokens have",
        );
    }
    if raw.client_secret.is_some() && raw.client_id.is_none() {
        problems.add(key("client_secret"), "found without `client_id`; allowed: beside it");
    }
    if raw.sign_out && raw.client_id.is_none() {
        problems.add(key("sign_out"), "found true without `client_id`; allowed: where visitors sign in with it");
    }
    if raw.client_id.is_some() && !matches!(keys, KeySource::Discovered) {
        problems.add(key("client_id"), "found beside `jwks`, `keys` or `secret`; allowed: without them, for the issuer's discovery document says where its pages and keys are");
    }
    let graphic = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !raw.ask.iter().all(graphic) || !raw.ask.iter().any(|scope| scope == "openid") {
        problems.add(key("ask"), format!("found {:?}; allowed: scopes, \"openid\" among them", raw.ask));
    }
    if raw.prefix.bytes().any(|b| !b.is_ascii_graphic() || b == b',') || raw.prefix.len() > 64 {
        problems.add(
            key("prefix"),
            format!("found {:?}; allowed: at most 64 visible ASCII characters without ','", raw.prefix),
        );
    }
    let refresh = problems.duration(key("refresh"), &raw.refresh);
    if !(30_000..=86_400_000).contains(&refresh) {
        problems.add(key("refresh"), format!("found {:?}; allowed: 30s to 24h", raw.refresh));
    }
    let client = raw.client_id.as_deref().map(|id| Client {
        id: text("client_id", id, problems),
        secret: raw.client_secret.as_deref().map(|secret| secret_var("client_secret", secret, problems)),
        ask: raw.ask.clone(),
        signs_out: raw.sign_out,
    });
    let introspection = raw.introspection.as_ref().map(|raw| {
        if raw.url.is_none() && !matches!(keys, KeySource::Discovered) {
            problems.add(
                key("introspection.url"),
                "found none beside `jwks`, `keys` or `secret`; allowed: none only where a discovery document says it",
            );
        }
        let longest = 3_600_000;
        Introspection {
            url: raw.url.as_deref().map(|value| url("introspection.url", value, problems)),
            id: text("introspection.client_id", &raw.client_id, problems),
            secret: secret_var("introspection.client_secret", &raw.client_secret, problems),
            memo: problems.take(
                key("introspection.memo"),
                units::duration(&raw.memo)
                    .filter(|memo| *memo <= longest)
                    .ok_or_else(|| format!("found {:?}; allowed: at most \"1h\"", raw.memo)),
            ),
        }
    });
    if raw.introspection.is_some() && raw.audience.is_empty() {
        problems.add(key("introspection"), "found without `audience`; allowed: where tokens are for one");
    }
    Issuer {
        introspection,
        name: raw.name.clone(),
        iss,
        audience,
        algorithms: raw.algorithms.clone(),
        keys,
        typ: raw.typ.clone(),
        user: raw.user.clone(),
        roles: raw.roles.clone(),
        scopes: raw.scopes.clone(),
        prefix: raw.prefix.clone(),
        refresh,
        client,
    }
}

/// A public key must never be used as a shared secret (RFC 8725 2.1, 3.1), so an issuer has one kind of algorithm.
fn algorithms(all: &[Algorithm], keys: &KeySource, key: &impl Fn(&str) -> String, problems: &mut Problems) {
    let shared = all.iter().filter(|algorithm| algorithm.is_shared_secret()).count();
    if all.is_empty() {
        let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
        problems.add(key("algorithms"), format!("found none; allowed: {}", quoted(&names)));
    } else if shared != 0 && shared != all.len() {
        problems.add(
            key("algorithms"),
            "found HS* beside others, so that a public key could be taken for a secret; allowed: one kind of them",
        );
    } else if shared != 0 && !matches!(keys, KeySource::Secret(_) | KeySource::Set(_)) {
        problems.add(
            key("algorithms"),
            "found HS* without `secret` or `keys`; allowed: only with a secret that is not published",
        );
    } else if shared == 0 && matches!(keys, KeySource::Secret(_)) {
        problems.add(
            key("algorithms"),
            "found none of \"HS256\", \"HS384\", \"HS512\" beside `secret`; allowed: only those",
        );
    }
}

/// A route's access rules.
pub(super) struct Guard {
    pub(super) issuers: Vec<usize>,
    pub(super) max_auth_age: Option<Millis>,
    pub(super) fail: Fail,
    pub(super) cors: Option<Cors>,
}

pub(super) fn guard(raw: &raw::Route, at: &str, tables: &Tables<'_>, problems: &mut Problems) -> Guard {
    let key = |name: &str| format!("{at}.{name}");
    let has = |by: Authenticator| raw.by.contains(&by);
    if raw.by.is_empty() || raw.by.iter().any(|by| raw.by.iter().filter(|other| *other == by).count() > 1) {
        problems.add(key("by"), "found none, or one twice; allowed: \"session\", \"jwt\", \"api_key\", each once");
    }
    let names = || tables.issuers.iter().map(|issuer| issuer.name.as_str());
    let issuers: Vec<usize> = match &raw.issuers {
        Some(wanted) => wanted.iter().map(|name| problems.place(key("issuers"), name, names())).collect(),
        None if has(Authenticator::Jwt) => (0..tables.issuers.len())
            .filter(|place| tables.issuers.get(*place).is_some_and(|i| !i.audience.is_empty()))
            .collect(),
        None => Vec::new(),
    };
    let without_audience =
        issuers.iter().any(|place| tables.issuers.get(*place).is_some_and(|issuer| issuer.audience.is_empty()));
    if has(Authenticator::Jwt) && (issuers.is_empty() || without_audience) {
        problems.add(
            key("by"),
            "found \"jwt\", but no issuer with an `audience` whose tokens could be taken; allowed: with one",
        );
    }
    if raw.issuers.is_some() && !has(Authenticator::Jwt) {
        problems.add(key("issuers"), "found where `by` has no \"jwt\"; allowed: beside it");
    }
    if raw.sessions && !has(Authenticator::Session) {
        problems.add(key("sessions"), "found true where `by` has no \"session\"; allowed: beside it");
    }
    let opaque = |place: &&usize| tables.issuers.get(**place).is_some_and(|issuer| issuer.introspection.is_some());
    if issuers.iter().filter(opaque).count() > 1 {
        problems.add(
            key("issuers"),
            "found two with `introspection`, and an opaque token does not say which one it is of; allowed: one of them",
        );
    }
    let require = &raw.require;
    let max_auth_age = raw.max_auth_age.as_deref().map(|text| problems.duration(key("max_auth_age"), text));
    let restricted = !require.roles_any.is_empty() || !require.scopes_all.is_empty() || !require.claims.is_empty();
    if raw.auth != Auth::Required && (restricted || max_auth_age.is_some()) {
        let name = if restricted { "require" } else { "max_auth_age" };
        problems.add(key(name), "found where `auth` is not \"required\"; allowed: only where nobody enters unknown");
    }
    if raw.auth == Auth::Required && raw.fail == Some(Fail::Anonymous) {
        problems.add(key("fail"), "found \"anonymous\" where `auth` is \"required\", so that an outage would let everybody in; allowed: \"closed\"");
    }
    let fail = raw.fail.unwrap_or(if raw.auth == Auth::Required { Fail::Closed } else { Fail::Anonymous });
    for origin in &raw.trusted_origins {
        site(key("trusted_origins"), origin, problems);
    }
    let cors = raw.cors.as_ref().map(|cors| self::cors(cors, raw, &key, problems));
    Guard { issuers, max_auth_age, fail, cors }
}

fn cors(raw: &raw::Cors, route: &raw::Route, key: &impl Fn(&str) -> String, problems: &mut Problems) -> Cors {
    if raw.origins.is_empty() {
        problems.add(key("cors.origins"), "found none; allowed: origins such as \"https://app.example.com\", or \"*\"");
    }
    for origin in raw.origins.iter().filter(|origin| *origin != "*") {
        site(key("cors.origins"), origin, problems);
    }
    if raw.credentials && raw.origins.iter().any(|origin| origin == "*") {
        problems.add(key("cors.credentials"), "found true beside the origin \"*\", so that any site could read what is its visitors'; allowed: with origins by name");
    }
    let names = raw.methods.iter().chain(&raw.headers).chain(&raw.expose);
    for name in names.filter(|name| name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
        problems.add(key("cors"), format!("found {name:?}; allowed: names of methods and fields"));
    }
    let methods = if raw.methods.is_empty() { &route.methods } else { &raw.methods };
    Cors {
        origins: raw.origins.clone(),
        methods: methods.clone(),
        headers: raw.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
        expose: raw.expose.clone(),
        credentials: raw.credentials,
        max_age: problems.duration(key("cors.max_age"), raw.max_age.as_deref().unwrap_or(CORS_MAX_AGE)),
    }
}

/// Checks a web origin, serialized as browsers send it (RFC 6454 6.2).
fn site(key: String, origin: &str, problems: &mut Problems) {
    let authority = origin.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let good = base_url(origin).is_some_and(|base| base == origin) && !authority.contains('/');
    if !good || origin.bytes().any(|b| b.is_ascii_uppercase()) {
        problems.add(
            key,
            format!("found {origin:?}; allowed: an origin as browsers write it, such as \"https://app.example.com\""),
        );
    }
}
