//! Fields that protect browsers, and the texts for researchers and crawlers.

use crate::world::{Isolate, Message};
use crate::{HOST, world};
use std::collections::BTreeMap;

const HEADERS: &str = "[security_headers]\n\
    fields = { Permissions-Policy = \"camera=()\", Cross-Origin-Opener-Policy = \"\" }\nreplace = [\"Referrer-Policy\"]\n\
    [[pool]]\nname = \"app\"\norigins = [\"${ORIGIN_URL}\"]\n\
    [[route]]\nname = \"all\"\npath = \"/*\"\npool = \"app\"\n\
    [[route]]\nname = \"own\"\npath = \"/own/*\"\npool = \"app\"\nauth = \"optional\"\n\
    security_headers = { fields = { Content-Security-Policy = \"default-src 'self'\" }, replace = [\"X-Frame-Options\"] }\n\
    [[route]]\nname = \"none\"\npath = \"/none\"\npool = \"app\"\nsecurity_headers = { profile = \"none\" }\n";

#[test]
fn a_field_of_the_origins_stays_unless_it_is_replaced() {
    let world = world();
    let fields = [
        ("referrer-policy", "unsafe-url"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", "frame-ancestors https://a"),
    ];
    world.origin(move |_| Ok(Message::new(200, &fields, "ok")));
    let isolate = Isolate::new(&world, HEADERS);
    let all = isolate.get(&format!("{HOST}/"), &[]);
    let found = |name: &str| all.field(name).unwrap_or_default().to_owned();
    assert_eq!(
        ["referrer-policy", "x-frame-options", "content-security-policy", "permissions-policy"].map(found),
        ["strict-origin-when-cross-origin", "DENY", "frame-ancestors https://a", "camera=()"]
    );
    assert_eq!(all.field("cross-origin-opener-policy"), None, "left out");
    assert_eq!(all.field("cross-origin-resource-policy"), None, "nobody signs in there");
    let own = isolate.get(&format!("{HOST}/own/x"), &[]);
    let found = |name: &str| own.field(name).unwrap_or_default().to_owned();
    assert_eq!(
        ["referrer-policy", "x-frame-options", "content-security-policy", "cross-origin-resource-policy"].map(found),
        ["unsafe-url", "SAMEORIGIN", "frame-ancestors https://a", "same-site"],
        "the route's own list of what is replaced"
    );
}

#[test]
fn every_response_has_them_and_hsts_is_for_https() {
    let world = world();
    let isolate = Isolate::new(&world, HEADERS);
    let host = HOST.split_once("://").map(|(_, host)| host).expect("a host");
    for (path, status) in [("/", 200), ("/.usher/nothing", 404), ("/%00", 400)] {
        for (scheme, hsts) in [("https", Some("max-age=31536000")), ("http", None)] {
            let reply = isolate.get(&format!("{scheme}://{host}{path}"), &[]);
            assert_eq!((reply.status, reply.field("strict-transport-security")), (status, hsts), "{scheme} {path}");
            assert_eq!(reply.field("x-content-type-options"), Some("nosniff"));
        }
    }
    let none = isolate.get(&format!("https://{host}/none"), &[]);
    assert_eq!((none.field("x-content-type-options"), none.field("strict-transport-security")), (None, None));
}

#[test]
fn security_txt_and_robots_txt_are_routes() {
    let world = world();
    let text = format!(
        "[security_txt]\ncontact = [\"mailto:security@example.com\", \"https://example.com/report\"]\n\
        expires = \"2030-01-01T00:00:00Z\"\npreferred_languages = [\"en\", \"de\"]\n\
        [robots_txt]\nsitemaps = [\"https://example.com/sitemap.xml\"]\n\
        [[robots_txt.group]]\nagents = [\"GPTBot\", \"CCBot\"]\ndisallow = [\"/\"]\n\
        [[robots_txt.group]]\nagents = [\"*\"]\n{HEADERS}"
    );
    let isolate = Isolate::new(&world, &text);
    let expected = BTreeMap::from([
        (
            "/.well-known/security.txt",
            "Contact: mailto:security@example.com\nContact: https://example.com/report\n\
            Expires: 2030-01-01T00:00:00Z\nPreferred-Languages: en, de\n",
        ),
        (
            "/robots.txt",
            "User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n\nUser-agent: *\nDisallow:\n\n\
            Sitemap: https://example.com/sitemap.xml\n",
        ),
    ]);
    for (path, body) in expected {
        let reply = isolate.get(&format!("{HOST}{path}"), &[]);
        assert_eq!((reply.status, reply.field("content-type")), (200, Some("text/plain; charset=utf-8")), "{path}");
        assert_eq!(reply.body, body);
    }
    // A route for a host does not hide them, unless it is for that very path.
    let hosts = format!(
        "{text}[[route]]\nname = \"www\"\nhost = \"www.example.com\"\npath = \"/*\"\npool = \"app\"\n\
        [[route]]\nname = \"sub\"\nhost = \"*.example.com\"\npath = \"/robots.txt\"\nrespond = {{ body = \"own\" }}\n"
    );
    let isolate = Isolate::new(&world, &hosts);
    let body = |host: &str, path: &str| isolate.get(&format!("https://{host}{path}"), &[]).body;
    assert!(body("www.example.com", "/robots.txt").starts_with("User-agent: GPTBot"));
    assert!(body("sub.example.com", "/.well-known/security.txt").starts_with("Contact: "));
    assert_eq!(body("sub.example.com", "/robots.txt"), "own");
    assert_eq!(world.heard.borrow().len(), 0, "no origin is asked");
}
