//! Failed sign-ins slow down an account and an address.

use super::{CONFIG, world};
use crate::HOST;
use crate::world::{Isolate, Message};
use serde_json::json;

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
