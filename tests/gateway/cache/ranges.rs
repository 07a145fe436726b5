//! Parts of answers that are not stored yet, or never.

use super::{ROUTE, before, met};
use crate::HOST;
use crate::world::{Isolate, Message, World};

#[test]
fn what_is_asked_for_in_parts_is_stored_whole_and_the_part_given_as_it_comes() {
    let isolate = before("", |heard| {
        assert_eq!((heard.field("range"), heard.field("if-range")), (None, None), "all of it is asked for");
        Ok(Message::new(
            200,
            &[("cache-control", "max-age=60"), ("content-length", "10"), ("etag", "\"a\"")],
            "0123456789",
        ))
    });
    let ask = |fields: &[(&str, &str)]| {
        let answer = isolate.get(&format!("{HOST}/film"), fields);
        let part = answer.field("content-range").map(str::to_owned);
        (met(&answer), part, answer.body)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ask(&[("range", "bytes=2-4")]), ("206 fwd=miss; stored".into(), text("bytes 2-4/10"), "234".into()));
    assert_eq!(ask(&[("range", "bytes=5-")]), ("206 hit".into(), text("bytes 5-9/10"), "56789".into()));
    assert_eq!(ask(&[]).2, "0123456789");
    let elsewhere = [("range", "bytes=0-1"), ("if-range", "\"b\"")];
    assert_eq!(ask(&elsewhere), ("200 hit".into(), None, "0123456789".into()));
    assert_eq!(isolate.world.heard.borrow().len(), 1);
    isolate.world.pass(61_000);
    assert_eq!(ask(&[("range", "bytes=20-")]).0, "416 fwd=stale; stored", "asked anew, with the stored ETag");
    assert_eq!(ask(&[("range", "bytes=0-0")]).2, "0");
    // Nobody's cache is to answer others with what one asked wrongly.
    let beyond = isolate.get(&format!("{HOST}/film"), &[("range", "bytes=99-")]);
    assert_eq!((beyond.status, beyond.field("cache-control"), beyond.field("etag")), (416, Some("no-store"), None));
}

#[test]
fn what_speaks_of_a_session_is_not_asked_for_twice_because_a_part_is_wanted() {
    let isolate = Isolate::new(
        &World::new(),
        &ROUTE.replace("localized = false", "localized = false\nauth = \"optional\"\nsessions = true"),
    );
    isolate.world.origin(|_| Ok(Message::new(200, &[("usher-session", r#"{"start":{"user":"7"}}"#)], "0123456789")));
    let answer = isolate.get(&format!("{HOST}/film"), &[("range", "bytes=0-1")]);
    assert_eq!((answer.status, isolate.world.heard.borrow().len()), (200, 1));
    assert!(answer.field("set-cookie").is_some());
}

#[test]
fn what_is_too_long_to_be_kept_is_asked_for_in_parts() {
    for (length, coding) in [(Some("2000"), None), (None, None), (Some("10"), Some("gzip"))] {
        let isolate = before("max_body = \"1KiB\"", move |heard| {
            let mut fields = vec![("cache-control", "max-age=60")];
            fields.extend(length.map(|length| ("content-length", length)));
            fields.extend(coding.map(|coding| ("content-encoding", coding)));
            match heard.field("range") {
                Some(_) => Ok(Message::new(206, &[("content-range", "bytes 0-1/2000"), ("content-length", "2")], "01")),
                None => Ok(Message::new(200, &fields, "0123456789")),
            }
        });
        let ask = || {
            let answer = isolate.get(&format!("{HOST}/film"), &[("range", "bytes=0-1")]);
            (answer.status, answer.body)
        };
        assert_eq!([ask(), ask()], [(206, "01".to_owned()), (206, "01".to_owned())]);
        let asked: Vec<bool> =
            isolate.world.heard.borrow().iter().map(|heard| heard.field("range").is_some()).collect();
        assert_eq!(asked, [false, true, true], "{length:?}: for two minutes nobody asks for all of it in vain");
        isolate.world.pass(121_000);
        ask();
        assert_eq!(isolate.world.heard.borrow().len(), 5);
    }
}
