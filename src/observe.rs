//! What is logged and counted about a request? One JSON line with the reasons, and no secrets: no cookie, no
//! token, no query, and users only as a hash.

use crate::cache::Status;
use crate::http::json::{self, Object, json_struct};

/// The log line of one request. Times are in milliseconds.
#[derive(Debug, Default)]
pub struct Line<'a> {
    /// Request id.
    pub id: &'a str,
    /// Trace id.
    pub trace: &'a str,
    /// Method.
    pub method: &'a str,
    /// Host.
    pub host: &'a str,
    /// Path, without the query.
    pub path: &'a str,
    /// The route's name.
    pub route: Option<&'a str>,
    /// Status of the response.
    pub status: u16,
    /// Where the identity came from, or why there is none.
    pub identity: &'a str,
    /// See [`user`].
    pub user: Option<String>,
    /// The locale's tag.
    pub locale: Option<&'a str>,
    /// What decided the locale.
    pub locale_by: Option<&'a str>,
    /// Country code.
    pub country: Option<&'a str>,
    /// The region's name.
    pub region: Option<&'a str>,
    /// What decided the region.
    pub region_by: Option<&'a str>,
    /// The source of the response: an origin's URL, or `static`.
    pub origin: Option<&'a str>,
    /// The origin's pool.
    pub pool: Option<&'a str>,
    /// The shard.
    pub shard: Option<&'a str>,
    /// Why this origin was selected, when load balancing did not decide.
    pub steered: Option<&'a str>,
    /// Number of requests sent to origins.
    pub attempts: u32,
    /// What limits and rules said: names and values.
    pub more: &'a [(&'a str, &'static str)],
    /// The cache status.
    pub cache: &'a str,
    /// The reason for the cache status.
    pub cache_why: Option<&'a str>,
    /// The error.
    pub error: Option<String>,
    /// Who is responsible for the error.
    pub blame: Option<&'a str>,
    /// Until the response's head was ready.
    pub ms: u64,
    /// Of these, waiting for sessions and the ledger.
    pub identity_ms: u64,
    /// Of these, waiting for the origin.
    pub origin_ms: u64,
}
json_struct!(write Line<'_> {
    id,
    trace,
    method,
    host,
    path,
    route = optional,
    status,
    identity,
    user = optional,
    locale = optional,
    locale_by = optional,
    country = optional,
    region = optional,
    region_by = optional,
    origin = optional,
    pool = optional,
    shard = optional,
    steered = optional,
    attempts = optional,
    more = members,
    cache,
    cache_why = optional,
    error = optional,
    blame = optional,
    ms,
    identity_ms,
    origin_ms,
});

impl Line<'_> {
    /// The line as JSON, without a line break.
    #[must_use]
    pub fn text(&self) -> String {
        json::text(self)
    }
}

/// A user's pseudonym in the log: the first 64 bits of HMAC-SHA-256 of the user's id. Only the holder of the key
/// (the operator's token) can test whether it belongs to a given id.
#[must_use]
pub fn user(key: &str, id: &str) -> String {
    let hash = hmac_sha256::HMAC::mac(id.as_bytes(), key.as_bytes());
    crate::http::trace::hex(hash.get(..8).unwrap_or_default())
}

/// The counters of this isolate, in the order of their metrics and labels.
#[derive(Debug, Default)]
pub struct Counters(Vec<Counter>);

#[derive(Debug)]
struct Counter {
    what: Counted,
    one: String,
    other: &'static str,
    count: u64,
}

/// The metrics of this isolate; each has one or two labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Counted {
    Cache,
    Identity,
    Keys,
    Attempts,
    Origins,
    Limits,
    Rules,
}

impl Counted {
    const ALL: [Self; 7] =
        [Self::Cache, Self::Identity, Self::Keys, Self::Attempts, Self::Origins, Self::Limits, Self::Rules];

    /// Name, help text, labels.
    fn described(self) -> (&'static str, &'static str, [&'static str; 2]) {
        match self {
            Self::Cache => ("cache_requests", "Requests by cache status.", ["met", "why"]),
            Self::Identity => ("identity_requests", "Requests by identity.", ["found", ""]),
            Self::Keys => ("issuer_keys_reads", "Reads of an issuer's keys.", ["issuer", "result"]),
            Self::Attempts => ("origin_attempts", "Requests to origins, by pool.", ["pool", "result"]),
            Self::Origins => ("origin_events", "Events of pools.", ["pool", "what"]),
            Self::Limits => ("limit", "Requests by limit.", ["limit", "verdict"]),
            Self::Rules => ("rule", "Requests by rule.", ["rule", "action"]),
        }
    }
}

impl Counters {
    /// Counts the cache status of one request.
    pub fn count(&mut self, status: &Status) {
        self.add(Counted::Cache, status.as_str(), status.why().unwrap_or_default());
    }

    /// Counts the identity of one request, by the label of [`crate::identity::Identity`].
    pub fn identified(&mut self, found: &'static str) {
        self.add(Counted::Identity, found, "");
    }

    /// Counts a read of an issuer's key set.
    pub fn keys_read(&mut self, issuer: &str, good: bool) {
        self.add(Counted::Keys, issuer, if good { "ok" } else { "failed" });
    }

    /// Counts a request that was sent to an origin of a pool.
    pub fn attempted(&mut self, pool: &str, result: &'static str) {
        self.add(Counted::Attempts, pool, result);
    }

    /// Counts an event of a pool.
    pub fn origin(&mut self, what: &'static str, pool: &str) {
        self.add(Counted::Origins, pool, what);
    }

    /// Counts a request that a rule was for.
    pub fn ruled(&mut self, rule: &str, action: &'static str) {
        self.add(Counted::Rules, rule, action);
    }

    /// Counts what a limit said to a request.
    pub fn limited(&mut self, limit: &str, verdict: &'static str) {
        self.add(Counted::Limits, limit, verdict);
    }

    fn add(&mut self, what: Counted, one: &str, other: &'static str) {
        let key = (what, one, other);
        let found = self.0.binary_search_by(|known| (known.what, &*known.one, known.other).cmp(&key));
        match found {
            Ok(place) => self.0.get_mut(place).into_iter().for_each(|known| known.count += 1),
            Err(place) => self.0.insert(place, Counter { what, one: one.to_owned(), other, count: 1 }),
        }
    }

    /// The counters in Prometheus text format 0.0.4.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for what in Counted::ALL {
            let (name, meaning, [first, second]) = what.described();
            text.push_str(&format!("# HELP usher_{name}_total {meaning}\n# TYPE usher_{name}_total counter\n"));
            for Counter { one, other, count, .. } in self.0.iter().filter(|known| known.what == what) {
                let second = if second.is_empty() { String::new() } else { format!(",{second}=\"{other}\"") };
                text.push_str(&format!("usher_{name}_total{{{first}=\"{one}\"{second}}} {count}\n"));
            }
        }
        text
    }
}

/// A log line that is not about one request.
#[must_use]
pub fn event(level: &str, message: &str) -> String {
    let mut line = String::new();
    let mut object = Object::new(&mut line);
    object.member("level", &level);
    object.member("message", &message);
    object.end();
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_is_one_line_of_json_for_any_input() {
        let line = Line { path: "/a\"\n\u{2028}", host: "h", ..Line::default() };
        assert_eq!(line.text().lines().count(), 1);
        let read: serde_json::Value = serde_json::from_str(&line.text()).expect("JSON");
        assert_eq!(read["path"], "/a\"\n\u{2028}");
    }

    #[test]
    fn requests_are_counted_by_cache_status() {
        let mut counters = Counters::default();
        for status in [Status::Bypass("route"), Status::Bypass("route"), Status::Generated] {
            counters.count(&status);
        }
        let text = counters.text();
        assert!(text.contains("\nusher_cache_requests_total{met=\"bypass\",why=\"route\"} 2\n"), "{text}");
        assert!(text.contains("{met=\"generated\",why=\"\"} 1\n"), "{text}");
        counters.identified("token");
        counters.keys_read("auth", false);
        let text = counters.text();
        assert!(text.contains("\nusher_identity_requests_total{found=\"token\"} 1\n"), "{text}");
        assert!(text.contains("\nusher_issuer_keys_reads_total{issuer=\"auth\",result=\"failed\"} 1\n"), "{text}");
    }

    #[test]
    fn a_user_is_logged_as_a_keyed_hash() {
        assert_eq!(user("k", "7"), user("k", "7"));
        assert_ne!(user("k", "7"), user("k", "8"));
        assert_ne!(user("k", "7"), user("l", "7"));
        assert_eq!(user("k", "7").len(), 16);
    }
}
