//! Purges and the ledger: when they hold here and elsewhere, and what happens while it is down.

use crate::world::{Isolate, Message};
use crate::{EVERY_ROUTE, HOST, OPERATOR, identity_of, isolate, isolate_of, met, purge, sign_in, world};

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
