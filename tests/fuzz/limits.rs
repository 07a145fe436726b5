//! Networks, rules, keys and fields of limits, what is said to objects that count, challenges and logout tokens.

use super::run;
use std::net::IpAddr;
use usher::config::{KeyPart, Ranges, Text, network, source};
use usher::http::head::{Edits, Head, response};
use usher::http::visitor::Visitor;
use usher::identity::jwt::{Claims, Token};
use usher::identity::oidc::ended_by;
use usher::limit::challenge::Client;
use usher::limit::{Charge, Lists, Network, exact, fields};

#[test]
fn networks() {
    let words =
        ["192.0.2.0", "2001:db8::", "/24", "/32", "/128", "::ffff:", ".", ":", "0", "255", "::", "10.0.0.0/8", "%eth0"];
    run("networks", &words, |text| {
        if let Ok(found) = network(text) {
            let ranges: Ranges = [found].into_iter().collect();
            assert!(ranges.contains(found.network()) && ranges.contains(found.broadcast()), "{text}");
            assert_eq!(network(&found.to_string()), Ok(found), "{text}");
        }
    });
}

#[test]
fn keys_of_limits() {
    let words = ["address", "user", "header:", "cookie:", "x-device", "api_key", "session", "asn", "country", "_"];
    run("keys of limits", &words, |text| {
        let named = match KeyPart::parse(text) {
            Some(KeyPart::Header(name) | KeyPart::Cookie(name)) => Some(name),
            _ => None,
        };
        assert!(named.is_none_or(|name| !name.is_empty() && name.is_ascii()), "{text}");
    });
}

#[test]
fn what_isolates_and_objects_that_count_say() {
    let words = [
        "+1",
        "-1",
        " ",
        "600000000:6000000000:0",
        ":",
        "1800000000000000000",
        "18446744073709551615",
        "0",
        "+4294967295",
    ];
    run("counting", &words, |text| {
        for now in [0, 1_800_000_000_000_000_000, u64::MAX] {
            for kept in ["", "1800000006000000000 5", text] {
                let Some((stored, response)) = exact::answer(text, kept, now) else { continue };
                let response = exact::Response::read(&response).unwrap();
                // It is counted, or it waits.
                assert_eq!(stored.is_none(), response.wait > 0, "{text}");
            }
        }
        let _ = exact::Response::read(text);
    });
}

#[test]
fn networks_of_lists_that_change() {
    let words = [
        "192.0.2.0",
        "2001:db8::",
        "/24",
        "/32",
        "/128",
        "::ffff:",
        ".",
        ":",
        "0",
        "255",
        "::",
        "10.0.0.0/8",
        "/",
        "list",
    ];
    run("networks of lists", &words, |text| {
        if let Ok(found) = Network::parse(text) {
            let written = found.to_string();
            assert_eq!(Network::parse(&written), Ok(found), "{text}");
            let first: IpAddr = written.split('/').next().unwrap().parse().unwrap();
            let lists = Lists::read([(format!("a:{written}").as_str(), 1)].into_iter());
            assert!(lists.contains("a", first, 1) && !lists.contains("a", first, 2), "{text}");
            // The build's reader takes the same.
            assert!(network(text).is_ok(), "{text}");
        }
        let _ = Lists::read([(text, 1)].into_iter());
    });
}

#[test]
fn texts_of_rules() {
    let words = ["*", "**", "curl/", "bot", "Mozilla/5.0", " ", "a"];
    run("texts of rules", &words, |text| {
        let parsed = Text::parse(text);
        let inner = match &parsed {
            Text::Is(inner) | Text::Begins(inner) | Text::Ends(inner) | Text::Contains(inner) => inner.len(),
            Text::Present | Text::Absent => 0,
        };
        assert!(inner <= text.to_ascii_lowercase().len() && parsed != Text::Absent, "{text}");
    });
}

#[test]
fn fields_of_limits() {
    let config = "[[limit]]\nname = \"api\"\nkey = \"address\"\nrate = [\"5/1s\", \"100/1h\"]\n[[route]]\nname = \"a\"\npath = \"/\"\necho = true\n";
    let config = source::read(config, "test.toml").unwrap().1;
    let words = ["0", "1", "600000000", "18446744073709551615", "-1", "9223372036854775807", " "];
    run("fields of limits", &words, |text| {
        let numbers: Vec<u64> = text.split(' ').map(|word| word.parse().unwrap_or(7)).collect();
        let [now, ahead] = [numbers.first(), numbers.last()].map(|number| number.copied().unwrap_or_default());
        let charge =
            Charge { limit: 0, cost: 1, key: text.into(), buckets: numbers, ahead: ahead.cast_signed(), counted: true };
        let mut edits = Edits::new();
        fields::add(config.protection.get().limits.iter().zip([&charge]), now, &mut edits);
        let written = edits.applied(&response("200\n").1);
        assert!(written.iter().any(|(name, _)| name == "ratelimit-policy"), "{text}");
        assert!(
            written.iter().all(|(_, value)| value.is_ascii() && !value.contains('-') || value.contains("api-")),
            "{text}"
        );
    });
}

#[test]
fn puzzles_and_passes() {
    let words = [".", ",", "=", "0", "1800000000000 18 ", "MTgwMDAwMDAwMDAwMCAxOCA", "AAAA", "-", "_"];
    let head = "https://a.example/\nGET\n0\ncf-connecting-ip:192.0.2.1\nuser-agent:a\n\n";
    let head = Head::parse(head).unwrap();
    let visitor = Visitor::of(&head);
    let client = Client::of("0123456789abcdef0123456789abcdef", &head, &visitor);
    let good = client.puzzle(24, 1_800_000_000_000, &[7; 16]);
    run("puzzles and passes", &words, |text| {
        for now in [0, 1_800_000_000_000, u64::MAX] {
            assert_eq!(client.solved(text, "0,0,0,0,0,0,0,0", now), None, "{text}");
            assert_eq!(client.solved(&good, text, now), None, "{text}");
            assert!(!client.passes(text, 0, now), "{text}");
        }
    });
}

#[test]
fn logout_tokens() {
    let words = [
        "{\"",
        "\":",
        ",\"",
        "}",
        "\"sid\":\"s\"",
        "\"sub\":\"7\"",
        "\"jti\":\"j\"",
        "\"iat\":1",
        "\"exp\":2",
        "{",
        ",",
        "\"events\":{\"http://schemas.openid.net/event/backchannel-logout\":{}}",
        "\"nonce\":null",
        "1e400",
        ".",
        "e30",
    ];
    run("logout tokens", &words, |text| {
        if let Ok(serde_json::Value::Object(all)) = serde_json::from_str(text) {
            let nonce = all.contains_key("nonce");
            let ended = ended_by("https://i", &Claims::of(all), 1_000);
            assert!(ended.is_err() || !nonce, "{text}");
        }
        let _ = Token::read(text);
    });
}
