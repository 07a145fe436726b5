//! Which route is this request for?

use crate::config::{Config, Route, Target, USES};
use crate::error::Error;
use crate::http::head::Url;
use crate::http::path;
use crate::sort;
use std::borrow::Cow;

/// The route of a request, and its path.
#[derive(Debug, Clone)]
pub struct Place<'c, 'a> {
    /// The route.
    pub route: &'c Route,
    /// The path in normal form, without a locale prefix: it is matched and keyed.
    pub path: Cow<'a, str>,
    /// The path with its locale prefix, when the origin is sent that.
    whole: Option<Cow<'a, str>>,
    /// The locale of the path's prefix (an index in `Locales::supported`).
    pub prefix: Option<usize>,
}

impl Place<'_, '_> {
    /// The path that the origin is sent.
    #[must_use]
    pub fn asked(&self) -> &str {
        self.whole.as_deref().unwrap_or(&self.path)
    }

    /// The locale prefix that the origin is sent, spelled as the visitor sent it.
    #[must_use]
    pub fn kept_prefix(&self) -> Option<&str> {
        self.whole.as_deref()?.split('/').nth(1)
    }
}

/// Finds the route of a request.
///
/// # Errors
/// A path that is malformed or ambiguous; no route for the path; no route for the method.
pub fn find<'c, 'a>(config: &'c Config, url: &Url<'a>, method: &str) -> Result<Place<'c, 'a>, Error> {
    let host = url.host();
    let normal = path::normal(url.path).map_err(|bad| Error::Malformed(bad.to_string()))?;
    let found = find_by_path(config, host, &normal, method)?;
    if let Some(read) = path::otherwise(&normal) {
        let other = find_by_path(config, host, &read, method);
        if !other.is_ok_and(|other| std::ptr::eq(other.route, found.route) && other.prefix == found.prefix) {
            return Err(Error::AmbiguousPath);
        }
    }
    let Found { route, prefix } = found;
    let origin = matches!(route.target, Target::Pools(_) | Target::Shards(_) | Target::Echo);
    let whole = prefix.filter(|_| origin && !route.strip_prefix).map(|_| normal.clone());
    let path = match (prefix, normal) {
        (None, normal) => normal,
        (Some(_), Cow::Borrowed(normal)) => Cow::Borrowed(after_first_segment(normal)),
        (Some(_), Cow::Owned(normal)) => Cow::Owned(after_first_segment(&normal).to_owned()),
    };
    Ok(Place { route, path, whole, prefix })
}

struct Found<'c> {
    route: &'c Route,
    prefix: Option<usize>,
}

/// The route and locale prefix of a path. A prefix counts only when the route of the rest of the path is
/// localized. Two prefixes match no route: `/en/ja/x` would bypass what guards `/ja/x`.
fn find_by_path<'c>(config: &'c Config, host: &str, path: &str, method: &str) -> Result<Found<'c>, Error> {
    if USES.locale
        && let Some(prefix) = locale_prefix(config, path)
    {
        let inner = after_first_segment(path);
        match most_specific(config, host, inner, method) {
            Ok(route) if !route.localized => {}
            Ok(_) if names_locale(config, inner).is_some() => return Err(Error::NotFound),
            found => return found.map(|route| Found { route, prefix: Some(prefix) }),
        }
    }
    most_specific(config, host, path, method).map(|route| Found { route, prefix: None })
}

/// The locale prefix of a path, when prefixes are enabled.
#[must_use]
pub fn locale_prefix(config: &Config, path: &str) -> Option<usize> {
    names_locale(config, path).filter(|_| config.locales.prefix)
}

/// The locale whose tag is the first segment of a path, whether or not prefixes are enabled.
#[must_use]
pub fn names_locale(config: &Config, path: &str) -> Option<usize> {
    let first = path.strip_prefix('/')?.split('/').next()?;
    config.locales.supported.iter().position(|tag| tag.eq_ignore_ascii_case(first))
}

/// A path without its first segment.
#[must_use]
pub fn after_first_segment(path: &str) -> &str {
    let rest = path.strip_prefix('/').unwrap_or(path);
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
}

/// The most specific route for host, path and method. When the most specific route for host and path does not
/// allow the method, only routes for the same host and paths are considered, so that no method bypasses a guard.
fn most_specific<'c>(config: &'c Config, host: &str, path: &str, method: &str) -> Result<&'c Route, Error> {
    let places = config.tree.find(host, path).ok_or(Error::NotFound)?;
    let mut allowed: Vec<String> = Vec::new();
    for route in places.iter().filter_map(|place| config.routes.get(*place)) {
        let listed = |method: &str| route.methods.iter().any(|known| known == method);
        if route.methods.is_empty() || listed(method) || (method == "HEAD" && listed("GET")) {
            return Ok(route);
        }
        allowed.extend(route.methods.iter().cloned());
    }
    if allowed.iter().any(|method| method == "GET") {
        allowed.push("HEAD".into());
    }
    sort::ascending(&mut allowed);
    allowed.dedup();
    Err(Error::MethodNotAllowed(allowed))
}

/// A redirect's target with the path's parameters filled in; their percent-encoding is kept.
#[must_use]
pub fn filled(to: &str, route: &Route, path: &str) -> String {
    let mut out = to.to_owned();
    for (name, value) in route.path.matches(path).unwrap_or_default() {
        out = out.replace(&format!("{{{name}}}"), value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source;
    use proptest::prelude::*;

    fn config() -> Config {
        let route = |name: &str, rest: &str| format!("[[route]]\nname = \"{name}\"\necho = true\n{rest}\n");
        let text = "[locale]\nsupported = [\"en\", \"zh-Hant\"]\n".to_owned()
            + &route("all", "path = \"/*\"")
            + &route("admin", "path = \"/admin/*\"\nauth = \"required\"")
            + &route("user", "path = \"/users/{id}\"")
            + &route("me", "path = \"/users/me\"")
            + &route(
                "posts",
                "path = \"/users/{id}/posts\"\nmethods = [\"GET\", \"POST\"]\nhost = \"api.example.com\"",
            )
            + &route("sub", "path = \"/*\"\nhost = \"*.example.com\"")
            + &route("only", "path = \"/users/{id}/posts\"\nmethods = [\"PUT\"]\nhost = \"put.example\"")
            + &route("raw", "path = \"/raw/*\"\nlocalized = false");
        source::read(&text, "test.toml").expect("a configuration").1
    }

    fn name(url: &str, method: &str) -> String {
        let config = config();
        let url = Url::parse(url).expect("a URL");
        match find(&config, &url, method) {
            Ok(place) => format!("{} {} {:?}", place.route.name, place.path, place.prefix),
            Err(error) => format!("{} {error}", error.status()),
        }
    }

    #[test]
    fn the_most_specific_route_wins() {
        for (url, found) in [
            ("https://x.org/", "all / None"),
            ("https://x.org/admin", "admin /admin None"),
            ("https://x.org/admin/a/b", "admin /admin/a/b None"),
            ("https://x.org/administrator", "all /administrator None"),
            ("https://x.org/users/7", "user /users/7 None"),
            ("https://x.org/users/me", "me /users/me None"),
            ("https://x.org/users/", "all /users/ None"),
            ("https://api.example.com/users/7/posts", "posts /users/7/posts None"),
            ("https://www.example.com/admin", "sub /admin None"),
            ("https://example.com/admin", "admin /admin None"),
            ("https://x.org/%61dmin", "admin /admin None"),
            ("https://x.org/users/7/", "user /users/7/ None"),
            ("https://x.org./admin", "admin /admin None"),
            ("https://api.example.com./users/7/posts", "posts /users/7/posts None"),
        ] {
            assert_eq!(name(url, "GET"), found, "{url}");
        }
    }

    #[test]
    fn a_path_with_a_locale_prefix_has_the_same_route() {
        for (url, found) in [
            ("https://x.org/zh-hant/admin/x", "admin /admin/x Some(1)"),
            ("https://x.org/en", "all / Some(0)"),
            ("https://x.org/en/", "all / Some(0)"),
            ("https://x.org/fr/admin", "all /fr/admin None"),
            ("https://x.org/en/raw/x", "all /en/raw/x None"),
            ("https://x.org/en/zh-Hant/admin", "404 nothing is here"),
        ] {
            assert_eq!(name(url, "GET"), found, "{url}");
        }
    }

    #[test]
    fn an_ambiguous_path_is_refused() {
        for url in [
            "//admin",
            "/x/..%2fadmin",
            "/x%2F..%2Fadmin",
            "/%2561dmin",
            "/x/%252e%252e/admin",
            "/admin;x",
            "/en//admin",
            "/%2fen/admin",
        ] {
            assert!(name(&format!("https://x.org{url}"), "GET").starts_with("400 "), "{url}");
        }
        assert_eq!(name("https://x.org/a%2Fb", "GET"), "all /a%2Fb None");
        assert_eq!(name("https://x.org/a//b", "GET"), "all /a//b None");
        assert_eq!(
            name("https://x.org/%zz", "GET"),
            "400 the path has a '%' that is not followed by two hexadecimal digits"
        );
    }

    #[test]
    fn a_method_that_no_route_allows_is_a_405_with_the_allowed_methods() {
        assert_eq!(name("https://put.example/users/7/posts", "PUT"), "only /users/7/posts None");
        assert_eq!(name("https://api.example.com/users/7/posts", "HEAD"), "posts /users/7/posts None");
        assert!(name("https://put.example/users/7/posts", "POST").starts_with("405 "), "not the catch-all's");
        let text = "[[route]]\nname = \"a\"\npath = \"/a\"\nmethods = [\"GET\", \"POST\"]\necho = true\n";
        let config = source::read(text, "test.toml").expect("a configuration").1;
        let find_name = |path: &str, method: &str| {
            find(&config, &Url { scheme: "https", authority: "x", path, query: None }, method)
                .map(|p| p.route.name.clone())
        };
        assert_eq!(
            find_name("/a", "PUT"),
            Err(Error::MethodNotAllowed(vec!["GET".into(), "HEAD".into(), "POST".into()]))
        );
        assert_eq!(find_name("/b", "GET"), Err(Error::NotFound));
    }

    #[test]
    fn parameters_fill_a_redirect() {
        let config = config();
        let route = config.routes.iter().find(|r| r.name == "posts").expect("posts");
        assert_eq!(filled("/u/{id}?p=1", route, "/users/a%2Fb/posts"), "/u/a%2Fb?p=1");
    }

    proptest! {
        #[test]
        fn no_path_can_panic_or_bypass_a_guarded_prefix(path in "/([a-z%0-9A-F.;/\\\\]|admin|%2f|%61|\\.\\./){0,24}") {
            let config = config();
            let url = Url { scheme: "https", authority: "x.org", path: &path, query: None };
            if let Ok(place) = find(&config, &url, "GET") {
                let read = path::otherwise(&place.path).unwrap_or_else(|| place.path.clone().into_owned());
                let guarded = read == "/admin" || read.starts_with("/admin/");
                prop_assert!(!guarded || place.route.name == "admin", "{} read as {}", path, read);
            }
        }
    }
}
