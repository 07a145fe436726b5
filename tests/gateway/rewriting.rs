//! URLs of origins in their answers, and URLs of the gateway in what origins receive.

use crate::world::{Isolate, Message};
use crate::{HOST, isolate, met, world};
use usher::platform::Failure;

#[test]
fn what_an_origin_says_of_its_own_address_leads_visitors_through_the_gateway() {
    let isolate = isolate();
    let ask = |path: &str, status: u16, said: &'static [(&'static str, &'static str)]| {
        isolate.world.origin(move |_| Ok(Message::new(status, said, "")));
        isolate.get(&format!("{HOST}{path}"), &[])
    };
    let to_origin: &[(&str, &str)] = &[("location", "http://a-url.internal/docs/"), ("cache-control", "max-age=60")];
    assert_eq!(ask("/open/docs", 307, to_origin).field("location"), Some("https://www.example.com/docs/"));
    assert_eq!(ask("/ja/open/docs", 307, to_origin).field("location"), Some("https://www.example.com/ja/docs/"));
    assert_eq!(ask("/stored/docs", 301, to_origin).field("location"), Some("https://www.example.com/docs/"));
    let stored = isolate.get(&format!("{HOST}/stored/docs"), &[]);
    assert!(stored.field("cache-status").unwrap().contains("hit"));
    assert_eq!(stored.field("location"), Some("https://www.example.com/docs/"), "stored so");
    let other = isolate.get("https://other.example/stored/docs", &[]);
    assert_eq!(other.field("location"), Some("https://other.example/docs/"), "for each host its own");
    // RFC 9111 4.4: what a change names is invalid, whatever its origin calls it.
    isolate.world.origin(|_| Ok(Message::new(200, &[("cache-control", "max-age=60")], "old")));
    met(&isolate, "/stored/list");
    assert!(met(&isolate, "/stored/list").contains("hit"));
    isolate.world.origin(|_| Ok(Message::new(201, &[("location", "http://a-url.internal/stored/list")], "")));
    assert_eq!(isolate.ask("POST", &format!("{HOST}/open/x"), &[], "y").status, 201);
    isolate.world.origin(|_| Ok(Message::new(200, &[("cache-control", "max-age=60")], "new")));
    assert!(met(&isolate, "/stored/list").contains("purged"));
    // What is asked for anew behind an answer, too.
    let toml = "[[pool]]\nname = \"app\"\norigins = [\"http://app.internal/base\"]\n[[route]]\nname = \"app\"\npath = \"/*\"\npool = \"app\"\ncache = { stale_while_revalidate = \"1m\" }\n";
    for (toml, location) in [
        (toml.to_owned(), "https://www.example.com/x/"),
        (toml.replace("/base\"]", "/base\"]\nrewrite = false"), "http://app.internal/base/x/"),
    ] {
        let isolate = Isolate::new(&world(), &toml);
        isolate.world.origin(|heard| {
            assert_eq!(heard.url, "http://app.internal/base/x");
            Ok(Message::new(301, &[("location", "http://app.internal/base/x/"), ("cache-control", "max-age=1")], ""))
        });
        for _ in 0..3 {
            let answer = isolate.get(&format!("{HOST}/x"), &[]);
            assert_eq!(answer.field("location"), Some(location), "{answer:?}");
            isolate.world.pass(2_000);
        }
    }
}

#[test]
fn a_pool_may_see_the_visitors_own_pages_as_its_own() {
    let toml = |host: &str| {
        format!(
            "[[pool]]\nname = \"app\"\nhost = \"{host}\"\norigins = [\"http://one.internal\", \"http://two.internal\"]\nbalance = \"round_robin\"\n[[route]]\nname = \"app\"\npath = \"/*\"\npool = \"app\"\n"
        )
    };
    for (host, own) in [("origin", true), ("forwarded", false)] {
        let isolate = Isolate::new(&world(), &toml(host));
        let calls = std::cell::Cell::new(0);
        isolate.world.origin(move |heard| {
            calls.set(calls.get() + 1);
            let own = heard.url.trim_end_matches("/x").to_owned();
            let fields = [("access-control-allow-origin", own.as_str())];
            if calls.get() == 1 { Err(Failure::Unreachable) } else { Ok(Message::new(200, &fields, "")) }
        });
        let answer = isolate.get(&format!("{HOST}/x"), &[("origin", HOST), ("referer", "https://www.example.com/y")]);
        let heard = isolate.world.heard.borrow();
        assert_eq!(heard.len(), 2, "the second origin is asked after the first");
        for told in heard.iter() {
            let base = told.url.trim_end_matches("/x");
            let (origin, referer) = (told.field("origin"), told.field("referer").map(str::to_owned));
            assert_eq!(origin, Some(if own { base } else { HOST }), "each in its own words");
            assert_eq!(referer, Some(if own { format!("{base}/y") } else { "https://www.example.com/y".into() }));
        }
        assert_eq!(answer.field("access-control-allow-origin"), Some(HOST), "and browsers hear their own");
    }
    let isolate = Isolate::new(&world(), &toml("origin").replace(", \"http://two.internal\"", ""));
    isolate.get(&format!("{HOST}/x"), &[("origin", "http://one.internal"), ("referer", "http://one.internal/")]);
    let heard = isolate.world.heard.borrow().last().cloned().unwrap();
    assert_eq!(
        (heard.field("origin"), heard.field("referer")),
        (Some("null"), None),
        "nobody else becomes the origin's own"
    );
}
