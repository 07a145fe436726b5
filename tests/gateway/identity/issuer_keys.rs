//! Issuers' keys: rotated, withdrawn, moved, unusable, and while the issuer is down.

use super::{CONFIG, Pair, bearer, claims, gives, keys, seconds, world};
use crate::world::Isolate;
use crate::{HOST, OPERATOR};
use serde_json::json;
use std::cell::Cell;
use std::rc::Rc;
use usher::identity::jwt::encode;
use usher::platform::{Document, Failure};

#[test]
fn keys_that_nobody_asked_for_in_long_are_read_before_they_are_believed() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let (old, new) = (Pair::new("old"), Pair::new("new"));
    gives(&world, keys(&[&old]));
    let of_old = || old.sign(&claims(&world, "https://remote", "7"));
    assert_eq!(bearer(&isolate, "/token/x", &of_old()).status, 200);
    gives(&world, keys(&[&new]));
    world.pass(1_200_000);
    assert_eq!(bearer(&isolate, "/token/x", &of_old()).status, 401);
    world.issuer(|_, _| Err(Failure::Timeout));
    world.pass(1_200_000);
    assert_eq!(
        bearer(&isolate, "/token/x", &new.sign(&claims(&world, "https://remote", "7"))).status,
        200,
        "and while it is down they serve on"
    );
}

#[test]
fn a_token_without_a_kid_finds_a_rotated_key_too() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let (old, new) = (Pair::new("old"), Pair::new("new"));
    let nameless = |pair: &Pair| {
        let mut jwk = pair.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        json!({ "keys": [jwk] }).to_string()
    };
    let sign = |pair: &Pair| {
        let header = encode(br#"{"alg":"EdDSA"}"#);
        let text = format!("{header}.{}", encode(claims(&world, "https://remote", "7").to_string().as_bytes()));
        format!("{text}.{}", encode(&*pair.0.sk.sign(&text, None)))
    };
    gives(&world, nameless(&old));
    assert_eq!(bearer(&isolate, "/token/x", &sign(&old)).status, 200);
    gives(&world, nameless(&new));
    assert_eq!(
        (bearer(&isolate, "/token/x", &sign(&new)).status, bearer(&isolate, "/token/x", &sign(&old)).status),
        (200, 401)
    );
}

#[test]
fn an_issuer_that_is_down_for_ten_minutes_under_traffic_refuses_nobody_and_lets_nobody_in() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let (old, new, stranger) = (Pair::new("old"), Pair::new("new"), Pair::new("stranger"));
    gives(&world, keys(&[&old]));
    let good = |pair: &Pair, user: u64| pair.sign(&claims(&world, "https://remote", &user.to_string()));
    assert_eq!(bearer(&isolate, "/token/x", &good(&old, 0)).status, 200);
    world.issuer(|_, _| Err(Failure::Timeout));
    let (mut refused, mut accepted) = (0, 0);
    for second in 1..=700 {
        world.pass(1_000);
        refused += u32::from(bearer(&isolate, "/token/x", &good(&old, second)).status != 200);
        let forged = Pair(stranger.0.clone(), "old").sign(&claims(&world, "https://remote", "7"));
        accepted += u32::from(bearer(&isolate, "/token/x", &forged).status == 200);
        accepted += u32::from(bearer(&isolate, "/token/x", &good(&stranger, second)).status == 200);
    }
    assert_eq!((refused, accepted), (0, 0));
    let asked = world.consulted.borrow().len();
    assert!((20..=60).contains(&asked), "asked {asked} times in 700 s: about twice in 30 s at most");
    let metrics = isolate.ask("GET", &format!("{HOST}/.usher/metrics"), &[OPERATOR], "").body;
    assert!(metrics.contains("usher_issuer_keys_reads_total{issuer=\"remote\",result=\"failed\"}"), "{metrics}");
    // An isolate that starts in the outage begins with the last good keys.
    let late = Isolate::new(&world, CONFIG);
    assert_eq!(bearer(&late, "/token/x", &good(&old, 9_999)).status, 200);
    // A key that nobody knows may be the issuer's new one: while it is down nobody can say.
    assert_eq!(bearer(&late, "/token/x", &good(&new, 1)).status, 503);
    assert_eq!(bearer(&late, "/token/x", &good(&new, 1)).status, 503);
}

#[test]
fn a_rotated_key_is_found_at_once_and_a_retired_one_holds_no_longer() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let (old, new) = (Pair::new("old"), Pair::new("new"));
    let good = |pair: &Pair| pair.sign(&claims(&world, "https://remote", "7"));
    gives(&world, keys(&[&old]));
    let of_old = good(&old);
    assert_eq!(bearer(&isolate, "/token/x", &of_old).status, 200);
    gives(&world, keys(&[&old, &new]));
    assert_eq!(bearer(&isolate, "/token/x", &good(&new)).status, 200, "an unknown key makes the issuer be asked");
    let asked = world.consulted.borrow().len();
    // The issuer was asked because of another: it may have made these since, and nobody can tell.
    for kid in ["x", "y", "z"] {
        let said = bearer(&isolate, "/token/x", &Pair::new(kid).sign(&claims(&world, "https://remote", "7")));
        assert_eq!((said.status, said.field("retry-after")), (503, Some("5")), "{kid}");
    }
    assert_eq!(world.consulted.borrow().len(), asked, "but not again within 30 s");
    world.pass(30_000);
    gives(&world, keys(&[&new]));
    for _ in 0..2 {
        let unknown = Pair::new("w").sign(&claims(&world, "https://remote", "7"));
        assert_eq!(bearer(&isolate, "/token/x", &unknown).status, 401, "the issuer was asked for this very one");
    }
    assert_eq!(bearer(&isolate, "/token/x", &of_old).status, 401, "remembered, but its key is gone");
    assert_eq!(bearer(&isolate, "/token/x", &good(&new)).status, 200);
}

#[test]
fn a_key_that_is_withdrawn_takes_remembered_tokens_with_it_though_nobody_brings_another() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let (old, new) = (Pair::new("old"), Pair::new("new"));
    gives(&world, keys(&[&old, &new]));
    let mut said = claims(&world, "https://remote", "7");
    said["exp"] = json!(seconds(&world) + 86_400);
    let token = old.sign(&said);
    assert_eq!(bearer(&isolate, "/token/x", &token).status, 200);
    gives(&world, keys(&[&new]));
    world.pass(600_000);
    assert_eq!(bearer(&isolate, "/token/x", &token).status, 200, "behind this answer the keys are read");
    assert_eq!(bearer(&isolate, "/token/x", &token).status, 401);
}

#[test]
fn a_provider_that_moves_its_keys_is_followed() {
    let world = world();
    let isolate = Isolate::new(&world, &CONFIG.replace("jwks = \"https://remote/keys\"\n", ""));
    let (old, new) = (Rc::new(Pair::new("old")), Rc::new(Pair::new("new")));
    let at = Rc::new(Cell::new("one"));
    let (place, first, second) = (Rc::clone(&at), Rc::clone(&old), Rc::clone(&new));
    world.issuer(move |url, _| {
        let text = match (url, place.get()) {
            ("https://remote/.well-known/openid-configuration", place) => json!({
                "issuer": "https://remote", "authorization_endpoint": "https://remote/a", "token_endpoint": "https://remote/t",
                "jwks_uri": format!("https://remote/{place}"),
            })
            .to_string(),
            ("https://remote/one", "one") => keys(&[&first]),
            ("https://remote/two", "two") => keys(&[&second]),
            _ => return Ok(Document { status: 404, text: String::new() }),
        };
        Ok(Document { status: 200, text })
    });
    assert_eq!(bearer(&isolate, "/token/x", &old.sign(&claims(&world, "https://remote", "7"))).status, 200);
    at.set("two");
    assert_eq!(bearer(&isolate, "/token/x", &new.sign(&claims(&world, "https://remote", "7"))).status, 200);
}

#[test]
fn an_issuer_none_of_whose_keys_can_be_used_has_no_good_tokens_and_takes_nothing_else_down() {
    let world = world();
    let weak = json!({"keys": [{"kty": "RSA", "n": encode(&[0xc1; 128]), "e": "AQAB"}]}).to_string();
    gives(&world, weak.clone());
    let token = Pair::new("a").sign(&claims(&world, "https://remote", "7"));
    let isolate = Isolate::new(&world, CONFIG);
    assert_eq!(bearer(&isolate, "/token/x", &token).status, 401);
    world.vars.borrow_mut().insert("WEAK".into(), weak);
    let given = Isolate::new(&world, &CONFIG.replace("jwks = \"https://remote/keys\"", "keys = \"${WEAK}\""));
    assert_eq!(bearer(&given, "/token/x", &token).status, 401);
    assert_eq!(given.get(&format!("{HOST}/optional/x"), &[]).status, 200);
    assert!(world.log.borrow().iter().any(|line| line.contains("1024 bits")), "and the log says why");
}

#[test]
fn nonsense_from_an_issuer_takes_no_good_key_away() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let pair = Pair::new("a");
    gives(&world, keys(&[&pair]));
    let good = || pair.sign(&claims(&world, "https://remote", "7"));
    assert_eq!(bearer(&isolate, "/token/x", &good()).status, 200);
    for text in ["", "<html>", "{\"keys\":7}", "{\"keys\":[7]}", &"x".repeat(70_000)] {
        gives(&world, text.to_owned());
        world.pass(700_000);
        assert_eq!(bearer(&isolate, "/token/x", &good()).status, 200, "{text:.40}");
        assert_eq!(bearer(&isolate, "/token/x", &good()).status, 200, "{text:.40}");
    }
    world.issuer(|_, _| Ok(Document { status: 302, text: String::new() }));
    world.pass(700_000);
    assert_eq!(bearer(&isolate, "/token/x", &good()).status, 200);
    assert_eq!(bearer(&isolate, "/token/x", &good()).status, 200);
}

#[test]
fn an_issuer_that_withdraws_all_its_keys_is_believed() {
    let enc = Pair::new("a").jwk().as_object().cloned().map(|mut key| {
        key.insert("use".into(), json!("enc"));
        json!({ "keys": [key] }).to_string()
    });
    for text in ["{\"keys\":[]}".to_owned(), enc.unwrap()] {
        let world = world();
        let isolate = Isolate::new(&world, CONFIG);
        let pair = Pair::new("a");
        gives(&world, keys(&[&pair]));
        let mut said = claims(&world, "https://remote", "7");
        said["exp"] = json!(seconds(&world) + 86_400);
        let token = pair.sign(&said);
        assert_eq!(bearer(&isolate, "/token/x", &token).status, 200);
        gives(&world, text.clone());
        world.pass(600_000);
        assert_eq!(bearer(&isolate, "/token/x", &token).status, 200, "behind this answer the keys are read");
        assert_eq!(bearer(&isolate, "/token/x", &token).status, 401, "{text}");
        let late = Isolate::new(&world, CONFIG);
        assert_eq!(bearer(&late, "/token/x", &token).status, 401, "nor does another isolate believe the old ones");
    }
}
