//! How many requests may come from whom?

use super::super::http::date::Millis;
use super::data::data;

/// Checked `[[limit]]`.
#[derive(Debug, Clone)]
pub struct Limit {
    /// Unique name.
    pub name: String,
    /// Its name in the log line.
    pub log_name: String,
    /// What distinguishes those who are counted apart from each other.
    pub key: Vec<KeyPart>,
    /// The rates, all of which hold.
    pub rates: Vec<LimitRate>,
    /// Where is counted.
    pub scope: LimitScope,
    /// Which requests count.
    pub counts: LimitCounts,
    /// Whether requests above the limit are only logged and counted.
    pub shadow: bool,
}
data!(struct Limit { name, log_name, key, rates, scope, counts, shadow });

/// So many requests in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRate {
    /// Requests in a period.
    pub count: u32,
    /// The period in milliseconds: whole seconds.
    pub period: Millis,
    /// Requests that may come at once, after a pause.
    pub burst: u32,
    /// Its policy's name in `RateLimit`, a string (RFC 9651 3.3.3).
    pub label: String,
    /// Its member of `RateLimit-Policy`.
    pub policy: String,
}
data!(struct LimitRate { count, period, burst, label, policy });

/// One part of a limit's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    /// The client's address; of IPv6 its /64 network.
    Address,
    /// The user.
    User,
    /// The API key.
    ApiKey,
    /// The session.
    Session,
    /// The country (ISO 3166-1).
    Country,
    /// The number of the client's network (autonomous system).
    Asn,
    /// The value of a request field.
    Header(String),
    /// The value of a cookie.
    Cookie(String),
}
data!(enum KeyPart { Address, 1 = User, 2 = ApiKey, 3 = Session, 4 = Country, 5 = Asn, 6 = Header(name), 7 = Cookie(name) });

/// `scope` of a limit: where requests are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "lowercase"))]
pub enum LimitScope {
    /// In each isolate.
    #[default]
    Isolate,
    /// In each of Cloudflare's locations, by its Rate Limiting binding.
    Location,
    /// In one place for everybody, by Durable Objects.
    Exact,
}
data!(enum LimitScope { Isolate, 1 = Location, 2 = Exact });

/// `count` of a limit: which requests count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Deserialize))]
#[cfg_attr(not(target_arch = "wasm32"), serde(rename_all = "lowercase"))]
pub enum LimitCounts {
    /// All.
    #[default]
    All,
    /// Those that are answered with a status from 400 to 499.
    Failures,
    /// Those with other methods than GET, HEAD, OPTIONS and TRACE.
    Unsafe,
}
data!(enum LimitCounts { All, 1 = Failures, 2 = Unsafe });

impl Limit {
    /// Whether its key is known before it is known who is asking.
    #[must_use]
    pub fn is_early(&self) -> bool {
        !self.key.iter().any(|part| matches!(part, KeyPart::User | KeyPart::ApiKey | KeyPart::Session))
    }

    /// The binding of a limit whose scope is the location, in `wrangler.toml`.
    #[must_use]
    pub fn binding(&self) -> String {
        let spelled = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        format!("LIMIT_{}", self.name.chars().map(spelled).collect::<String>())
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl KeyPart {
    /// Whether a client can have another value whenever it likes, and so be counted anew.
    #[must_use]
    pub fn is_chosen_by_clients(&self) -> bool {
        matches!(self, Self::Header(_) | Self::Cookie(_))
    }

    /// The part that a text names; `None` when it names none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = |name: &str, mark: &[u8]| {
            let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || mark.contains(&b));
            good.then(|| name.to_owned())
        };
        Some(match text.split_once(':') {
            Some(("header", field)) => Self::Header(name(field, b"-_")?.to_ascii_lowercase()),
            Some(("cookie", cookie)) => Self::Cookie(name(cookie, b"-_.")?),
            Some(_) => return None,
            None => match text {
                "address" => Self::Address,
                "user" => Self::User,
                "api_key" => Self::ApiKey,
                "session" => Self::Session,
                "country" => Self::Country,
                "asn" => Self::Asn,
                _ => return None,
            },
        })
    }
}
