//! How large a request may be: by `[request]`, and by its route.

use crate::world::Isolate;
use crate::{HOST, OPERATOR, world};

const SIZES: &str = "[request]\nmax_url = \"100B\"\nmax_fields = 10\nmax_body = \"10B\"\n\
    [[pool]]\nname = \"app\"\norigins = [\"${ORIGIN_URL}\"]\n\
    [[route]]\nname = \"upload\"\npath = \"/upload/*\"\npool = \"app\"\nrequest = { max_body = \"1KiB\", max_url = \"200B\" }\n\
    [[route]]\nname = \"all\"\npath = \"/*\"\npool = \"app\"\n";

#[test]
fn a_url_fields_and_a_stated_body_that_are_too_large_reach_no_origin() {
    let world = world();
    let isolate = Isolate::new(&world, SIZES);
    let ask = |method: &str, target: &str, fields: &[(&str, &str)]| {
        isolate.ask(method, &format!("{HOST}{target}"), fields, if method == "POST" { "x" } else { "" })
    };
    let many: Vec<(String, &str)> = (0..11).map(|n| (format!("x-{n}"), "y")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let long = "x".repeat(150);
    for (method, target, fields, status, says) in [
        ("GET", format!("/{long}"), &[][..], 414, "too many bytes of path and query: at most 100"),
        ("GET", "/.usher/health?".to_owned() + &long, &[][..], 414, "too many bytes of path and query: at most 100"),
        ("GET", "/".into(), &many, 431, "too many fields: at most 10"),
        ("POST", "/".into(), &[("content-length", "11")][..], 413, "too many bytes of body: at most 10"),
        ("POST", "/upload/x".into(), &[("content-length", "1025")][..], 413, "too many bytes of body: at most 1024"),
    ] {
        let refused = ask(method, &target, fields);
        assert_eq!((refused.status, refused.field("cache-control")), (status, Some("no-store")), "{target}");
        assert!(refused.body.contains(says), "{}", refused.body);
    }
    assert_eq!(world.heard.borrow().len(), 0);
    assert_eq!(ask("GET", &format!("/upload/{long}"), &[]).status, 200, "a route's own size");
    assert_eq!(ask("POST", "/upload/x", &[("content-length", "1024")]).status, 200);
    assert_eq!(ask("GET", "/", &many[..10]).status, 200);
}

#[test]
fn a_body_that_turns_out_too_large_is_the_visitors_fault_and_no_origins() {
    let world = world();
    let isolate = Isolate::new(&world, SIZES);
    let post =
        |target: &str, size: usize| isolate.ask("POST", &format!("{HOST}{target}"), &[], &"x".repeat(size)).status;
    assert_eq!([post("/", 10), post("/", 11), post("/upload/x", 11), post("/upload/x", 1_025)], [200, 413, 200, 413]);
    let log = world.log.borrow().join("\n");
    assert!(log.contains("\"error\":\"too many bytes of body: at most 10\",\"blame\":\"visitor\""), "{log}");
    let metrics = isolate.get(&format!("{HOST}/.usher/metrics"), &[OPERATOR]).body;
    assert!(!metrics.contains("result=\"failed\""), "{metrics}");
}
