//! Are a pool and its origins valid?

use super::super::super::http::path;
use super::super::{
    Balance, Ejection, HashBy, HostMode, Millis, Origin, Pool, Probe, Region, Replicas, Retry, Setting,
};
use super::super::{Kind, origin_url, raw};
use super::problems::{Problems, setting};
use std::cmp::Ordering;

/// Default interval at which isolates exchange statistics about origins.
const SYNC: &str = "2s";
/// Default time that a recovered origin gets less than its share of requests.
const SLOW_START: &str = "30s";
/// Upper limit of `retry.max_body`, in bytes.
const LARGEST_BUFFERED: u64 = 4 << 20;

pub(super) fn pools(raw: &[raw::Pool], regions: &[Region], problems: &mut Problems) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::with_capacity(raw.len());
    for (place, written) in raw.iter().enumerate() {
        let key = |name: &str| format!("pool[{place}].{name}");
        problems.name(key("name"), &written.name, pools.iter().any(|p| p.name == written.name));
        pools.push(pool(written, &key, regions, problems));
    }
    for (place, written) in raw.iter().enumerate() {
        let Some(name) = &written.fallback else { continue };
        let found = problems.place(format!("pool[{place}].fallback"), name, raw.iter().map(|p| p.name.as_str()));
        if found == place {
            problems.add(format!("pool[{place}].fallback"), "found the pool itself; allowed: another");
        }
        if let Some(pool) = pools.get_mut(place) {
            pool.fallback = Some(found);
        }
    }
    pools
}

fn pool(raw: &raw::Pool, key: &impl Fn(&str) -> String, regions: &[Region], problems: &mut Problems) -> Pool {
    let mut region_of = |key: String, name: &Option<String>| {
        name.as_deref().map(|name| problems.place(key, name, regions.iter().map(|r| r.name.as_str())))
    };
    let region = region_of(key("region"), &raw.region);
    let regions: Vec<Option<usize>> = raw
        .origins
        .iter()
        .enumerate()
        .map(|(number, origin)| region_of(key(&format!("origins[{number}].region")), &origin.0.region).or(region))
        .collect();
    if raw.origins.is_empty() {
        problems.add(key("origins"), "found none; allowed: at least one URL");
    }
    let health = raw.health.clone().unwrap_or_else(|| "/".into());
    if !path::is_local(&health) {
        problems.add(key("health"), format!("found {health:?}; allowed: a path, such as \"/healthz\""));
    }
    let mut origins: Vec<Origin> = Vec::with_capacity(raw.origins.len());
    for (number, (raw::Origin(written), region)) in raw.origins.iter().zip(regions).enumerate() {
        let at = key(&format!("origins[{number}]"));
        let origin = origin(written, &at, region, problems);
        if origins.iter().any(|other| other.name == origin.name) {
            problems.add(
                at,
                format!(
                    "found {:?} a second time; allowed: a `name` used once in a pool (of its URL when none is said)",
                    origin.name
                ),
            );
        }
        origins.push(origin);
    }
    let replicated = origins.iter().any(|origin| origin.replica);
    if replicated && origins.iter().filter(|origin| !origin.replica).count() != 1 {
        problems.add(
            key("origins"),
            "found replicas without exactly one primary; allowed: one origin without `replica = true` beside them",
        );
    }
    if !replicated && !origins.is_empty() && origins.iter().all(|origin| origin.weight == 0) {
        problems.add(key("origins"), "found no origin with a weight; allowed: a `weight` above 0 for one of them");
    }
    let hash = raw.hash.as_deref().map_or(Some(HashBy::Ip), hash_by).unwrap_or_else(|| {
        problems.add(
            key("hash"),
            format!("found {:?}; allowed: \"ip\", \"user\", \"path\", \"cookie:NAME\", \"header:NAME\"", raw.hash),
        );
        HashBy::Ip
    });
    if raw.hash.is_some() && raw.balance != Balance::Hash {
        problems.add(key("hash"), "found where `balance` is not \"hash\"; allowed: together with `balance = \"hash\"`");
    }
    let sync = problems.deadline(key("sync"), raw.sync.as_deref().unwrap_or(SYNC), 5_000);
    if sync < 1_000 {
        problems.add(key("sync"), "found less than a second; allowed: \"1s\" to \"5s\"");
    }
    if raw.down != super::super::Down::FailOpen && raw.origins.len() == 1 && raw.probe.is_none() {
        problems.add(
            key("down"),
            "found for one origin without `probe`, so that nobody would find out that it is down; allowed: together with `probe = {}`",
        );
    }
    if raw.max_in_flight == Some(0) {
        problems.add(key("max_in_flight"), "found 0, so that nothing would be asked; allowed: 1 and more");
    }
    if raw.host == HostMode::Visitor && raw.origins.iter().any(|origin| origin.0.url.starts_with("service:")) {
        problems.add(key("host"), "found \"visitor\" beside a Worker that is bound, which has no address; allowed: \"forwarded\" or \"origin\"");
    }
    if raw.host == HostMode::Origin && raw.retry.hedge {
        problems.add(
            key("host"),
            "found \"origin\" beside `retry.hedge`, which sends one request to two origins; allowed: one of the two",
        );
    }
    Pool {
        host: raw.host,
        rewrite: raw.rewrite,
        name: raw.name.clone(),
        region,
        origins,
        health,
        service: raw.service.clone().unwrap_or_else(|| raw.name.clone()),
        balance: raw.balance,
        hash,
        affinity: raw.affinity,
        sync,
        slow_start: problems.duration(key("slow_start"), raw.slow_start.as_deref().unwrap_or(SLOW_START)),
        probe: raw.probe.as_ref().map(|raw| probe(raw, key, problems)),
        ejection: Ejection {
            failures: raw.ejection.failures,
            base: problems.duration(key("ejection.base"), &raw.ejection.base),
            max: problems.duration(key("ejection.max"), &raw.ejection.max),
        },
        down: raw.down,
        fallback: None,
        retry: retry(&raw.retry, key, problems),
        first_byte: raw.first_byte.as_deref().map(|text| problems.deadline(key("first_byte"), text, 600_000)),
        idle: raw.idle.as_deref().map_or(0, |text| problems.deadline(key("idle"), text, 600_000)),
        max_in_flight: raw.max_in_flight,
        replicas: Replicas {
            window: problems.duration(key("replicas.window"), &raw.replicas.window),
            max_lag: problems.duration(key("replicas.max_lag"), &raw.replicas.max_lag),
            wait: replica_wait(key("replicas.wait"), &raw.replicas.wait, problems),
        },
    }
}

fn replica_wait(key: String, text: &str, problems: &mut Problems) -> Millis {
    let wait = problems.duration(key.as_str(), text);
    if wait > 2_000 {
        problems.add(key, format!("found {text:?}; allowed: at most \"2s\""));
    }
    wait
}

fn origin(raw: &raw::Table, at: &str, region: Option<usize>, problems: &mut Problems) -> Origin {
    let url = setting(&raw.url, Kind::Origin).unwrap_or_else(|| {
        // `localhost:3000` and `app.example.com` probably lack only the scheme.
        let local = raw.url.starts_with("localhost") || raw.url.starts_with("127.");
        let whole = format!("{}://{}", if local { "http" } else { "https" }, raw.url);
        let bare = !raw.url.contains("://") && raw.url.contains(['.', ':']);
        let suggestion = origin_url(&whole).filter(|_| bare).map(|url| format!(" (did you mean {url:?}?)"));
        problems.add(
            at,
            format!("found {:?}; allowed: a base URL such as \"https://app.example.com\", \"service:BINDING\" for a Worker that is bound, or \"${{NAME}}\" to read one from the worker's vars and secrets{}", raw.url, suggestion.unwrap_or_default()),
        );
        Setting::Is(String::new())
    });
    let name = raw.name.clone().unwrap_or_else(|| match &url {
        Setting::Open(open) => open.name.clone(),
        Setting::Is(url) => {
            url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).trim_start_matches("service:").to_owned()
        }
    });
    if raw.name.is_some() {
        problems.name(format!("{at}.name"), &name, false);
    }
    let weight = raw.weight.unwrap_or(1);
    if weight > 1_000 {
        problems.add(format!("{at}.weight"), format!("found {weight}; allowed: 0 to 1000"));
    }
    Origin { name, url, weight, replica: raw.replica, region }
}

fn hash_by(text: &str) -> Option<HashBy> {
    let named = |name: &str| {
        let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        good.then(|| name.to_owned())
    };
    Some(match text.split_once(':') {
        None if text == "ip" => HashBy::Ip,
        None if text == "user" => HashBy::User,
        None if text == "path" => HashBy::Path,
        Some(("cookie", name)) => HashBy::Cookie(named(name)?),
        Some(("header", name)) => HashBy::Header(named(name)?.to_ascii_lowercase()),
        _ => return None,
    })
}

fn probe(raw: &raw::Probe, key: &impl Fn(&str) -> String, problems: &mut Problems) -> Probe {
    let key = |name: &str| key(&format!("probe.{name}"));
    let every = problems.duration(key("every"), &raw.every);
    if !(1_000..=3_600_000).contains(&every) {
        problems.add(key("every"), format!("found {:?}; allowed: \"1s\" to \"1h\"", raw.every));
    }
    let timeout = problems.deadline(key("timeout"), &raw.timeout, 30_000);
    for (name, count) in [("rise", raw.rise), ("fall", raw.fall)] {
        if !(1..=100).contains(&count) {
            problems.add(key(name), format!("found {count}; allowed: 1 to 100"));
        }
    }
    if !matches!(raw.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
        problems.add(key("method"), format!("found {:?}; allowed: \"GET\", \"HEAD\", \"OPTIONS\"", raw.method));
    }
    for (name, value) in &raw.headers {
        let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !named || !value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
            problems
                .add(key("headers"), format!("found {name:?} = {value:?}; allowed: a field's name and visible ASCII"));
        }
    }
    let range = |text: &raw::Plain| {
        let text = text.0.as_str();
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let range: (u16, u16) = (from.parse().ok()?, to.parse().ok()?);
        (range.0 >= 100 && range.1 <= 599 && range.0.cmp(&range.1) != Ordering::Greater).then_some(range)
    };
    let expect: Vec<(u16, u16)> = raw.expect.iter().filter_map(range).collect();
    if expect.len() != raw.expect.len() || expect.is_empty() {
        problems.add(
            key("expect"),
            format!(
                "found {:?}; allowed: statuses such as 200 or \"200-399\"",
                raw.expect.iter().map(|plain| &plain.0).collect::<Vec<_>>()
            ),
        );
    }
    for (number, location) in raw.locations.iter().enumerate() {
        problems.place(
            key(&format!("locations[{number}]")),
            location,
            ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"].into_iter(),
        );
    }
    let vantage_points = raw.locations.len().max(1);
    let quorum = raw.quorum.map_or(vantage_points / 2 + 1, |quorum| quorum as usize);
    if !(1..=vantage_points).contains(&quorum) {
        problems.add(
            key("quorum"),
            format!("found {quorum}; allowed: 1 to {vantage_points}, as many as there are `locations`"),
        );
    }
    Probe {
        every,
        timeout,
        rise: raw.rise,
        fall: raw.fall,
        method: raw.method.clone(),
        headers: raw.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect(),
        expect,
        body: raw.body.clone(),
        locations: raw.locations.clone(),
        quorum,
    }
}

fn retry(raw: &raw::Retry, key: &impl Fn(&str) -> String, problems: &mut Problems) -> Retry {
    let key = |name: &str| key(&format!("retry.{name}"));
    if !(1..=10).contains(&raw.attempts) {
        problems.add(key("attempts"), format!("found {}; allowed: 1 to 10", raw.attempts));
    }
    if raw.budget > 100 {
        problems.add(key("budget"), format!("found {}; allowed: 0 to 100", raw.budget));
    }
    if let Some(status) = raw.on.iter().find(|status| !(500..=599).contains(*status)) {
        problems.add(key("on"), format!("found {status}; allowed: statuses of the origin's own failure, 500 to 599"));
    }
    Retry {
        attempts: raw.attempts,
        budget: raw.budget,
        on: raw.on.clone(),
        max_body: problems.size(key("max_body"), &raw.max_body, LARGEST_BUFFERED),
        hedge: raw.hedge,
    }
}
