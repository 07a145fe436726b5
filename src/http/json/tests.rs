//! The reader and the writer against serde_json's.

use super::*;
use proptest::prelude::*;

#[test]
fn a_repeated_name_is_an_error_at_every_depth() {
    for (text, good) in [
        (r#"{"a":1,"b":[{"a":1},{"a":2}]}"#, true),
        (r#"{"a":1,"a":1}"#, false),
        (r#"{"a":1,"\u0061":1}"#, false),
        (r#"{"a":{"b":1,"b":2}}"#, false),
        (r#"{"a":[{"b":1,"b":2}]}"#, false),
        (r#"[{"a":1}]"#, false),
        (r#"{"a":1}{"#, false),
        (r#"{"a":1} x"#, false),
        (r#"{"a":1,}"#, false),
        (r#"{'a':1}"#, false),
        ("\u{feff}{\"a\":1}", false),
        (r#"{"a":1e999}"#, false),
        (r#"{"a":1e99999999999999999999}"#, false),
        (r#"{"a":1e-99999999999999999999}"#, true),
        (r#"{"a":NaN}"#, false),
        ("", false),
    ] {
        assert_eq!(object(text.as_bytes()).is_ok(), good, "{text}");
    }
    assert!(object(b"{\"a\":\"\xff\"}").is_err());
    assert!(object("[".repeat(100_000).as_bytes()).is_err(), "depth is bounded");
}

#[derive(Debug, PartialEq)]
struct Example {
    user: String,
    roles: Vec<String>,
    more: u32,
    note: Option<String>,
}
json_struct!((strict) Example { user, roles = default, more = optional, note });

#[test]
fn an_error_says_what_and_where() {
    for (text, expected) in [
        (r#"{"roles":[]}"#, "\"user\" is missing"),
        (r#"{"user":"a","user":"b"}"#, "\"user\": it is said twice"),
        (r#"{"user":"a","x":1}"#, "\"x\": it is unknown"),
        (r#"{"user":"a","roles":["b",1]}"#, "\"roles\": a string is wanted at byte 26"),
        (r#"{"user":"a","more":-1}"#, "\"more\": -1 is no whole number in the range of u32"),
        (r#"{"user":"a" "more":1}"#, "',' or '}' is wanted at byte 13"),
        (r#"{"user":"a"}."#, "the JSON goes on after its end at byte 13"),
        (r#"{"user":"\ud800"}"#, "\"user\": the escape sequence is no character at byte 16"),
        (r#"{"user":"\x"}"#, "\"user\": the escape sequence is unknown at byte 12"),
        ("", "an object is wanted at byte 1"),
    ] {
        assert_eq!(read::<Example>(text).expect_err(expected).0, expected, "{text}");
    }
}

#[test]
fn members_may_be_missing_where_the_type_says_so() {
    let example = Example { user: "a".into(), roles: Vec::new(), more: 0, note: None };
    assert_eq!(read(r#" { "user" : "a" } "#), Ok(example));
    let example = Example { user: "\"\u{1}é😀".into(), roles: vec!["b".into()], more: 7, note: Some("\n".into()) };
    let written = text(&example);
    assert_eq!(written, r#"{"user":"\"\u0001é😀","roles":["b"],"more":7,"note":"\n"}"#);
    assert_eq!(read(&written), Ok(example));
}

/// JSON of all kinds.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_what_serde_json_writes(value in any_value()) {
        prop_assert_eq!(text(&value), value.to_string());
        prop_assert_eq!(pretty(&value), format!("{value:#}"));
        prop_assert_eq!(read::<Value>(&text(&value)), Ok(value.clone()));
        prop_assert_eq!(read::<Value>(&pretty(&value)), Ok(value));
    }

    #[test]
    fn what_is_read_is_what_serde_json_reads(text in r#"[\[{"a:,\\u0-9.eE+\- nultrfsx\]}]{0,24}"#) {
        let theirs = serde_json::from_str::<Value>(&text).ok();
        match read::<Value>(&text) {
            Ok(ours) => prop_assert_eq!(theirs, Some(ours)),
            // What serde_json alone reads has a repeated name, or a number that no f64 has.
            Err(Malformed(why)) => prop_assert!(theirs.is_none() || why.contains("twice") || why.contains("too large"), "{}", why),
        }
    }

    #[test]
    fn a_changed_text_is_read_as_serde_json_reads_it(value in any_value(), place in any::<prop::sample::Index>(), other in any::<char>()) {
        let mut changed: Vec<char> = value.to_string().chars().collect();
        let place = place.index(changed.len());
        changed[place] = other;
        let changed: String = changed.into_iter().collect();
        let theirs = serde_json::from_str::<Value>(&changed).ok();
        match read::<Value>(&changed) {
            Ok(ours) => prop_assert_eq!(theirs, Some(ours)),
            Err(Malformed(why)) => prop_assert!(theirs.is_none() || why.contains("twice") || why.contains("too large"), "{}", why),
        }
    }

    #[test]
    fn strings_and_numbers_are_read_as_serde_json_reads_them(text in r#""(\\u[0-9a-fA-F]{4}|\\["\\/bfnrtx]|[a-z]){0,6}"|-?[0-9]{1,3}(\.[0-9]{0,3})?([eE][+-]?[0-9]{0,3})?"#) {
        let theirs = serde_json::from_str::<Value>(&text).ok();
        match read::<Value>(&text) {
            Ok(ours) => prop_assert_eq!(theirs, Some(ours)),
            Err(Malformed(why)) => prop_assert!(theirs.is_none() || why.contains("too large"), "{}", why),
        }
    }
}
