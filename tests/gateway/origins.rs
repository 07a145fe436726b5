//! Origins that are balanced, fail, come back, lag and move, on a world in memory.

mod canary;
mod health;
mod orders;
mod replicas;
mod retries;
mod selection;
mod shards;

use crate::world::{Isolate, Message, World};
use crate::{EVERY_ROUTE, HOST, OPERATOR, world};
use std::collections::BTreeMap;
use usher::platform::Failure;

/// An isolate whose origins `dead` says are dead, with what each origin is asked.
fn isolate() -> Isolate {
    Isolate::new(&world(), EVERY_ROUTE)
}

fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap().split('.').next().unwrap()
}

/// How often each origin was asked since the last time.
fn asked(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for heard in world.heard.take() {
        *counts.entry(host(&heard.url).to_owned()).or_default() += 1;
    }
    counts
}

fn dead(world: &World, dead: &[&'static str]) {
    let dead = dead.to_vec();
    world.origin(move |heard| {
        if dead.contains(&host(&heard.url)) { Err(Failure::Unreachable) } else { Ok(Message::new(200, &[], "hello")) }
    });
}

fn last_line(isolate: &Isolate) -> serde_json::Value {
    let log = isolate.world.log.borrow();
    serde_json::from_str(log.iter().rev().find(|line| line.contains("\"id\"")).unwrap()).unwrap()
}

/// Orders as an operator who has seen how things are.
fn order(isolate: &Isolate, pool: &str, body: &str) -> Message {
    let seen = isolate.get(&format!("{HOST}/.usher/origins?pool={pool}"), &[OPERATOR]);
    let tag = seen.field("etag").unwrap().to_owned();
    isolate.ask("POST", &format!("{HOST}/.usher/origins"), &[OPERATOR, ("if-match", &tag)], body)
}

/// Lets the isolate hear what the prober knows.
fn syncs(isolate: &Isolate, path: &str) {
    isolate.world.pass(1_000);
    isolate.get(&format!("{HOST}{path}"), &[]);
    isolate.world.heard.take();
}
