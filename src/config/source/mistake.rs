//! Turns serde's message about a wrong value into a sentence that states what is allowed there.

use super::super::units;

/// Keys whose value is a duration.
const DURATIONS: [&str; 27] = [
    "abort_p99",
    "absolute",
    "base",
    "body_timeout",
    "deadline",
    "every",
    "first_byte",
    "grace",
    "idle",
    "max",
    "max_age",
    "max_auth_age",
    "max_delay",
    "max_lag",
    "max_outage",
    "memo",
    "negative",
    "refresh",
    "remember",
    "slow_start",
    "stale_if_error",
    "stale_while_revalidate",
    "sync",
    "timeout",
    "ttl",
    "wait",
    "window",
];
/// Keys whose value is a size.
const SIZES: [&str; 7] =
    ["max_all_fields", "max_body", "max_cookies", "max_field", "max_url", "memory", "memory_object"];
/// Keys whose value is a keyword, each with its allowed keywords.
const KEYWORDS: [(&str, &str); 11] = [
    ("action", "\"block\", \"allow\", \"tag\", \"limit\""),
    ("auth", "\"required\", \"optional\", \"none\""),
    ("fail", "\"closed\", \"anonymous\""),
    ("scope", "\"isolate\", \"location\", \"exact\""),
    ("count", "\"all\", \"failures\", \"unsafe\""),
    ("shared", "\"public\", \"role\", \"user\""),
    ("down", "\"fail_open\", \"fail_closed\", \"stale\""),
    ("host", "\"forwarded\", \"origin\", \"visitor\""),
    ("match", "\"cldr\", \"lookup\""),
    ("values", "\"number\", \"text\", \"day\", \"month\", \"quarter\""),
    (
        "balance",
        "\"round_robin\", \"weighted_round_robin\", \"least_connections\", \"least_response_time\", \"resource_based\", \"ip_hash\", \"hash\", \"random_two\"",
    ),
];

/// The error sentence for the value `found` at the key `path`, for which serde reports `message`.
pub(super) fn sentence(path: &str, found: &str, message: &str) -> String {
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let mut names = message.split('`').skip(1).step_by(2);
    if let Some(name) = names.next().filter(|_| unknown) {
        let known: Vec<&str> = names.collect();
        let suggestion = units::nearest(name, known.iter().copied()).map(|near| format!(" (did you mean {near:?}?)"));
        let allowed = known.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        let what = if message.starts_with("unknown field") { "an unknown key" } else { "an unknown value" };
        return format!("found {what} {name:?}; allowed: {allowed}{}", suggestion.unwrap_or_default());
    }
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return format!("found no `{name}`; allowed: with one, for it has no default");
    }
    let key = path.split('.').next_back().unwrap_or_default().split('[').next().unwrap_or_default();
    match allowed(key, found, message) {
        Some(allowed) => format!("found {found}; allowed: {allowed}"),
        None => message.to_owned(),
    }
}

fn allowed(key: &str, found: &str, message: &str) -> Option<String> {
    let expected = message.split("expected ").nth(1).unwrap_or_default();
    let number = found.parse::<u64>().ok();
    if let Some((_, keywords)) = KEYWORDS.iter().find(|(known, _)| *known == key && message.contains("string or table"))
    {
        return Some((*keywords).to_owned());
    }
    Some(match expected {
        "a string" if DURATIONS.contains(&key) => {
            format!("a duration with its unit (ms, s, m, h, d), such as {:?}", duration(number.unwrap_or(300)))
        }
        "a string" if SIZES.contains(&key) => {
            format!("a size with its unit (B, KiB, MiB), such as {:?}", size(number.unwrap_or(65_536)))
        }
        "a string" => format!("a text in quotes, such as {:?}", found.trim_matches('"')),
        "a sequence" => format!("a list, such as [{found}]"),
        "a boolean" => "true, false".into(),
        "usize" | "u64" | "u32" | "u16" => "a whole number without quotes, 0 or more".into(),
        "i64" => "a whole number without quotes".into(),
        "f64" => "a number without quotes".into(),
        // serde expects a struct for a table, and its message contains the struct's Rust name.
        table if table.starts_with("struct ") => match found {
            "true" => format!("a table; `{key} = {{}}` takes every default"),
            "false" => format!("a table, or no `{key}` at all"),
            _ => format!("a table, such as `{key} = {{ ... }}` or [{key}]"),
        },
        _ if message.contains("untagged enum Pools") => "the name of a pool, or a list of names".into(),
        _ if message.contains("untagged enum HeaderValue") => "true, false, or a text in quotes".into(),
        _ if message.contains("untagged enum LimitUse") => {
            "the name of a limit, or a table such as { name = \"api\", cost = 5 }".into()
        }
        _ if message.contains("untagged enum OneOrMany") => match key {
            "burst" | "asn" => "a whole number without quotes, or a list of them".into(),
            _ => "a text in quotes, or a list of them".into(),
        },
        _ => return None,
    })
}

/// Formats seconds in the largest unit that divides them.
fn duration(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let (unit, scale) =
        units.into_iter().find(|(_, scale)| seconds >= *scale && seconds.is_multiple_of(*scale)).unwrap_or(("s", 1));
    format!("{}{unit}", seconds / scale)
}

/// Formats bytes in the largest unit that divides them.
fn size(bytes: u64) -> String {
    let units = [("MiB", 1 << 20), ("KiB", 1 << 10)];
    let found = units.into_iter().find(|(_, scale)| bytes >= *scale && bytes.is_multiple_of(*scale));
    let (unit, scale) = found.unwrap_or(("B", 1));
    format!("{}{unit}", bytes / scale)
}
