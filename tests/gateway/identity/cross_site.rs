//! Requests from pages of other sites: forgery and CORS.

use super::{claims, isolate, shared};
use crate::{HOST, sign_in};

#[test]
fn another_sites_page_changes_nothing_with_a_visitors_session() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"7"}"#);
    let post = |path: &str, fields: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> = [("cookie", cookie.as_str())].into_iter().chain(fields.iter().copied()).collect();
        isolate.ask("POST", &format!("{HOST}{path}"), &all, "x").status
    };
    let cross = ("sec-fetch-site", "cross-site");
    assert_eq!(post("/spa/x", &[cross, ("origin", "https://evil.example")]), 403);
    assert_eq!(post("/spa/x", &[cross, ("origin", "https://forms.example")]), 200);
    assert_eq!(post("/spa/x", &[cross, ("origin", "https://spa.example")]), 200);
    assert_eq!(post("/any/x", &[cross, ("origin", "https://spa.example")]), 403, "trusted on its route alone");
    assert_eq!(post("/spa/x", &[("sec-fetch-site", "same-origin"), ("origin", HOST)]), 200);
    // Signing somebody in by force, without any session of theirs.
    let forced = isolate.ask("POST", &format!("{HOST}/sessions/in"), &[cross, ("origin", "https://evil.example")], "x");
    assert_eq!(forced.status, 403);
    // A token is no cookie: no browser sends it by itself.
    let token = format!("Bearer {}", shared(&claims(&isolate.world, "https://shared", "7")));
    let by_token = isolate.ask(
        "POST",
        &format!("{HOST}/any/x"),
        &[("authorization", &token), cross, ("origin", "https://evil.example")],
        "x",
    );
    assert_eq!(by_token.status, 200);
}

#[test]
fn a_preflight_is_answered_here_and_refusals_can_be_read_too() {
    let isolate = isolate();
    let asks = [("origin", "https://spa.example"), ("access-control-request-method", "PUT")];
    let answer = isolate.ask("OPTIONS", &format!("{HOST}/spa/x"), &asks, "");
    assert_eq!((answer.status, answer.field("access-control-allow-origin")), (204, Some("https://spa.example")));
    assert!(isolate.world.heard.borrow().is_empty());
    let refused = isolate.ask("PUT", &format!("{HOST}/spa/x"), &asks[..1], "x");
    assert_eq!((refused.status, refused.field("access-control-allow-origin")), (401, Some("https://spa.example")));
    let elsewhere = isolate.ask("OPTIONS", &format!("{HOST}/optional/x"), &asks, "");
    assert_eq!(
        (elsewhere.status, elsewhere.field("access-control-allow-origin")),
        (200, None),
        "the origin's own affair"
    );
}
