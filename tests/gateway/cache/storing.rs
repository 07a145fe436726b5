//! What visitors cannot make the cache store, and which fields it passes on.

use super::{ROUTE, STORED, before, fields, holds, says};
use crate::world::{Isolate, Message, World};
use crate::{HOST, world};

#[test]
fn variants_are_bounded_whatever_visitors_send() {
    let isolate = Isolate::new(&world(), ROUTE);
    says(&isolate, "200 cache-control:max-age=60 | vary:foo");
    for n in 0..200 {
        isolate.get(&format!("{HOST}/x"), &[("foo", &n.to_string())]);
    }
    assert!(isolate.stored() <= 33, "{} stored", isolate.stored());
}

#[test]
fn a_visitor_cannot_store_an_error_of_their_own_making() {
    let fresh = "200 cache-control:max-age=60";
    for origin in ["416 cache-control:max-age=60", "400 cache-control:max-age=60", "206 cache-control:max-age=60"] {
        let first = format!("{} fwd=miss; detail=status", fields(origin).0);
        holds("", origin, &[(0, "GET range:bytes=9-", origin, &first), (0, "GET", fresh, STORED)]);
    }
}

#[test]
fn a_targeted_field_is_passed_on_only_where_nobody_is_asked_who_they_are() {
    let open = before("", |_| Ok(Message::new(200, &[("cdn-cache-control", "max-age=60")], "x")));
    for _ in 0..2 {
        assert_eq!(open.get(&format!("{HOST}/x"), &[]).field("cdn-cache-control"), Some("max-age=60"));
    }
    // Where a cookie goes along, no other cache may keep the answer.
    let toml = ROUTE
        .replace("[[route]]", "[[pool]]\nname = \"q\"\norigins = [\"http://q\"]\n[[route]]")
        .replace("localized = false", "localized = false\ncanary = { pool = \"q\", percent = 50 }");
    let world = World::new();
    world.vars.borrow_mut().insert("COOKIE_KEY".into(), "0123456789abcdef0123456789abcdef".into());
    let drawing = Isolate::new(&world, &toml);
    drawing.world.origin(|_| Ok(Message::new(200, &[("cdn-cache-control", "max-age=60")], "x")));
    for _ in 0..2 {
        let answer = drawing.get(&format!("{HOST}/x"), &[]);
        assert!(answer.field("set-cookie").is_some());
        assert_eq!(answer.field("cdn-cache-control"), None);
    }
    let guarded = ROUTE.replace("localized = false", "localized = false\nauth = \"optional\"");
    let isolate = Isolate::new(&World::new(), &guarded);
    isolate.world.origin(|_| Ok(Message::new(200, &[("cdn-cache-control", "max-age=60")], "x")));
    assert_eq!(isolate.get(&format!("{HOST}/x"), &[]).field("cdn-cache-control"), None);
}
