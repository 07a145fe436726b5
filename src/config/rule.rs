//! Who gets in?

use super::data::data;
use super::pattern::{Host, Pattern};
use super::ranges::Ranges;

/// Checked `[[rule]]`.
#[derive(Clone)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug))]
pub struct Rule {
    /// Unique name.
    pub name: String,
    /// Its name in the log line.
    pub log_name: String,
    /// Which requests it is for.
    pub conditions: Conditions,
    /// What it does with them.
    pub action: RuleAction,
    /// Whether it only logs and counts what it would do.
    pub shadow: bool,
}
data!(struct Rule { name, log_name, conditions, action, shadow });

/// Conditions of a rule, all of which must hold. One that is not configured (an empty list, `None`) always does; of a list
/// one must.
#[derive(Clone)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug))]
pub struct Conditions {
    /// The client's address.
    pub addresses: Option<Ranges>,
    /// Lists that change without a deployment: the client's address may be on one of them instead.
    pub lists: Vec<String>,
    /// Its country.
    pub countries: Vec<String>,
    /// Its continent.
    pub continents: Vec<String>,
    /// The number of its network (autonomous system).
    pub asns: Vec<u32>,
    /// Methods.
    pub methods: Vec<String>,
    /// Hosts.
    pub hosts: Vec<Host>,
    /// Paths, with or without a locale prefix.
    pub paths: Vec<Pattern>,
    /// Request fields by their names in lower case; all must match.
    pub headers: Vec<(String, Text)>,
    /// Versions of TLS, such as `TLSv1.3`.
    pub tls: Vec<String>,
    /// Versions of HTTP, such as `HTTP/2`.
    pub http: Vec<String>,
    /// The highest bot score: 1 is certainly a bot, 99 certainly none.
    pub bot_score: Option<u32>,
    /// Whether it is a bot that Cloudflare knows, such as a search engine's.
    pub verified_bot: Option<bool>,
}
data!(struct Conditions {
    addresses, lists, countries, continents, asns, methods, hosts, paths, headers, tls, http, bot_score, verified_bot,
});

/// What a field's value must be. Letters match in both cases (ASCII).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// Anything.
    Present,
    /// The field must be missing.
    Absent,
    /// This, in lower case.
    Is(String),
    /// It begins so.
    Begins(String),
    /// It ends so.
    Ends(String),
    /// It contains this.
    Contains(String),
}
data!(enum Text { Present, 1 = Absent, 2 = Is(text), 3 = Begins(text), 4 = Ends(text), 5 = Contains(text) });

/// `action` of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    /// No later rule is asked.
    Allow,
    /// The request is refused.
    Block {
        /// 403, 404, 410 or 451.
        status: u16,
        /// Who demands it (RFC 7725 4): a URL, or an empty string.
        blocked_by: String,
    },
    /// The origin and the log see this tag; later rules are asked.
    Tag(String),
    /// A limit counts the request, an index into [`super::Protection::limits`]; later rules are asked.
    Limit(usize),
    /// The browser has to show that it is one, by so many bits of work; then later rules are asked.
    Challenge(u32),
}
data!(enum RuleAction { Allow, 1 = Block { status, blocked_by }, 2 = Tag(name), 3 = Limit(place), 4 = Challenge(bits) });

#[cfg(not(target_arch = "wasm32"))]
impl Text {
    /// `"curl/*"`: a text with `*` at an end or at both.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        match (lower.strip_prefix('*'), lower.strip_suffix('*')) {
            _ if lower == "*" => Self::Present,
            (Some(rest), Some(_)) => Self::Contains(rest.strip_suffix('*').unwrap_or(rest).to_owned()),
            (Some(end), None) => Self::Ends(end.to_owned()),
            (None, Some(begin)) => Self::Begins(begin.to_owned()),
            (None, None) => Self::Is(lower),
        }
    }
}
