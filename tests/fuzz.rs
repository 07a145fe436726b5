//! Parsers of outside bytes, run on what nobody would write: no panic, and each answer keeps its
//! law. Few executions in the tests; `npm run fuzz` runs ten million of each.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may say what it expects in one word"
)]

#[path = "fuzz/limits.rs"]
mod limits;

use std::time::Instant;
use usher::cache::control::{Directives, Wanted};
use usher::cache::range::{Part, part};
use usher::cache::{freshness, tag, validate, vary};
use usher::config::Values;
use usher::http::head::{self, Edits, Head};
use usher::http::signed_cookie::{self, Purpose};
use usher::http::structured;
use usher::identity::jwt::{self, Keys};
use usher::identity::oidc::{Pending, Provider};
use usher::identity::session::Instruction;
use usher::origin::balance::orca;
use usher::origin::health::prober::ProberState;
use usher::origin::health::protocol::Request;
use usher::origin::replica::{Position, Written};
use usher::origin::retry;

/// Deterministic, so that a failure can be had again: xorshift64*.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % most
    }

    /// Messages of the grammar, numbers of all sizes, and characters of all kinds, in any order.
    fn text(&mut self, words: &[&str], into: &mut String) {
        into.clear();
        for _ in 0..self.below(9) {
            match self.below(8) {
                0..=3 => into.push_str(words[self.below(words.len())]),
                4 => into.push_str(&(self.0 >> self.below(64)).to_string()),
                5 => {
                    into.push([' ', '\t', ',', ';', '=', '"', '\\', '-', '*', '/', '(', ')', '%', ':'][self.below(14)])
                }
                6 => into.push(char::from(0x20 + self.below(95) as u8)),
                _ => {
                    into.push(char::from_u32(self.below(0x0002_ffff) as u32).filter(|c| *c != '\n').unwrap_or('\u{e9}'))
                }
            }
        }
        // A field's value holds no line break: the runtime lets none in.
        if into.contains(['\n', '\r']) {
            *into = into.replace(['\n', '\r'], " ");
        }
    }
}

fn run(name: &str, words: &[&str], check: impl Fn(&str)) {
    let count: u64 = std::env::var("USHER_FUZZ").ok().map_or(20_000, |count| count.parse().unwrap());
    let begun = Instant::now();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ name.len() as u64);
    let mut text = String::new();
    for _ in 0..count {
        dice.text(words, &mut text);
        check(&text);
    }
    println!("{name}: {count} executions in {:.1} s", begun.elapsed().as_secs_f64());
}

fn packed(field: &str, text: &str) -> String {
    format!("200\n{field}:{text}\n")
}

#[test]
fn cache_control() {
    let words = [
        "max-age",
        "s-maxage",
        "no-store",
        "no-cache",
        "private",
        "public",
        "=",
        ", ",
        "=\"",
        "\"",
        "must-revalidate",
        "stale-if-error",
        "stale-while-revalidate",
        "Max-Age=",
        "max-stale",
        "min-fresh=",
        "only-if-cached",
        "max-age=60",
    ];
    run("Cache-Control", &words, |text| {
        let packed = packed("cache-control", text);
        let fields = head::response(&packed).1;
        let (said, wanted) = (Directives::of(&fields), Wanted::of(&fields));
        for seconds in [said.max_age, said.s_maxage, wanted.max_age, wanted.min_fresh, wanted.max_stale] {
            assert!(seconds.is_none_or(|seconds| seconds <= 1 << 31), "{text}");
        }
        assert!(said.withheld.iter().all(|name| !name.contains(',')), "{text}");
    });
}

#[test]
fn structured_fields() {
    let words = [
        "max-age=60",
        "a",
        "b=",
        "?1",
        "?0",
        "\"x\"",
        ":aGk=:",
        "(1 2)",
        ";q=1",
        ", ",
        "1.5",
        "-7",
        "tok/en",
        "*k",
        "\\\"",
    ];
    run("structured fields", &words, |text| {
        let whole = structured::dictionary(text);
        let _ = structured::strings(text);
        let packed = packed("cdn-cache-control", text);
        let said = Directives::of(&head::response(&packed).1);
        assert_eq!(said.targeted, whole.is_some_and(|members| !members.is_empty()), "{text}");
    });
}

#[test]
fn dates() {
    let words = [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, ",
        "06 ",
        "Nov ",
        "1994 ",
        "08:49:37",
        " GMT",
        "99",
        "24:60:61",
        "0",
        "-1",
    ];
    run("dates", &words, |text| {
        let found = usher::http::date::date(text);
        assert!(found.is_none_or(|date| date % 1_000 == 0), "{text}");
        let packed = format!("200\nexpires:{text}\ndate:{text}\nage:{text}\nlast-modified:{text}\n");
        let fields = head::response(&packed).1;
        assert!(freshness::initial_age(&fields, 1_000, 2_000) >= 1_000, "{text}");
        let _ = validate::not_modified(&fields, &fields);
    });
}

#[test]
fn tags() {
    let words = ["a", "product-42", ",", " ", "\"g\"", ", ", "\u{e9}", "%", ";x", "\"g h\""];
    run("tags", &words, |text| {
        let packed = format!(
            "200\ncache-tag:{text}\nxkey:{text}\ncache-groups:{text}\npurge-cache-tag:{text}\ncache-group-invalidation:{text}\n"
        );
        let fields = head::response(&packed).1;
        assert!(
            tag::tags(&fields, &[], "h").is_err()
                || tag::tags(&fields, &[], "h").unwrap().iter().all(|tag| tag::is_good(tag)),
            "{text}"
        );
        assert!(tag::purged(&fields, "h").iter().all(|tag| tag::is_good(tag)), "{text}");
    });
}

#[test]
fn vary_fields() {
    let words = ["Accept", "accept-encoding", "*", ",", ", ", "X-A", "cookie", "accept-language", " "];
    run("Vary", &words, |text| {
        let packed = packed("vary", text);
        let Some(names) = vary::names(&head::response(&packed).1, &["cookie"]) else { return };
        assert!(names.is_sorted() && !names.iter().any(|name| name == "*" || name == "cookie"), "{text}");
        let told: Vec<(String, String)> = names.iter().map(|name| (name.clone(), text.to_owned())).collect();
        let chosen = vary::chosen(&names, &told);
        assert_eq!(chosen.len(), 43, "{text}");
        let (slot, all) = vary::Variants::with(None, &names, &chosen, &|_| 0);
        assert_eq!(all.slot(&chosen), Some(slot));
        let mut edits = Edits::new();
        edits.set(vary::FIELD, &all.text());
        assert_eq!(edits.packed().lines().count(), 1, "{text}");
    });
}

#[test]
fn ranges() {
    let words = ["bytes=", "0", "-", "1-", "-1", "0-1", ",", "bytes", "=", "18446744073709551616", " "];
    run("Range", &words, |text| {
        for length in [0, 1, 10, u64::MAX] {
            if let Part::Bytes { first, last } = part(text, length) {
                assert!(first <= last && last < length, "{text}");
            }
        }
    });
}

#[test]
fn heads_and_lists() {
    let words = ["https://a/", "http://", "\u{1}", "GET", "?", "#", "@", ":", "name:value", "\"a, b\"", ",", "\\\""];
    run("heads and lists", &words, |text| {
        let members: usize = usher::http::list::members(text).map(str::len).sum();
        assert!(members <= text.len(), "{text}");
        let packed = format!("{text}\n{text}\n1\n{text}\n\n{text}\n");
        if let Some(head) = Head::parse(&packed) {
            assert!(head.url.path.starts_with('/'), "{text}");
        }
    });
}

#[test]
fn tokens() {
    let header = jwt::encode(br#"{"alg":"ES256"}"#);
    let claims = jwt::encode(br#"{"iss":"i","aud":["a"],"exp":1e9}"#);
    let words = [header.as_str(), &claims, ".", "..", "e30", "eyJhbGciOiJub25lIn0", "bnVsbA", "=", "AA", "_-"];
    run("tokens", &words, |text| {
        if let Ok(token) = jwt::Token::read(text) {
            assert!(text.starts_with(token.signed) && text.len() <= jwt::LONGEST, "{text}");
            assert_eq!(jwt::decode(text.rsplit('.').next().unwrap()), Some(token.signature), "{text}");
        }
        let whole = jwt::encode(text.as_bytes());
        assert_eq!(jwt::decode(&whole).as_deref(), Some(text.as_bytes()));
        let _ = jwt::Token::read(&format!("{whole}.{claims}.AA"));
        let _ = jwt::Token::read(&format!("{header}.{whole}.AA"));
    });
}

#[test]
fn sets_of_keys_and_discovery_documents() {
    let words = [
        "{\"keys\":[",
        "{",
        "}",
        "]}",
        "\"kty\":\"EC\"",
        ",",
        "\"crv\":\"P-256\"",
        "\"x\":\"AAAA\"",
        "\"kty\":\"RSA\"",
        "\"n\":\"_w\"",
        "\"issuer\":\"i\"",
        "\"jwks_uri\":\"https://i\"",
        "null",
        "[",
        "]",
    ];
    run("keys", &words, |text| {
        let _ = Keys::published(text);
        let _ = Keys::trusted(text, &[]);
        assert!(Provider::read(text, "i").is_err() || text.contains("token_endpoint"), "{text}");
        assert!(Pending::back(Some(text), "i", text, 0).is_none(), "{text}");
    });
}

#[test]
fn instructions() {
    let words = [
        "{\"start\":",
        "{\"change\":",
        "{\"failed\":",
        "{\"user\":\"a\"",
        "\"roles\":[",
        "\"x\"",
        "]",
        "}",
        "end",
        "end_all",
        "\"",
        ",",
        "null",
        "true",
    ];
    run("Usher-Session", &words, |text| {
        if let Ok(Instruction::Start(draft)) = Instruction::parse(text) {
            assert!(draft.check().is_ok(), "{text}");
        }
    });
}

#[test]
fn what_origins_say_of_themselves() {
    let words = [
        "TEXT ",
        "JSON ",
        "{\"cpu_utilization\":",
        "}",
        "cpu_utilization=",
        "mem_utilization=",
        "0.5",
        "1e9",
        "NaN",
        "-1",
    ];
    run("orca", &words, |text| {
        assert!(orca::utilization(text).is_none_or(|load| load <= 1_000_000), "{text}");
    });
    let words =
        ["16/", "B374D848", "FFFFFFFF", "2026-11-24", "T12:00:00", ".5", "Z", "+01:00", "0", "18446744073709551615"];
    run("positions", &words, |text| {
        if let Some(position) = Position::parse(text) {
            assert_eq!(Position::read(&position.text()), Some(position), "{text}");
            assert!(position.has_reached(position) && Position::later(Some(position), None) == Some(position));
        }
    });
    let words = ["5", "0", "Thu, 01 Jan 1970 00:01:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", "soon"];
    run("retry-after", &words, |text| {
        assert!(retry::rest(Some(text), 1_000).is_none_or(|rest| (1..=300_000).contains(&rest)), "{text}");
    });
}

#[test]
fn signed_cookies_and_retry_after() {
    let key = "0123456789abcdef0123456789abcdef";
    let good = signed_cookie::sign(key, Purpose::LastWrite, "data", "5~0~n7");
    let words = [good.as_str(), ".", "~", "n7", "l1", "t0", "5~0~n7", "NX4wfm43"];
    run("hints", &words, |text| {
        if let Some(said) = signed_cookie::verify(key, Purpose::LastWrite, "data", text) {
            assert_eq!(text, good, "only what we made");
            assert!(Written::read(&said).is_some());
        }
        if let Some(written) = Written::read(text) {
            assert_eq!(Written::read(&written.text()), Some(written), "{text}");
        }
    });
    let words = ["2026", "-11", "-24", "-Q4", "T00:00:00Z", "9223372036854775807", "-", "a"];
    run("shard keys", &words, |text| {
        let read = |values: Values| values.read(text);
        let (day, month) = (read(Values::Day), read(Values::Month));
        assert!(day.is_none() || month.is_some(), "{text}: a day is in a month");
        assert!(month.is_none() || read(Values::Quarter).is_some(), "{text}: a month is in a quarter");
        let _ = read(Values::Number);
    });
}

#[test]
fn requests_to_a_prober() {
    let words = [
        "{\"sync\":{\"isolate\":\"x\",\"origins\":[{\"name\":\"a\",\"in_flight\":1}]}}",
        "{\"order\":{\"version\":0,\"order\":{\"origin\":\"a\",\"action\":\"drain\"}}}",
        "\"show\"",
        "{",
        "}",
        "\"in_flight\":4294967295",
        "\"seconds\":18446744073709551615",
    ];
    run("letters", &words, |text| {
        let mut roster = ProberState::default();
        for _ in 0..2 {
            if let Ok(letter) = usher::http::json::read::<Request>(text) {
                let (report, _) = roster.answer(letter, u64::MAX / 2);
                assert!(report.version <= 1);
            }
        }
    });
}
