//! API keys: made, used, forwarded and ended.

use super::{CONFIG, isolate, world};
use crate::world::{Isolate, Message};
use crate::{HOST, OPERATOR};
use serde_json::{Value, json};

#[test]
fn what_an_origin_is_handed_of_a_users_own_is_shared_with_nobody() {
    let from = "by = [\"jwt\"]\ncache = { shared = \"user\", ttl = \"5m\" }";
    let to = "by = [\"api_key\"]\nforward_token = true\ncache = { shared = \"public\", ttl = \"5m\" }";
    assert!(CONFIG.contains(from));
    let isolate = Isolate::new(&world(), &CONFIG.replace(from, to));
    isolate.world.origin(|heard| Ok(Message::new(200, &[], heard.field("x-api-key").unwrap_or("-"))));
    let make = |user: &str| {
        let order = json!({ "user": user }).to_string();
        let made = isolate.ask("POST", &format!("{HOST}/.usher/api-keys"), &[OPERATOR], &order);
        let said: Value = serde_json::from_str(&made.body).unwrap();
        said["api_key"].as_str().unwrap().to_owned()
    };
    let (one, other) = (make("a"), make("b"));
    for key in [&one, &other] {
        let answer = isolate.get(&format!("{HOST}/mine/x"), &[("x-api-key", key)]);
        assert_eq!(&answer.body, key);
        assert!(answer.field("vary").unwrap().contains("x-api-key"));
    }
}

#[test]
fn an_api_key_is_made_used_and_ended() {
    let isolate = isolate();
    let order = r#"{"user":"robot","roles":["ci"],"scopes":["read"],"lifetime":"1h"}"#;
    let made = isolate.ask("POST", &format!("{HOST}/.usher/api-keys"), &[OPERATOR], order);
    assert_eq!(made.status, 201, "{}", made.body);
    let said: Value = serde_json::from_str(&made.body).unwrap();
    let key = said["api_key"].as_str().unwrap().to_owned();
    assert!(!isolate.world.store.borrow().iter().any(|(name, value)| name.contains(&key) || value.contains(&key)));
    let ask = |key: &str, path: &str| isolate.get(&format!("{HOST}{path}"), &[("x-api-key", key)]);
    assert_eq!(ask(&key, "/any/x").body, "robot");
    assert_eq!(isolate.world.heard.borrow().last().unwrap().field("x-api-key"), None);
    assert_eq!(ask(&key, "/money/x").status, 401, "a key has not proven who it is lately");
    assert_eq!(isolate.get(&format!("{HOST}/any/x"), &[("cookie", &format!("__Host-usher={key}"))]).status, 401);
    for bad in ["", "usk_", "usk_x", &key[4..], &format!("{key}x"), &format!("usk_{}", "A".repeat(43))] {
        assert_eq!(ask(bad, "/optional/x").status, 401, "{bad}");
    }
    let end = json!({ "token": key }).to_string();
    assert_eq!(isolate.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], &end).status, 200);
    assert_eq!(ask(&key, "/any/x").status, 401);
    for (bad, field) in
        [(r#"{"user":""}"#, "user"), (r#"{"user":"a","lifetime":"9y"}"#, "lifetime"), (r#"{"user":"a","x":1}"#, "x")]
    {
        let answer = isolate.ask("POST", &format!("{HOST}/.usher/api-keys"), &[OPERATOR], bad);
        assert!(answer.status == 400 && answer.body.contains(field), "{bad}: {}", answer.body);
    }
    assert_eq!(isolate.ask("POST", &format!("{HOST}/.usher/api-keys"), &[], order).status, 401);
}
