//! Networks, keys of limits, and what is said to objects that count.

use super::run;
use usher::config::{KeyPart, Ranges, network};
use usher::limit::exact;

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
