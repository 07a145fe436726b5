use super::*;
use serde_json::json;

fn client(secret: Option<&str>) -> Client {
    Client {
        id: Setting::Is("us:er".into()),
        secret: secret.map(|s| Setting::Is(s.into())),
        ask: vec!["openid".into(), "email".into()],
        signs_out: false,
    }
}

fn provider() -> Provider {
    let document = json!({
        "issuer": "https://id.example",
        "authorization_endpoint": "https://id.example/auth?x=1",
        "token_endpoint": "https://id.example/token",
        "jwks_uri": "https://id.example/keys",
    });
    Provider::read(&document.to_string(), "https://id.example").expect("a provider")
}

#[test]
fn a_discovery_document_must_be_of_the_issuer_and_have_https_urls() {
    let good = json!({"issuer": "https://i", "authorization_endpoint": "https://i/a", "token_endpoint": "https://i/t", "jwks_uri": "https://i/k"});
    assert!(Provider::read(&good.to_string(), "https://i").is_ok());
    assert!(Provider::read(&good.to_string(), "https://i/").is_err());
    let keys_alone = json!({"issuer": "https://i", "jwks_uri": "https://i/k"});
    assert!(Provider::read(&keys_alone.to_string(), "https://i").is_ok(), "an issuer with whom nobody signs in");
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        for bad in [json!("http://i/a"), json!("javascript:1"), json!(1), json!(null)] {
            let mut document = good.clone();
            document[name] = bad;
            assert!(Provider::read(&document.to_string(), "https://i").is_err(), "{document}");
        }
    }
}

#[test]
fn the_authorization_url_has_state_nonce_and_code_challenge() {
    let pending = Pending::new(&[7; 96], "id", "/x?y=1", Some(600), 1_000);
    let location = pending.location(&provider(), &client(None), "https://us/in/callback", Some("de"));
    let challenge = encode(&hmac_sha256::Hash::hash(pending.verifier.as_bytes()));
    assert_eq!(
        location,
        format!(
            "https://id.example/auth?x=1&response_type=code&client_id=us%3Aer&redirect_uri=https%3A%2F%2Fus%2Fin%2Fcallback&scope=openid%20email&state={}&nonce={}&code_challenge={challenge}&code_challenge_method=S256&max_age=600&ui_locales=de",
            pending.state, pending.nonce
        )
    );
    assert_eq!(Pending::new(&[7; 96], "id", "//evil.example", None, 0).back, "/");
}

#[test]
fn a_callback_needs_the_same_browser_issuer_and_state_in_time() {
    let random: [u8; 96] = std::array::from_fn(|place| place as u8);
    let pending = Pending::new(&random, "id", "/", None, 1_000);
    let value = pending.cookie_value(24);
    assert_eq!(Pending::back(Some(&value), "id", &pending.state, 600_999), Some(pending.clone()));
    assert_eq!(Pending::back(Some(&value), "id", &pending.state, 601_000), None);
    assert_eq!(Pending::back(Some(&value), "id", &pending.nonce, 1_000), None);
    assert_eq!(Pending::back(Some(&value), "id", "", 1_000), None);
    assert_eq!(Pending::back(None, "id", &pending.state, 1_000), None);
    assert_eq!(Pending::back(Some(&value), "another", &pending.state, 1_000), None);
    let evil = Pending { back: "//evil.example".into(), ..pending.clone() };
    assert_eq!(Pending::back(Some(&evil.cookie_value(24)), "id", &pending.state, 1_000), None);
    assert!(!format!("{pending:?}").contains(&pending.verifier));
    assert_eq!(Pending::back(Some("AAAA"), "id", &pending.state, 1_000), None);
}

#[test]
fn a_return_path_too_long_for_the_cookie_is_dropped() {
    let name = Pending::cookie_name("__Host-usher", &"x".repeat(43)).len();
    for (length, kept) in [(2_700, true), (2_900, false), (60_000, false)] {
        let back = format!("/{}", "a".repeat(length));
        let pending = Pending::new(&[7; 96], "id", &back, None, 1_000);
        let value = pending.cookie_value(name);
        assert!(name + value.len() <= 4_096, "{length}: {}", value.len());
        let resumed = Pending::back(Some(&value), "id", &pending.state, 1_000).expect("the sign-in goes on");
        assert_eq!(resumed.back == back, kept, "{length}");
    }
}

#[test]
fn the_oldest_abandoned_sign_ins_are_removed() {
    let began = |second: u64, back: &str| {
        let random: [u8; 96] = std::array::from_fn(|place| (place as u8).wrapping_mul(second as u8 + 1));
        let pending = Pending::new(&random, "id", back, None, second * 1_000);
        format!("{}={}", Pending::cookie_name("usher", &pending.state), pending.cookie_value(20))
    };
    let name = |cookie: &str| cookie.split('=').next().expect("a name").to_owned();
    let all: Vec<String> = [3, 1, 4, 2, 5].map(|second| began(second, "/")).to_vec();
    let field = format!("a=1; {}; usher-in-odd=x; usher=token", all.join("; "));
    assert_eq!(
        Pending::abandoned(Some(&field), ("usher", false), 300),
        [&name(&all[3]), &name(&all[1]), "usher-in-odd"]
    );
    assert_eq!(Pending::abandoned(Some(&field), ("usher", true), 300), Vec::<&str>::new(), "a sibling's");
    let long = began(9, &format!("/{}", "a".repeat(2_000)));
    assert_eq!(Pending::abandoned(Some(&long), ("usher", false), 3_000), Vec::<&str>::new());
    assert_eq!(Pending::abandoned(Some(&long), ("usher", false), 4_000), [&name(&long)]);
    assert_eq!(Pending::abandoned(None, ("usher", false), 300), Vec::<&str>::new());
}

#[test]
fn a_code_is_redeemed_with_the_client_credentials() {
    let pending = Pending::new(&[7; 96], "id", "/", None, 0);
    let (form, authorization) = pending.redeem(&provider(), &client(Some("p w")), "c/1", "https://us/cb");
    assert!(form.contains("code=c%2F1") && !form.contains("client_id"), "{form}");
    assert_eq!(authorization.as_deref(), Some("Basic dXMlM0FlcjpwJTIwdw=="));
    let (form, authorization) = pending.redeem(&provider(), &client(None), "c", "https://us/cb");
    assert!(form.ends_with("client_id=us%3Aer") && authorization.is_none());
    let posting = Provider { secret_in_form: true, ..provider() };
    let (form, authorization) = pending.redeem(&posting, &client(Some("p w")), "c", "https://us/cb");
    assert!(form.ends_with("client_id=us%3Aer&client_secret=p%20w") && authorization.is_none(), "{form}");
}

#[test]
fn an_id_token_must_belong_to_the_sign_in() {
    let pending = Pending::new(&[7; 96], "id", "/", Some(60), 0);
    let nonce = pending.nonce.clone();
    let check = |claims: serde_json::Value| {
        let mut claims = claims.as_object().cloned().expect("an object");
        claims.entry("iat").or_insert(json!(980));
        claims.retain(|_, value| !value.is_null());
        let claims = Claims::of(claims);
        pending.check_id_token(&claims, &client(None), 1_000_000).is_ok()
    };
    for (claims, good) in [
        (json!({"nonce": nonce, "aud": "us:er", "auth_time": 990}), true),
        (json!({"nonce": nonce, "aud": ["us:er"], "auth_time": 911}), true),
        (json!({"nonce": nonce, "aud": "us:er", "auth_time": 909}), false),
        (json!({"nonce": nonce, "aud": "us:er"}), false),
        (json!({"nonce": nonce, "aud": "us:er", "auth_time": 990, "iat": null}), false),
        (json!({"nonce": "x", "aud": "us:er", "auth_time": 990}), false),
        (json!({"aud": "us:er", "auth_time": 990}), false),
        (json!({"nonce": nonce, "aud": ["us:er", "b"], "auth_time": 990}), false),
        (json!({"nonce": nonce, "aud": ["us:er", "b"], "azp": "us:er", "auth_time": 990}), true),
        (json!({"nonce": nonce, "aud": "us:er", "azp": "b", "auth_time": 990}), false),
        (json!({"nonce": nonce, "aud": "us:er", "azp": 1, "auth_time": 990}), false),
    ] {
        assert_eq!(check(claims.clone()), good, "{claims}");
    }
}
