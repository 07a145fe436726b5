//! Signatures of every algorithm: which hold, how often they are verified, and their other forms.

use super::{CONFIG, Pair, SECRET, bearer, claims, found, gives, isolate, keys, unsigned, world};
use crate::world::Isolate;
use crate::{HOST, OPERATOR};
use jwt_simple::prelude::*;
use serde_json::{Value, json};
use usher::identity::jwt::encode;

#[test]
fn every_hash_of_a_shared_secret_holds() {
    let isolate = isolate();
    let said = claims(&isolate.world, "https://shared", "7");
    let signed = |alg: &str, tag: fn(&[u8]) -> Vec<u8>| {
        let text = unsigned(alg, None, &said);
        format!("{text}.{}", encode(&tag(text.as_bytes())))
    };
    let sha384 = signed("HS384", |text| HS384Key::from_bytes(SECRET.as_bytes()).authentication_tag(text));
    let sha512 = signed("HS512", |text| HS512Key::from_bytes(SECRET.as_bytes()).authentication_tag(text));
    let crossed = signed("HS512", |text| HS384Key::from_bytes(SECRET.as_bytes()).authentication_tag(text));
    for (token, status) in [(sha384, 200), (sha512, 200), (crossed, 401)] {
        assert_eq!(bearer(&isolate, "/token/x", &token).status, status);
    }
}

#[test]
fn a_signature_is_verified_once_for_each_isolate() {
    let isolate = isolate();
    let pair = Pair::new("a");
    gives(&isolate.world, keys(&[&pair]));
    let token = pair.sign(&claims(&isolate.world, "https://remote", "7"));
    for n in 0..5 {
        assert_eq!(bearer(&isolate, "/token/x", &token).status, 200);
        assert_eq!(found(&isolate), if n == 0 { "token" } else { "token-memo" });
    }
    assert_eq!(isolate.world.verified.get(), 1);
    assert_eq!(isolate.world.consulted.borrow().len(), 1);
    isolate.world.pass(631_000);
    assert_eq!(bearer(&isolate, "/token/x", &token).status, 401, "and not a second longer than it lives");
    assert_eq!(found(&isolate), "token-expired");
}

#[test]
fn an_ended_token_is_over_in_every_form_of_its_signature() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    world.now.set(Clock::now_since_epoch().as_millis());
    let pair = ES256KeyPair::generate().with_key_id("es");
    let mut jwk: Value = serde_json::from_str(&pair.public_key().to_jwk()).unwrap();
    jwk["kid"] = json!("es");
    gives(&world, json!({ "keys": [jwk] }).to_string());
    let said =
        Claims::create(Duration::from_secs(600)).with_issuer("https://remote").with_audience("us").with_subject("7");
    let token = pair.sign(said).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = usher::identity::jwt::decode(signature).unwrap();
    // n - s, byte by byte.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let mut borrow = 0;
    for place in (0..32).rev() {
        let n = i32::from(u8::from_str_radix(&order[2 * place..2 * place + 2], 16).unwrap());
        let mut difference = n - i32::from(bytes[32 + place]) - borrow;
        borrow = i32::from(difference < 0);
        difference += 256 * borrow;
        bytes[32 + place] = u8::try_from(difference).unwrap();
    }
    let other = format!("{signed}.{}", encode(&bytes));
    assert_eq!((bearer(&isolate, "/token/x", &token).status, bearer(&isolate, "/token/x", &other).status), (200, 200));
    let end = json!({ "token": token }).to_string();
    assert_eq!(isolate.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], &end).status, 200);
    assert_eq!((bearer(&isolate, "/token/x", &token).status, bearer(&isolate, "/token/x", &other).status), (401, 401));
}

#[test]
fn every_family_holds_natively_as_at_the_edge() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let part = |bytes: &[u8]| encode(bytes);
    let said = |user: &str| {
        Claims::create(Duration::from_secs(600)).with_issuer("https://remote").with_audience("us").with_subject(user)
    };
    let mut jwks = Vec::new();
    let mut tokens = Vec::new();
    macro_rules! family {
        ($kid:literal, $pair:expr, $jwk:expr) => {{
            let pair = $pair.with_key_id($kid);
            let jwk: fn(_) -> Value = $jwk;
            let mut jwk = jwk(pair.public_key());
            jwk["kid"] = json!($kid);
            jwks.push(jwk);
            tokens.push(($kid, pair.sign(said($kid)).unwrap()));
        }};
    }
    let _ = part;
    family!("ed", Ed25519KeyPair::generate(), |key: Ed25519PublicKey| serde_json::from_str(&key.to_jwk()).unwrap());
    family!("es256", ES256KeyPair::generate(), |key: ES256PublicKey| serde_json::from_str(&key.to_jwk()).unwrap());
    family!("es384", ES384KeyPair::generate(), |key: ES384PublicKey| serde_json::from_str(&key.to_jwk()).unwrap());
    family!("rs256", RS256KeyPair::generate(2048).unwrap(), |key: RS256PublicKey| serde_json::from_str(&key.to_jwk())
        .unwrap());
    family!("rs384", RS384KeyPair::generate(2048).unwrap(), |key: RS384PublicKey| serde_json::from_str(&key.to_jwk())
        .unwrap());
    family!("rs512", RS512KeyPair::generate(2048).unwrap(), |key: RS512PublicKey| serde_json::from_str(&key.to_jwk())
        .unwrap());
    family!("ps256", PS256KeyPair::generate(2048).unwrap(), |key: PS256PublicKey| serde_json::from_str(&key.to_jwk())
        .unwrap());
    family!("ps384", PS384KeyPair::generate(2048).unwrap(), |key: PS384PublicKey| serde_json::from_str(&key.to_jwk())
        .unwrap());
    family!("ps512", PS512KeyPair::generate(2048).unwrap(), |key: PS512PublicKey| serde_json::from_str(&key.to_jwk())
        .unwrap());
    // After the last key was made, which may take a minute.
    world.now.set(Clock::now_since_epoch().as_millis());
    gives(&world, json!({ "keys": jwks }).to_string());
    for (user, token) in &tokens {
        let answer = bearer(&isolate, "/token/x", token);
        assert_eq!((answer.status, answer.body.as_str()), (200, format!("r:{user}").as_str()), "{}", found(&isolate));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let bytes = usher::identity::jwt::decode(signature).unwrap();
        for (what, changed) in [
            ("zero", vec![0; bytes.len()]),
            ("truncated", bytes[..bytes.len() - 1].to_vec()),
            ("longer", [bytes.as_slice(), &[0]].concat()),
            (
                "a bit",
                bytes.iter().enumerate().map(|(place, byte)| if place == 7 { byte ^ 1 } else { *byte }).collect(),
            ),
            ("all ones", vec![255; bytes.len()]),
            ("empty", Vec::new()),
        ] {
            let answer = bearer(&isolate, "/token/x", &format!("{signed}.{}", encode(&changed)));
            assert_eq!(answer.status, 401, "{user}: {what}");
        }
    }
}

/// RFC 7515 A.3.
#[test]
fn the_rfcs_own_example_of_es256_holds() {
    let key = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let signed = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = usher::identity::jwt::decode(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    )
    .unwrap();
    let proof = |signature: &[u8]| {
        crate::native::holds(&usher::platform::SignedMessage {
            algorithm: usher::config::Algorithm::ES256,
            key,
            signed,
            signature,
        })
    };
    let mut spoiled = signature.clone();
    spoiled[0] ^= 1;
    assert_eq!((proof(&signature), proof(&spoiled)), (true, false));
}
