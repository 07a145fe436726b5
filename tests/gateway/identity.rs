//! Who is asking, through the public API: tokens, keys, sessions, and what they may do.

mod api_keys;
mod assertion;
mod authorization;
mod cross_site;
mod issuer_keys;
mod oidc;
mod sessions;
mod signatures;
mod throttle;
mod tokens;

use crate::HOST;
use crate::world::{Isolate, Message, World};
use jwt_simple::prelude::*;
use serde_json::{Value, json};
use std::rc::Rc;
use usher::identity::jwt::encode;
use usher::platform::Document;

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
