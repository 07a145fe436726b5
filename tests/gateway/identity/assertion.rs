//! The signed assertion of user and request that an origin receives.

use super::{CONFIG, Pair, world};
use crate::world::Isolate;
use crate::{HOST, sign_in};
use serde_json::{Value, json};

#[test]
fn an_origin_receives_a_signed_assertion_of_user_and_request() {
    let world = world();
    let pair = Pair::new("s1");
    world.vars.borrow_mut().insert("SIGNING_KEYS".into(), json!({"keys": [pair.private()]}).to_string());
    let isolate = Isolate::new(&world, CONFIG);
    let cookie = sign_in(&isolate, r#"{"user":"7","roles":["a"]}"#);
    isolate.get(
        &format!("{HOST}/any/x?y=1"),
        &[("cookie", &cookie), ("usher-assertion", "forged"), ("x-request-id", "r-1")],
    );
    let heard = world.heard.borrow().last().unwrap().clone();
    let assertion = heard.field("usher-assertion").unwrap();
    let published = isolate.get(&format!("{HOST}/.well-known/usher/jwks.json"), &[]);
    let jwks: Value = serde_json::from_str(&published.body).unwrap();
    assert!(!published.body.contains("\"d\""));
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let key = ed25519_compact::PublicKey::from_slice(
        &usher::identity::jwt::decode(jwks["keys"][0]["x"].as_str().unwrap()).unwrap(),
    )
    .unwrap();
    let signature = ed25519_compact::Signature::from_slice(&usher::identity::jwt::decode(signature).unwrap()).unwrap();
    key.verify(signed, &signature).unwrap();
    let said: Value =
        serde_json::from_slice(&usher::identity::jwt::decode(signed.split_once('.').unwrap().1).unwrap()).unwrap();
    assert_eq!(
        (said["aud"].as_str(), said["sub"].as_str(), said["jti"].as_str(), said["method"].as_str()),
        (Some("the-app"), Some("7"), Some("r-1"), Some("GET"))
    );
    assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 60);
    assert_eq!(said["path_sha256"], usher::identity::session::digest("/any/x?y=1").as_str());
    isolate.get(&format!("{HOST}/optional/x"), &[]);
    assert!(world.heard.borrow().last().unwrap().field("usher-assertion").is_some(), "also of nobody");
    world.vars.borrow_mut().insert("SIGNING_KEYS".into(), "{}".into());
    assert_eq!(
        Isolate::new(&world, CONFIG).get(&format!("{HOST}/any/x"), &[]).status,
        503,
        "a key that cannot sign is not passed over"
    );
}
