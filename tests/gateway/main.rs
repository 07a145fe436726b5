//! The life of a request on a world in memory, through the public API.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may say what it expects in one word"
)]

mod cache;
mod changes;
mod identity;
mod native;
mod origins;
mod world;

use proptest::prelude::*;
use std::rc::Rc;
use usher::platform::Failure;
use world::{Isolate, Message, World};

const EVERY_ROUTE: &str = include_str!("../e2e/usher.toml");
const SHIPPED: &str = include_str!("../../usher.toml");
const LAB: &str = include_str!("../../lab/usher.toml");
const HOST: &str = "https://www.example.com";

fn world() -> Rc<World> {
    let world = World::new();
    let own = ["A_URL", "B_URL", "DEAD_URL", "ORIGIN_URL", "O1_URL", "O2_URL", "O3_URL"];
    let lab = ["FAST_URL", "SLOW_URL", "FLAKY_URL", "PRIMARY_URL", "REPLICA_URL", "SHARD1_URL", "SHARD2_URL"];
    for name in own.into_iter().chain(lab) {
        world
            .vars
            .borrow_mut()
            .insert(name.into(), format!("http://{}.internal", name.to_lowercase().replace('_', "-")));
    }
    world.vars.borrow_mut().insert("ADMIN_TOKEN".into(), "secret".into());
    world.vars.borrow_mut().insert("COOKIE_KEY".into(), "c".repeat(32));
    let secret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";
    for (name, value) in [
        ("SHARD_PHASE", "prepare"),
        ("CANARY", "0"),
        ("SHARED_SECRET", secret),
        ("CLIENT_SECRET", secret),
        ("JWKS_URL", "https://j"),
        ("ISSUER_URL", "https://i"),
    ] {
        world.vars.borrow_mut().insert(name.into(), value.into());
    }
    world
}

fn isolate() -> Isolate {
    Isolate::new(&world(), EVERY_ROUTE)
}

fn isolate_of(world: &Rc<World>) -> Isolate {
    Isolate::new(world, EVERY_ROUTE)
}

const OPERATOR: (&str, &str) = ("authorization", "Bearer secret");

fn sign_in(isolate: &Isolate, draft: &str) -> String {
    let answer = isolate.ask("POST", &format!("{HOST}/.usher/sessions"), &[OPERATOR], draft);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    format!("__Host-usher={}", said["token"].as_str().unwrap())
}

fn purge(isolate: &Isolate, order: &str) -> Message {
    isolate.ask("POST", &format!("{HOST}/.usher/purge"), &[OPERATOR], order)
}

fn met(isolate: &Isolate, path: &str) -> String {
    isolate.get(&format!("{HOST}{path}"), &[]).field("cache-status").unwrap().to_owned()
}

fn identity_of(isolate: &Isolate, cookie: &str) -> (u16, String) {
    let answer = isolate.get(&format!("{HOST}/members/x"), &[("cookie", cookie)]);
    let log = isolate.world.log.borrow();
    let line: serde_json::Value = serde_json::from_str(log.last().unwrap()).unwrap();
    (answer.status, line["identity"].as_str().unwrap().to_owned())
}

#[test]
fn an_answer_that_needs_no_waiting_is_given_without_waiting() {
    let isolate = isolate();
    let waits = |method: &str, path: &str, fields: &str| {
        let (answer, waits) = isolate.serve(&format!("{HOST}{path}\n{method}\n0\n{fields}\n\n"), "");
        (answer.status, waits)
    };
    assert_eq!(waits("GET", "/members/x", "accept:*/*"), (401, 0));
    assert_eq!(waits("GET", "/members/x", "accept:text/html"), (302, 0));
    assert_eq!(waits("GET", "/go/7", "a:b"), (308, 0));
    assert_eq!(waits("GET", "/fixed", "a:b"), (418, 0));
    assert_eq!(waits("PUT", "/fixed", "a:b"), (405, 0));
    assert_eq!(waits("GET", "/echo/x", "a:b"), (200, 0));
    assert_eq!(waits("GET", "/x/..%2fmembers", "a:b"), (400, 0));
    assert_eq!(waits("GET", "/open/x", "cdn-loop:usher"), (508, 0));
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    assert_eq!(waits("GET", "/echo/x", &format!("cookie:{cookie}")), (200, 0), "a remembered session");
}

#[test]
fn a_purge_holds_here_at_once_and_elsewhere_within_max_delay() {
    let here = isolate();
    let there = here.beside(EVERY_ROUTE);
    for isolate in [&here, &there] {
        met(isolate, "/stored/x");
        assert!(met(isolate, "/stored/x").starts_with("usher; hit"));
    }
    purge(&here, r#"{"tags":["route"]}"#);
    assert!(met(&there, "/stored/x").starts_with("usher; hit"), "the other has not read the ledger yet");
    assert_eq!(met(&here, "/stored/other"), "usher; fwd=miss; stored");
    assert_eq!(met(&here, "/stored/x"), "usher; fwd=miss; stored; detail=purged");
    here.world.pass(2_000);
    assert!(met(&there, "/stored/x").starts_with("usher; hit"), "what was stored after the purge is good everywhere");
    purge(&here, r#"{"everything":true}"#);
    here.world.pass(2_000);
    assert_eq!(met(&there, "/stored/x"), "usher; fwd=miss; stored; detail=purged");
}

#[test]
fn what_an_operator_says_twice_is_refused_everywhere() {
    let isolate = isolate();
    for (method, path, body) in [
        ("POST", "purge", r#"{"everything":false,"tags":["a"],"everything":true}"#),
        ("POST", "purge", r#"{"tags":["a"],"tags":["b"]}"#),
        ("POST", "sessions", r#"{"user":"7","data":{"a":1,"a":2}}"#),
        ("POST", "api-keys", r#"{"user":"7","lifetime":"1h","lifetime":"90d"}"#),
        ("DELETE", "sessions", r#"{"user":"7","user":"8"}"#),
    ] {
        let answer = isolate.ask(method, &format!("{HOST}/.usher/{path}"), &[OPERATOR], body);
        assert_eq!(answer.status, 400, "{path}: {body}: {}", answer.body);
    }
    assert!(isolate.world.stamps.borrow().is_empty());
}

#[test]
fn with_no_delay_allowed_a_purge_holds_everywhere_at_once() {
    let toml = EVERY_ROUTE.replace("max_delay = \"2s\"", "max_delay = \"0s\"");
    let here = Isolate::new(&world(), &toml);
    let there = here.beside(&toml);
    met(&there, "/stored/x");
    assert!(met(&there, "/stored/x").starts_with("usher; hit"));
    purge(&here, r#"{"tags":["route"]}"#);
    assert_eq!(met(&there, "/stored/x"), "usher; fwd=miss; stored; detail=purged");
    let cookie = sign_in(&here, r#"{"user":"ada"}"#);
    assert_eq!(identity_of(&there, &cookie).0, 200);
    here.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], r#"{"user":"ada"}"#);
    assert_eq!(identity_of(&there, &cookie), (401, "revoked".into()));
}

#[test]
fn a_ledger_of_many_pages_is_read_to_its_end() {
    let here = isolate();
    let there = here.beside(EVERY_ROUTE);
    met(&there, "/stored/x");
    for n in 0..10 {
        purge(&here, &format!(r#"{{"tags":["t{n}"]}}"#));
    }
    purge(&here, r#"{"tags":["route"]}"#);
    here.world.pass(2_000);
    assert_eq!(met(&there, "/stored/x"), "usher; fwd=miss; stored; detail=purged");
    assert!(met(&isolate_of(&here.world), "/stored/x").contains("fwd=miss"), "a new isolate reads it all at once");
}

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
fn cloudflares_word_for_an_origin_that_is_not_there_is_understood() {
    let isolate = isolate();
    for (said, status, attempts) in [(522, 502, 2), (530, 502, 2), (524, 504, 2), (503, 503, 2)] {
        isolate.world.heard.borrow_mut().clear();
        isolate.world.origin(move |_| Ok(Message::new(said, &[], "<html>")));
        assert_eq!(isolate.get(&format!("{HOST}/fallback/x"), &[]).status, status);
        assert_eq!(isolate.world.heard.borrow().len(), attempts, "{said}");
    }
}

#[test]
fn a_localized_file_is_guarded_as_the_path_it_stands_for() {
    let guarded = "[[route]]\nname = \"m\"\npath = \"/m/*\"\nstatic = true\nauth = \"required\"\n[[route]]\nname = \"all\"\npath = \"/*\"\nstatic = true\n";
    for prefix in ["true", "false"] {
        let toml = format!("[locale]\nsupported = [\"en\", \"ja\"]\nprefix = {prefix}\n{guarded}");
        let isolate = Isolate::new(&world(), &toml);
        isolate.world.files.borrow_mut().insert("/ja/m/x".into(), Message::new(200, &[], "for members"));
        for path in ["/ja/m/x", "/en/ja/m/x", "/m/x", "/m", "/m/", "/en/m/"] {
            let answer = isolate.get(&format!("{HOST}{path}"), &[]);
            assert!(matches!(answer.status, 401 | 404), "{prefix} {path}: {}", answer.status);
        }
    }
}

#[test]
fn an_isolate_that_lags_cannot_store_what_outlives_a_purge() {
    let here = isolate();
    let there = here.beside(EVERY_ROUTE);
    met(&there, "/stored/first");
    purge(&here, r#"{"tags":["route"]}"#);
    assert_eq!(met(&there, "/stored/x"), "usher; fwd=miss; stored", "it does not know of the purge");
    here.world.pass(2_000);
    assert_eq!(
        met(&there, "/stored/x"),
        "usher; fwd=miss; stored; detail=purged",
        "once it knows, its copy is worthless"
    );
}

#[test]
fn a_view_is_read_behind_an_answer_before_it_is_too_old_and_never_twice_at_once() {
    let isolate = isolate();
    met(&isolate, "/stored/x");
    assert_eq!(isolate.world.ledger_reads.get(), 1);
    for _ in 0..5 {
        met(&isolate, "/stored/x");
    }
    assert_eq!(isolate.world.ledger_reads.get(), 1, "a young view asks nobody");
    isolate.world.pass(1_500);
    let (_, waits) = isolate.serve(&format!("{HOST}/stored/x\nGET\n0\n\n"), "");
    assert_eq!(waits, 0, "nothing was waited for");
    assert_eq!(isolate.world.ledger_reads.get(), 2, "the ledger was read behind the answer");
    met(&isolate, "/stored/x");
    assert_eq!(isolate.world.ledger_reads.get(), 2);
}

#[test]
fn while_the_ledger_is_down_the_last_view_serves_for_a_stated_time_and_then_identity_fails_closed() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    met(&isolate, "/stored/x");
    isolate.world.ledger_down.set(true);
    isolate.world.pass(30_000);
    assert_eq!(identity_of(&isolate, &cookie), (200, "store".into()));
    assert!(met(&isolate, "/stored/x").starts_with("usher; hit"));
    let reads = isolate.world.ledger_reads.get();
    for _ in 0..5 {
        met(&isolate, "/stored/x");
    }
    assert_eq!(isolate.world.ledger_reads.get(), reads, "an outage does not add its deadline to every request");
    isolate.world.pass(29_999);
    assert_eq!(identity_of(&isolate, &cookie).0, 200);
    isolate.world.pass(2);
    assert_eq!(identity_of(&isolate, &cookie), (503, "down".into()));
    assert_eq!(met(&isolate, "/stored/x"), "usher; fwd=miss; detail=ledger", "stored answers are not used, nor made");
    assert_eq!(purge(&isolate, r#"{"everything":true}"#).status, 503);
    assert!(isolate.world.log.borrow().iter().any(|line| line.contains("the ledger cannot be read")));
    isolate.world.ledger_down.set(false);
    isolate.world.pass(1_000);
    assert_eq!(identity_of(&isolate, &cookie).0, 200);
}

#[test]
fn a_sign_out_holds_although_the_store_still_has_the_record_and_no_write_revives_it() {
    let here = isolate();
    let there = here.beside(EVERY_ROUTE);
    let cookie = sign_in(&here, r#"{"user":"ada"}"#);
    let record = here.world.store.borrow().clone();
    assert_eq!(identity_of(&there, &cookie), (200, "store".into()));
    here.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], r#"{"user":"ada"}"#);
    assert_eq!(identity_of(&here, &cookie), (401, "revoked".into()), "at once where it was asked for");
    here.world.pass(2_000);
    here.world.store.borrow_mut().extend(record.clone());
    assert_eq!(identity_of(&there, &cookie), (401, "revoked".into()), "and elsewhere within max_delay");
    here.world.pass(6_000);
    assert_eq!(identity_of(&there, &cookie), (401, "revoked".into()), "also when read from the store again");
    let again = sign_in(&there, r#"{"user":"ada"}"#);
    assert_eq!(identity_of(&there, &again).0, 200, "a session started afterwards is good");
    assert_eq!(identity_of(&here, &again).0, 200);
}

#[test]
fn a_sign_out_while_the_store_is_down_ends_the_session_all_the_same() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    isolate.world.pass(10_000);
    isolate.world.store_down.set(true);
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", "end")], "bye")));
    let out = isolate.get(&format!("{HOST}/auth/out"), &[("cookie", &cookie)]);
    assert_eq!(out.status, 200);
    assert!(out.field("set-cookie").unwrap().starts_with("__Host-usher=; "));
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", "end_all")], "bye")));
    let all = isolate.get(&format!("{HOST}/auth/out"), &[("cookie", &cookie)]);
    assert_eq!((all.status, all.field("set-cookie")), (503, None), "whose sessions they are is not known");
    isolate.world.store_down.set(false);
    assert_eq!(identity_of(&isolate, &cookie), (401, "revoked".into()));
}

#[test]
fn a_session_that_ends_while_it_is_renewed_is_not_written_back() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    isolate.world.pass(2 * 3_600_000);
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", "end")], "bye")));
    isolate.get(&format!("{HOST}/auth/out"), &[("cookie", &cookie)]);
    assert!(isolate.world.store.borrow().is_empty());
}

#[test]
fn a_session_slides_with_use_and_writes_seldom() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    let written = || isolate.world.store.borrow().values().next().unwrap().clone();
    let first = written();
    isolate.world.pass(3_600_000);
    assert_eq!(identity_of(&isolate, &cookie).0, 200);
    assert_eq!(written(), first, "no write within a tenth of the idle time");
    isolate.world.pass(3_600_000);
    assert_eq!(identity_of(&isolate, &cookie).0, 200);
    assert_ne!(written(), first);
    for _ in 0..14 {
        isolate.world.pass(11 * 3_600_000);
        identity_of(&isolate, &cookie);
    }
    assert_eq!(identity_of(&isolate, &cookie).0, 200, "154 hours after sign-in, used all the while");
    isolate.world.pass(12 * 3_600_000);
    assert_eq!(identity_of(&isolate, &cookie), (401, "expired".into()), "168 hours: the absolute end");
}

#[test]
fn a_record_that_cannot_be_read_signs_nobody_in() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"ada"}"#);
    isolate.world.pass(10_000);
    for record in ["", "{}", "null", "{\"user\":7}", "{\"user\":\"ada\",\"created\":-1,\"expires\":99999999999999}"] {
        for value in isolate.world.store.borrow_mut().values_mut() {
            *value = record.into();
        }
        assert_eq!(identity_of(&isolate, &cookie).0, 401, "{record}");
    }
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
            for route in world::raw(toml).route {
                let path = route.path.replace('*', "x").replace("{id}", "7");
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
        for route in world::raw(toml).route {
            let path = route.path.replace('*', "x").replace("{id}", "7");
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

#[test]
fn the_locale_decides_what_is_told_keyed_and_said() {
    let isolate = isolate();
    isolate.world.origin(|heard| {
        let language = ("content-language", heard.field("x-locale").unwrap_or("-"));
        Ok(Message::new(200, &[language, ("cache-control", "max-age=60")], "hello"))
    });
    let ask = |path: &str, fields: &[(&str, &str)]| {
        let answer = isolate.get(&format!("{HOST}{path}"), fields);
        let heard = isolate.world.heard.borrow();
        let told = heard.last().map(|told| {
            (
                told.url.clone(),
                told.field("x-locale").map(str::to_owned),
                told.field("x-forwarded-prefix").map(str::to_owned),
            )
        });
        (answer, told.unwrap())
    };
    let (answer, told) = ask("/ja/open/x?a=1", &[("accept-language", "de")]);
    assert_eq!(told, ("http://a-url.internal/open/x?a=1".into(), Some("ja".into()), Some("/ja".into())));
    assert_eq!((answer.field("content-language"), answer.field("vary")), (Some("ja"), None));
    let (answer, (_, locale, prefix)) = ask("/open/x", &[("accept-language", "de")]);
    assert_eq!((locale.as_deref(), prefix, answer.field("vary")), (Some("de"), None, Some("Accept-Language, Cookie")));
    let (answer, (_, locale, _)) = ask("/open/x?lang=ar", &[("accept-language", "de")]);
    assert_eq!((locale.as_deref(), answer.field("vary")), (Some("ar"), None));
    let (answer, (_, locale, _)) = ask("/open/x", &[("accept-language", "de"), ("cookie", "lang=ja")]);
    assert_eq!((locale.as_deref(), answer.field("vary")), (Some("ja"), Some("Cookie")));
    let cookie = sign_in(&isolate, r#"{"user":"ada","locale":"ar"}"#);
    let (_, (_, locale, _)) = ask("/optional/x", &[("accept-language", "de"), ("cookie", &cookie)]);
    assert_eq!(locale.as_deref(), Some("ar"));
    for (language, status) in
        [("ja", "miss"), ("ja", "hit"), ("de", "miss"), ("ja-JP", "hit"), ("xx", "miss"), ("en", "hit")]
    {
        let answer = isolate.get(&format!("{HOST}/stored/language"), &[("accept-language", language)]);
        assert!(answer.field("cache-status").unwrap().contains(status), "{language}: {answer:?}");
    }
}

#[test]
fn a_prefix_reaches_the_origin_unless_the_route_takes_it_off() {
    let isolate = isolate();
    let heard = |path: &str| {
        isolate.get(&format!("{HOST}{path}"), &[]);
        let heard = isolate.world.heard.borrow().last().cloned().unwrap();
        let field = |name: &str| heard.field(name).map(str::to_owned);
        (heard.url.clone(), field("x-locale"), field("x-forwarded-prefix"))
    };
    let kept = |url: &str, locale: &str| (format!("http://a-url.internal{url}"), Some(locale.to_owned()), None);
    assert_eq!(heard("/optional/x"), kept("/optional/x", "en"));
    assert_eq!(heard("/ja/optional/x?q"), kept("/ja/optional/x?q", "ja"));
    assert_eq!(heard("/JA/optional/x"), kept("/JA/optional/x", "ja"), "as it was sent");
    assert_eq!(heard("/ja/stored/x"), kept("/ja/stored/x", "ja"));
    for (path, met) in [("/JA/stored/x", "miss"), ("/ja/stored/x", "hit"), ("/stored/x?lang=ja", "miss")] {
        let answer = isolate.get(&format!("{HOST}{path}"), &[]);
        assert!(answer.field("cache-status").unwrap().contains(met), "{path}: what was asked for is in the key");
    }
}

#[test]
fn without_a_locale_nothing_about_language_is_touched() {
    let toml = "[[pool]]\nname = \"app\"\norigins = [\"http://app.internal\"]\n[[route]]\nname = \"app\"\npath = \"/*\"\npool = \"app\"\nauth = \"optional\"\nsessions = true\n";
    let isolate = Isolate::new(&world(), toml);
    for path in ["/en/", "/en/admin/?lang=de", "/x"] {
        let answer = isolate.get(&format!("{HOST}{path}"), &[("accept-language", "de"), ("cookie", "lang=de")]);
        assert_eq!((answer.field("content-language"), answer.field("vary")), (None, Some("Cookie")), "{path}");
        let heard = isolate.world.heard.borrow().last().cloned().unwrap();
        assert_eq!(heard.url, format!("http://app.internal{path}"));
        assert_eq!((heard.field("x-locale"), heard.field("x-forwarded-prefix")), (None, None));
        assert_eq!((heard.field("accept-language"), heard.field("cookie")), (Some("de"), Some("lang=de")));
    }
}

#[test]
fn only_an_answer_that_depends_on_the_language_says_so() {
    let isolate = isolate();
    let ask = |path: &str, said: &'static [(&'static str, &'static str)]| {
        isolate.world.origin(move |_| Ok(Message::new(200, said, "x")));
        let answer = isolate.get(&format!("{HOST}{path}"), &[("accept-language", "de")]);
        (answer.field("content-language").map(str::to_owned), answer.field("vary").map(str::to_owned))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ask("/open/logo.png", &[("content-type", "image/png")]), (None, None));
    assert_eq!(ask("/open/data", &[("vary", "Origin")]), (None, text("Origin")));
    assert_eq!(ask("/open/page", &[("content-language", "de")]), (text("de"), text("Accept-Language, Cookie")));
    assert_eq!(ask("/open/page", &[("vary", "X-Locale")]), (None, text("X-Locale, Accept-Language, Cookie")));
    assert_eq!(isolate.get(&format!("{HOST}/fixed"), &[("accept-language", "de")]).field("vary"), None);
    assert_eq!(isolate.get(&format!("{HOST}/go/7"), &[("accept-language", "de")]).field("vary"), None);
    let files = &isolate.world.files;
    for (path, media) in [("/about", "text/html"), ("/logo.png", "image/png"), ("/alone", "text/html")] {
        files.borrow_mut().insert(path.into(), Message::new(200, &[("content-type", media)], ""));
    }
    let file = |path: &str| {
        let answer = isolate.get(&format!("{HOST}{path}"), &[("accept-language", "de")]);
        (answer.field("content-language").map(str::to_owned), answer.field("vary").map(str::to_owned))
    };
    assert_eq!(file("/about"), (text("en"), text("Accept-Language, Cookie")), "there are others of it");
    assert_eq!(file("/alone"), (text("en"), None));
    assert_eq!(file("/logo.png"), (None, None));
}

#[test]
fn what_an_origin_says_of_its_own_address_leads_visitors_through_the_gateway() {
    let isolate = isolate();
    let ask = |path: &str, status: u16, said: &'static [(&'static str, &'static str)]| {
        isolate.world.origin(move |_| Ok(Message::new(status, said, "")));
        isolate.get(&format!("{HOST}{path}"), &[])
    };
    let to_origin: &[(&str, &str)] = &[("location", "http://a-url.internal/docs/"), ("cache-control", "max-age=60")];
    assert_eq!(ask("/open/docs", 307, to_origin).field("location"), Some("https://www.example.com/docs/"));
    assert_eq!(ask("/ja/open/docs", 307, to_origin).field("location"), Some("https://www.example.com/ja/docs/"));
    assert_eq!(ask("/stored/docs", 301, to_origin).field("location"), Some("https://www.example.com/docs/"));
    let stored = isolate.get(&format!("{HOST}/stored/docs"), &[]);
    assert!(stored.field("cache-status").unwrap().contains("hit"));
    assert_eq!(stored.field("location"), Some("https://www.example.com/docs/"), "stored so");
    let other = isolate.get("https://other.example/stored/docs", &[]);
    assert_eq!(other.field("location"), Some("https://other.example/docs/"), "for each host its own");
    // RFC 9111 4.4: what a change names is invalid, whatever its origin calls it.
    isolate.world.origin(|_| Ok(Message::new(200, &[("cache-control", "max-age=60")], "old")));
    met(&isolate, "/stored/list");
    assert!(met(&isolate, "/stored/list").contains("hit"));
    isolate.world.origin(|_| Ok(Message::new(201, &[("location", "http://a-url.internal/stored/list")], "")));
    assert_eq!(isolate.ask("POST", &format!("{HOST}/open/x"), &[], "y").status, 201);
    isolate.world.origin(|_| Ok(Message::new(200, &[("cache-control", "max-age=60")], "new")));
    assert!(met(&isolate, "/stored/list").contains("purged"));
    // What is asked for anew behind an answer, too.
    let toml = "[[pool]]\nname = \"app\"\norigins = [\"http://app.internal/base\"]\n[[route]]\nname = \"app\"\npath = \"/*\"\npool = \"app\"\ncache = { stale_while_revalidate = \"1m\" }\n";
    for (toml, location) in [
        (toml.to_owned(), "https://www.example.com/x/"),
        (toml.replace("/base\"]", "/base\"]\nrewrite = false"), "http://app.internal/base/x/"),
    ] {
        let isolate = Isolate::new(&world(), &toml);
        isolate.world.origin(|heard| {
            assert_eq!(heard.url, "http://app.internal/base/x");
            Ok(Message::new(301, &[("location", "http://app.internal/base/x/"), ("cache-control", "max-age=1")], ""))
        });
        for _ in 0..3 {
            let answer = isolate.get(&format!("{HOST}/x"), &[]);
            assert_eq!(answer.field("location"), Some(location), "{answer:?}");
            isolate.world.pass(2_000);
        }
    }
}

#[test]
fn a_pool_may_see_the_visitors_own_pages_as_its_own() {
    let toml = |host: &str| {
        format!(
            "[[pool]]\nname = \"app\"\nhost = \"{host}\"\norigins = [\"http://one.internal\", \"http://two.internal\"]\nbalance = \"round_robin\"\n[[route]]\nname = \"app\"\npath = \"/*\"\npool = \"app\"\n"
        )
    };
    for (host, own) in [("origin", true), ("forwarded", false)] {
        let isolate = Isolate::new(&world(), &toml(host));
        let calls = std::cell::Cell::new(0);
        isolate.world.origin(move |heard| {
            calls.set(calls.get() + 1);
            let own = heard.url.trim_end_matches("/x").to_owned();
            let fields = [("access-control-allow-origin", own.as_str())];
            if calls.get() == 1 { Err(Failure::Unreachable) } else { Ok(Message::new(200, &fields, "")) }
        });
        let answer = isolate.get(&format!("{HOST}/x"), &[("origin", HOST), ("referer", "https://www.example.com/y")]);
        let heard = isolate.world.heard.borrow();
        assert_eq!(heard.len(), 2, "the second origin is asked after the first");
        for told in heard.iter() {
            let base = told.url.trim_end_matches("/x");
            let (origin, referer) = (told.field("origin"), told.field("referer").map(str::to_owned));
            assert_eq!(origin, Some(if own { base } else { HOST }), "each in its own words");
            assert_eq!(referer, Some(if own { format!("{base}/y") } else { "https://www.example.com/y".into() }));
        }
        assert_eq!(answer.field("access-control-allow-origin"), Some(HOST), "and browsers hear their own");
    }
    let isolate = Isolate::new(&world(), &toml("origin").replace(", \"http://two.internal\"", ""));
    isolate.get(&format!("{HOST}/x"), &[("origin", "http://one.internal"), ("referer", "http://one.internal/")]);
    let heard = isolate.world.heard.borrow().last().cloned().unwrap();
    assert_eq!(
        (heard.field("origin"), heard.field("referer")),
        (Some("null"), None),
        "nobody else becomes the origin's own"
    );
}

#[test]
fn a_browser_may_be_sent_to_the_path_of_its_language() {
    let toml = "[locale]\nsupported = [\"en\", \"ja\"]\nredirect = true\n[[route]]\nname = \"a\"\npath = \"/*\"\necho = true\n";
    let isolate = Isolate::new(&world(), toml);
    let ask = |path: &str, accept: &str| {
        isolate.get(&format!("{HOST}{path}"), &[("accept", accept), ("accept-language", "ja")])
    };
    let sent = ask("/about?x=1", "text/html");
    assert_eq!((sent.status, sent.field("location")), (302, Some("/ja/about?x=1")));
    assert_eq!((sent.field("cache-control"), sent.field("vary")), (Some("no-store"), Some("Accept-Language, Cookie")));
    assert_eq!(ask("/ja/about", "text/html").status, 200);
    assert_eq!(ask("/about", "*/*").status, 200);
    assert_eq!(ask("//evil.example/", "text/html").field("location"), Some("/ja//evil.example/"));
}

#[test]
fn a_file_is_looked_for_in_the_visitors_language_then_in_the_default_one() {
    let isolate = isolate();
    for path in ["/ja/a", "/en/a", "/b", "/en/c"] {
        isolate.world.files.borrow_mut().insert(path.into(), Message::new(200, &[("content-type", "text/html")], path));
    }
    let ask = |path: &str| {
        let answer = isolate.get(&format!("{HOST}{path}"), &[("accept-language", "ja")]);
        (answer.body.clone(), answer.field("content-language").map(str::to_owned))
    };
    assert_eq!(ask("/a"), ("/ja/a".into(), Some("ja".into())));
    assert_eq!(ask("/de/a"), ("/en/a".into(), Some("en".into())));
    assert_eq!(ask("/b"), ("/b".into(), Some("en".into())));
    assert_eq!(ask("/c"), ("/en/c".into(), Some("en".into())));
    assert_eq!(isolate.get(&format!("{HOST}/d"), &[]).status, 404);
    assert_eq!(isolate.ask("POST", &format!("{HOST}/a"), &[], "x").status, 405);
}

#[test]
fn the_demo_and_the_operators_pages_are_closed_unless_opened() {
    let isolate = isolate();
    let demo = |isolate: &Isolate| {
        isolate.ask("POST", &format!("{HOST}/.usher/demo/sign-in"), &[], "user=zo%C3%AB+x&return_to=//evil.example")
    };
    assert_eq!(demo(&isolate).status, 404);
    isolate.world.vars.borrow_mut().insert("USHER_DEMO".into(), "on".into());
    let signed = demo(&isolate);
    assert_eq!((signed.status, signed.field("location")), (303, Some("/")));
    assert!(signed.field("set-cookie").unwrap().starts_with("__Host-usher="));
    assert!(isolate.world.store.borrow().values().any(|record| record.contains("zoë x")));
    for token in [None, Some("")] {
        match token {
            None => isolate.world.vars.borrow_mut().remove("ADMIN_TOKEN"),
            Some(token) => isolate.world.vars.borrow_mut().insert("ADMIN_TOKEN".into(), token.into()),
        };
        for authorization in ["Bearer ", "Bearer", "Bearer secret"] {
            let answer = isolate.ask(
                "POST",
                &format!("{HOST}/.usher/purge"),
                &[("authorization", authorization)],
                r#"{"everything":true}"#,
            );
            assert_eq!(answer.status, 401, "{token:?} {authorization}");
        }
    }
}

#[test]
fn a_missing_var_is_a_503_that_says_nothing_and_a_log_line_that_says_everything() {
    let world = World::new();
    let isolate = Isolate::new(&world, SHIPPED);
    let answer = isolate.get(&format!("{HOST}/"), &[]);
    assert_eq!(answer.status, 503);
    assert!(!format!("{answer:?}").contains("ORIGIN_URL"));
    assert!(world.log.borrow()[0].contains("ORIGIN_URL"));
}

#[test]
fn what_a_failed_sign_in_leaves_behind_is_nothing() {
    let isolate = isolate();
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", r#"{"start":{"user":"ada"}}"#)], "welcome")));
    isolate.world.store_down.set(true);
    let answer = isolate.get(&format!("{HOST}/auth/in"), &[]);
    assert_eq!((answer.status, answer.field("set-cookie")), (503, None));
    isolate.world.store_down.set(false);
    let answer = isolate.get(&format!("{HOST}/auth/in"), &[]);
    assert_eq!(answer.status, 200);
    assert!(answer.field("set-cookie").is_some());
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever a client sends, the gateway answers, and every field stays on its own line.
    #[test]
    fn no_request_can_panic_the_gateway_or_escape_its_room(
        method in "GET|HEAD|POST|PUT|DELETE|OPTIONS|[A-Z]{1,9}",
        path in "/(open|members|stored|private|auth|near|go|echo|fixed|\\.usher/(purge|health|sessions|demo/sign-in)|ja|x)(/|%2f|//|;)?[a-z%0-9./;?&=\\\\é-]{0,20}",
        fields in prop::collection::vec(("[a-z_-]{1,16}|cookie|accept|accept-language|authorization|range|traceparent|x-request-id|if-none-match|connection|upgrade", "[ -~é]{0,60}"), 0..8),
        body in "[ -~é]{0,80}",
    ) {
        let isolate = isolate();
        isolate.world.vars.borrow_mut().insert("USHER_DEMO".into(), "on".into());
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let answer = isolate.ask(&method, &format!("{HOST}{path}"), &fields, &body);
        prop_assert!((200..600).contains(&answer.status));
        prop_assert!(answer.fields.iter().all(|(name, value)| !name.contains(['\n', '\r', ':']) && !value.contains(['\n', '\r'])));
        prop_assert!(answer.field("x-request-id").is_some());
        for told in isolate.world.heard.borrow().iter() {
            let known = ["a", "b", "dead", "o1", "o2", "o3"].map(|name| format!("http://{name}-url.internal/"));
            prop_assert!(known.iter().any(|url| told.url.starts_with(url)) || told.url == "service:BACK/", "{}", told.url);
            prop_assert!(told.field("x-user-id").is_none());
        }
    }

    /// Not even what the runtime could never hand over.
    #[test]
    fn no_packed_head_can_panic_the_gateway(packed in "\\PC{0,80}|(https?://[a-z./?%]{0,20}\n)?([A-Z]{0,5}\n[01]\n)?([a-z]{0,5}:[ -~]{0,10}\n){0,4}\n?\\PC{0,10}") {
        let (answer, _) = isolate().serve(&packed, "");
        prop_assert!(answer.status >= 200);
    }
}

#[test]
fn strangers_with_invented_tokens_cannot_fill_the_ledger() {
    let isolate = isolate();
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", "end")], "")));
    for n in 0..200 {
        let cookie = format!("__Host-usher={n:043}");
        assert_eq!(isolate.get(&format!("{HOST}/auth/out"), &[("cookie", &cookie)]).status, 200);
    }
    assert!(isolate.world.stamps.borrow().len() <= 30, "{} stamps", isolate.world.stamps.borrow().len());
    // Who is signed in is signed out all the same.
    let user = sign_in(&isolate, r#"{"user":"ada"}"#);
    isolate.get(&format!("{HOST}/auth/out"), &[("cookie", &user)]);
    assert_eq!(identity_of(&isolate, &user).0, 401);
}

#[test]
fn an_origin_cannot_plant_a_session_and_what_speaks_of_one_is_nobody_elses() {
    let isolate = isolate();
    let planted = [("cache-control", "max-age=60"), ("set-cookie", "__Host-usher=planted; Path=/")];
    isolate.world.origin(move |_| Ok(Message::new(200, &planted, "")));
    let answer = isolate.get(&format!("{HOST}/open/x"), &[]);
    assert!(answer.field("set-cookie").is_none(), "{:?}", answer.fields);
    assert!(isolate.world.log.borrow().iter().any(|line| line.contains("the origin set the session's cookie itself")));
    // Malformed, and from a route that may not: it is taken out, and the answer is not stored.
    let fields = [("cache-control", "max-age=60"), ("usher-session", "nonsense")];
    isolate.world.origin(move |_| Ok(Message::new(200, &fields, "")));
    for _ in 0..2 {
        assert_eq!(met(&isolate, "/stored/planted"), "usher; fwd=miss; detail=set-cookie");
    }
}
