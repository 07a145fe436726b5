//! What the operator turns on and off, and lists of addresses that change: at once here, and elsewhere within `max_delay`.

use crate::world::{Isolate, Message};
use crate::{HOST, OPERATOR, world};
use serde_json::Value;

const SWITCHES: &str = "[switches]\nretry_after = \"10m\"\n\
    [challenge]\ncontact = \"mailto:help@example.com\"\ndifficulty = 10\n\
    [[pool]]\nname = \"app\"\norigins = [\"${ORIGIN_URL}\"]\n\
    [[list]]\nname = \"bad\"\naddresses = [\"198.51.100.0/24\"]\ndynamic = true\n\
    [[rule]]\nname = \"office\"\naddress = \"192.0.2.99\"\naction = \"allow\"\n\
    [[rule]]\nname = \"bad\"\naddress = \"list:bad\"\n\
    [[route]]\nname = \"shop\"\npath = \"/shop/*\"\npool = \"app\"\n\
    [[route]]\nname = \"all\"\npath = \"/*\"\npool = \"app\"\n";

const MAX_DELAY: u64 = 5_000;

fn order(isolate: &Isolate, page: &str, body: &str) -> Message {
    isolate.ask("POST", &format!("{HOST}/.usher/{page}"), &[OPERATOR], body)
}

fn done(isolate: &Isolate, page: &str, body: &str) -> Value {
    let answer = order(isolate, page, body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn shown(isolate: &Isolate, page: &str) -> Value {
    serde_json::from_str(&isolate.get(&format!("{HOST}/.usher/{page}"), &[OPERATOR]).body).unwrap()
}

fn status(isolate: &Isolate, path: &str, ip: &str) -> u16 {
    isolate.get(&format!("{HOST}{path}"), &[("cf-connecting-ip", ip)]).status
}

#[test]
fn maintenance_holds_here_at_once_and_elsewhere_within_the_bound() {
    let world = world();
    let (here, there) = (Isolate::new(&world, SWITCHES), Isolate::new(&world, SWITCHES));
    assert_eq!([status(&here, "/x", "192.0.2.1"), status(&there, "/x", "192.0.2.1")], [200, 200]);
    let said = done(&here, "switches", r#"{"switch":"maintenance","on":true,"who":"ada","why":"moving"}"#);
    assert_eq!((said["stamped"][0].as_str(), said["recorded"].as_bool()), (Some("state:maintenance:all"), Some(true)));
    let page = here.get(&format!("{HOST}/x"), &[("accept", "text/html"), ("accept-language", "en")]);
    assert_eq!(
        (page.status, page.field("retry-after"), page.field("cache-control")),
        (503, Some("600"), Some("no-store"))
    );
    assert!(page.body.contains("Under maintenance"), "{}", page.body);
    world.pass(MAX_DELAY);
    assert_eq!(status(&there, "/shop/x", "192.0.2.1"), 503);
    // An isolate that begins now, as after a restart.
    assert_eq!(status(&Isolate::new(&world, SWITCHES), "/x", "192.0.2.1"), 503);
    // The operator passes, and so does what is Usher's own.
    assert_eq!(here.get(&format!("{HOST}/x"), &[OPERATOR]).status, 200);
    assert_eq!(here.get(&format!("{HOST}/x"), &[("usher-explain", "secret")]).status, 200);
    assert_eq!(here.get(&format!("{HOST}/.usher/health"), &[]).status, 200);
    world.pass(1);
    done(&there, "switches", r#"{"switch":"maintenance","on":false,"who":"ben","why":"moved"}"#);
    assert_eq!(status(&there, "/x", "192.0.2.1"), 200);
    world.pass(MAX_DELAY);
    assert_eq!(status(&here, "/x", "192.0.2.1"), 200);
    let all = shown(&here, "switches");
    assert_eq!(all["maintenance"].as_array().map(Vec::len), Some(0));
    let history: Vec<(&str, bool, &str, &str)> = all["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap();
            (text("what"), line["on"].as_bool().unwrap(), text("who"), text("why"))
        })
        .collect();
    assert_eq!(history, [("maintenance:all", false, "ben", "moved"), ("maintenance:all", true, "ada", "moving")]);
}

#[test]
fn a_switch_is_for_all_a_host_or_a_route_and_ends_when_it_says() {
    let world = world();
    let isolate = Isolate::new(&world, SWITCHES);
    let ask = |host: &str, path: &str| isolate.get(&format!("https://{host}{path}"), &[]).status;
    done(&isolate, "switches", r#"{"switch":"maintenance","on":true,"route":"shop","for":"2h","who":"a","why":"b"}"#);
    assert_eq!([ask("a.example", "/shop/x"), ask("a.example", "/x")], [503, 200]);
    let wait = isolate.get(&format!("{HOST}/shop/x"), &[]);
    assert_eq!(wait.field("retry-after"), Some("7200"));
    done(&isolate, "switches", r#"{"switch":"maintenance","on":true,"host":"B.example","who":"a","why":"b"}"#);
    assert_eq!([ask("b.example", "/x"), ask("b.example.:8443", "/x"), ask("a.example", "/x")], [503, 503, 200]);
    let off = done(&isolate, "switches", r#"{"switch":"maintenance","on":false,"who":"a","why":"b"}"#);
    assert_eq!(off["on"].as_array().map(Vec::len), Some(2), "{off}");
    assert_eq!(shown(&isolate, "switches")["maintenance"][1]["what"], "route:shop");
    // A shorter time replaces a longer one, also for an isolate that hears of neither until both are over.
    let asleep = Isolate::new(&world, SWITCHES);
    assert_eq!(status(&asleep, "/shop/x", "192.0.2.1"), 503);
    done(&isolate, "switches", r#"{"switch":"maintenance","on":true,"route":"shop","for":"1m","who":"a","why":"b"}"#);
    world.pass(61_000);
    assert_eq!(ask("a.example", "/shop/x"), 200);
    done(&isolate, "switches", r#"{"switch":"attack","on":true,"for":"1s","who":"a","why":"b"}"#);
    world.pass(60_000);
    assert_eq!(status(&asleep, "/shop/x", "192.0.2.1"), 200);
}

#[test]
fn in_an_attack_everybody_is_challenged_but_who_is_allowed() {
    let world = world();
    let isolate = Isolate::new(&world, SWITCHES);
    done(&isolate, "switches", r#"{"switch":"attack","on":true,"who":"ada","why":"a flood"}"#);
    assert_eq!([status(&isolate, "/x", "192.0.2.1"), status(&isolate, "/x", "192.0.2.99")], [403, 200]);
    let page = isolate.get(&format!("{HOST}/x"), &[("accept", "text/html")]);
    assert!(page.body.contains("data-puzzle"), "{}", page.body);
    assert_eq!(isolate.get(&format!("{HOST}/x"), &[OPERATOR]).status, 200);
    let metrics = isolate.get(&format!("{HOST}/.usher/metrics"), &[OPERATOR]).body;
    assert!(metrics.contains("usher_rule_total{rule=\"switch:attack\",action=\"challenge\"} 2\n"), "{metrics}");
}

#[test]
fn a_list_changes_without_a_deployment() {
    let world = world();
    let (here, there) = (Isolate::new(&world, SWITCHES), Isolate::new(&world, SWITCHES));
    let both = |ip: &str| [status(&here, "/x", ip), status(&there, "/x", ip)];
    assert_eq!(both("203.0.113.7"), [200, 200]);
    assert_eq!(both("198.51.100.7"), [403, 403], "the configuration's");
    done(
        &here,
        "lists",
        r#"{"list":"bad","add":["203.0.113.0/24","2001:db8::/32"],"for":"1h","who":"ada","why":"scans"}"#,
    );
    world.pass(MAX_DELAY);
    assert_eq!(both("203.0.113.7"), [403, 403]);
    assert_eq!(both("2001:db8:7::1"), [403, 403]);
    assert_eq!(both("203.0.114.7"), [200, 200]);
    done(&there, "lists", r#"{"list":"bad","remove":["2001:db8::/32"],"who":"ben","why":"a mistake"}"#);
    world.pass(MAX_DELAY);
    assert_eq!(both("2001:db8:7::1"), [200, 200]);
    let list = shown(&here, "lists?list=bad");
    assert_eq!(list["addresses"].as_array().map(Vec::len), Some(1));
    assert_eq!((&list["addresses"][0]["what"], &list["history"][0]["who"]), (&"203.0.113.0/24".into(), &"ben".into()));
    world.pass(3_600_000);
    assert_eq!(both("203.0.113.7"), [200, 200], "its time is over");
}

#[test]
fn what_is_not_understood_changes_nothing() {
    let world = world();
    let isolate = Isolate::new(&world, SWITCHES);
    for (page, body, says) in [
        ("switches", r#"{"switch":"x","on":true,"who":"a","why":"b"}"#, "maintenance"),
        ("switches", r#"{"switch":"attack","who":"a","why":"b"}"#, "\\\"on\\\""),
        ("switches", r#"{"switch":"attack","on":true,"why":"b"}"#, "\\\"who\\\""),
        ("switches", r#"{"switch":"attack","on":true,"who":"a","why":" "}"#, "\\\"why\\\""),
        ("switches", r#"{"switch":"attack","on":true,"who":"a","why":"b","rout":"x"}"#, "\\\"rout\\\""),
        ("switches", r#"{"switch":"attack","on":true,"who":"a","why":"b","route":"x"}"#, "no route"),
        ("switches", r#"{"switch":"attack","on":true,"who":"a","why":"b","route":"all","host":"a"}"#, "one of"),
        ("switches", r#"{"switch":"attack","on":true,"who":"a","why":"b","host":"a:1"}"#, "one host's name"),
        ("switches", r#"{"switch":"attack","on":true,"who":"a","why":"b","host":"*.a.b"}"#, "one host's name"),
        ("switches", r#"{"switch":"attack","on":true,"who":"a","why":"b","for":"x"}"#, "\\\"for\\\""),
        ("switches", r#"{"switch":"attack","on":false,"who":"a","why":"b","for":"1h"}"#, "\\\"for\\\""),
        ("lists", r#"{"list":"good","add":["192.0.2.1"],"who":"a","why":"b"}"#, "bad"),
        ("lists", r#"{"list":"bad","add":["192.0.2.1/24"],"who":"a","why":"b"}"#, "192.0.2.0/24"),
        ("lists", r#"{"list":"bad","add":[],"who":"a","why":"b"}"#, "1 to 1000"),
        ("lists", r#"{"list":"bad","add":["192.0.2.1"],"remove":[],"who":"a","why":"b"}"#, "one of"),
        ("lists", "[]", "not understood"),
    ] {
        let answer = order(&isolate, page, body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.body.contains(says), "{body}: {}", answer.body);
    }
    assert_eq!((world.stamps.borrow().len(), world.notes.borrow().len()), (0, 0));
    for page in ["switches", "lists"] {
        assert_eq!(isolate.ask("POST", &format!("{HOST}/.usher/{page}"), &[], "{}").status, 401, "{page}");
        assert_eq!(isolate.get(&format!("{HOST}/.usher/{page}?list=bad"), &[]).status, 401, "{page}");
    }
}

#[test]
fn while_the_ledger_is_down_nothing_is_refused_that_was_not_before() {
    let world = world();
    let isolate = Isolate::new(&world, SWITCHES);
    world.ledger_down.set(true);
    assert_eq!(status(&isolate, "/x", "192.0.2.1"), 200);
    assert_eq!(order(&isolate, "switches", r#"{"switch":"maintenance","on":true,"who":"a","why":"b"}"#).status, 503);
    world.ledger_down.set(false);
    world.pass(MAX_DELAY);
    done(&isolate, "switches", r#"{"switch":"maintenance","on":true,"who":"a","why":"b"}"#);
    world.ledger_down.set(true);
    world.pass(MAX_DELAY + 1);
    assert_eq!(status(&isolate, "/x", "192.0.2.1"), 503, "what is known still holds");
}
