use super::super::control::Directives;
use super::super::store::Received;
use super::super::{Edition, route, vary};
use super::*;
use crate::http::head::{Url, response};
use crate::identity::Partition;
use crate::ledger::{Page, Stamp};
use proptest::prelude::*;

const CONTROL: &str = "max-age=60";

fn key(path: &str) -> Key {
    let route = route("");
    let url = Url { scheme: "https", authority: "a.example", path, query: Some("q=1") };
    Key::new(
        &url,
        path,
        route.cache.as_ref().expect("a cache"),
        Edition { name: "-", locale: Some("en") },
        &Partition::Public,
    )
}

/// A response received at 1,000 with these fields, as it is stored.
fn kept(path: &str, fields: &str, sent: &[(String, String)]) -> String {
    let packed = format!("200\n{fields}\n");
    let (status, fields) = response(&packed);
    let route = route("");
    let policy = route.cache.as_ref().expect("a cache");
    let key = key(path);
    let received = Received {
        status,
        fields: &fields,
        route: &route,
        policy,
        key: &key,
        path,
        sent,
        authorized: false,
        made: 10,
        asked: 1_000,
        received: 1_000,
    };
    let stored = received.judge().expect("may be stored");
    let mut edits = Edits::new();
    stored.edit(&Directives::of(&fields).withheld, &mut edits);
    let fields: String = edits.applied(&fields).iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
    format!("200\n{fields}")
}

fn view(subject: &str, since: Moment, soft: bool) -> View {
    let mut view = View::default();
    let stamps = vec![Stamp { subject: subject.into(), since, soft, until: 99 }];
    view.learn(&Page { as_of: since, stamps, more: false }, 0);
    view
}

fn ask(packed: &str, path: &str, view: &View, now: Millis, wanted: &str) -> Lookup {
    let request = format!("200\ncache-control:{wanted}\n");
    let input = LookupInput {
        key: &key(path),
        view,
        now,
        wanted: Wanted::of(&response(&request).1),
        authorized: false,
        chosen: &|names| vary::chosen(names, &[]),
        since: 0,
    };
    Stored::judge(&response(packed).1, &input)
}

fn described(lookup: &Lookup) -> &'static str {
    match lookup {
        Lookup::Fresh(_) => "fresh",
        Lookup::Stale(_, Forward::Request) => "request",
        Lookup::Stale(..) => "stale",
        Lookup::Other(_) => "variant",
        Lookup::Void(why) => why,
    }
}

#[test]
fn every_subject_of_a_stored_response_can_void_it() {
    let packed = kept("/x/y", "cache-control:max-age=60\ncache-tag:t1, site", &[]);
    let judged = |view: &View| ask(&packed, "/x/y", view, 2_000, "");
    for subject in [
        "everything",
        "tag:t1",
        "tag:site",
        "url:a.example/x/y?q=1",
        "url:/x/y?q=1",
        "prefix:/",
        "prefix:/x",
        "prefix:/x/y",
        "prefix:a.example/",
        "prefix:a.example/x",
    ] {
        assert_eq!(judged(&view(subject, 11, false)), Lookup::Void("purged"), "{subject}");
        assert_eq!(described(&judged(&view(subject, 11, true))), "stale", "{subject}");
        assert_eq!(described(&judged(&view(subject, 10, false))), "fresh", "{subject}");
    }
    for subject in
        ["tag:t", "url:a.example/x/y", "prefix:/x/", "prefix:/x/y/z", "prefix:b.example/", "prefix:/xx", "user:t1"]
    {
        assert_eq!(described(&judged(&view(subject, 11, false))), "fresh", "{subject}");
    }
}

#[test]
fn a_response_is_stale_at_the_moment_its_lifetime_ends() {
    let packed = kept("/x", &format!("cache-control:{CONTROL}"), &[]);
    assert_eq!(described(&ask(&packed, "/x", &View::default(), 60_999, "")), "fresh");
    assert_eq!(described(&ask(&packed, "/x", &View::default(), 61_000, "")), "stale");
}

#[test]
fn a_response_of_another_partition_or_resource_is_never_served() {
    let packed = kept("/x", &format!("cache-control:{CONTROL}"), &[]);
    assert_eq!(ask(&packed, "/y", &View::default(), 1_000, ""), Lookup::Void("mismatch"));
    let other = packed.replace("\"partition\":\"public\"", "\"partition\":\"user:1:\"");
    assert_ne!(other, packed);
    assert_eq!(ask(&other, "/x", &View::default(), 1_000, ""), Lookup::Void("mismatch"));
    assert_eq!(ask("200\nusher-stored:{}\n", "/x", &View::default(), 1_000, ""), Lookup::Void("unreadable"));
    assert_eq!(ask("200\n", "/x", &View::default(), 1_000, ""), Lookup::Void("unreadable"));
}

#[test]
fn another_variant_is_not_served() {
    let fields = "cache-control:max-age=60\nvary:foo";
    assert_eq!(described(&ask(&kept("/x", fields, &[]), "/x", &View::default(), 1_000, "")), "fresh");
    let sent = [("foo".to_owned(), "1".to_owned())];
    assert_eq!(described(&ask(&kept("/x", fields, &sent), "/x", &View::default(), 1_000, "")), "variant");
}

/// RFC 9111 5.2.1.
#[test]
fn request_directives_are_obeyed() {
    let packed = kept("/x", "cache-control:max-age=60\nage:10", &[]);
    // At 11,000 it is 20 s old and fresh for 40 s more; at 71,000 it is stale by 20 s.
    for (now, wanted, found) in [
        (11_000, "", "fresh"),
        (11_000, "no-cache", "request"),
        (11_000, "max-age=0", "request"),
        (11_000, "max-age=19", "request"),
        (11_000, "max-age=20", "fresh"),
        (11_000, "min-fresh=40", "fresh"),
        (11_000, "min-fresh=41", "request"),
        (71_000, "max-stale=19", "stale"),
        (71_000, "max-stale=20", "fresh"),
        (71_000, "max-stale", "fresh"),
        (71_000, "max-stale, max-age=5", "request"),
        (71_000, "min-fresh=1", "request"),
        (71_000, "only-if-cached", "stale"),
    ] {
        assert_eq!(described(&ask(&packed, "/x", &View::default(), now, wanted)), found, "{now} {wanted}");
    }
    for firm in ["must-revalidate", "proxy-revalidate", "s-maxage=50"] {
        let packed = kept("/x", &format!("cache-control:max-age=50, {firm}"), &[]);
        assert_eq!(described(&ask(&packed, "/x", &View::default(), 71_000, "max-stale")), "stale", "{firm}");
    }
}

/// RFC 5861, RFC 9111 4.2.4.
#[test]
fn a_stale_response_serves_as_long_as_the_origin_allows() {
    let serves = |control: &str, now: Millis| {
        let packed = kept("/x", &format!("cache-control:{control}\netag:\"a\""), &[]);
        match ask(&packed, "/x", &View::default(), now, "") {
            Lookup::Stale(stored, _) => {
                (stored.serves_while_revalidating(now), stored.serves_on_error(now), stored.serves_disconnected(now))
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(serves("max-age=60", 61_000), (false, false, true));
    assert_eq!(serves("max-age=60", 61_000 + KEPT - 1), (false, false, true));
    assert_eq!(serves("max-age=60", 61_000 + KEPT), (false, false, false));
    assert_eq!(serves("max-age=60, stale-while-revalidate=10", 70_999), (true, false, true));
    assert_eq!(serves("max-age=60, stale-while-revalidate=10", 71_000), (false, false, true));
    assert_eq!(serves("max-age=60, stale-if-error=10", 70_999), (false, true, true));
    assert_eq!(serves("max-age=60, stale-if-error=10", 71_000), (false, false, true));
    assert_eq!(serves("max-age=60, must-revalidate, stale-if-error=10", 61_000), (false, false, false));
    assert_eq!(serves("no-cache, stale-while-revalidate=10", 1_000), (false, false, false));
    assert_eq!(serves("s-maxage=60", 61_000), (false, false, false));
    assert_eq!(serves("s-maxage=60, stale-if-error=10", 61_000), (false, true, true));
}

#[test]
fn restore_reverts_the_changes_for_the_store() {
    let fields = "cache-control:max-age=60, private=\"x-a\"\nexpires:0\nx-a:secret\nx-b:1\nage:5";
    let packed = kept("/x", fields, &[]);
    assert!(!packed.contains("secret") && packed.contains("cache-control:public, max-age=86455\n"), "{packed}");
    let Lookup::Fresh(stored) = ask(&packed, "/x", &View::default(), 2_000, "") else { panic!("{packed}") };
    let mut edits = Edits::new();
    stored.restore(&response(&packed).1, &mut edits);
    let mut restored: Vec<String> =
        edits.applied(&response(&packed).1).iter().map(|(name, value)| format!("{name}:{value}")).collect();
    restored.sort();
    assert_eq!(restored, ["cache-control:max-age=60, private=\"x-a\"", "expires:0", "x-b:1"]);
    assert_eq!(
        (stored.age(1_000), stored.age(3_999), stored.time_to_live(1_000), stored.time_to_live(57_500)),
        (5, 7, 55, -2)
    );
}

proptest! {
    /// A fresh response is within its lifetime at any time, and nothing overflows.
    #[test]
    fn a_fresh_response_is_within_its_lifetime(max_age in 1u64..1 << 40, age in 0u64..1 << 40, now in 1_000u64..1 << 50) {
        let packed = format!("200\ncache-control:max-age={max_age}\nage:{age}\netag:\"a\"\n");
        let packed = kept("/x", packed.trim_start_matches("200\n").trim_end(), &[]);
        match ask(&packed, "/x", &View::default(), now, "") {
            Lookup::Fresh(stored) => prop_assert!(stored.current_age(now) < max_age.min(1 << 31) * 1_000),
            Lookup::Stale(stored, _) => prop_assert!(stored.until <= now),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
