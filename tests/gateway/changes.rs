//! Changing a session while others of its requests are on their way, here and elsewhere.

use crate::HOST;
use crate::OPERATOR;
use crate::sign_in;
use crate::world::{Isolate, Message, World};
use serde_json::{Value, json};
use std::rc::Rc;

const CONFIG: &str = r#"
[[pool]]
name = "app"
origins = ["http://app.internal"]

[[route]]
name = "any"
path = "/*"
pool = "app"
auth = "required"
sessions = true
"#;

/// An origin that does with the session what the request's `x-do` says, and tells what it was told.
fn world() -> Rc<World> {
    let world = World::new();
    world.vars.borrow_mut().insert("ADMIN_TOKEN".into(), "secret".into());
    world.origin(|heard| {
        let told =
            format!("{}|{}", heard.field("x-user-id").unwrap_or("-"), heard.field("x-user-roles").unwrap_or("-"));
        let fields: Vec<(&str, &str)> = heard.field("x-do").map(|to_do| ("usher-session", to_do)).into_iter().collect();
        Ok(Message::new(200, &fields, &told))
    });
    world
}

fn ask(isolate: &Isolate, cookie: &str) -> (u16, String) {
    let answer = isolate.get(&format!("{HOST}/x"), &[("cookie", cookie)]);
    (answer.status, if answer.status == 200 { answer.body } else { String::new() })
}

/// Changes the session, and gives the status and the cookie that comes of it.
fn change(isolate: &Isolate, cookie: &str, change: &Value) -> (u16, Option<String>) {
    let to_do = json!({ "change": change }).to_string();
    let answer = isolate.get(&format!("{HOST}/x"), &[("cookie", cookie), ("x-do", &to_do)]);
    let set = answer.field("set-cookie").map(|set| set.split(';').next().unwrap().to_owned());
    (answer.status, set)
}

#[test]
fn a_change_of_data_or_language_alone_makes_no_new_token() {
    let isolate = Isolate::new(&world(), CONFIG);
    let cookie = sign_in(&isolate, r#"{"user":"7","roles":["a"]}"#);
    assert_eq!(change(&isolate, &cookie, &json!({ "data": { "cart": 3 } })), (200, None));
    assert_eq!(change(&isolate, &cookie, &json!({ "locale": "de" })), (200, None));
    let stored = isolate.world.store.borrow().values().next().cloned().unwrap();
    let record: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!((&record["data"], &record["locale"]), (&json!({ "cart": 3 }), &json!("de")));
    assert_eq!(ask(&isolate, &cookie), (200, "7|a".into()));
}

#[test]
fn a_right_that_was_taken_away_does_not_come_back_when_all_other_sessions_are_ended() {
    let isolate = Isolate::new(&world(), CONFIG);
    let before = sign_in(&isolate, r#"{"user":"7","roles":["admin","user"]}"#);
    let (_, after) = change(&isolate, &before, &json!({ "roles": ["user"] }));
    assert_eq!(ask(&isolate, &before), (200, "7|admin,user".into()), "what is on its way goes on as it was");
    let own = format!("{HOST}/.usher/me/sessions");
    let listed: Value = serde_json::from_str(&isolate.get(&own, &[("cookie", &before)]).body).unwrap();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1, "{listed}");
    let others = isolate.ask("DELETE", &own, &[("cookie", &before)], r#"{"others":true}"#);
    let made = others.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(ask(&isolate, &made), (200, "7|user".into()));
    assert_eq!((ask(&isolate, &before).0, ask(&isolate, &after.unwrap()).0), (401, 401));
}

#[test]
fn what_is_renewed_behind_an_answer_does_not_undo_a_change() {
    let world = world();
    let isolate = Isolate::new(&world, &format!("[session]\nidle = \"30m\"\n{CONFIG}"));
    let cookie = sign_in(&isolate, r#"{"user":"7"}"#);
    world.now.set(world.now.get() + 240_000);
    // The record is read from the store, and would be renewed behind this very answer.
    assert_eq!(change(&isolate, &cookie, &json!({ "data": { "cart": 3 } })), (200, None));
    let stored = world.store.borrow().iter().find(|(key, _)| !key.contains('/')).map(|(_, text)| text.clone()).unwrap();
    let record: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(record["data"], json!({ "cart": 3 }), "{record}");
}

#[test]
fn parallel_requests_go_on_as_the_session_was_and_a_second_change_is_made_to_the_successor() {
    let isolate = Isolate::new(&world(), CONFIG);
    let cookie = sign_in(&isolate, r#"{"user":"7","roles":["x","y"]}"#);
    let (status, first) = change(&isolate, &cookie, &json!({ "roles": ["y"] }));
    let first = first.unwrap();
    assert_eq!(status, 200);
    for _ in 0..24 {
        assert_eq!(ask(&isolate, &cookie), (200, "7|x,y".into()));
    }
    // It was on its way when the other change was made: of x nothing may come back.
    let (status, second) = change(&isolate, &cookie, &json!({ "roles": ["x"] }));
    let second = second.unwrap();
    assert_eq!((status, ask(&isolate, &second)), (200, (200, "7|".into())));
    assert_eq!(ask(&isolate, &first), (200, "7|y".into()), "as it was");
    // Data by an old token go where the session is now.
    assert_eq!(change(&isolate, &cookie, &json!({ "data": 1 })), (200, None));
    assert!(
        isolate
            .world
            .store
            .borrow()
            .values()
            .any(|record| record.contains("\"roles\":[],") && record.contains("\"data\":1"))
    );
    isolate.world.pass(30_010);
    assert_eq!([&cookie, &first, &second].map(|cookie| ask(&isolate, cookie).0), [401, 401, 200]);
}

#[test]
fn an_ended_session_is_over_under_every_token_it_ever_had() {
    type End = fn(&Isolate, &[String; 3]) -> u16;
    let ends: [(&str, End); 4] = [
        ("by the last token", |isolate, cookies| {
            isolate.get(&format!("{HOST}/x"), &[("cookie", &cookies[2]), ("x-do", "end")]).status
        }),
        ("by the first token", |isolate, cookies| {
            isolate.get(&format!("{HOST}/x"), &[("cookie", &cookies[0]), ("x-do", "end")]).status
        }),
        ("by the operator, all of the user's", |isolate, _| {
            isolate.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], r#"{"user":"7"}"#).status
        }),
        ("by the operator, this one", |isolate, cookies| {
            let token = json!({ "token": cookies[1].split('=').nth(1).unwrap() }).to_string();
            isolate.ask("DELETE", &format!("{HOST}/.usher/sessions"), &[OPERATOR], &token).status
        }),
    ];
    for (how, end) in ends {
        let isolate = Isolate::new(&world(), CONFIG);
        let first = sign_in(&isolate, r#"{"user":"7","roles":["x"]}"#);
        let second = change(&isolate, &first, &json!({ "roles": ["y"] })).1.unwrap();
        let third = change(&isolate, &second, &json!({ "roles": ["z"] })).1.unwrap();
        let all = [first, second, third];
        assert_eq!(all.each_ref().map(|cookie| ask(&isolate, cookie).0), [200, 200, 200], "{how}");
        assert_eq!(end(&isolate, &all), 200, "{how}");
        assert_eq!(all.each_ref().map(|cookie| ask(&isolate, cookie).0), [401, 401, 401], "{how}");
        let elsewhere = isolate.beside(CONFIG);
        assert_eq!(all.each_ref().map(|cookie| ask(&elsewhere, cookie).0), [401, 401, 401], "{how}, elsewhere");
    }
}

#[test]
fn what_is_changed_elsewhere_at_the_same_time_loses_no_taking_away() {
    for (lag, then) in [(0, (200, "7|")), (60_000, (401, ""))] {
        let world = world();
        let (here, there) = (Isolate::new(&world, CONFIG), Isolate::new(&world, CONFIG));
        let cookie = sign_in(&here, r#"{"user":"7","roles":["x","y"]}"#);
        world.pass(120_000);
        assert_eq!((ask(&here, &cookie).0, ask(&there, &cookie).0), (200, 200));
        let first = change(&here, &cookie, &json!({ "roles": ["y"] })).1.unwrap();
        // The other isolate sees the store as it was a while ago, or as it is.
        world.store_lag.set(lag);
        let (status, second) = change(&there, &cookie, &json!({ "roles": ["x"] }));
        assert_eq!(status, then.0, "lag {lag}");
        world.pass(61_000);
        let left = second.map_or((401, String::new()), |second| ask(&there, &second));
        assert_eq!(left, (then.0, then.1.to_owned()), "lag {lag}");
        assert_eq!([ask(&here, &cookie).0, ask(&here, &first).0], [401, 401], "no right lives on under an old token");
    }
}

#[test]
fn a_session_that_is_being_changed_elsewhere_ends_with_all_it_goes_on_as() {
    let world = world();
    let (here, there) = (Isolate::new(&world, CONFIG), Isolate::new(&world, CONFIG));
    let cookie = sign_in(&here, r#"{"user":"7","roles":["x"]}"#);
    assert_eq!(ask(&there, &cookie).0, 200, "it has read the ledger, and knows of no change");
    let new = change(&here, &cookie, &json!({ "roles": ["y"] })).1.unwrap();
    assert_eq!(there.get(&format!("{HOST}/x"), &[("cookie", &cookie), ("x-do", "end")]).status, 200);
    world.pass(5_000);
    assert_eq!([ask(&here, &new).0, ask(&there, &new).0, ask(&here, &cookie).0], [401, 401, 401]);
}

#[test]
fn a_session_in_use_lives_until_its_absolute_end_and_its_cookie_no_longer() {
    let config = format!("[session]\nidle = \"10m\"\nabsolute = \"15m\"\n{CONFIG}");
    let isolate = Isolate::new(&world(), &config);
    let cookie = sign_in(&isolate, r#"{"user":"7"}"#);
    for _ in 0..29 {
        isolate.world.pass(30_000);
        assert_eq!(ask(&isolate, &cookie).0, 200, "in use every half a minute");
    }
    let to_do = json!({ "change": { "roles": ["x"] } }).to_string();
    let answer = isolate.get(&format!("{HOST}/x"), &[("cookie", &cookie), ("x-do", &to_do)]);
    assert!(answer.field("set-cookie").unwrap().contains("Max-Age=30;"), "{:?}", answer.field("set-cookie"));
    isolate.world.pass(30_000);
    assert_eq!(ask(&isolate, &cookie).0, 401);
}

#[test]
fn a_record_whose_user_is_blank_signs_nobody_in() {
    let isolate = Isolate::new(&world(), CONFIG);
    let cookie = sign_in(&isolate, r#"{"user":"7"}"#);
    isolate.world.pass(6_000);
    for user in ["", " ", "\u{a0}\t"] {
        let mut store = isolate.world.store.borrow_mut();
        for record in store.values_mut() {
            let mut read: Value = serde_json::from_str(record).unwrap();
            read["user"] = json!(user);
            *record = read.to_string();
        }
        drop(store);
        assert_eq!(ask(&isolate, &cookie).0, 401, "{user:?}");
    }
}

#[test]
fn a_cookie_of_the_application_keeps_every_byte_when_somebody_is_signed_in() {
    let isolate = Isolate::new(&world(), CONFIG);
    let cookie = sign_in(&isolate, r#"{"user":"7"}"#);
    let sent = format!("a=\u{e9}; b=\"x;y\";  {cookie};c = 1,2");
    assert_eq!(isolate.get(&format!("{HOST}/x"), &[("cookie", &sent)]).status, 200);
    let heard = isolate.world.heard.borrow().last().cloned().unwrap();
    assert_eq!(heard.field("cookie"), Some("a=\u{e9}; b=\"x;y\";c = 1,2"));
}
