//! Tokens of issuers: whom they identify, where they are taken, and how they end.

use super::{CONFIG, Pair, bearer, claims, found, gives, isolate, keys, shared, world};
use crate::world::{Isolate, Message};
use crate::{HOST, OPERATOR, sign_in};
use serde_json::{Value, json};

#[test]
fn a_token_identifies_the_user_to_the_origin_and_is_not_forwarded() {
    let isolate = isolate();
    let mut said = claims(&isolate.world, "https://shared", "7");
    said["roles"] = json!(["admin", "a,b", "x", "Domain Admins"]);
    said["scope"] = json!("read write");
    let token = shared(&said);
    let answer = bearer(&isolate, "/token/x", &token);
    assert_eq!((answer.status, answer.body.as_str()), (200, "s:7"));
    let heard = isolate.world.heard.borrow().last().unwrap().clone();
    assert_eq!((heard.field("x-user-roles"), heard.field("x-user-scopes")), (Some("admin,x"), Some("read,write")));
    assert_eq!(heard.field("authorization"), None);
    assert_eq!(bearer(&isolate, "/shared-only/x", &token).status, 200);
    let heard = isolate.world.heard.borrow().last().unwrap().clone();
    assert_eq!(heard.field("authorization"), Some(format!("Bearer {token}").as_str()), "where the route forwards it");
}

#[test]
fn a_user_known_by_a_token_alone_is_signed_out_everywhere_too() {
    let from = "auth = \"optional\"\nsessions = true";
    let config = CONFIG.replace(from, "auth = \"optional\"\nby = [\"jwt\", \"session\"]\nsessions = true");
    let isolate = Isolate::new(&world(), &config);
    let token = shared(&claims(&isolate.world, "https://shared", "7"));
    let cookie = sign_in(&isolate, r#"{"user":"s:7"}"#);
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", "end_all")], "ok")));
    assert_eq!(bearer(&isolate, "/sessions/x", &token).status, 200);
    assert_eq!(bearer(&isolate, "/token/x", &token).status, 401);
    assert_eq!(isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status, 401);
}

#[test]
fn a_token_that_does_not_hold_is_refused_even_where_nobody_has_to_be_known() {
    let isolate = isolate();
    let good = shared(&claims(&isolate.world, "https://shared", "7"));
    let forged = format!("{}A", &good[..good.len() - 1]);
    let other = shared(&claims(&isolate.world, "https://nobody", "7"));
    let nameless = shared(&claims(&isolate.world, "https://shared", ""));
    for token in [forged.as_str(), &other, &nameless, "x", "", "a.b.c"] {
        for path in ["/optional/x", "/any/x", "/token/x"] {
            let answer = bearer(&isolate, path, token);
            assert_eq!(answer.status, 401, "{path} {token}");
            assert!(answer.field("www-authenticate").unwrap().contains("error=\"invalid_token\""));
        }
    }
    assert!(isolate.world.heard.borrow().is_empty());
    let both =
        isolate.get(&format!("{HOST}/optional/x"), &[("authorization", &format!("Bearer {good}, Bearer {good}"))]);
    assert_eq!(both.status, 401, "nobody can say which was meant");
    let basic = isolate.get(&format!("{HOST}/optional/x"), &[("authorization", "Basic YTpi")]);
    assert_eq!(basic.status, 200, "another scheme is the origin's");
    assert_eq!(isolate.world.heard.borrow().last().unwrap().field("authorization"), Some("Basic YTpi"));
}

#[test]
fn an_issuer_is_taken_only_where_the_route_takes_it_even_when_remembered() {
    let isolate = isolate();
    let pair = Pair::new("a");
    gives(&isolate.world, keys(&[&pair]));
    let token = pair.sign(&claims(&isolate.world, "https://remote", "7"));
    assert_eq!(bearer(&isolate, "/token/x", &token).status, 200);
    assert_eq!(bearer(&isolate, "/shared-only/x", &token).status, 401);
    assert_eq!(found(&isolate), "token-issuer");
}

#[test]
fn vars_that_would_confuse_open_nothing() {
    for (from, to) in [
        ("audience = [\"us\"]\nalgorithms = [\"HS256\"", "audience = [\"${EMPTY}\"]\nalgorithms = [\"HS256\""),
        ("iss = \"https://shared\"", "iss = \"${REMOTE}\""),
        ("iss = \"https://id\"", "iss = \"https://id\"\naudience = [\"${USHER}\"]"),
    ] {
        let world = world();
        for (name, value) in [("EMPTY", ""), ("REMOTE", "https://remote"), ("USHER", "usher")] {
            world.vars.borrow_mut().insert(name.into(), value.into());
        }
        assert!(CONFIG.contains(from), "{from}");
        let answer = Isolate::new(&world, &CONFIG.replacen(from, to, 1)).get(&format!("{HOST}/optional/x"), &[]);
        assert_eq!(answer.status, 503, "{to}");
    }
}

#[test]
fn ending_a_user_ends_their_tokens_too_and_one_token_alone() {
    let isolate = isolate();
    let token = |user: &str| shared(&claims(&isolate.world, "https://shared", user));
    let (seven, eight, nine) = (token("7"), token("8"), token("9"));
    for token in [&seven, &eight, &nine] {
        assert_eq!(bearer(&isolate, "/token/x", token).status, 200);
    }
    isolate.world.pass(5_000);
    let end =
        |body: Value| isolate.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], &body.to_string()).status;
    assert_eq!(end(json!({"user": "s:7"})), 200);
    assert_eq!(end(json!({"token": eight})), 200);
    assert_eq!(bearer(&isolate, "/token/x", &seven).status, 401);
    assert_eq!(found(&isolate), "token-revoked");
    assert_eq!(bearer(&isolate, "/token/x", &eight).status, 401);
    assert_eq!(bearer(&isolate, "/token/x", &nine).status, 200);
    isolate.world.pass(24_000);
    assert_eq!(bearer(&isolate, "/token/x", &token("7")).status, 401, "whose issuer's clock may be ahead");
    isolate.world.pass(7_000);
    assert_eq!(bearer(&isolate, "/token/x", &token("7")).status, 200, "one that was made since");
}

#[test]
fn a_bearers_answers_are_cached_for_them_alone() {
    let isolate = isolate();
    world_cache(&isolate);
    let token = |user: &str| shared(&claims(&isolate.world, "https://shared", user));
    let (seven, eight) = (token("7"), token("8"));
    let ask = |token: &str| {
        let answer = bearer(&isolate, "/mine/x", token);
        (answer.body.clone(), answer.field("cache-status").unwrap().split(';').nth(1).unwrap().trim().to_owned())
    };
    assert_eq!(ask(&seven), ("s:7".into(), "fwd=miss".into()));
    assert_eq!(ask(&seven), ("s:7".into(), "hit".into()));
    assert_eq!(ask(&eight), ("s:8".into(), "fwd=miss".into()));
    assert_eq!(bearer(&isolate, "/mine/x", "x").status, 401, "and nobody else gets any");
}

fn world_cache(isolate: &Isolate) {
    isolate.world.origin(|heard| {
        Ok(Message::new(200, &[("cache-control", "max-age=60")], heard.field("x-user-id").unwrap_or("-")))
    });
}
