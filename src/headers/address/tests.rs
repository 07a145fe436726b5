use super::*;
use crate::http::head::{Head, response};
use proptest::prelude::*;

fn addresses<'a>(origin: &'a str, prefix: &'a str) -> Addresses<'a> {
    let requested = Url::parse("https://www.example.com/ja/x").expect("a URL");
    Addresses::new(origin, &requested, prefix).expect("an origin")
}

fn rewritten(origin: &str, prefix: &str, name: &str, value: &str) -> Option<String> {
    let packed = format!("200\n{name}:{value}\n");
    let changed = addresses(origin, prefix).to_visitor(&response(&packed).1, &|path| !path.starts_with("/static/"));
    changed.into_iter().next().map(|(_, mut lines)| lines.remove(0))
}

#[test]
fn the_origins_base_url_is_replaced_with_the_visitors_address() {
    let origin = "http://127.0.0.1:3000";
    for (name, value, new) in [
        ("location", "http://127.0.0.1:3000/docs/", Some("https://www.example.com/docs/")),
        ("location", "HTTP://127.0.0.1:3000?x=1#y", Some("https://www.example.com?x=1#y")),
        ("location", "//127.0.0.1:3000/a", Some("https://www.example.com/a")),
        ("location", "https://127.0.0.1:3000/a", Some("https://www.example.com/a")),
        ("location", "/a", None),
        ("location", "a", None),
        ("location", "http://127.0.0.1:30001/a", None),
        ("location", "http://127.0.0.1/a", None),
        ("location", "http://127.0.0.1:3000.evil.example/a", None),
        ("location", "http://x@127.0.0.1:3000/a", None),
        ("location", "https://elsewhere.example/?next=http://127.0.0.1:3000/", None),
        ("content-location", "http://127.0.0.1:3000/a", Some("https://www.example.com/a")),
        ("refresh", "5; url=http://127.0.0.1:3000/a", Some("5; url=https://www.example.com/a")),
        ("refresh", "0;URL='http://127.0.0.1:3000/a'", Some("0; url=https://www.example.com/a")),
        ("refresh", "0, http://127.0.0.1:3000/a", Some("0; url=https://www.example.com/a")),
        ("refresh", "0; http://elsewhere.example/?curl=http://127.0.0.1:3000/", None),
        ("refresh", "5", None),
        (
            "link",
            "<http://127.0.0.1:3000/?page=1>; rel=\"first\", </b>; rel=x, <http://127.0.0.1:3000/?page=2>; rel=\"last\"",
            Some(
                "<https://www.example.com/?page=1>; rel=\"first\", </b>; rel=x, <https://www.example.com/?page=2>; rel=\"last\"",
            ),
        ),
        ("access-control-allow-origin", "http://127.0.0.1:3000", Some("https://www.example.com")),
        ("access-control-allow-origin", "*", None),
        (
            "content-security-policy",
            "connect-src 'self' ws://127.0.0.1:3000 https://cdn.example; report-uri http://127.0.0.1:3000/csp",
            Some(
                "connect-src 'self' wss://www.example.com https://cdn.example; report-uri https://www.example.com/csp",
            ),
        ),
        ("report-to", "{\"url\":\"http://127.0.0.1:3000/r\"}", Some("{\"url\":\"https://www.example.com/r\"}")),
        ("etag", "http://127.0.0.1:3000/", None),
    ] {
        assert_eq!(rewritten(origin, "", name, value).as_deref(), new, "{name}: {value}");
    }
    assert_eq!(
        rewritten("https://app.example", "", "location", "http://app.example/a").as_deref(),
        Some("https://www.example.com/a")
    );
    assert_eq!(
        rewritten("https://app.example", "", "location", "https://APP.example:443/a").as_deref(),
        Some("https://www.example.com/a")
    );
    assert_eq!(
        rewritten("service:BACK", "", "location", "https://service.invalid/a").as_deref(),
        Some("https://www.example.com/a")
    );
}

#[test]
fn a_base_path_is_removed_and_a_locale_prefix_added() {
    let based = "http://app:3000/base";
    for (value, new) in [
        ("http://app:3000/base/a", Some("https://www.example.com/a")),
        ("http://app:3000/base", Some("https://www.example.com/")),
        ("/base/a?b", Some("/a?b")),
        ("/base", Some("/")),
        ("/basement", None),
        ("http://app:3000/other", None),
        ("/a", None),
        // Without the base the path would be parsed as another host.
        ("/base//evil.example/", Some("https://www.example.com//evil.example/")),
        ("/base/\\evil.example", Some("https://www.example.com/\\evil.example")),
    ] {
        assert_eq!(rewritten(based, "", "location", value).as_deref(), new, "{value}");
    }
    for (name, value, new) in [
        ("access-control-allow-origin", "http://app:3000", Some("https://www.example.com")),
        ("access-control-allow-origin", "http://app:30001", None),
        ("content-security-policy", "connect-src ws://app:3000 x", Some("connect-src wss://www.example.com x")),
        ("timing-allow-origin", "http://app:3000/other", None),
    ] {
        assert_eq!(rewritten(based, "", name, value).as_deref(), new, "{name}: {value}");
    }
    assert_eq!(rewritten("service:BACK/base", "", "location", "/base/a").as_deref(), Some("/a"));
    assert_eq!(
        rewritten(based, "", "set-cookie", "a=/base/x; Path=/base/x; Secure").as_deref(),
        Some("a=/base/x; Path=/x; Secure")
    );
    for (value, new) in [
        ("http://app:3000/a", Some("https://www.example.com/ja/a")),
        ("http://app:3000", Some("https://www.example.com/ja")),
        ("http://app:3000/ja/a", Some("https://www.example.com/ja/a")),
        ("http://app:3000/static/a", Some("https://www.example.com/static/a")),
        ("/a", Some("/ja/a")),
        ("/ja", None),
        ("/jaguar", Some("/ja/jaguar")),
        ("/static/a", None),
        ("a", None),
    ] {
        assert_eq!(rewritten("http://app:3000", "/ja", "location", value).as_deref(), new, "{value}");
    }
}

#[test]
fn a_cookie_of_the_origins_host_becomes_one_of_the_visitors_host() {
    let line = |value: &str| rewritten("http://app.internal:3000", "", "set-cookie", value);
    assert_eq!(line("a=1; Domain=app.internal; Path=/").as_deref(), Some("a=1; Path=/"));
    assert_eq!(line("a=domain=app.internal; domain=.APP.internal").as_deref(), Some("a=domain=app.internal"));
    assert_eq!(line("a=1; Domain=example.com"), None);
    let packed = "200\nset-cookie:a=1; Path=/\nset-cookie:b=2; Domain=app.internal\n";
    let changed = addresses("http://app.internal", "").to_visitor(&response(packed).1, &|_| true);
    assert_eq!(changed, [("set-cookie".to_owned(), vec!["a=1; Path=/".to_owned(), "b=2".to_owned()])]);
    assert_eq!(
        rewritten("http://example.com", "", "set-cookie", "a=1; Domain=example.com"),
        None,
        "a zone that both are in"
    );
}

#[test]
fn only_the_visitors_own_origin_is_rewritten_to_the_origins() {
    let rewritten_request = |fields: &str| {
        let packed = format!("https://www.example.com/ja/x\nGET\n0\n{fields}\n\n");
        let head = Head::parse(&packed).expect("a head");
        let mut edits = Edits::new();
        addresses("http://127.0.0.1:3000/base", "").to_origin(
            head.fields.get("origin"),
            head.fields.get("referer"),
            &mut edits,
        );
        edits
            .applied(&head.fields)
            .into_iter()
            .map(|(name, value)| format!("{name}:{value}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    for (sent, expected) in [
        ("origin:https://www.example.com", "origin:http://127.0.0.1:3000"),
        ("origin:http://www.example.com", "origin:http://www.example.com"),
        ("origin:https://www.example.com.evil.example", "origin:https://www.example.com.evil.example"),
        ("origin:https://evil.example", "origin:https://evil.example"),
        ("origin:http://127.0.0.1:3000", "origin:null"),
        ("origin:https://127.0.0.1:3000", "origin:null"),
        ("origin:null", "origin:null"),
        ("referer:https://www.example.com/ja/y?z", "referer:http://127.0.0.1:3000/base/ja/y?z"),
        ("referer:http://127.0.0.1:3000/base/y", ""),
        (
            "referer:https://evil.example/https://www.example.com",
            "referer:https://evil.example/https://www.example.com",
        ),
        ("accept:*/*", "accept:*/*"),
    ] {
        assert_eq!(rewritten_request(sent), expected, "{sent}");
    }
}

proptest! {
    /// Only the visitor's exact address is rewritten.
    #[test]
    fn no_other_origin_is_rewritten(sent in "(https?://)?(www\\.example\\.com|127\\.0\\.0\\.1:3000|[a-z.@:/]{0,12}){0,3}[/:@.0-9]{0,3}") {
        let packed = format!("https://www.example.com/x\nGET\n0\norigin:{sent}\nreferer:{sent}\n\n");
        let head = Head::parse(&packed).expect("a head");
        let mut edits = Edits::new();
        addresses("http://127.0.0.1:3000", "").to_origin(head.fields.get("origin"), head.fields.get("referer"), &mut edits);
        let fields = edits.applied(&head.fields);
        let origin = fields.iter().find(|(name, _)| name == "origin").map(|(_, value)| value.as_str());
        prop_assert_eq!(origin == Some("http://127.0.0.1:3000"), sent == "https://www.example.com");
    }

    #[test]
    fn a_path_of_this_host_stays_on_this_host(rest in "(base)?[/\\\\a-z.]{0,12}") {
        let sent = format!("/{rest}");
        prop_assume!(!sent.starts_with("//") && !sent.starts_with("/\\"));
        for prefix in ["", "/ja"] {
            let new = rewritten("http://app:3000/base", prefix, "location", &sent).unwrap_or(sent.clone());
            let whole = new.starts_with("https://www.example.com/");
            prop_assert!(whole || new.starts_with('/') && !new.starts_with("//") && !new.starts_with("/\\"), "{new}");
        }
    }

    #[test]
    fn no_response_can_panic(value in "\\PC{0,60}|[<>/:a-z;=' \"]{0,40}", name in "location|refresh|link|set-cookie|report-to") {
        let packed = format!("200\n{name}:{}\n", value.replace('\n', " "));
        for origin in ["http://a", "https://a:1/b", "service:B/c"] {
            let _ = addresses(origin, "/ja").to_visitor(&response(&packed).1, &|_| true);
        }
    }
}
