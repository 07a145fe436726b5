//! Are the security headers, `security.txt` and `robots.txt` valid?

use super::super::super::http::head::Edits;
use super::super::{Authenticator, SecurityHeaders, raw};
use super::language_tag::canonical_tag;
use super::problems::{CONTACT, Problems, has_scheme, quoted};
use std::collections::BTreeMap;

/// The fields that may be configured.
const KNOWN: [&str; 19] = [
    "content-security-policy",
    "content-security-policy-report-only",
    "cross-origin-embedder-policy",
    "cross-origin-embedder-policy-report-only",
    "cross-origin-opener-policy",
    "cross-origin-opener-policy-report-only",
    "cross-origin-resource-policy",
    "document-policy",
    "integrity-policy",
    "nel",
    "origin-agent-cluster",
    "permissions-policy",
    "referrer-policy",
    "reporting-endpoints",
    "strict-transport-security",
    "x-content-type-options",
    "x-dns-prefetch-control",
    "x-frame-options",
    "x-permitted-cross-domain-policies",
];

/// Set over https only: a browser ignores it otherwise (RFC 6797 7.2).
const HTTPS_ONLY: &str = "strict-transport-security";

/// The default profile. A policy of the origin's for `frame-ancestors` wins over `X-Frame-Options` (CSP 3, 6.4.2.1). A popup
/// of a sign-in or a payment keeps its opener. Whether a browser may use camera, microphone or place for the site
/// itself is as without it, but frames of others may not.
const DEFAULT: [(&str, &str); 6] = [
    ("cross-origin-opener-policy", "same-origin-allow-popups"),
    ("permissions-policy", "browsing-topics=(), camera=(self), geolocation=(self), microphone=(self)"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    (HTTPS_ONLY, "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
];

/// What of a visitor's own must not be embedded by other sites: where nobody signs in, pictures may be.
const PRIVATE: (&str, &str) = ("cross-origin-resource-policy", "same-site");

/// The fields of a route (`private` = responses may be one visitor's, and no other site may read them), or of all
/// responses that no route makes. `tables` are `[security_headers]` and the route's own, each with its key.
pub(super) fn security_headers(
    tables: &[(&raw::SecurityHeaders, String)],
    private: bool,
    problems: &mut Problems,
) -> SecurityHeaders {
    let (mut fields, mut replaced) = (BTreeMap::<String, &str>::new(), Vec::new());
    for (place, (table, at)) in tables.iter().enumerate() {
        // A table that names a profile begins anew.
        if place == 0 || table.profile.is_some() {
            let default = table.profile.unwrap_or_default() == raw::Profile::Default;
            let profile = DEFAULT.into_iter().chain(private.then_some(PRIVATE)).filter(|_| default);
            fields = profile.map(|(name, value)| (name.to_owned(), value)).collect();
            replaced.clear();
        }
        for (name, value) in &table.fields {
            let (key, lower) = (format!("{at}.fields.{name}"), name.to_ascii_lowercase());
            problems.find(key.clone(), &lower, KNOWN.into_iter());
            if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                problems.add(key, "found a character that no field may have; allowed: printable ASCII characters");
            }
            fields.insert(lower, value);
        }
        let Some(names) = &table.replace else { continue };
        replaced = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        for (number, name) in replaced.iter().enumerate().filter(|(_, name)| !fields.contains_key(*name)) {
            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
            let sentence = format!("found {name:?}, which is not set here; allowed: {}", quoted(&known));
            problems.add(format!("{at}.replace[{number}]"), sentence);
        }
    }
    let edits = |https: bool| {
        let mut edits = Edits::default();
        for (name, value) in fields.iter().filter(|(name, value)| !value.is_empty() && (https || *name != HTTPS_ONLY)) {
            if replaced.contains(name) { edits.set(name, value) } else { edits.set_missing(name, value) }
        }
        edits.packed().to_owned()
    };
    SecurityHeaders { https: edits(true), http: edits(false) }
}

/// The routes that `[security_txt]` and `[robots_txt]` stand for, each with its key.
pub(super) fn texts(raw: &raw::Raw, problems: &mut Problems) -> Vec<(raw::Route, String)> {
    let mut routes = Vec::new();
    // A route for a host goes before one for all hosts.
    let mut hosts: Vec<Option<&String>> = raw.route.iter().map(|route| route.host.as_ref()).chain([None]).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let mut add = |key: &str, path: &str, body: String| {
        for host in &hosts {
            let own = |route: &raw::Route| host.is_some() && route.host.as_ref() == *host && route.path == path;
            if raw.route.iter().any(own) {
                continue;
            }
            let respond = raw::Respond { status: 200, body: body.clone(), media: "text/plain; charset=utf-8".into() };
            let name = path.rsplit('/').next().unwrap_or_default();
            let of = host.map(|host| format!("-{}", host.replace('*', "any"))).unwrap_or_default();
            let route = raw::Route {
                name: format!("{name}{of}"),
                host: host.cloned(),
                path: path.into(),
                methods: vec!["GET".into()],
                by: vec![Authenticator::Session],
                respond: Some(respond),
                localized: Some(false),
                ..raw::Route::default()
            };
            routes.push((route, key.to_owned()));
        }
    };
    if let Some(table) = &raw.security_txt {
        add("security_txt", "/.well-known/security.txt", security_txt(table, problems));
    }
    if let Some(table) = &raw.robots_txt {
        add("robots_txt", "/robots.txt", robots_txt(table, problems));
    }
    routes
}

fn security_txt(raw: &raw::SecurityTxt, problems: &mut Problems) -> String {
    if raw.contact.is_empty() {
        problems
            .add("security_txt.contact", "found none; allowed: at least one, such as \"mailto:security@example.com\"");
    }
    if !is_date_time(&raw.expires) {
        problems.add(
            "security_txt.expires",
            format!("found {:?}; allowed: a date and time, such as \"2030-01-01T00:00:00Z\"", raw.expires),
        );
    }
    for (number, tag) in raw.preferred_languages.iter().enumerate().filter(|(_, tag)| canonical_tag(tag).is_none()) {
        problems.add(
            format!("security_txt.preferred_languages[{number}]"),
            format!("found {tag:?}; allowed: a language tag such as \"en\""),
        );
    }
    let lists = [
        ("Contact", "contact", &raw.contact),
        ("Encryption", "encryption", &raw.encryption),
        ("Acknowledgments", "acknowledgments", &raw.acknowledgments),
        ("Canonical", "canonical", &raw.canonical),
        ("Policy", "policy", &raw.policy),
        ("Hiring", "hiring", &raw.hiring),
    ];
    let mut text = String::new();
    for (field, key, urls) in lists {
        for (number, url) in urls.iter().enumerate() {
            // RFC 9116 2.5: what is on the web is https.
            let schemes: &[&str] = match key {
                "contact" => &CONTACT,
                "encryption" => &["https://", "dns:", "openpgp4fpr:"],
                _ => &["https://"],
            };
            if !has_scheme(url, schemes) {
                problems.add(
                    format!("security_txt.{key}[{number}]"),
                    format!("found {url:?}; allowed: a URL that begins with {}", quoted(schemes)),
                );
            }
            text.push_str(&format!("{field}: {url}\n"));
        }
    }
    text.push_str(&format!("Expires: {}\n", raw.expires));
    if !raw.preferred_languages.is_empty() {
        text.push_str(&format!("Preferred-Languages: {}\n", raw.preferred_languages.join(", ")));
    }
    text
}

fn robots_txt(raw: &raw::RobotsTxt, problems: &mut Problems) -> String {
    let mut text = String::new();
    for (place, group) in raw.group.iter().enumerate() {
        let at = format!("robots_txt.group[{place}]");
        if group.agents.is_empty() {
            problems.add(format!("{at}.agents"), "found none; allowed: at least one, \"*\" for all crawlers");
        }
        let good = |agent: &str| {
            agent == "*"
                || (!agent.is_empty() && agent.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-' || b == b'_'))
        };
        for (number, agent) in group.agents.iter().enumerate() {
            if !good(agent) {
                problems.add(
                    format!("{at}.agents[{number}]"),
                    format!("found {agent:?}; allowed: \"*\", or letters, '-' and '_' (RFC 9309 2.2.1)"),
                );
            }
            text.push_str(&format!("User-agent: {agent}\n"));
        }
        for (field, key, paths) in [("Allow", "allow", &group.allow), ("Disallow", "disallow", &group.disallow)] {
            for (number, path) in paths.iter().enumerate() {
                let is_line = path.bytes().all(|byte| byte.is_ascii_graphic());
                if !is_line || !path.starts_with(['/', '*']) {
                    problems.add(
                        format!("{at}.{key}[{number}]"),
                        format!("found {path:?}; allowed: a path such as \"/drafts/\""),
                    );
                }
                text.push_str(&format!("{field}: {path}\n"));
            }
        }
        // A group without rules would have those of the next one (RFC 9309 2.2.1).
        if group.allow.is_empty() && group.disallow.is_empty() {
            text.push_str("Disallow:\n");
        }
        text.push('\n');
    }
    for (number, url) in raw.sitemaps.iter().enumerate() {
        if !has_scheme(url, &["https://", "http://"]) {
            problems.add(format!("robots_txt.sitemaps[{number}]"), format!("found {url:?}; allowed: a whole URL"));
        }
        text.push_str(&format!("Sitemap: {url}\n"));
    }
    text
}

/// Whether a text has the form of an RFC 3339 date and time.
fn is_date_time(text: &str) -> bool {
    let (date, zone) = match (text.strip_suffix('Z'), text.len().checked_sub(6)) {
        (Some(date), _) => (date, "+00:00"),
        (None, Some(at)) => text.split_at_checked(at).unwrap_or_default(),
        (None, None) => return false,
    };
    let whole = date.split('.').next().unwrap_or_default();
    let fraction = date.strip_prefix(whole).unwrap_or_default();
    let like = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(b, f)| if f == b'0' { b.is_ascii_digit() } else { b == f })
    };
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok()).unwrap_or(u32::MAX);
    like(whole, "0000-00-00T00:00:00")
        && (like(zone, "+00:00") || like(zone, "-00:00"))
        && (fraction.is_empty() || (fraction.len() > 1 && fraction.bytes().skip(1).all(|b| b.is_ascii_digit())))
        && (1..=12).contains(&number(whole.get(5..7)))
        && (1..=31).contains(&number(whole.get(8..10)))
        && number(whole.get(11..13)) < 24
        && number(whole.get(14..16)) < 60
        && number(whole.get(17..19)) <= 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_and_time_has_the_form_of_rfc_3339() {
        for (text, good) in [
            ("2030-01-01T00:00:00Z", true),
            ("2030-12-31T23:59:60.5+02:00", true),
            ("2030-12-31T23:59:59-02:00", true),
            ("2030-13-01T00:00:00Z", false),
            ("2030-01-32T00:00:00Z", false),
            ("2030-01-01T24:00:00Z", false),
            ("2030-01-01T00:00:00.Z", false),
            ("2030-01-01T00:00:00", false),
            ("2030-01-01", false),
            ("é30-01-01T00:00:00Z", false),
            ("", false),
        ] {
            assert_eq!(is_date_time(text), good, "{text}");
        }
    }
}
