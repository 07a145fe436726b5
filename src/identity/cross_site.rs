//! May another site's page make a browser send this request (CSRF), and may its scripts read the response (CORS)?
//!
//! A browser sends its cookies whichever page causes the request. `Sec-Fetch-Site` (Fetch Metadata) and `Origin`
//! (RFC 6454 7) state which site caused it, and pages cannot forge them; clients that are no browsers send neither,
//! and have no cookies but their own.

use crate::config::{Cors, Route};
use crate::http::head::{Edits, Head};
use crate::http::list::members;

/// Whether a request may use its session: a safe one may, and one from this site or from an origin that the route
/// trusts. A WebSocket handshake does not count as safe.
#[must_use]
pub fn is_trusted(route: &Route, head: &Head<'_>) -> bool {
    if head.is_safe() && !head.is_websocket() {
        return true;
    }
    let readers = route.cors.iter().filter(|cors| cors.credentials).flat_map(|cors| &cors.origins);
    let trusted: Vec<&String> = route.trusted_origins.iter().chain(readers).collect();
    comes_from(head, &trusted)
}

/// The same for Usher's own pages, which trust no other origin and treat no method as safe.
#[must_use]
pub fn is_trusted_here(head: &Head<'_>) -> bool {
    comes_from(head, &[])
}

fn comes_from(head: &Head<'_>, trusted: &[&String]) -> bool {
    let own = |origin: &str| origin == format!("{}://{}", head.url.scheme, head.url.authority);
    match (head.fields.get("sec-fetch-site"), head.fields.get("origin")) {
        // A page without referrers sends `Origin: null` even to its own site.
        (Some("same-origin" | "none"), _) | (None, None) => true,
        (_, Some(origin)) => own(origin) || trusted.iter().any(|known| *known == origin),
        (Some(_), None) => false,
    }
}

/// The method that a CORS preflight request asks for (Fetch 3.3.2); `None` when this is no preflight.
#[must_use]
pub fn preflight<'a>(head: &Head<'a>) -> Option<&'a str> {
    let is_preflight = head.method == "OPTIONS" && head.fields.get("origin").is_some();
    head.fields.get("access-control-request-method").filter(|_| is_preflight)
}

/// The fields of the response to a preflight; only what is configured is allowed.
#[must_use]
pub fn preflight_answer(cors: &Cors, head: &Head<'_>) -> Edits {
    let mut edits = Edits::new();
    let names = head.fields.get("access-control-request-headers").unwrap_or_default();
    let fields = members(names).all(|name| cors.headers.iter().any(|known| known.eq_ignore_ascii_case(name)));
    let wanted = preflight(head).unwrap_or_default();
    let method = matches!(wanted, "GET" | "HEAD" | "POST") || cors.methods.iter().any(|known| known == wanted);
    if fields && method && allow(cors, head, &mut edits) {
        let simple = ["GET", "HEAD", "POST"].into_iter().filter(|simple| !cors.methods.iter().any(|m| m == simple));
        let methods: Vec<&str> = simple.chain(cors.methods.iter().map(String::as_str)).collect();
        edits.set("access-control-allow-methods", &methods.join(", "));
        if !cors.headers.is_empty() {
            edits.set("access-control-allow-headers", &cors.headers.join(", "));
        }
        edits.set("access-control-max-age", &(cors.max_age / 1_000).to_string());
    }
    edits.set("cache-control", "no-store");
    edits.set("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    edits
}

/// Sets the CORS fields of a response, in place of the origin's.
pub fn readable(cors: &Cors, head: &Head<'_>, edits: &mut Edits) {
    for name in ["access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"] {
        edits.remove(name);
    }
    if allow(cors, head, edits) && !cors.expose.is_empty() {
        edits.set("access-control-expose-headers", &cors.expose.join(", "));
    }
    if !is_open(cors) {
        edits.append("vary", "Origin");
    }
}

fn is_open(cors: &Cors) -> bool {
    cors.origins.iter().any(|origin| origin == "*")
}

fn allow(cors: &Cors, head: &Head<'_>, edits: &mut Edits) -> bool {
    let Some(origin) = head.fields.get("origin") else { return false };
    let named = cors.origins.iter().any(|known| known == origin);
    match (is_open(cors), named) {
        (true, _) => edits.set("access-control-allow-origin", "*"),
        (false, true) => edits.set("access-control-allow-origin", origin),
        (false, false) => return false,
    }
    if cors.credentials {
        edits.set("access-control-allow-credentials", "true");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source;
    use crate::http::head::Fields;

    fn route(rest: &str) -> Route {
        let text = format!("[[route]]\nname = \"a\"\npath = \"/*\"\necho = true\nauth = \"required\"\n{rest}\n");
        let config = source::read(&text, "test.toml").expect("a configuration").1;
        config.routes.into_iter().next().expect("a route")
    }

    fn packed(method: &str, fields: &str) -> String {
        format!("https://us.example/x\n{method}\n0\n{fields}\n\n")
    }

    #[test]
    fn only_this_site_and_trusted_origins_may_send_unsafe_requests() {
        let route = route(
            "trusted_origins = [\"https://app.example\"]\ncors = { origins = [\"https://spa.example\"], credentials = true }",
        );
        for (method, fields, good) in [
            ("POST", "", true),
            ("POST", "sec-fetch-site:same-origin", true),
            ("POST", "sec-fetch-site:none", true),
            ("POST", "sec-fetch-site:same-origin\norigin:https://us.example", true),
            ("POST", "sec-fetch-site:same-site", false),
            ("POST", "sec-fetch-site:cross-site", false),
            ("POST", "sec-fetch-site:cross-site\norigin:https://evil.example", false),
            ("POST", "sec-fetch-site:same-site\norigin:https://app.example", true),
            ("POST", "sec-fetch-site:cross-site\norigin:https://spa.example", true),
            ("POST", "sec-fetch-site:nonsense", false),
            ("POST", "origin:https://us.example", true),
            ("POST", "origin:http://us.example", false),
            ("POST", "origin:https://us.example:8443", false),
            ("POST", "origin:https://us.example.evil", false),
            ("POST", "origin:null", false),
            ("POST", "sec-fetch-site:same-origin\norigin:null", true),
            ("POST", "origin:", false),
            ("DELETE", "origin:https://evil.example", false),
            ("PROPFIND", "origin:https://evil.example", false),
            ("GET", "sec-fetch-site:cross-site\norigin:https://evil.example", true),
            ("GET", "upgrade:websocket\norigin:https://evil.example", false),
            ("GET", "upgrade:websocket\norigin:https://us.example", true),
        ] {
            let packed = packed(method, fields);
            let head = Head::parse(&packed).expect("a head");
            assert_eq!(is_trusted(&route, &head), good, "{method} {fields:?}");
        }
    }

    fn answered(route: &Route, fields: &str) -> Vec<(String, String)> {
        let packed = packed("OPTIONS", fields);
        let head = Head::parse(&packed).expect("a head");
        preflight_answer(route.cors.as_ref().expect("cors"), &head).applied(&Fields::default())
    }

    #[test]
    fn a_preflight_allows_only_what_is_configured() {
        let route = route(
            "methods = [\"GET\", \"PUT\"]\ncors = { origins = [\"https://spa.example\"], headers = [\"X-A\", \"content-type\"], credentials = true, max_age = \"1h\" }",
        );
        let ask = |origin: &str, method: &str, names: &str| {
            let fields = format!(
                "origin:{origin}\naccess-control-request-method:{method}\naccess-control-request-headers:{names}"
            );
            answered(&route, &fields).into_iter().filter(|(name, _)| name.starts_with("access-")).collect::<Vec<_>>()
        };
        let pairs =
            |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
        let good = pairs(&[
            ("access-control-allow-origin", "https://spa.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "HEAD, POST, GET, PUT"),
            ("access-control-allow-headers", "x-a, content-type"),
            ("access-control-max-age", "3600"),
        ]);
        assert_eq!(ask("https://spa.example", "PUT", "x-a,Content-Type"), good);
        for (origin, method, names) in [
            ("https://evil.example", "PUT", ""),
            ("null", "PUT", ""),
            ("https://spa.example", "DELETE", ""),
            ("https://spa.example", "PUT", "x-b"),
            ("https://spa.example.evil", "PUT", ""),
        ] {
            assert_eq!(ask(origin, method, names), [], "{origin} {method} {names}");
        }
    }

    #[test]
    fn the_cors_fields_of_the_origin_are_replaced() {
        let of = |route: &Route, origin: &str| {
            let packed = packed("GET", &format!("origin:{origin}"));
            let head = Head::parse(&packed).expect("a head");
            let mut edits = Edits::new();
            readable(route.cors.as_ref().expect("cors"), &head, &mut edits);
            let sent = crate::http::head::response(
                "200\naccess-control-allow-origin:*\naccess-control-allow-credentials:true\n",
            )
            .1;
            let field =
                |name: &str| edits.applied(&sent).into_iter().find(|(known, _)| known == name).map(|(_, value)| value);
            (field("access-control-allow-origin"), field("access-control-allow-credentials"), field("vary"))
        };
        let text = |text: &str| Some(text.to_owned());
        let named = route("cors = { origins = [\"https://spa.example\"] }");
        assert_eq!(of(&named, "https://spa.example"), (text("https://spa.example"), None, text("Origin")));
        assert_eq!(of(&named, "https://evil.example"), (None, None, text("Origin")));
        let open = route("cors = { origins = [\"*\"] }");
        assert_eq!(of(&open, "https://any.example"), (text("*"), None, None));
    }
}
