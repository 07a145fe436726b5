//! The life of a request on a world in memory, through the public API.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may say what it expects in one word"
)]

mod arbitrary_requests;
mod browser;
mod cache;
mod challenge;
mod changes;
mod identity;
mod isolation;
mod ledger;
mod limits;
mod locale;
mod native;
mod origins;
mod rewriting;
mod routes;
mod rules;
mod sessions;
mod sizes;
mod switches;
mod world;

use std::rc::Rc;
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
