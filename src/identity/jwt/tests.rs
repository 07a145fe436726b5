#![expect(clippy::string_slice, reason = "the texts are ASCII")]

use super::*;
use crate::config::{Authenticator, Config, source};
use proptest::prelude::*;
use serde_json::json;

const SECRET: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";
/// Seconds since 1970.
const NOW: u64 = 1_800_000_000;

fn config(rest: &str) -> Config {
    let text = format!(
        "[[issuer]]\nname = \"a\"\niss = \"https://i\"\naudience = [\"us\", \"them\"]\n{rest}\n[[route]]\nname = \"r\"\npath = \"/*\"\necho = true\nauth = \"required\"\nby = [\"jwt\"]\n"
    );
    let config = source::read(&text, "test.toml").expect("a configuration").1;
    config.resolved(|_| Some(String::from_utf8_lossy(SECRET).into_owned())).expect("resolved")
}

fn issuer(rest: &str) -> Issuer {
    config(rest).issuers.into_iter().next().expect("an issuer")
}

fn shared() -> Issuer {
    issuer("algorithms = [\"HS256\", \"HS512\"]\nsecret = \"${S}\"")
}

fn part(json: &serde_json::Value) -> String {
    encode(json.to_string().as_bytes())
}

/// A token signed with the secret, whatever its header says.
fn token(header: &serde_json::Value, claims: &serde_json::Value) -> String {
    signed(&format!("{}.{}", part(header), part(claims)))
}

fn signed(text: &str) -> String {
    let tag = HS256Key::from_bytes(SECRET).authentication_tag(text.as_bytes());
    format!("{text}.{}", encode(&tag))
}

fn claims() -> serde_json::Value {
    json!({"iss": "https://i", "aud": "us", "sub": "7", "exp": NOW + 600})
}

fn with(name: &str, value: serde_json::Value) -> serde_json::Value {
    let mut claims = claims();
    if value == json!("(none)") {
        claims.as_object_mut().expect("an object").remove(name)
    } else {
        claims.as_object_mut().expect("an object").insert(name.into(), value)
    };
    claims
}

/// All checks of a token, in the gateway's order.
fn verify(issuer: &Issuer, keys: &Keys, text: &str) -> Result<Claims, Fault> {
    let token = Token::read(text)?;
    token.issuer([(0, issuer)].into_iter())?;
    let claims = token.admitted(issuer, &issuer.audience, NOW * 1_000)?.clone();
    for key in keys.candidates(token.algorithm, token.kid.as_deref(), &token.signature)? {
        if key.shared_secret().is_some_and(|secret| mac_holds(token.algorithm, secret, token.signed, &token.signature))
        {
            return Ok(claims);
        }
    }
    Err(Fault::Signature)
}

fn verify_shared(text: &str) -> Result<(), Fault> {
    let issuer = shared();
    let keys = Keys::one(Key::secret(SECRET, &issuer.algorithms).expect("a secret"));
    verify(&issuer, &keys, text).map(|_| ())
}

const HS256: &str = r#"{"alg":"HS256"}"#;

fn hs256() -> serde_json::Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

#[test]
fn a_valid_token_is_accepted() {
    for header in [
        json!({"alg": "HS256"}),
        json!({"alg": "HS256", "typ": "JWT", "kid": "any"}),
        json!({"typ": "at+jwt", "alg": "HS256", "x5t": "AAAA", "jku": "https://evil.example/keys", "unknown": {"a": [1]}}),
    ] {
        assert_eq!(verify_shared(&token(&header, &claims())), Ok(()), "{header}");
    }
}

/// RFC 8725 3.1, 3.2; 2.1 (alg none, in any case).
#[test]
fn the_issuer_configuration_chooses_the_algorithm_and_not_the_token() {
    for alg in [
        "none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "HS384", "RS256", "ES256", "EdDSA", "HS1", "dir",
        "A128KW",
    ] {
        let unsigned = format!("{}.{}.", part(&json!({"alg": alg})), part(&claims()));
        for text in [token(&json!({"alg": alg}), &claims()), unsigned] {
            let found = verify_shared(&text);
            assert!(matches!(found, Err(Fault::Algorithm)), "{alg}: {found:?}");
        }
    }
    for alg in [json!(null), json!(1), json!(["HS256"]), json!({"a": "HS256"}), json!(true)] {
        assert_eq!(verify_shared(&token(&json!({"alg": alg}), &claims())), Err(Fault::Malformed), "{alg}");
    }
    assert_eq!(verify_shared(&token(&json!({"typ": "JWT"}), &claims())), Err(Fault::Malformed));
}

/// RFC 8725 2.1: a public key used as a shared secret.
#[test]
fn a_public_key_is_never_used_as_a_secret() {
    let rsa = json!({"keys": [{"kty": "RSA", "n": encode(&[0xc1; 256]), "e": "AQAB"}]}).to_string();
    let issuer = issuer(&format!("algorithms = [\"RS256\"]\nkeys = '{rsa}'"));
    let keys = Keys::trusted(&rsa, &issuer.algorithms).expect("keys");
    assert_eq!(verify(&issuer, &keys, &token(&hs256(), &claims())).map(|_| ()), Err(Fault::Algorithm));
    let all = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    for algorithm in all {
        assert_eq!(keys.candidates(algorithm, None, &[0; 32]), Err(Fault::KeyType), "{algorithm:?}");
    }
    assert_eq!(keys.candidates(Algorithm::ES256, None, &[0; 64]), Err(Fault::KeyType));
    for text in ["-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", &rsa] {
        assert!(Key::secret(text.as_bytes(), &[Algorithm::HS256]).is_err());
    }
}

/// RFC 8725 3.8, 3.9; RFC 7519 4.1.
#[test]
fn issuer_audience_and_times_are_checked() {
    let cases = [
        ("iss", json!("https://i"), Ok(())),
        ("iss", json!("(none)"), Err(Fault::Issuer)),
        ("iss", json!("https://i/"), Err(Fault::Issuer)),
        ("iss", json!("HTTPS://I"), Err(Fault::Issuer)),
        ("iss", json!(""), Err(Fault::Issuer)),
        ("iss", json!(["https://i"]), Err(Fault::Claims)),
        ("iss", json!(null), Err(Fault::Claims)),
        ("aud", json!("(none)"), Err(Fault::Audience)),
        ("aud", json!("them"), Ok(())),
        ("aud", json!(["x", "us"]), Ok(())),
        ("aud", json!(["x"]), Err(Fault::Audience)),
        ("aud", json!([]), Err(Fault::Audience)),
        ("aud", json!("us "), Err(Fault::Audience)),
        ("aud", json!("us,them"), Err(Fault::Audience)),
        ("aud", json!(["us", 1]), Err(Fault::Claims)),
        ("aud", json!({"us": true}), Err(Fault::Claims)),
        ("aud", json!(null), Err(Fault::Claims)),
        ("exp", json!("(none)"), Err(Fault::Claims)),
        ("exp", json!(null), Err(Fault::Claims)),
        ("exp", json!("1900000000"), Err(Fault::Claims)),
        ("exp", json!([NOW + 9]), Err(Fault::Claims)),
        ("exp", json!(true), Err(Fault::Claims)),
        ("exp", json!(NOW - 29), Ok(())),
        ("exp", json!(NOW - 30), Err(Fault::Expired)),
        ("exp", json!(NOW as f64 - 29.5), Ok(())),
        ("exp", json!(0), Err(Fault::Expired)),
        ("exp", json!(-1), Err(Fault::Expired)),
        ("exp", json!(1e300), Ok(())),
        ("exp", json!(u64::MAX), Ok(())),
        ("nbf", json!(NOW + 30), Ok(())),
        ("nbf", json!(NOW + 31), Err(Fault::Early)),
        ("nbf", json!("0"), Err(Fault::Claims)),
        ("nbf", json!(null), Err(Fault::Claims)),
        ("iat", json!(NOW + 30), Ok(())),
        ("iat", json!(NOW + 31), Err(Fault::Early)),
        ("iat", json!(0), Ok(())),
        ("iat", json!("now"), Err(Fault::Claims)),
        ("auth_time", json!("now"), Err(Fault::Claims)),
    ];
    for (name, value, found) in cases {
        assert_eq!(verify_shared(&token(&hs256(), &with(name, value.clone()))), found, "{name} = {value}");
    }
}

/// RFC 7515 4.1.11, RFC 7797.
#[test]
fn critical_extensions_are_refused() {
    for header in [
        json!({"alg": "HS256", "crit": ["exp"], "exp": 1}),
        json!({"alg": "HS256", "crit": []}),
        json!({"alg": "HS256", "crit": null}),
        json!({"alg": "HS256", "crit": "b64"}),
        json!({"alg": "HS256", "crit": ["alg"]}),
        json!({"alg": "HS256", "crit": ["b64"], "b64": false}),
        json!({"alg": "HS256", "crit": ["b64"], "b64": true}),
        json!({"alg": "HS256", "b64": false}),
    ] {
        assert_eq!(verify_shared(&token(&header, &claims())), Err(Fault::Critical), "{header}");
    }
}

/// RFC 8725 3.11.
#[test]
fn a_configured_type_refuses_other_kinds_of_tokens() {
    let issuer = issuer("algorithms = [\"HS256\"]\nsecret = \"${S}\"\ntyp = \"at+jwt\"");
    let keys = Keys::one(Key::secret(SECRET, &issuer.algorithms).expect("a secret"));
    for (typ, found) in [
        (json!("at+jwt"), Ok(())),
        (json!("AT+JWT"), Ok(())),
        (json!("application/at+jwt"), Ok(())),
        (json!("JWT"), Err(Fault::Type)),
        (json!(""), Err(Fault::Type)),
        (json!(null), Err(Fault::Malformed)),
        (json!(["at+jwt"]), Err(Fault::Malformed)),
    ] {
        let text = token(&json!({"alg": "HS256", "typ": typ}), &claims());
        assert_eq!(verify(&issuer, &keys, &text).map(|_| ()), found, "{typ}");
    }
    let text = token(&json!({"alg": "HS256"}), &claims());
    assert_eq!(verify(&issuer, &keys, &text).map(|_| ()), Err(Fault::Type));
}

#[test]
fn a_token_must_be_three_parts_of_strict_base64url_and_json() {
    let good = token(&hs256(), &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, body, tag] = parts[..] else { panic!("three parts") };
    let corrupted = |at: usize, by: &str| format!("{}{by}{}", &good[..at], &good[at..]);
    let mut bad = vec![
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        format!("{header}.{body}"),
        format!(".{body}.{tag}"),
        format!("{header}..{tag}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{tag}"),
        format!("{header}.{body}.{tag}.{tag}.{tag}"),
        format!("{good}="),
        format!("{header}=.{body}.{tag}"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("\"{good}\""),
        json!({"payload": body, "protected": header, "signature": tag}).to_string(),
        corrupted(5, "\n"),
        corrupted(5, "+"),
        corrupted(5, "/"),
        corrupted(5, "\u{0}"),
        corrupted(5, "%41"),
    ];
    // A last character whose unused bits are not zero decodes to the same bytes.
    let last = tag.chars().last().expect("a character");
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let other = alphabet.chars().nth(alphabet.find(last).expect("base64url") ^ 1).expect("another");
    bad.push(format!("{header}.{body}.{}{other}", &tag[..tag.len() - 1]));
    for text in [
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256"}{"#,
        r#"{"alg":"HS256""#,
        r#"["HS256"]"#,
        r#""HS256""#,
        "null",
        "",
        "\u{feff}{\"alg\":\"HS256\"}",
        r#"{"alg":"HS256","kid":1}"#,
        r#"{"alg":"HS256","kid":null}"#,
        r#"{"alg":"HS256","typ":1}"#,
    ] {
        bad.push(signed(&format!("{}.{body}", encode(text.as_bytes()))));
    }
    for text in [
        r#"{"iss":"https://i","aud":"us","sub":"7","exp":1900000000,"sub":"8"}"#,
        r#"{"iss":"https://i","aud":"us","sub":"7","exp":1,"exp":1900000000}"#,
        r#"{"iss":"https://i","aud":"us","sub":"7","exp":1900000000,"a":{"b":1,"b":2}}"#,
        r#"{"iss":"https://i","aud":"us","sub":"7","exp":1e999}"#,
        r#"{"iss":"https://i","aud":"us","sub":"7","exp":NaN}"#,
        "[]",
        "7",
        "hello",
        "",
    ] {
        bad.push(signed(&format!("{header}.{}", encode(text.as_bytes()))));
    }
    bad.push(signed(&format!("{header}.{}", encode(b"{\"a\":\"\xff\xfe\"}"))));
    for text in bad {
        assert_eq!(verify_shared(&text), Err(Fault::Malformed), "{text:?}");
    }
    assert_eq!(verify_shared(&"a".repeat(LONGEST + 1)), Err(Fault::TooLong));
    assert_eq!(verify_shared(&signed(&format!("{header}.{}", "A".repeat(LONGEST)))), Err(Fault::TooLong));
}

#[test]
fn a_changed_or_truncated_token_is_refused() {
    let good = token(&hs256(), &claims());
    let (signed, tag) = good.rsplit_once('.').expect("a tag");
    let other = part(&with("sub", json!("8")));
    let swapped = format!("{}.{other}.{tag}", part(&hs256()));
    let bytes = decode(tag).expect("bytes");
    for text in [
        swapped,
        format!("{signed}.{}", encode(&bytes[..31])),
        format!("{signed}.{}", encode(&bytes[..1])),
        format!("{signed}.{}", encode(&[bytes.as_slice(), &[0]].concat())),
        format!("{signed}.{}", encode(&[0; 32])),
        format!("{signed}.{}", encode(&HS512Key::from_bytes(SECRET).authentication_tag(signed.as_bytes()))),
    ] {
        assert_eq!(verify_shared(&text), Err(Fault::Signature), "{text}");
    }
    assert_eq!(verify_shared(&format!("{signed}.")), Err(Fault::Signature));
}

/// RFC 7515 A.1.
#[test]
fn the_example_of_the_rfc_verifies() {
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let tag = decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").expect("base64url");
    assert!(mac_holds(Algorithm::HS256, &decode(key).expect("base64url"), signed, &tag));
    let text = format!("{signed}.{}", encode(&tag));
    let token = Token::read(&text).expect("a token");
    assert_eq!((token.algorithm, token.signature.as_slice()), (Algorithm::HS256, tag.as_slice()));
    assert_eq!(token.claims.text("iss"), Ok(Some("joe")));
}

#[test]
fn every_bit_of_a_tag_counts() {
    let good = token(&hs256(), &claims());
    let (signed, tag) = good.rsplit_once('.').expect("a tag");
    let bytes = decode(tag).expect("bytes");
    for bit in 0..256 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verify_shared(&format!("{signed}.{}", encode(&bytes))), Err(Fault::Signature), "{bit}");
    }
}

/// RFC 8725 3.10: the `kid` is compared as a string with those of the issuer's keys, and used for nothing else.
#[test]
fn a_kid_is_compared_as_a_string_only() {
    let oct = |kid: Option<&str>, secret: &[u8]| {
        let mut key = json!({"kty": "oct", "k": encode(secret)});
        if let Some(kid) = kid {
            key["kid"] = json!(kid);
        }
        key
    };
    let issuer = shared();
    let keys = |all: Vec<serde_json::Value>| {
        Keys::trusted(&json!({"keys": all}).to_string(), &issuer.algorithms).expect("keys")
    };
    let other: Vec<u8> = SECRET.iter().rev().copied().collect();
    let ask = |keys: &Keys, kid: serde_json::Value| {
        verify(&issuer, keys, &token(&json!({"alg": "HS256", "kid": kid}), &claims())).map(|_| ())
    };
    let two = keys(vec![oct(Some("old"), &other), oct(Some("new"), SECRET)]);
    assert_eq!(ask(&two, json!("new")), Ok(()));
    assert_eq!(ask(&two, json!("old")), Err(Fault::Signature));
    for kid in ["", "New", "new ", "../new", "/dev/null", "' OR 1=1", "new\u{0}", "keys/new", "0"] {
        assert_eq!(ask(&two, json!(kid)), Err(Fault::Key), "{kid:?}");
    }
    assert_eq!(
        verify(&issuer, &two, &token(&hs256(), &claims())).map(|_| ()),
        Ok(()),
        "without a kid all that fit are tried"
    );
    let without_kid = keys(vec![oct(None, SECRET)]);
    assert_eq!(ask(&without_kid, json!("whatever")), Ok(()), "a key without a name goes by any");
    // Key injection: keys in the token's header are ignored.
    let own = json!({"kty": "oct", "k": encode(&other)});
    let text = token(&json!({"alg": "HS256", "jwk": own, "jku": "https://evil.example"}), &claims());
    assert_eq!(verify(&issuer, &keys(vec![oct(None, &other)]), &text).map(|_| ()), Err(Fault::Signature));
}

#[test]
fn a_route_with_tokens_accepts_every_issuer_with_an_audience() {
    assert!(
        config("algorithms = [\"RS256\"]")
            .routes
            .iter()
            .all(|route| route.by == [Authenticator::Jwt] && route.issuers == [0])
    );
}

proptest! {
    #[test]
    fn no_text_panics_or_is_accepted(text in "\\PC{0,60}|[A-Za-z0-9_.=-]{0,80}|(e30|eyJ[A-Za-z0-9_-]{0,20}|\\.){0,8}") {
        prop_assert!(verify_shared(&text).is_err());
    }

    #[test]
    fn a_token_with_a_changed_byte_is_refused(place in 0usize..200, by in "[A-Za-z0-9_.-]") {
        let good = token(&serde_json::from_str(HS256).expect("JSON"), &claims());
        let place = place % good.len();
        let changed = format!("{}{by}{}", &good[..place], &good[place + 1..]);
        prop_assert!(changed == good || verify_shared(&changed).is_err(), "{}", changed);
    }
}
