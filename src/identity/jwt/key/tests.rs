use super::*;
use proptest::prelude::*;
use serde_json::json;

const SECRET: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";

/// RFC 8725 3.5; RFC 7518 3.2.
#[test]
fn a_weak_secret_is_refused() {
    let ok = |bytes: &[u8], algorithm| Key::secret(bytes, &[algorithm]).is_ok();
    assert!(ok(&SECRET[..32], Algorithm::HS256) && !ok(&SECRET[..31], Algorithm::HS256));
    assert!(ok(&SECRET[..48], Algorithm::HS384) && !ok(&SECRET[..47], Algorithm::HS384));
    assert!(ok(&SECRET[..64], Algorithm::HS512) && !ok(&SECRET[..63], Algorithm::HS512));
    assert!(!ok(&[b'a'; 64], Algorithm::HS256) && !ok(b"", Algorithm::HS256));
    let key = Key::secret(&SECRET[..32], &[Algorithm::HS256, Algorithm::HS512]).expect("good for one of them");
    assert!(key.supports(Algorithm::HS256) && !key.supports(Algorithm::HS384) && !key.supports(Algorithm::HS512));
    let brace = [b"{".as_slice(), &SECRET[..40]].concat();
    assert!(ok(&brace, Algorithm::HS256), "random bytes may begin like JSON");
    let why = Key::secret(b"hunter2", &[Algorithm::HS256]).expect_err("weak");
    assert!(why.contains("7 bytes") && !why.contains("hunter2"), "{why}");
    assert!(!format!("{:?}", Key::secret(SECRET, &[Algorithm::HS256])).contains("48, 49"), "never printed");
}

#[test]
fn a_jwk_is_accepted_only_if_it_is_valid_and_for_verifying() {
    let rsa = |n: &[u8], e: &[u8]| json!({"kty": "RSA", "n": encode(n), "e": encode(e)});
    let ec = |crv: &str, size: usize| json!({"kty": "EC", "crv": crv, "x": encode(&vec![1; size]), "y": encode(&vec![2; size])});
    let ed = |x: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "x": encode(x)});
    let also = |mut key: serde_json::Value, name: &str, value: serde_json::Value| {
        key[name] = value;
        key
    };
    let big = [0xc1; 256];
    let mut order_eight = [0; 32];
    for (byte, hex) in order_eight.iter_mut().zip([
        "c7", "17", "6a", "70", "3d", "4d", "d8", "4f", "ba", "3c", "0b", "76", "0d", "10", "67", "0f", "2a", "20",
        "53", "fa", "2c", "39", "cc", "c6", "4e", "c7", "fd", "77", "92", "ac", "03", "fa",
    ]) {
        *byte = u8::from_str_radix(hex, 16).expect("hex");
    }
    for (key, good) in [
        (rsa(&big, &[1, 0, 1]), true),
        (rsa(&[0xc1; 512], &[1, 0, 1]), true),
        (rsa(&[0xc1; 513], &[1, 0, 1]), false),
        (rsa(&[0xc1; 128], &[1, 0, 1]), false),
        (rsa(&[[0; 128].as_slice(), &[0xc1; 128]].concat(), &[1, 0, 1]), false),
        (rsa(&[[0x01].as_slice(), &[0xc1; 255]].concat(), &[1, 0, 1]), false),
        (rsa(&big, &[3]), true),
        (rsa(&big, &[17]), false),
        (rsa(&[[0x41].as_slice(), &[0xc1; 256]].concat(), &[1, 0, 1]), false),
        (rsa(&big, &[1]), false),
        (rsa(&big, &[2]), false),
        (rsa(&big, &[]), false),
        (rsa(&big, &[1, 0, 0, 0, 1]), false),
        (ec("P-256", 32), true),
        (ec("P-256", 31), false),
        (ec("P-256", 33), false),
        (ec("P-384", 48), true),
        (ec("P-521", 66), false),
        (ec("secp256k1", 32), false),
        (ed(&[9; 32]), true),
        (ed(&[9; 31]), false),
        (ed(&[0; 32]), false),
        (ed(&order_eight), false),
        (json!({"kty": "OKP", "crv": "X25519", "x": encode(&[9; 32])}), false),
        (json!({"kty": "oct", "k": encode(SECRET)}), false),
        (json!({"kty": "AKP"}), false),
        (json!({"crv": "P-256"}), false),
        (also(ec("P-256", 32), "use", json!("sig")), true),
        (also(ec("P-256", 32), "use", json!("enc")), false),
        (also(ec("P-256", 32), "key_ops", json!(["verify"])), true),
        (also(ec("P-256", 32), "key_ops", json!(["sign"])), false),
        (also(ec("P-256", 32), "key_ops", json!("verify")), false),
        (also(ec("P-256", 32), "alg", json!("ECDH-ES")), false),
        (also(ec("P-256", 32), "alg", json!(1)), false),
        (also(ec("P-256", 32), "kid", json!(1)), false),
        (also(ec("P-256", 32), "x", json!("A=")), false),
        (also(ed(&[9; 32]), "d", json!(encode(&[1; 32]))), false),
    ] {
        let found = Keys::published(&json!({"keys": [key]}).to_string()).expect("a set");
        assert_eq!(found.why_unusable().is_none(), good, "{key}: {found:?}");
    }
    let only = also(rsa(&big, &[1, 0, 1]), "alg", json!("PS256"));
    let keys = Keys::published(&json!({"keys": [only]}).to_string()).expect("a key");
    assert!(keys.candidates(Algorithm::PS256, None, &[0; 256]).is_ok());
    assert_eq!(keys.candidates(Algorithm::RS256, None, &[0; 256]), Err(Fault::KeyType));
    for length in [0, 1, 255, 257, 512] {
        assert_eq!(keys.candidates(Algorithm::PS256, None, &vec![0; length]), Err(Fault::Signature), "{length}");
    }
}

#[test]
fn a_key_set_is_bounded_and_unusable_keys_are_skipped() {
    let good = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&[9; 32])});
    let set = |keys: serde_json::Value| json!({"keys": keys}).to_string();
    let usable = |keys: Result<Keys, String>| keys.expect("a set").why_unusable().is_none();
    assert!(usable(Keys::published(&set(json!([{"kty": "new"}, good, {"kty": "RSA"}])))));
    assert!(usable(Keys::trusted(&set(json!([{"kty": "new"}, good])), &[Algorithm::EdDSA])));
    assert!(!usable(Keys::trusted(&set(json!([{"kty": "new"}])), &[Algorithm::EdDSA])));
    let weak = json!([good, {"kty": "oct", "k": "AAAA"}]);
    assert!(Keys::trusted(&set(weak), &[Algorithm::HS256]).is_err(), "a weak secret is not passed over");
    assert!(!usable(Keys::published(&set(json!([{"kty": "new"}])))) && !usable(Keys::published(&set(json!([])))));
    assert!(Keys::published(&set(json!(vec![good.clone(); 64]))).is_ok());
    for bad in [
        set(json!(vec![good.clone(); 65])),
        set(json!({"a": good})),
        set(json!([1])),
        "{}".into(),
        "[]".into(),
        "<html>".into(),
        String::new(),
        format!("{{\"keys\":[{good}],\"keys\":[]}}"),
        set(json!([{"kty": "OKP", "crv": "Ed25519", "x": encode(&[9; 32]), "note": "x".repeat(MOST_BYTES)}])),
    ] {
        assert!(Keys::published(&bad).is_err(), "{:.80}", bad);
    }
}

proptest! {
    #[test]
    fn reading_a_key_set_never_panics(text in "\\PC{0,60}|\\{\"keys\":\\[(\\{(\"(kty|crv|x|y|n|e|k|alg|use)\":\"(RSA|EC|OKP|oct|P-256|Ed25519|AQAB|_w)\",?){0,5}\\},?){0,3}\\]\\}") {
        let _ = Keys::published(&text);
        let _ = Keys::trusted(&text, &[Algorithm::HS256]);
    }
}
