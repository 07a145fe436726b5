use super::*;
use crate::identity::session::Record;
use crate::identity::{Absence, Source};
use proptest::prelude::*;
use std::rc::Rc;

fn user() -> Identity {
    let record = Record { user: "7".into(), roles: vec!["a".into(), "b".into()], expires: 1, ..Record::default() };
    Identity::User {
        record: Rc::new(record),
        key: "k".into(),
        by: crate::config::Authenticator::Session,
        source: Source::Memo,
    }
}

fn origin_fields(fields: &str, identity: &Identity, shared: Option<&Partition>) -> Vec<(String, String)> {
    let packed = format!("https://a.example/x\nGET\n0\n{fields}\n\nJP\n");
    let head = Head::parse(&packed).expect("a head");
    let visitor = Visitor::of(&head);
    let trace = trace::Trace::of(head.fields.get("traceparent"), head.fields.get("tracestate"), &[1; 24]);
    let forwarded = Forwarded {
        identity,
        shared,
        locale: Some("ja"),
        prefix: None,
        visitor: &visitor,
        region: Some("ap"),
        request_id: "id-12345",
        trace: &trace,
        cookie: "usher",
        credentials: &[],
    };
    to_origin(&head, &forwarded).applied(&head.fields)
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = fields.iter().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} twice");
    value
}

const ANONYMOUS: Identity = Identity::Anonymous(Absence::NoCookie);

#[test]
fn a_forged_field_is_removed_or_replaced_by_the_gateways_value() {
    let forged = [
        "x-user-id",
        "x-user-roles",
        "x-user-anything",
        "x_user_id",
        "x-usher-x",
        "usher-assertion",
        "usher_session",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-prefix",
        "x-forwarded-port",
        "forwarded",
        "x-locale",
        "x-country",
        "x-region",
        "x-shard",
        "x-request-id",
        "x-real-ip",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x-original-host",
        "x-host",
        "true-client-ip",
        "client-ip",
        "cf-connecting-ip",
        "cf-ipcountry",
        "mf-cf-blob",
        "x_forwarded_for",
        "tracestate",
        "te",
        "proxy-authorization",
        "keep-alive",
        "http2-settings",
        "transfer-encoding",
    ];
    let sent: String = forged.iter().map(|name| format!("{name}:forged\n")).collect();
    for shared in [None, Some(Partition::Public), Some(Partition::user("7", &[]))] {
        for identity in [ANONYMOUS, user()] {
            let fields = origin_fields(sent.trim_end(), &identity, shared.as_ref());
            assert!(!fields.iter().any(|(_, value)| value.contains("forged")), "{fields:?}");
        }
    }
}

#[test]
fn the_origin_receives_user_network_locale_and_trace() {
    let fields = origin_fields(
        "cf-connecting-ip:192.0.2.1\naccept-language:fr\ncookie:usher=x; a=1\ntraceparent:00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\ntracestate:a=1",
        &user(),
        None,
    );
    for (name, expected) in [
        ("x-user-id", "7"),
        ("x-user-roles", "a,b"),
        ("x-locale", "ja"),
        ("x-country", "JP"),
        ("x-region", "ap"),
        ("x-request-id", "id-12345"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-0101010101010101-01"),
        ("tracestate", "a=1"),
        ("accept-language", "fr"),
        ("cookie", "a=1"),
        ("via", "1.1 usher"),
        ("cdn-loop", "usher"),
    ] {
        assert_eq!(value(&fields, name), Some(expected), "{name}");
    }
    assert_eq!(value(&origin_fields("a:b", &ANONYMOUS, None), "x-user-id"), None);
}

#[test]
fn a_request_for_a_shared_response_has_only_what_its_sharers_have_in_common() {
    let sent = "cookie:usher=x; a=1\nif-none-match:\"e\"\naccept-language:fr, de";
    for (shared, id, roles) in [
        (Partition::Public, None, None),
        (Partition::roles(&["b".into(), "a".into()]), None, Some("a,b")),
        (Partition::user("7", &[]), Some("7"), Some("a,b")),
    ] {
        let fields = origin_fields(sent, &user(), Some(&shared));
        assert_eq!((value(&fields, "x-user-id"), value(&fields, "x-user-roles")), (id, roles), "{shared:?}");
        assert_eq!((value(&fields, "cookie"), value(&fields, "if-none-match")), (None, None), "{shared:?}");
        assert_eq!(value(&fields, "accept-language"), Some("ja"));
    }
}

#[test]
fn members_of_connection_are_removed_but_a_websocket_keeps_its_handshake() {
    let fields = origin_fields("connection:close, x-secret\nx-secret:1\nupgrade:h2c\nx-kept:1", &ANONYMOUS, None);
    assert_eq!(
        (value(&fields, "x-secret"), value(&fields, "connection"), value(&fields, "upgrade"), value(&fields, "x-kept")),
        (None, None, None, Some("1"))
    );
    let fields = origin_fields("connection:Upgrade\nupgrade:websocket\nsec-websocket-key:k", &ANONYMOUS, None);
    assert_eq!((value(&fields, "upgrade"), value(&fields, "sec-websocket-key")), (Some("websocket"), Some("k")));
}

#[test]
fn a_nominated_field_that_the_gateway_sets_is_still_set() {
    let fields = origin_fields("connection:x-user-id, cookie, x-locale\nx-user-id:0\ncookie:a=1", &user(), None);
    assert_eq!((value(&fields, "x-user-id"), value(&fields, "x-locale")), (Some("7"), Some("ja")));
}

#[test]
fn different_users_have_different_field_values() {
    for (user, expected) in [
        ("7", "7"),
        ("zoë", "zo%C3%AB"),
        ("zo%C3%AB", "zo%25C3%25AB"),
        (" a", "%20a"),
        ("a b", "a%20b"),
        ("a@b", "a@b"),
    ] {
        assert_eq!(header_safe_id(user), expected);
    }
}

#[test]
fn a_response_to_a_signed_in_user_is_private() {
    for (sent, expected) in [
        (None, "private"),
        (Some("public, max-age=60"), "private, max-age=60"),
        (Some("Public, S-MaxAge=9, max-age=0, must-revalidate"), "private, max-age=0, must-revalidate"),
        (Some("no-store"), "no-store"),
        (Some("private, max-age=5"), "private, max-age=5"),
    ] {
        assert_eq!(private(sent), expected);
    }
}

#[test]
fn a_loop_is_detected() {
    for (sent, expected) in [
        ("cdn-loop:usher", true),
        ("cdn-loop:other; a=1, Usher; b", true),
        ("cdn-loop:cloudflare; subreqs=1", false),
        ("a:b", false),
    ] {
        let packed = format!("200\n{sent}\n");
        assert_eq!(is_loop(&crate::http::head::response(&packed).1), expected, "{sent}");
    }
}

#[test]
fn a_request_id_is_kept_only_when_it_is_valid() {
    let made = "ab".repeat(16);
    for (sent, kept) in [
        (Some("abc-DEF_1.2"), true),
        (Some(""), false),
        (Some("has space in it"), false),
        (Some("<script>alert(1)"), false),
        (None, false),
    ] {
        assert_eq!(request_id(sent, &[0xab; 16]), if kept { sent.unwrap_or_default() } else { &made });
    }
    assert_eq!(request_id(Some(&"a".repeat(129)), &[0xab; 16]), made);
}

#[test]
fn fields_for_the_gateway_are_not_sent_to_the_client() {
    let sent = "200\ncache-tag:a\nsurrogate-key:b\ncdn-cache-control:x\ncache-groups:y\nusher-session:end\nendpoint-load-metrics:z\nx-usher-position:1\nusher-stored:{}\nconnection:close, x-hop\nx-hop:1\nkeep-alive:1\ncontent-type:text/html\n";
    let (_, fields) = crate::http::head::response(sent);
    let mut edits = Edits::new();
    to_client(&fields, false, false, &mut edits);
    vary(&fields, &["Cookie"], &mut edits);
    let left = edits.applied(&fields);
    assert_eq!(left, [("content-type".to_owned(), "text/html".to_owned()), ("vary".to_owned(), "Cookie".to_owned())]);
}

#[test]
fn vary_adds_only_missing_names() {
    for (had, has) in [
        ("accept-language", "accept-language, Cookie"),
        ("*", "*"),
        ("COOKIE, accept-language", "COOKIE, accept-language"),
    ] {
        let packed = format!("200\nvary:{had}\n");
        let (_, fields) = crate::http::head::response(&packed);
        let mut edits = Edits::new();
        vary(&fields, &["Accept-Language", "Cookie"], &mut edits);
        assert_eq!(value(&edits.applied(&fields), "vary"), Some(has));
    }
}

proptest! {
    #[test]
    fn no_field_name_or_value_can_forge(name in "[a-z_-]{1,12}|x[-_](user|usher|forwarded)[-_][a-z]{0,6}|cf[-_][a-z]{1,6}", value in "\\PC{0,20}") {
        let sent = format!("{name}:{}", value.replace('\n', " "));
        let fields = origin_fields(&sent, &ANONYMOUS, None);
        for (field, _) in &fields {
            let dashed = field.replace('_', "-");
            prop_assert!(!dashed.starts_with("x-user-") && !dashed.starts_with("x-usher-") && !dashed.starts_with("cf-"), "{}", field);
        }
    }
}

proptest! {
    #[test]
    fn a_name_is_forgeable_when_it_is_listed_or_begins_with_a_prefix(
        known in prop::sample::select([&FORGEABLE[..], &FORGEABLE_PREFIXES, &HOP_BY_HOP, &INTERNAL].concat()),
        cut in 0..20_usize,
        more in "[-_a-z]{0,4}",
    ) {
        let name = format!("{}{more}", known.get(..cut.min(known.len())).unwrap_or_default());
        let dashed = name.replace('_', "-");
        let listed = FORGEABLE.contains(&dashed.as_str()) || FORGEABLE_PREFIXES.iter().any(|prefix| dashed.starts_with(prefix));
        prop_assert_eq!(is_forgeable(&name), listed, "{}", name);
    }
}
