//! The cache and the ledger: hits do not wait for it, purges win, changes succeed without it.

use crate::world::Message;
use crate::{HOST, isolate};
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn a_hit_waits_for_nothing_while_the_view_of_the_ledger_is_young() {
    let isolate = isolate();
    let packed = format!("{HOST}/stored/quick\nGET\n0\n\n");
    isolate.serve(&packed, "");
    let reads = isolate.world.ledger_reads.get();
    for _ in 0..50 {
        let (answer, waits) = isolate.serve(&packed, "");
        assert_eq!((answer.status, waits), (200, 0), "{:?}", answer.field("cache-status"));
    }
    assert_eq!(isolate.world.ledger_reads.get(), reads, "no Durable Object is asked");
    isolate.world.pass(1_000);
    assert_eq!(isolate.serve(&packed, "").1, 0, "the view is read anew behind the answer");
    assert_eq!(isolate.world.ledger_reads.get(), reads + 1);
}

#[test]
fn while_the_ledger_is_down_a_change_still_succeeds_and_is_logged() {
    let isolate = isolate();
    isolate.get(&format!("{HOST}/stored/x"), &[]);
    isolate.world.ledger_down.set(true);
    assert_eq!(isolate.ask("POST", &format!("{HOST}/stored/x"), &[], "").status, 200);
    assert!(isolate.world.log.borrow().iter().any(|line| line.contains("the ledger did not take what a POST")));
}

#[test]
fn a_purge_wins_over_an_answer_that_was_asked_for_before_it() {
    let isolate = isolate();
    let other = isolate.beside(crate::EVERY_ROUTE);
    let purged = Cell::new(false);
    let world = Rc::clone(&isolate.world);
    let stamps = Rc::clone(&world);
    isolate.world.origin(move |_| {
        // While the origin makes its answer, another isolate purges.
        if !purged.replace(true) {
            let moment = stamps.now.get() + 1;
            stamps.stamp("tag:route", moment);
        }
        Ok(Message::new(200, &[("cache-control", "max-age=60")], "old"))
    });
    isolate.get(&format!("{HOST}/stored/race"), &[]);
    world.pass(2_001);
    for isolate in [&isolate, &other] {
        let status = isolate.get(&format!("{HOST}/stored/race"), &[]);
        let status = status.field("cache-status").unwrap().to_owned();
        assert!(status.contains("fwd=miss") || status.contains("hit"), "{status}");
        assert!(!status.contains("hit") || isolate.world.heard.borrow().len() > 1, "{status}");
    }
    assert!(isolate.world.heard.borrow().len() >= 2, "what was made before the purge serves nobody");
}
