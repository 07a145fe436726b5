//! Signing in with an OpenID provider.

use super::{CONFIG, Pair, isolate, keys, seconds, world};
use crate::HOST;
use crate::world::{Isolate, Message, World};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use usher::platform::{Document, Failure};

#[test]
fn what_a_sign_in_remembers_is_shown_to_no_origin_and_set_by_none() {
    let isolate = isolate();
    isolate.world.origin(|heard| {
        let cookie = heard.field("cookie").unwrap_or("-").to_owned();
        Ok(Message::new(200, &[("set-cookie", "__Host-usher-in-abcdefgh=evil")], &cookie))
    });
    let cookies = "a=1; __Host-usher-in-abcdefgh=secret; usher-in-x=y; usher-inn=2";
    let answer = isolate.get(&format!("{HOST}/optional/x"), &[("cookie", cookies)]);
    assert_eq!((answer.body.as_str(), answer.field("set-cookie")), ("a=1; usher-inn=2", None));
}

fn discovery() -> String {
    json!({
        "issuer": "https://id", "authorization_endpoint": "https://id/auth", "token_endpoint": "https://id/token",
        "jwks_uri": "https://id/keys", "authorization_response_iss_parameter_supported": true,
    })
    .to_string()
}

/// A provider that hands out one ID token for one code.
fn provider(world: &Rc<World>, pair: &Rc<Pair>, said: &Rc<RefCell<Value>>) -> Rc<Cell<u32>> {
    let (pair, said, redeemed) = (Rc::clone(pair), Rc::clone(said), Rc::new(Cell::new(0)));
    let count = Rc::clone(&redeemed);
    world.issuer(move |url, form| {
        let text = match url {
            "https://id/.well-known/openid-configuration" => discovery(),
            "https://id/keys" => keys(&[&pair]),
            "https://id/token" => {
                let good = form.is_some_and(|form| form.contains("code=good") && form.contains("code_verifier="))
                    && count.get() == 0;
                if !good {
                    return Ok(Document { status: 400, text: "{\"error\":\"invalid_grant\"}".into() });
                }
                count.set(count.get() + 1);
                json!({"access_token": "x", "token_type": "Bearer", "id_token": pair.sign(&said.borrow())}).to_string()
            }
            _ => return Err(Failure::Unreachable),
        };
        Ok(Document { status: 200, text })
    });
    redeemed
}

#[test]
fn a_visitor_signs_in_with_a_provider_once_in_the_same_browser() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let (pair, said) = (Rc::new(Pair::new("id")), Rc::new(RefCell::new(Value::Null)));
    provider(&world, &pair, &said);
    let begin = || {
        let answer = isolate.get(&format!("{HOST}/sign-in?return_to=/account%3Fx%3D1"), &[]);
        assert_eq!(answer.status, 302, "{}", answer.body);
        let location = answer.field("location").unwrap().to_owned();
        let parameter = |name: &str| {
            location.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap().to_owned()
        };
        let cookie = answer.field("set-cookie").unwrap().to_owned();
        assert!(
            cookie.starts_with("__Host-usher-in-") && cookie.contains("HttpOnly; SameSite=Lax; Secure"),
            "{cookie}"
        );
        assert_eq!(parameter("redirect_uri"), "https%3A%2F%2Fwww.example.com%2Fsign-in%2Fcallback");
        (parameter("state"), parameter("nonce"), cookie.split(';').next().unwrap().to_owned())
    };
    let back =
        |query: &str, cookie: &str| isolate.get(&format!("{HOST}/sign-in/callback?{query}"), &[("cookie", cookie)]);
    let (state, nonce, cookie) = begin();
    let good = json!({"iss": "https://id", "aud": "usher", "sub": "ada", "iat": seconds(&world), "exp": seconds(&world) + 60, "nonce": nonce, "locale": "de", "email": "ada@example.com"});
    *said.borrow_mut() = good.clone();
    // Whatever is wrong is refused before the code is spent.
    let whole = format!("code=good&state={state}&iss=https%3A%2F%2Fid");
    for (query, cookie, why) in [
        (whole.replace(&state, "x"), cookie.as_str(), "another state"),
        (whole.clone(), "", "another browser"),
        ("code=good&iss=https%3A%2F%2Fid".into(), &cookie, "no state"),
        (format!("code=good&state={state}&iss=https%3A%2F%2Fevil"), &cookie, "another provider (RFC 9207)"),
        (format!("code=good&state={state}"), &cookie, "a provider that says iss always says it"),
    ] {
        let answer = back(&query, cookie);
        assert_eq!((answer.status, answer.field("set-cookie")), (400, None), "{why}");
    }
    let answer = back(&whole, &cookie);
    assert_eq!((answer.status, answer.field("location")), (303, Some("/account?x=1")), "{}", answer.body);
    let cookies = answer.field("set-cookie").unwrap();
    let session = cookies
        .split(", ")
        .find(|line| line.starts_with("__Host-usher="))
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert!(cookies.contains("Max-Age=0"), "what was remembered for the way back is gone: {cookies}");
    assert_eq!(isolate.get(&format!("{HOST}/any/x"), &[("cookie", &session)]).body, "id:ada");
    let money = isolate.get(&format!("{HOST}/money/x"), &[("cookie", &session)]);
    assert_eq!(money.status, 401, "the provider did not say when they proved who they are");
    let again = back(&whole, &cookie);
    assert_eq!(again.status, 400, "a state holds once");
    let begin_again = r#"<a href="/sign-in?return_to=%2Faccount%3Fx%3D1">"#;
    let page = isolate.get(
        &format!("{HOST}/sign-in/callback?{whole}"),
        &[("cookie", &cookie), ("accept", "text/html"), ("sec-fetch-mode", "navigate")],
    );
    assert!(page.status == 400 && page.body.contains(begin_again), "{}", page.body);
    let both = format!("{cookie}; {session}");
    for (query, back_to) in [(whole.as_str(), "/account?x=1"), ("code=good&state=x", "/")] {
        let answer = back(query, &both);
        let found = (answer.status, answer.field("location"), answer.field("set-cookie"));
        assert_eq!(found, (303, Some(back_to), None), "whoever has a session goes on");
    }
    let there = Isolate::new(&world, CONFIG);
    let elsewhere = there.get(&format!("{HOST}/sign-in/callback?{whole}"), &[("cookie", &cookie)]);
    assert_eq!(elsewhere.status, 400, "also elsewhere");
    // A code that was spent.
    let (state, nonce, cookie) = begin();
    said.borrow_mut()["nonce"] = json!(nonce);
    assert_eq!(back(&format!("code=good&state={state}&iss=https%3A%2F%2Fid"), &cookie).status, 400);
    // What a sibling host puts into its own cookie's value is no sign-in of this browser.
    let (state, _, cookie) = begin();
    let planted = format!("theme=dark,{cookie}");
    let answer = back(&format!("code=good&state={state}&iss=https%3A%2F%2Fid"), &planted);
    assert_eq!((answer.status, answer.field("set-cookie")), (400, None), "{}", answer.body);
    // Too late, and refused by the provider.
    let (state, _, cookie) = begin();
    world.pass(600_000);
    assert_eq!(back(&format!("code=good&state={state}&iss=https%3A%2F%2Fid"), &cookie).status, 400);
    let (state, _, cookie) = begin();
    assert_eq!(back(&format!("error=access_denied&state={state}&iss=https%3A%2F%2Fid"), &cookie).status, 400);
    for path in ["/sign-in/x", "/sign-in/callback/x", "/sign-in/x/callback"] {
        assert_eq!(isolate.get(&format!("{HOST}{path}"), &[]).status, 404, "{path}");
    }
}

#[test]
fn an_id_token_that_does_not_hold_signs_nobody_in() {
    let good = |world: &World, nonce: &str| json!({"iss": "https://id", "aud": "usher", "sub": "ada", "iat": seconds(world), "exp": seconds(world) + 60, "nonce": nonce});
    for (name, value) in [
        ("nonce", json!("x")),
        ("aud", json!("other")),
        ("aud", json!(["usher", "other"])),
        ("iss", json!("https://evil")),
        ("exp", json!(1)),
        ("sub", json!("")),
        ("sub", json!(" ")),
        ("iat", json!(null)),
        ("azp", json!("other")),
        ("(signature)", json!(null)),
    ] {
        let world = world();
        let isolate = Isolate::new(&world, CONFIG);
        let (pair, said) = (Rc::new(Pair::new("id")), Rc::new(RefCell::new(Value::Null)));
        provider(&world, &pair, &said);
        let answer = isolate.get(&format!("{HOST}/sign-in"), &[]);
        let location = answer.field("location").unwrap().to_owned();
        let parameter = |name: &str| {
            location.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap().to_owned()
        };
        let cookie = answer.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let mut claims = good(&world, &parameter("nonce"));
        claims[name] = value.clone();
        *said.borrow_mut() = claims;
        if name == "(signature)" {
            let stranger = Pair(Pair::new("stranger").0, "id");
            let (real, said) = (Rc::clone(&pair), Rc::clone(&said));
            world.issuer(move |url, _| {
                let text = match url {
                    "https://id/.well-known/openid-configuration" => discovery(),
                    "https://id/keys" => keys(&[&real]),
                    _ => json!({"id_token": stranger.sign(&said.borrow())}).to_string(),
                };
                Ok(Document { status: 200, text })
            });
        }
        let query = format!("code=good&state={}&iss=https%3A%2F%2Fid", parameter("state"));
        let answer = isolate.get(&format!("{HOST}/sign-in/callback?{query}"), &[("cookie", &cookie)]);
        assert_eq!((answer.status, answer.field("set-cookie")), (400, None), "{name} = {value}: {}", answer.body);
    }
}
