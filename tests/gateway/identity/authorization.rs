//! What a user may do: roles, scopes, the age of a sign-in, and two users on one request.

use super::{bearer, claims, found, isolate, seconds, shared};
use crate::{HOST, sign_in};
use serde_json::{Value, json};

#[test]
fn two_different_users_on_one_request_are_refused_and_one_by_two_ways_is_one() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"s:7"}"#);
    let ask = |user: &str| {
        let token = format!("Bearer {}", shared(&claims(&isolate.world, "https://shared", user)));
        isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie), ("authorization", &token)])
    };
    assert_eq!((ask("7").status, ask("8").status), (200, 400));
    assert_eq!(found(&isolate), "conflict");
    let bad = isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie), ("authorization", "Bearer x")]);
    assert_eq!(bad.status, 401, "what does not hold never falls through");
}

#[test]
fn a_user_may_do_what_their_roles_and_scopes_say() {
    let isolate = isolate();
    let ask = |roles: Value, scope: &str| {
        let mut said = claims(&isolate.world, "https://shared", "7");
        said["roles"] = roles;
        said["scope"] = json!(scope);
        bearer(&isolate, "/admin/x", &shared(&said))
    };
    assert_eq!(ask(json!(["owner"]), "read write").status, 200);
    assert_eq!(ask(json!(["editor"]), "write").status, 403);
    let lacking = ask(json!(["owner"]), "read");
    assert_eq!(lacking.status, 403);
    assert!(lacking.field("www-authenticate").unwrap().contains("error=\"insufficient_scope\", scope=\"write\""));
    let nobody = isolate.get(&format!("{HOST}/admin/x"), &[]);
    assert_eq!(nobody.status, 401, "nobody is not forbidden, but unknown");
    let ways = nobody.field("www-authenticate").unwrap();
    assert!(ways.contains("Cookie realm") && ways.contains("Bearer realm"), "{ways}");
    let cookie = sign_in(&isolate, r#"{"user":"7","roles":["admin"],"scopes":["write"]}"#);
    assert_eq!(isolate.get(&format!("{HOST}/admin/x"), &[("cookie", &cookie)]).status, 200);
}

#[test]
fn who_signed_in_long_ago_is_asked_to_do_so_again() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"7"}"#);
    let ask = |accept: &str| isolate.get(&format!("{HOST}/money/x"), &[("cookie", &cookie), ("accept", accept)]);
    assert_eq!(ask("*/*").status, 200);
    isolate.world.pass(600_001);
    let program = ask("*/*");
    assert_eq!(program.status, 401);
    assert!(
        program.field("www-authenticate").unwrap().contains("error=\"insufficient_user_authentication\", max_age=600")
    );
    let browser = ask("text/html");
    assert_eq!((browser.status, browser.field("location")), (302, Some("/sign-in?return_to=%2Fmoney%2Fx&max_age=600")));
    let mut said = claims(&isolate.world, "https://shared", "7");
    said["auth_time"] = json!(seconds(&isolate.world) - 599);
    assert_eq!(bearer(&isolate, "/money/x", &shared(&said)).status, 200);
    said["auth_time"] = json!(seconds(&isolate.world) - 601);
    assert_eq!(bearer(&isolate, "/money/x", &shared(&said)).status, 401);
}
