//! Are the rate limits valid, and may a route use them?

use super::super::{Auth, Authenticator, KeyPart, Limit, LimitCounts, LimitRate, LimitScope, raw, units};
use super::problems::{Problems, quoted};

/// The most rates of a limit, and limits of a route.
const MOST: usize = 4;
/// The longest period of a rate, in milliseconds.
const LONGEST: u64 = 30 * 86_400_000;
/// The longest time in which a full bucket leaks, in milliseconds: in nanoseconds it must fit 64 bits.
const FULLEST: u64 = 366 * 86_400_000;

pub(super) fn limits(raw: &[raw::Limit], problems: &mut Problems) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::with_capacity(raw.len());
    for (place, written) in raw.iter().enumerate() {
        let at = format!("limit[{place}]");
        problems.name(format!("{at}.name"), &written.name, limits.iter().any(|limit| limit.name == written.name));
        let limit = limit(written, &at, problems);
        if let Some(other) = limits.iter().find(|other| {
            limit.scope == LimitScope::Location && other.scope == limit.scope && other.binding() == limit.binding()
        }) {
            problems.add(
                format!("{at}.name"),
                format!(
                    "found {:?}, whose binding {} limit {:?} has; allowed: a name that differs in letters or digits",
                    limit.name,
                    limit.binding(),
                    other.name
                ),
            );
        }
        limits.push(limit);
    }
    limits
}

fn limit(raw: &raw::Limit, at: &str, problems: &mut Problems) -> Limit {
    let mut key = Vec::new();
    for (number, text) in raw.key.all().iter().enumerate() {
        match KeyPart::parse(text) {
            Some(part) if key.contains(&part) => problems.add(format!("{at}.key[{number}]"), format!("found {text:?} a second time")),
            Some(part) => key.push(part),
            None => problems.add(
                format!("{at}.key[{number}]"),
                format!("found {text:?}; allowed: \"address\", \"user\", \"api_key\", \"session\", \"country\", \"asn\", \"header:NAME\", \"cookie:NAME\""),
            ),
        }
    }
    if raw.key.all().is_empty() {
        problems.add(format!("{at}.key"), "found none; allowed: at least one, such as \"address\"");
    }
    let bursts = raw.burst.as_ref().map(raw::OneOrMany::all);
    if bursts.is_some_and(|bursts| bursts.len() != raw.rate.all().len()) {
        problems.add(format!("{at}.burst"), "found another number of them than of rates; allowed: one for each `rate`");
    }
    let mut rates = Vec::new();
    for (number, text) in raw.rate.all().iter().enumerate() {
        let Some((count, period)) = rate(text) else {
            problems.add(
                format!("{at}.rate[{number}]"),
                format!("found {text:?}; allowed: a number of requests from 1 to 1000000 and a period of whole seconds, at most 30d, such as \"100/1m\""),
            );
            continue;
        };
        let burst = bursts.and_then(|bursts| bursts.get(number).copied()).unwrap_or(count);
        if !(1..=1_000_000).contains(&burst) {
            problems.add(format!("{at}.burst"), format!("found {burst}; allowed: 1 to 1000000"));
        }
        if period / u64::from(count) * u64::from(burst) > FULLEST {
            problems.add(
                format!("{at}.burst"),
                format!("found {burst}, a burst after which it takes more than a year until as much may come; allowed: less, or a higher rate"),
            );
        }
        if rates.iter().any(|known: &LimitRate| known.period == period) {
            problems.add(
                format!("{at}.rate[{number}]"),
                format!("found a second rate for the period of {text:?}; allowed: one for each period"),
            );
        }
        // A limit's name has no character that a string would have to escape.
        let label = match raw.rate.all() {
            [_] => format!("\"{}\"", raw.name),
            _ => format!("\"{}-{}s\"", raw.name, period / 1_000),
        };
        let policy = format!("{label};q={count};w={}", period / 1_000);
        rates.push(LimitRate { count, period, burst, label, policy });
    }
    if raw.rate.all().is_empty() || raw.rate.all().len() > MOST {
        problems.add(format!("{at}.rate"), format!("found {}; allowed: 1 to {MOST} rates", raw.rate.all().len()));
    }
    let (name, log_name) = (raw.name.clone(), format!("limit.{}", raw.name));
    let limit = Limit { name, log_name, key, rates, scope: raw.scope, counts: raw.count, shadow: raw.shadow };
    if limit.scope == LimitScope::Location {
        location(&limit, raw.burst.is_some(), at, problems);
    }
    limit
}

/// What Cloudflare's Rate Limiting binding cannot do.
fn location(limit: &Limit, has_burst: bool, at: &str, problems: &mut Problems) {
    match limit.rates.as_slice() {
        [rate] if matches!(rate.period, 10_000 | 60_000) => {}
        [_] => problems.add(
            format!("{at}.rate"),
            "found a period that Cloudflare's Rate Limiting binding does not have; allowed with `scope = \"location\"`: \"10s\" and \"1m\"",
        ),
        _ => problems.add(format!("{at}.rate"), "found several; allowed with `scope = \"location\"`: one"),
    }
    if has_burst {
        problems.add(
            format!("{at}.burst"),
            "found one; allowed with `scope = \"location\"`: none, for its windows are fixed",
        );
    }
    if limit.counts == LimitCounts::Failures {
        problems.add(
            format!("{at}.count"),
            "found \"failures\", but Cloudflare's Rate Limiting binding takes nothing back; allowed with `scope = \"location\"`: \"all\", \"unsafe\"",
        );
    }
}

/// `"100/1m"`: the count, and the period in milliseconds.
fn rate(text: &str) -> Option<(u32, u64)> {
    let (count, period) = text.split_once('/')?;
    let count = count.parse().ok().filter(|count| (1..=1_000_000).contains(count) && !text.starts_with('+'))?;
    let period = units::duration(period).filter(|ms| *ms > 0 && ms.is_multiple_of(1_000) && *ms <= LONGEST)?;
    Some((count, period))
}

/// The limits that a route uses: their places, and what a request of the route counts.
pub(super) fn uses(route: &raw::Route, at: &str, limits: &[Limit], problems: &mut Problems) -> Vec<(usize, u32)> {
    let mut used: Vec<(usize, u32)> = Vec::with_capacity(route.limits.len());
    for (number, one) in route.limits.iter().enumerate() {
        let key = format!("{at}.limits[{number}]");
        let (name, cost) = match one {
            raw::LimitUse::Name(name) => (name, 1),
            raw::LimitUse::Cost { name, cost } => (name, *cost),
        };
        let place = problems.find(key.clone(), name, limits.iter().map(|limit| limit.name.as_str()));
        let Some((place, limit)) = place.and_then(|place| Some((place, limits.get(place)?))) else { continue };
        if let Some(part) = limit.key.iter().find(|part| !is_known(part, route)) {
            problems.add(key.clone(), format!("found {name:?}, whose key has {part:?}, which no request of this route has, so that it would count none; allowed: where `auth` and `by` ask for it"));
        }
        if used.iter().any(|(known, _)| *known == place) {
            problems.add(key.clone(), format!("found {name:?} a second time"));
        }
        let most = limit.rates.iter().map(|rate| rate.burst).min().unwrap_or(1);
        if cost == 0 || cost > most {
            problems.add(key.clone(), format!("found a cost of {cost}; allowed: 1 to {most}, for more never passes"));
        }
        if limit.scope == LimitScope::Location && cost != 1 {
            problems.add(key, "found a cost, but Cloudflare's Rate Limiting binding counts each request as one; allowed with `scope = \"location\"`: none");
        }
        used.push((place, cost));
    }
    if used.len() > MOST {
        problems.add(format!("{at}.limits"), format!("found {}; allowed: at most {MOST}", used.len()));
    }
    // A limit that counts every request, whatever the client sends.
    let holds = |limit: &&Limit| {
        !limit.key.iter().any(KeyPart::is_chosen_by_clients) && (limit.is_early() || route.auth == Auth::Required)
    };
    let all = || used.iter().filter_map(|(place, _)| limits.get(*place));
    let chosen = all().find(|limit| limit.key.iter().any(KeyPart::is_chosen_by_clients));
    if let Some(limit) = chosen.filter(|_| !all().any(|limit| holds(&limit))) {
        let others: Vec<&str> = limits.iter().filter(holds).map(|limit| limit.name.as_str()).collect();
        problems.add(
            format!("{at}.limits"),
            format!("found {:?} without another: a client that sends another header or cookie each time is never limited; allowed: beside a limit whose key a client cannot choose ({})", limit.name, quoted(&others)),
        );
    }
    used
}

/// Whether requests of a route may have this part of a key.
fn is_known(part: &KeyPart, route: &raw::Route) -> bool {
    let asks = |by: Authenticator| route.auth != Auth::None && route.by.contains(&by);
    match part {
        KeyPart::User => route.auth != Auth::None,
        KeyPart::ApiKey => asks(Authenticator::ApiKey),
        KeyPart::Session => asks(Authenticator::Session),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_and_whole_seconds() {
        for (text, found) in [
            ("100/1m", Some((100, 60_000))),
            ("1/30d", Some((1, 30 * 86_400_000))),
            ("1/1s", Some((1, 1_000))),
            ("0/1s", None),
            ("+1/1s", None),
            ("1000001/1s", None),
            ("1/1500ms", None),
            ("1/0s", None),
            ("1/31d", None),
            ("1/s", None),
            ("100", None),
            ("", None),
        ] {
            assert_eq!(rate(text), found, "{text}");
        }
    }
}
