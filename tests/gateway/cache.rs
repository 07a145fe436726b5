//! The cache as the RFCs' text has it, section by section: what each request of a conversation
//! meets. A `Cache-Status` is written without `usher; ` and `ttl`.

mod ledger;
mod ranges;
mod rfc_9111;
mod storing;
mod validation;

use crate::HOST;
use crate::world::{Isolate, Message, World};
use std::rc::Rc;
use usher::platform::Failure;

/// Seconds that pass first; the request (`METHOD field:value | ...`); what the origin says if it is
/// asked (`status field:value | ...`, `down`); the status of the answer and how it met the cache.
type Step<'a> = (u64, &'a str, &'a str, &'a str);

const ROUTE: &str = "[log]\nrequests = false\n[[pool]]\nname = \"p\"\norigins = [\"http://p\"]\n[[route]]\nname = \"a\"\npath = \"/*\"\npool = \"p\"\nlocalized = false\n[route.cache]\n";

fn fields(text: &str) -> (&str, Vec<(&str, &str)>) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    (first, rest.split(" | ").filter_map(|field| field.split_once(':')).collect())
}

/// The origin's answers carry its clock, unless they say another.
fn says(isolate: &Isolate, text: &str) {
    let text = text.to_owned();
    let world = Rc::clone(&isolate.world);
    isolate.world.origin(move |_| {
        let (status, mut fields) = fields(&text);
        if status == "down" {
            return Err(Failure::Unreachable);
        }
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(world.now.get()));
        if !fields.iter().any(|(name, _)| *name == "date") {
            fields.push(("date", &date));
        }
        fields.retain(|(name, _)| *name != "no-date");
        Ok(Message::new(status.parse().unwrap(), &fields, "0123456789"))
    });
}

fn met(answer: &Message) -> String {
    let status = answer.field("cache-status").unwrap().strip_prefix("usher; ").unwrap();
    let kept: Vec<&str> = status.split("; ").filter(|part| !part.starts_with("ttl=")).collect();
    format!("{} {}", answer.status, kept.join("; ").replace("; detail=memory", ""))
}

fn holds(toml: &str, section: &str, steps: &[Step<'_>]) {
    let isolate = Isolate::new(&World::new(), &format!("{ROUTE}{toml}\n"));
    for (number, (seconds, request, origin, expected)) in steps.iter().enumerate() {
        isolate.world.pass(seconds * 1_000);
        says(&isolate, origin);
        let (method, sent) = fields(request);
        let answer = isolate.ask(method, &format!("{HOST}/x"), &sent, "");
        assert_eq!(met(&answer), *expected, "{section}, step {number}: {request} / {origin}");
    }
}

const STORED: &str = "200 fwd=miss; stored";

/// An isolate whose only route caches, as `toml` says, before an origin that answers with `answer`.
fn before(toml: &str, answer: impl Fn(&crate::world::Heard) -> Result<Message, Failure> + 'static) -> Isolate {
    let isolate = Isolate::new(&World::new(), &format!("{ROUTE}{toml}\n"));
    isolate.world.origin(answer);
    isolate
}
