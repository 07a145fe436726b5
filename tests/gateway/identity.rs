//! Who is asking, through the public API: tokens, keys, sessions, and what they may do.

use crate::HOST;
use crate::OPERATOR;
use crate::sign_in;
use crate::world::{Isolate, Message, World};
use jwt_simple::prelude::*;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use usher::identity::jwt::encode;
use usher::platform::{Document, Failure};

const CONFIG: &str = r#"
[session]
sign_in = "/sign-in"
remember = "30d"
attempts = 3

[[issuer]]
name = "shared"
iss = "https://shared"
audience = ["us"]
algorithms = ["HS256", "HS384", "HS512"]
secret = "${SECRET}"
prefix = "s:"

[[issuer]]
name = "remote"
iss = "https://remote"
audience = ["us"]
algorithms = ["EdDSA", "ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
jwks = "https://remote/keys"
prefix = "r:"

[[issuer]]
name = "id"
iss = "https://id"
algorithms = ["EdDSA"]
client_id = "usher"
client_secret = "${SECRET}"
prefix = "id:"

[[pool]]
name = "app"
service = "the-app"
origins = ["http://app.internal"]

[[route]]
name = "any"
path = "/any/*"
pool = "app"
auth = "required"
by = ["session", "jwt", "api_key"]

[[route]]
name = "token"
path = "/token/*"
pool = "app"
auth = "required"
by = ["jwt"]

[[route]]
name = "optional"
path = "/optional/*"
pool = "app"
auth = "optional"
by = ["session", "jwt", "api_key"]

[[route]]
name = "shared-only"
path = "/shared-only/*"
pool = "app"
auth = "required"
by = ["jwt"]
issuers = ["shared"]
forward_token = true

[[route]]
name = "admin"
path = "/admin/*"
pool = "app"
auth = "required"
by = ["session", "jwt"]
require = { roles_any = ["admin", "owner"], scopes_all = ["write"] }

[[route]]
name = "money"
path = "/money/*"
pool = "app"
auth = "required"
by = ["session", "jwt", "api_key"]
max_auth_age = "10m"

[[route]]
name = "closed"
path = "/closed/*"
pool = "app"
auth = "optional"
fail = "closed"

[[route]]
name = "sessions"
path = "/sessions/*"
pool = "app"
auth = "optional"
sessions = true
throttle = true

[[route]]
name = "spa"
path = "/spa/*"
pool = "app"
auth = "required"
trusted_origins = ["https://forms.example"]
cors = { origins = ["https://spa.example"], methods = ["PUT"], credentials = true }

[[route]]
name = "mine"
path = "/mine/*"
pool = "app"
auth = "required"
by = ["jwt"]
cache = { shared = "user", ttl = "5m" }

[[route]]
name = "sign-in"
path = "/sign-in/*"
sign_in = "id"
"#;

const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";

fn world() -> Rc<World> {
    let world = World::new();
    world.vars.borrow_mut().insert("ADMIN_TOKEN".into(), "secret".into());
    world.vars.borrow_mut().insert("SECRET".into(), SECRET.into());
    world.origin(|heard| Ok(Message::new(200, &[], heard.field("x-user-id").unwrap_or("-"))));
    world
}

fn isolate() -> Isolate {
    Isolate::new(&world(), CONFIG)
}

fn seconds(world: &World) -> u64 {
    world.now.get() / 1_000
}

fn claims(world: &World, iss: &str, user: &str) -> Value {
    json!({"iss": iss, "aud": "us", "sub": user, "iat": seconds(world), "exp": seconds(world) + 600})
}

fn unsigned(alg: &str, kid: Option<&str>, claims: &Value) -> String {
    let header = json!({"alg": alg, "kid": kid.unwrap_or("k")});
    format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

fn shared(claims: &Value) -> String {
    let text = unsigned("HS256", None, claims);
    let tag = HS256Key::from_bytes(SECRET.as_bytes()).authentication_tag(text.as_bytes());
    format!("{text}.{}", encode(&tag))
}

/// An issuer's key pair of Ed25519.
struct Pair(ed25519_compact::KeyPair, &'static str);

impl Pair {
    fn new(kid: &'static str) -> Self {
        let seed = usher::identity::session::digest(kid);
        let seed = usher::identity::jwt::decode(&seed).unwrap();
        Self(ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::from_slice(&seed).unwrap()), kid)
    }

    fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.1, "x": encode(&*self.0.pk)})
    }

    fn private(&self) -> Value {
        let mut jwk = self.jwk();
        jwk["d"] = json!(encode(&*self.0.sk.seed()));
        jwk
    }

    fn sign(&self, claims: &Value) -> String {
        let text = unsigned("EdDSA", Some(self.1), claims);
        format!("{text}.{}", encode(&*self.0.sk.sign(&text, None)))
    }
}

fn keys(pairs: &[&Pair]) -> String {
    json!({"keys": pairs.iter().map(|pair| pair.jwk()).collect::<Vec<_>>()}).to_string()
}

fn gives(world: &World, text: String) {
    world.issuer(move |_, _| Ok(Document { status: 200, text: text.clone() }));
}

fn bearer(isolate: &Isolate, path: &str, token: &str) -> Message {
    isolate.get(&format!("{HOST}{path}"), &[("authorization", &format!("Bearer {token}"))])
}

fn found(isolate: &Isolate) -> String {
    let log = isolate.world.log.borrow();
    let line: Value = serde_json::from_str(log.last().unwrap()).unwrap();
    line["identity"].as_str().unwrap().to_owned()
}

#[test]
fn a_token_says_who_is_asking_and_the_origin_is_told_without_being_handed_it() {
    let isolate = isolate();
    let mut said = claims(&isolate.world, "https://shared", "7");
    said["roles"] = json!(["admin", "a,b", "x", "Domain Admins"]);
    said["scope"] = json!("read write");
    let token = shared(&said);
    let answer = bearer(&isolate, "/token/x", &token);
    assert_eq!((answer.status, answer.body.as_str()), (200, "s:7"));
    let heard = isolate.world.heard.borrow().last().unwrap().clone();
    assert_eq!((heard.field("x-user-roles"), heard.field("x-user-scopes")), (Some("admin,x"), Some("read,write")));
    assert_eq!(heard.field("authorization"), None);
    assert_eq!(bearer(&isolate, "/shared-only/x", &token).status, 200);
    let heard = isolate.world.heard.borrow().last().unwrap().clone();
    assert_eq!(heard.field("authorization"), Some(format!("Bearer {token}").as_str()), "where the route forwards it");
}

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
fn a_session_that_was_ended_elsewhere_is_not_gone_on_with_by_ending_the_others() {
    let world = world();
    let (here, there) = (Isolate::new(&world, CONFIG), Isolate::new(&world, CONFIG));
    let cookie = sign_in(&here, r#"{"user":"7"}"#);
    assert_eq!(there.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status, 200);
    let end = r#"{"user":"7"}"#;
    assert_eq!(here.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], end).status, 200);
    let others =
        there.ask("DELETE", &format!("{HOST}/.usher/me/sessions"), &[("cookie", &cookie)], r#"{"others":true}"#);
    assert_eq!((others.status, others.field("set-cookie")), (401, None), "{}", others.body);
}

#[test]
fn whoever_is_known_by_a_token_alone_is_signed_out_everywhere_too() {
    let from = "auth = \"optional\"\nsessions = true";
    let config = CONFIG.replace(from, "auth = \"optional\"\nby = [\"jwt\", \"session\"]\nsessions = true");
    let isolate = Isolate::new(&world(), &config);
    let token = shared(&claims(&isolate.world, "https://shared", "7"));
    let cookie = sign_in(&isolate, r#"{"user":"s:7"}"#);
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", "end_all")], "ok")));
    assert_eq!(bearer(&isolate, "/sessions/x", &token).status, 200);
    assert_eq!(bearer(&isolate, "/token/x", &token).status, 401);
    assert_eq!(isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status, 401);
}

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
fn a_token_that_does_not_hold_is_refused_even_where_nobody_has_to_be_known() {
    let isolate = isolate();
    let good = shared(&claims(&isolate.world, "https://shared", "7"));
    let forged = format!("{}A", &good[..good.len() - 1]);
    let other = shared(&claims(&isolate.world, "https://nobody", "7"));
    let nameless = shared(&claims(&isolate.world, "https://shared", ""));
    for token in [forged.as_str(), &other, &nameless, "x", "", "a.b.c"] {
        for path in ["/optional/x", "/any/x", "/token/x"] {
            let answer = bearer(&isolate, path, token);
            assert_eq!(answer.status, 401, "{path} {token}");
            assert!(answer.field("www-authenticate").unwrap().contains("error=\"invalid_token\""));
        }
    }
    assert!(isolate.world.heard.borrow().is_empty());
    let both =
        isolate.get(&format!("{HOST}/optional/x"), &[("authorization", &format!("Bearer {good}, Bearer {good}"))]);
    assert_eq!(both.status, 401, "nobody can say which was meant");
    let basic = isolate.get(&format!("{HOST}/optional/x"), &[("authorization", "Basic YTpi")]);
    assert_eq!(basic.status, 200, "another scheme is the origin's");
    assert_eq!(isolate.world.heard.borrow().last().unwrap().field("authorization"), Some("Basic YTpi"));
}

#[test]
fn an_issuer_is_taken_only_where_the_route_takes_it_even_when_remembered() {
    let isolate = isolate();
    let pair = Pair::new("a");
    gives(&isolate.world, keys(&[&pair]));
    let token = pair.sign(&claims(&isolate.world, "https://remote", "7"));
    assert_eq!(bearer(&isolate, "/token/x", &token).status, 200);
    assert_eq!(bearer(&isolate, "/shared-only/x", &token).status, 401);
    assert_eq!(found(&isolate), "token-issuer");
}

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
fn what_a_sign_in_remembers_is_shown_to_no_origin_and_set_by_none() {
    let isolate = isolate();
    isolate.world.origin(|heard| {
        let cookie = heard.field("cookie").unwrap_or("-").to_owned();
        Ok(Message::new(200, &[("set-cookie", "__Host-usher-in-abcdefgh=evil")], &cookie))
    });
    let cookies = "a=1; __Host-usher-in-abcdefgh=secret; usher-in-x=y; usher-inn=2";
    let answer = isolate.get(&format!("{HOST}/optional/x"), &[("cookie", cookies)]);
    assert_eq!((answer.body.as_str(), answer.field("set-cookie")), ("a=1; usher-inn=2", None));
}

#[test]
fn what_an_origin_changes_is_the_session_whatever_else_a_visitor_is_known_by() {
    let from = "auth = \"optional\"\nsessions = true";
    assert!(CONFIG.contains(from));
    let config = CONFIG.replace(from, "auth = \"optional\"\nby = [\"jwt\", \"session\"]\nsessions = true");
    let isolate = Isolate::new(&world(), &config);
    let cookie = sign_in(&isolate, r#"{"user":"s:7","roles":["admin"]}"#);
    let token = format!("Bearer {}", shared(&claims(&isolate.world, "https://shared", "7")));
    let demoted = r#"{"change":{"roles":[]}}"#;
    isolate.world.origin(move |_| Ok(Message::new(200, &[("usher-session", demoted)], "ok")));
    let fields = [("cookie", cookie.as_str()), ("authorization", token.as_str())];
    let answer = isolate.get(&format!("{HOST}/sessions/x"), &fields);
    assert!(answer.field("set-cookie").is_some_and(|cookie| cookie.starts_with("__Host-usher=")), "{answer:?}");
    isolate.world.pass(30_010);
    assert_eq!(isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status, 401);
}

#[test]
fn vars_that_would_confuse_open_nothing() {
    for (from, to) in [
        ("audience = [\"us\"]\nalgorithms = [\"HS256\"", "audience = [\"${EMPTY}\"]\nalgorithms = [\"HS256\""),
        ("iss = \"https://shared\"", "iss = \"${REMOTE}\""),
        ("iss = \"https://id\"", "iss = \"https://id\"\naudience = [\"${USHER}\"]"),
    ] {
        let world = world();
        for (name, value) in [("EMPTY", ""), ("REMOTE", "https://remote"), ("USHER", "usher")] {
            world.vars.borrow_mut().insert(name.into(), value.into());
        }
        assert!(CONFIG.contains(from), "{from}");
        let answer = Isolate::new(&world, &CONFIG.replacen(from, to, 1)).get(&format!("{HOST}/optional/x"), &[]);
        assert_eq!(answer.status, 503, "{to}");
    }
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

#[test]
fn every_family_holds_natively_as_at_the_edge() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let part = |bytes: &[u8]| encode(bytes);
    let said = |user: &str| {
        Claims::create(Duration::from_secs(600)).with_issuer("https://remote").with_audience("us").with_subject(user)
    };
    world.now.set(Clock::now_since_epoch().as_millis());
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

#[test]
fn ending_a_user_ends_their_tokens_too_and_one_token_alone() {
    let isolate = isolate();
    let token = |user: &str| shared(&claims(&isolate.world, "https://shared", user));
    let (seven, eight, nine) = (token("7"), token("8"), token("9"));
    for token in [&seven, &eight, &nine] {
        assert_eq!(bearer(&isolate, "/token/x", token).status, 200);
    }
    isolate.world.pass(5_000);
    let end =
        |body: Value| isolate.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], &body.to_string()).status;
    assert_eq!(end(json!({"user": "s:7"})), 200);
    assert_eq!(end(json!({"token": eight})), 200);
    assert_eq!(bearer(&isolate, "/token/x", &seven).status, 401);
    assert_eq!(found(&isolate), "token-revoked");
    assert_eq!(bearer(&isolate, "/token/x", &eight).status, 401);
    assert_eq!(bearer(&isolate, "/token/x", &nine).status, 200);
    isolate.world.pass(24_000);
    assert_eq!(bearer(&isolate, "/token/x", &token("7")).status, 401, "whose issuer's clock may be ahead");
    isolate.world.pass(7_000);
    assert_eq!(bearer(&isolate, "/token/x", &token("7")).status, 200, "one that was made since");
}

#[test]
fn no_store_that_shows_the_past_and_no_write_back_brings_an_ended_session_to_life() {
    let world = world();
    let (here, there) = (Isolate::new(&world, CONFIG), Isolate::new(&world, CONFIG));
    let cookie = sign_in(&here, r#"{"user":"7"}"#);
    let ask = |isolate: &Isolate| isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status;
    // Past a tenth of the idle time a use writes the record back.
    world.pass(2 * 3_600_000);
    world.store_lag.set(60_000);
    assert_eq!((ask(&here), ask(&there)), (200, 200));
    let key = world.store.borrow().keys().next().unwrap().clone();
    let record = world.store.borrow()[&key].clone();
    let end = json!({ "session": key }).to_string();
    assert_eq!(here.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], &end).status, 200);
    assert_eq!(ask(&here), 401, "at once where it was asked for");
    world.pass(5_000);
    assert_eq!(ask(&there), 401, "elsewhere within max_delay, though the store still shows it");
    // Another isolate's write-back comes late, and puts the record into the store again.
    world.store.borrow_mut().insert(key.clone(), record.clone());
    world.store_lag.set(0);
    for hours in [0, 1, 5, 11] {
        world.pass(hours * 3_600_000);
        let fresh = Isolate::new(&world, CONFIG);
        assert_eq!((ask(&here), ask(&there), ask(&fresh)), (401, 401, 401), "{hours}");
    }
}

#[test]
fn a_session_whose_rights_change_has_a_new_token_and_the_old_one_stands_a_little_as_it_was() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"7","roles":["a"]}"#);
    isolate.world.origin(|_| {
        Ok(Message::new(200, &[("usher-session", r#"{"change":{"roles":["admin"],"scopes":["write"]}}"#)], "ok"))
    });
    let answer = isolate.get(&format!("{HOST}/sessions/x"), &[("cookie", &cookie)]);
    let new = answer.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(new, cookie);
    isolate.world.origin(|heard| Ok(Message::new(200, &[], heard.field("x-user-roles").unwrap_or("-"))));
    let ask = |cookie: &str| isolate.get(&format!("{HOST}/any/x"), &[("cookie", cookie)]);
    assert_eq!((ask(&new).body.as_str(), ask(&cookie).body.as_str()), ("admin", "a"));
    assert_eq!(isolate.get(&format!("{HOST}/admin/x"), &[("cookie", &cookie)]).status, 403, "never for new rights");
    isolate.world.pass(29_000);
    assert_eq!((ask(&new).status, ask(&cookie).status), (200, 200));
    isolate.world.pass(1_010);
    assert_eq!((ask(&new).status, ask(&cookie).status), (200, 401));
    assert_eq!(isolate.get(&format!("{HOST}/admin/x"), &[("cookie", &new)]).status, 200);
    let end = r#"{"user":"7"}"#;
    assert_eq!(isolate.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], end).status, 200);
    assert_eq!(ask(&new).status, 401);
}

#[test]
fn the_operator_and_the_user_see_where_they_are_signed_in_and_end_what_they_like() {
    let isolate = isolate();
    let start = |user: &str, agent: &str| {
        let fields = [OPERATOR, ("user-agent", agent)];
        let answer =
            isolate.ask("POST", &format!("{HOST}/.usher/sessions"), &fields, &json!({ "user": user }).to_string());
        let said: Value = serde_json::from_str(&answer.body).unwrap();
        (format!("__Host-usher={}", said["token"].as_str().unwrap()), said["session"].as_str().unwrap().to_owned())
    };
    let (phone, phone_key) = start("ada", "A phone\u{e9}");
    let (desk, desk_key) = start("ada", "A desk");
    start("bob", "Another");
    let list = |query: &str| -> Value {
        let answer = isolate.ask("GET", &format!("{HOST}/.usher/sessions{query}"), &[OPERATOR], "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    assert_eq!(list("")["sessions"].as_array().unwrap().len(), 3);
    assert_eq!(list("?user=ada")["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(isolate.ask("GET", &format!("{HOST}/.usher/sessions"), &[], "").status, 401);
    let own = |method: &str, cookie: &str, fields: &[(&str, &str)], body: &str| {
        let all: Vec<(&str, &str)> = [("cookie", cookie)].into_iter().chain(fields.iter().copied()).collect();
        isolate.ask(method, &format!("{HOST}/.usher/me/sessions"), &all, body)
    };
    let mine: Value = serde_json::from_str(&own("GET", &phone, &[], "").body).unwrap();
    let this: Vec<(&str, bool)> = mine["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["device"].as_str().unwrap(), s["this"].as_bool().unwrap()))
        .collect();
    assert!(this.contains(&("A phone", true)) && this.contains(&("A desk", false)) && this.len() == 2, "{this:?}");
    assert_eq!(own("GET", "", &[], "").status, 401);
    let bobs = list("?user=bob")["sessions"][0]["session"].as_str().unwrap().to_owned();
    assert_eq!(own("DELETE", &phone, &[], &json!({ "session": bobs }).to_string()).status, 404, "nobody else's");
    assert_eq!(own("DELETE", &phone, &[("origin", "https://evil.example")], r#"{"others":true}"#).status, 403);
    let others = own("DELETE", &phone, &[], r#"{"others":true}"#);
    assert_eq!(others.status, 200);
    let phone = others.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let ask = |cookie: &str| isolate.get(&format!("{HOST}/any/x"), &[("cookie", cookie)]).status;
    assert_eq!((ask(&phone), ask(&desk)), (200, 401));
    let left = list("?user=ada");
    let left: Vec<&str> = left["sessions"].as_array().unwrap().iter().map(|s| s["session"].as_str().unwrap()).collect();
    assert!(left.len() == 1 && left[0] != phone_key && left[0] != desk_key, "it goes on under another token: {left:?}");
    let out = isolate.ask("POST", &format!("{HOST}/.usher/sign-out?return_to=/bye"), &[("cookie", &phone)], "");
    assert_eq!((out.status, out.field("location")), (303, Some("/bye")));
    assert!(out.field("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(ask(&phone), 401);
}

#[test]
fn a_remembered_session_outlives_the_others() {
    let isolate = isolate();
    let (short, long) = (sign_in(&isolate, r#"{"user":"7"}"#), sign_in(&isolate, r#"{"user":"7","remember":true}"#));
    let ask = |cookie: &str| isolate.get(&format!("{HOST}/any/x"), &[("cookie", cookie)]).status;
    isolate.world.pass(13 * 3_600_000);
    assert_eq!((ask(&short), ask(&long)), (401, 200));
    isolate.world.pass(29 * 86_400_000);
    assert_eq!(ask(&long), 200);
    isolate.world.pass(2 * 86_400_000);
    assert_eq!(ask(&long), 401);
}

#[test]
fn while_the_store_is_down_a_route_does_what_it_says_and_signs_nobody_out() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"7"}"#);
    isolate.world.pass(6_000);
    isolate.world.store_down.set(true);
    for (path, status) in [("/any/x", 503), ("/closed/x", 503), ("/optional/x", 200)] {
        let answer = isolate.get(&format!("{HOST}{path}"), &[("cookie", &cookie)]);
        assert_eq!((answer.status, answer.field("set-cookie")), (status, None), "{path}");
    }
    assert_eq!(isolate.get(&format!("{HOST}/closed/x"), &[]).status, 200, "nobody was brought, nothing is asked");
    isolate.world.store_down.set(false);
    assert_eq!(isolate.get(&format!("{HOST}/any/x"), &[("cookie", &cookie)]).status, 200);
}

#[test]
fn too_many_failed_sign_ins_make_account_and_address_wait_everywhere() {
    let world = world();
    let (here, there) = (Isolate::new(&world, CONFIG), Isolate::new(&world, CONFIG));
    let attempt = |isolate: &Isolate, ip: &str, user: &str, good: bool| {
        let said = if good { json!({"start": {"user": user}}) } else { json!({ "failed": user }) };
        world.origin(move |_| Ok(Message::new(200, &[("usher-session", &said.to_string())], "")));
        isolate.ask("POST", &format!("{HOST}/sessions/in"), &[("cf-connecting-ip", ip)], "x")
    };
    for _ in 0..2 {
        assert_eq!(attempt(&here, "192.0.2.1", "ada", false).status, 200);
    }
    assert_eq!(attempt(&here, "192.0.2.9", "ada", true).status, 200, "not yet too many; and now they count from 0");
    for _ in 0..3 {
        attempt(&here, "192.0.2.2", "bob", false);
    }
    let refused = attempt(&here, "192.0.2.3", "bob", true);
    assert_eq!((refused.status, refused.field("set-cookie")), (429, None), "the right password comes too late");
    let wrong = attempt(&here, "192.0.2.5", "bob", false);
    assert_eq!((wrong.status, wrong.body.len()), (refused.status, refused.body.len()), "as a wrong one is");
    assert!(refused.field("retry-after").unwrap().parse::<u64>().unwrap() <= 900);
    let heard = world.heard.borrow().len();
    assert_eq!(attempt(&here, "192.0.2.2", "eve", true).status, 429);
    assert_eq!(world.heard.borrow().len(), heard, "the origin is not even asked");
    world.pass(5_000);
    assert_eq!(attempt(&there, "192.0.2.2", "eve", true).status, 429);
    assert_eq!(attempt(&there, "192.0.2.4", "eve", true).status, 200);
    world.pass(900_000);
    assert_eq!(attempt(&there, "192.0.2.2", "bob", true).status, 200);
    assert!(
        !world.stamps.borrow().iter().any(|stamp| stamp.subject.contains("bob") || stamp.subject.contains("192.0.2"))
    );
}

#[test]
fn another_sites_page_changes_nothing_with_a_visitors_session() {
    let isolate = isolate();
    let cookie = sign_in(&isolate, r#"{"user":"7"}"#);
    let post = |path: &str, fields: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> = [("cookie", cookie.as_str())].into_iter().chain(fields.iter().copied()).collect();
        isolate.ask("POST", &format!("{HOST}{path}"), &all, "x").status
    };
    let cross = ("sec-fetch-site", "cross-site");
    assert_eq!(post("/spa/x", &[cross, ("origin", "https://evil.example")]), 403);
    assert_eq!(post("/spa/x", &[cross, ("origin", "https://forms.example")]), 200);
    assert_eq!(post("/spa/x", &[cross, ("origin", "https://spa.example")]), 200);
    assert_eq!(post("/any/x", &[cross, ("origin", "https://spa.example")]), 403, "trusted on its route alone");
    assert_eq!(post("/spa/x", &[("sec-fetch-site", "same-origin"), ("origin", HOST)]), 200);
    // Signing somebody in by force, without any session of theirs.
    let forced = isolate.ask("POST", &format!("{HOST}/sessions/in"), &[cross, ("origin", "https://evil.example")], "x");
    assert_eq!(forced.status, 403);
    // A token is no cookie: no browser sends it by itself.
    let token = format!("Bearer {}", shared(&claims(&isolate.world, "https://shared", "7")));
    let by_token = isolate.ask(
        "POST",
        &format!("{HOST}/any/x"),
        &[("authorization", &token), cross, ("origin", "https://evil.example")],
        "x",
    );
    assert_eq!(by_token.status, 200);
}

#[test]
fn a_preflight_is_answered_here_and_refusals_can_be_read_too() {
    let isolate = isolate();
    let asks = [("origin", "https://spa.example"), ("access-control-request-method", "PUT")];
    let answer = isolate.ask("OPTIONS", &format!("{HOST}/spa/x"), &asks, "");
    assert_eq!((answer.status, answer.field("access-control-allow-origin")), (204, Some("https://spa.example")));
    assert!(isolate.world.heard.borrow().is_empty());
    let refused = isolate.ask("PUT", &format!("{HOST}/spa/x"), &asks[..1], "x");
    assert_eq!((refused.status, refused.field("access-control-allow-origin")), (401, Some("https://spa.example")));
    let elsewhere = isolate.ask("OPTIONS", &format!("{HOST}/optional/x"), &asks, "");
    assert_eq!(
        (elsewhere.status, elsewhere.field("access-control-allow-origin")),
        (200, None),
        "the origin's own affair"
    );
}

#[test]
fn an_origin_is_sworn_who_asks_for_what() {
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

#[test]
fn a_bearers_answers_are_cached_for_them_alone() {
    let isolate = isolate();
    world_cache(&isolate);
    let token = |user: &str| shared(&claims(&isolate.world, "https://shared", user));
    let (seven, eight) = (token("7"), token("8"));
    let ask = |token: &str| {
        let answer = bearer(&isolate, "/mine/x", token);
        (answer.body.clone(), answer.field("cache-status").unwrap().split(';').nth(1).unwrap().trim().to_owned())
    };
    assert_eq!(ask(&seven), ("s:7".into(), "fwd=miss".into()));
    assert_eq!(ask(&seven), ("s:7".into(), "hit".into()));
    assert_eq!(ask(&eight), ("s:8".into(), "fwd=miss".into()));
    assert_eq!(bearer(&isolate, "/mine/x", "x").status, 401, "and nobody else gets any");
}

fn world_cache(isolate: &Isolate) {
    isolate.world.origin(|heard| {
        Ok(Message::new(200, &[("cache-control", "max-age=60")], heard.field("x-user-id").unwrap_or("-")))
    });
}

fn discovery() -> String {
    json!({
        "issuer": "https://id", "authorization_endpoint": "https://id/auth", "token_endpoint": "https://id/token",
        "jwks_uri": "https://id/keys", "authorization_response_iss_parameter_supported": true,
    })
    .to_string()
}

/// A provider that hands out one ID token for one code.
fn provider(world: &Rc<World>, pair: &Rc<Pair>, said: &Rc<RefCell<Value>>) -> Rc<Cell<u32>> {
    let (pair, said, redeemed) = (Rc::clone(pair), Rc::clone(said), Rc::new(Cell::new(0)));
    let count = Rc::clone(&redeemed);
    world.issuer(move |url, form| {
        let text = match url {
            "https://id/.well-known/openid-configuration" => discovery(),
            "https://id/keys" => keys(&[&pair]),
            "https://id/token" => {
                let good = form.is_some_and(|form| form.contains("code=good") && form.contains("code_verifier="))
                    && count.get() == 0;
                if !good {
                    return Ok(Document { status: 400, text: "{\"error\":\"invalid_grant\"}".into() });
                }
                count.set(count.get() + 1);
                json!({"access_token": "x", "token_type": "Bearer", "id_token": pair.sign(&said.borrow())}).to_string()
            }
            _ => return Err(Failure::Unreachable),
        };
        Ok(Document { status: 200, text })
    });
    redeemed
}

#[test]
fn a_visitor_signs_in_with_a_provider_once_in_the_same_browser() {
    let world = world();
    let isolate = Isolate::new(&world, CONFIG);
    let (pair, said) = (Rc::new(Pair::new("id")), Rc::new(RefCell::new(Value::Null)));
    provider(&world, &pair, &said);
    let begin = || {
        let answer = isolate.get(&format!("{HOST}/sign-in?return_to=/account%3Fx%3D1"), &[]);
        assert_eq!(answer.status, 302, "{}", answer.body);
        let location = answer.field("location").unwrap().to_owned();
        let parameter = |name: &str| {
            location.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap().to_owned()
        };
        let cookie = answer.field("set-cookie").unwrap().to_owned();
        assert!(
            cookie.starts_with("__Host-usher-in-") && cookie.contains("HttpOnly; SameSite=Lax; Secure"),
            "{cookie}"
        );
        assert_eq!(parameter("redirect_uri"), "https%3A%2F%2Fwww.example.com%2Fsign-in%2Fcallback");
        (parameter("state"), parameter("nonce"), cookie.split(';').next().unwrap().to_owned())
    };
    let back =
        |query: &str, cookie: &str| isolate.get(&format!("{HOST}/sign-in/callback?{query}"), &[("cookie", cookie)]);
    let (state, nonce, cookie) = begin();
    let good = json!({"iss": "https://id", "aud": "usher", "sub": "ada", "iat": seconds(&world), "exp": seconds(&world) + 60, "nonce": nonce, "locale": "de", "email": "ada@example.com"});
    *said.borrow_mut() = good.clone();
    // Whatever is wrong is refused before the code is spent.
    let whole = format!("code=good&state={state}&iss=https%3A%2F%2Fid");
    for (query, cookie, why) in [
        (whole.replace(&state, "x"), cookie.as_str(), "another state"),
        (whole.clone(), "", "another browser"),
        ("code=good&iss=https%3A%2F%2Fid".into(), &cookie, "no state"),
        (format!("code=good&state={state}&iss=https%3A%2F%2Fevil"), &cookie, "another provider (RFC 9207)"),
        (format!("code=good&state={state}"), &cookie, "a provider that says iss always says it"),
    ] {
        let answer = back(&query, cookie);
        assert_eq!((answer.status, answer.field("set-cookie")), (400, None), "{why}");
    }
    let answer = back(&whole, &cookie);
    assert_eq!((answer.status, answer.field("location")), (303, Some("/account?x=1")), "{}", answer.body);
    let cookies = answer.field("set-cookie").unwrap();
    let session = cookies
        .split(", ")
        .find(|line| line.starts_with("__Host-usher="))
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert!(cookies.contains("Max-Age=0"), "what was remembered for the way back is gone: {cookies}");
    assert_eq!(isolate.get(&format!("{HOST}/any/x"), &[("cookie", &session)]).body, "id:ada");
    let money = isolate.get(&format!("{HOST}/money/x"), &[("cookie", &session)]);
    assert_eq!(money.status, 401, "the provider did not say when they proved who they are");
    let again = back(&whole, &cookie);
    assert_eq!(again.status, 400, "a state holds once");
    let begin_again = r#"<a href="/sign-in?return_to=%2Faccount%3Fx%3D1">"#;
    let page = isolate.get(
        &format!("{HOST}/sign-in/callback?{whole}"),
        &[("cookie", &cookie), ("accept", "text/html"), ("sec-fetch-mode", "navigate")],
    );
    assert!(page.status == 400 && page.body.contains(begin_again), "{}", page.body);
    let both = format!("{cookie}; {session}");
    for (query, back_to) in [(whole.as_str(), "/account?x=1"), ("code=good&state=x", "/")] {
        let answer = back(query, &both);
        let found = (answer.status, answer.field("location"), answer.field("set-cookie"));
        assert_eq!(found, (303, Some(back_to), None), "whoever has a session goes on");
    }
    let there = Isolate::new(&world, CONFIG);
    let elsewhere = there.get(&format!("{HOST}/sign-in/callback?{whole}"), &[("cookie", &cookie)]);
    assert_eq!(elsewhere.status, 400, "also elsewhere");
    // A code that was spent.
    let (state, nonce, cookie) = begin();
    said.borrow_mut()["nonce"] = json!(nonce);
    assert_eq!(back(&format!("code=good&state={state}&iss=https%3A%2F%2Fid"), &cookie).status, 400);
    // What a sibling host puts into its own cookie's value is no sign-in of this browser.
    let (state, _, cookie) = begin();
    let planted = format!("theme=dark,{cookie}");
    let answer = back(&format!("code=good&state={state}&iss=https%3A%2F%2Fid"), &planted);
    assert_eq!((answer.status, answer.field("set-cookie")), (400, None), "{}", answer.body);
    // Too late, and refused by the provider.
    let (state, _, cookie) = begin();
    world.pass(600_000);
    assert_eq!(back(&format!("code=good&state={state}&iss=https%3A%2F%2Fid"), &cookie).status, 400);
    let (state, _, cookie) = begin();
    assert_eq!(back(&format!("error=access_denied&state={state}&iss=https%3A%2F%2Fid"), &cookie).status, 400);
    for path in ["/sign-in/x", "/sign-in/callback/x", "/sign-in/x/callback"] {
        assert_eq!(isolate.get(&format!("{HOST}{path}"), &[]).status, 404, "{path}");
    }
}

#[test]
fn an_id_token_that_does_not_hold_signs_nobody_in() {
    let good = |world: &World, nonce: &str| json!({"iss": "https://id", "aud": "usher", "sub": "ada", "iat": seconds(world), "exp": seconds(world) + 60, "nonce": nonce});
    for (name, value) in [
        ("nonce", json!("x")),
        ("aud", json!("other")),
        ("aud", json!(["usher", "other"])),
        ("iss", json!("https://evil")),
        ("exp", json!(1)),
        ("sub", json!("")),
        ("sub", json!(" ")),
        ("iat", json!(null)),
        ("azp", json!("other")),
        ("(signature)", json!(null)),
    ] {
        let world = world();
        let isolate = Isolate::new(&world, CONFIG);
        let (pair, said) = (Rc::new(Pair::new("id")), Rc::new(RefCell::new(Value::Null)));
        provider(&world, &pair, &said);
        let answer = isolate.get(&format!("{HOST}/sign-in"), &[]);
        let location = answer.field("location").unwrap().to_owned();
        let parameter = |name: &str| {
            location.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap().to_owned()
        };
        let cookie = answer.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let mut claims = good(&world, &parameter("nonce"));
        claims[name] = value.clone();
        *said.borrow_mut() = claims;
        if name == "(signature)" {
            let stranger = Pair(Pair::new("stranger").0, "id");
            let (real, said) = (Rc::clone(&pair), Rc::clone(&said));
            world.issuer(move |url, _| {
                let text = match url {
                    "https://id/.well-known/openid-configuration" => discovery(),
                    "https://id/keys" => keys(&[&real]),
                    _ => json!({"id_token": stranger.sign(&said.borrow())}).to_string(),
                };
                Ok(Document { status: 200, text })
            });
        }
        let query = format!("code=good&state={}&iss=https%3A%2F%2Fid", parameter("state"));
        let answer = isolate.get(&format!("{HOST}/sign-in/callback?{query}"), &[("cookie", &cookie)]);
        assert_eq!((answer.status, answer.field("set-cookie")), (400, None), "{name} = {value}: {}", answer.body);
    }
}
