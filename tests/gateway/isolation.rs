//! No visitor is given what was made for another, and no header crosses the gateway that must not.

use crate::world::{Isolate, Message};
use crate::{EVERY_ROUTE, HOST, LAB, SHIPPED, isolate, sign_in, world};
use usher::platform::Failure;

#[test]
fn an_answer_to_somebody_signed_in_is_marked_as_theirs() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    isolate.world.origin(|_| Ok(Message::new(200, &[("cache-control", "public, s-maxage=9, max-age=60")], "hello")));
    for path in ["/members/x", "/optional/x", "/private/x", "/private/x"] {
        let answer = isolate.get(&format!("{HOST}{path}"), &[("cookie", &cookie)]);
        assert_eq!(answer.field("cache-control"), Some("private, max-age=60"), "{path}");
        assert!(answer.field("vary").is_some_and(|vary| vary.contains("Cookie")), "{path}");
    }
    let open = isolate.get(&format!("{HOST}/open/x?lang=en"), &[]);
    assert_eq!((open.field("cache-control"), open.field("vary")), (Some("public, s-maxage=9, max-age=60"), None));
}

#[test]
fn a_user_whose_roles_changed_is_given_nothing_made_for_the_old_ones() {
    let isolate = isolate();
    isolate.world.origin(|told| {
        Ok(Message::new(200, &[("cache-control", "max-age=60")], told.field("x-user-roles").unwrap_or("-")))
    });
    let admin = sign_in(&isolate, r#"{"user":"ada","roles":["admin"]}"#);
    let plain = sign_in(&isolate, r#"{"user":"ada","roles":["member"]}"#);
    for (cookie, roles) in [(&admin, "admin"), (&plain, "member"), (&admin, "admin")] {
        assert_eq!(isolate.get(&format!("{HOST}/private/x"), &[("cookie", cookie)]).body, roles);
    }
}

#[test]
fn http_and_https_share_no_stored_answer() {
    let isolate = isolate();
    let ask = |scheme: &str| {
        isolate.get(&format!("{scheme}://www.example.com/stored/x"), &[]).field("cache-status").unwrap().to_owned()
    };
    assert_eq!((ask("http"), ask("https")), ("usher; fwd=miss; stored".into(), "usher; fwd=miss; stored".into()));
}

#[test]
fn the_header_contract_holds_on_every_route_and_every_error_path() {
    let forged = [
        ("x-user-id", "forged"),
        ("x-user-roles", "forged"),
        ("x_user_id", "forged"),
        ("x-usher-a", "forged"),
        ("usher-assertion", "forged"),
        ("x-forwarded-for", "forged"),
        ("x-forwarded-host", "forged"),
        ("x-forwarded-proto", "forged"),
        ("forwarded", "forged"),
        ("x-locale", "forged"),
        ("x-country", "forged"),
        ("x-region", "forged"),
        ("x-shard", "forged"),
        ("x-original-url", "/forged"),
        ("x-http-method-override", "forged"),
        ("x-real-ip", "forged"),
        ("true-client-ip", "forged"),
        ("te", "forged"),
        ("proxy-authorization", "forged"),
        ("mf-cf-blob", "forged"),
        ("cf-ipcountry", "forged"),
        // As in production, where nobody is told where origins are.
        ("cf-ray", "forged"),
    ];
    let failures: [fn() -> Result<Message, Failure>; 4] = [
        || {
            Ok(Message::new(
                200,
                &[
                    ("usher-session", "\"end\""),
                    ("cache-tag", "inner"),
                    ("surrogate-key", "inner"),
                    ("x-usher-x", "inner"),
                ],
                "ok",
            ))
        },
        || Err(Failure::Unreachable),
        || Err(Failure::Timeout),
        || {
            Ok(Message::new(
                500,
                &[
                    ("endpoint-load-metrics", "inner"),
                    ("connection", "x-hop"),
                    ("x-hop", "inner"),
                    ("usher-stored", "inner"),
                ],
                "broken",
            ))
        },
    ];
    for toml in [EVERY_ROUTE, SHIPPED, LAB] {
        for failure in failures {
            let isolate = Isolate::new(&world(), toml);
            let user = sign_in(&isolate, r#"{"user":"ada","roles":["a"]}"#);
            isolate.world.origin(move |_| failure());
            for route in world::config(toml).routes {
                let path = route.path.shape().replace('*', "x").replace("{}", "7");
                for cookie in ["a=1", &format!("a=1; {user}; b=2"), "__Host-usher=nonsense"] {
                    for method in ["GET", "POST", "HEAD"] {
                        let mut fields = forged.to_vec();
                        fields.push(("cookie", cookie));
                        let answer = isolate.ask(method, &format!("{HOST}{path}"), &fields, "");
                        let inner = answer
                            .fields
                            .iter()
                            .any(|(name, value)| value.contains("inner") || name == "usher-session" || name == "x-hop");
                        assert!(!inner, "{path}: {:?}", answer.fields);
                        assert!(
                            answer.field("x-request-id").is_some() && answer.field("cache-status").is_some(),
                            "{path} {}",
                            answer.status
                        );
                        assert!(
                            !answer.body.contains("forged") && !answer.body.contains("internal"),
                            "{path}: {}",
                            answer.body
                        );
                    }
                }
            }
            let heard = isolate.world.heard.borrow();
            assert!(!heard.is_empty());
            for told in heard.iter() {
                let all = format!("{:?}", told.fields);
                assert!(!all.contains("forged") && !all.contains("usher="), "{}: {all}", told.url);
                assert!(told.field("x-user-id").is_none_or(|id| id == "ada"));
                assert!(told.field("traceparent").is_some() && told.field("x-request-id").is_some(), "{}", told.url);
            }
        }
    }
}

#[test]
fn no_visitor_is_given_anothers_answer_on_any_route_of_any_configuration() {
    for toml in [EVERY_ROUTE, SHIPPED, LAB] {
        let isolate = Isolate::new(&world(), toml);
        isolate.world.origin(|told| {
            let who = format!(
                "user:{} roles:{} cookie:{}",
                told.field("x-user-id").unwrap_or("-"),
                told.field("x-user-roles").unwrap_or("-"),
                told.field("cookie").unwrap_or("-")
            );
            Ok(Message::new(200, &[("cache-control", "public, max-age=600")], &who))
        });
        let visitors = [
            ("ada", "r-ada", sign_in(&isolate, r#"{"user":"ada","roles":["r-ada"]}"#) + "; own=c-ada"),
            ("bob", "r-bob", sign_in(&isolate, r#"{"user":"bob","roles":["r-bob"]}"#) + "; own=c-bob"),
            ("nobody", "r-nobody", "own=c-nobody".into()),
        ];
        for route in world::config(toml).routes {
            let path = route.path.shape().replace('*', "x").replace("{}", "7");
            for _ in 0..2 {
                for (name, _, cookie) in &visitors {
                    let answer = isolate.get(&format!("{HOST}{path}"), &[("cookie", cookie)]);
                    for (other, role, _) in visitors.iter().filter(|(other, ..)| other != name) {
                        let leaked = [format!("user:{other}"), format!("c-{other}"), (*role).to_owned()]
                            .iter()
                            .any(|secret| answer.body.contains(secret));
                        assert!(!leaked, "{path}: {name} was given {other}'s answer: {}", answer.body);
                    }
                }
            }
        }
    }
}
