//! Which keys configure rules and lists of addresses?

use super::OneOrMany;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[[list]]`: addresses under a name, for rules.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressList {
    /// Unique name: a rule names it as `"list:NAME"`.
    pub name: String,
    /// Addresses and networks.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// A file with more of them, a line each; what follows a `#` is a comment.
    #[serde(default)]
    pub file: Option<String>,
    /// Whether addresses are added and removed without a deployment.
    #[serde(default)]
    pub dynamic: bool,
}

/// `[switches]`: what the operator may turn on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switches {
    /// What `Retry-After` says in maintenance whose end nobody knows.
    pub retry_after: Option<String>,
}

/// `[[rule]]`: who gets in. All conditions must hold; of a list one must.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Unique name, for the log.
    pub name: String,
    /// Condition: addresses, networks and `"list:NAME"`.
    pub address: OneOrMany<String>,
    /// Condition: countries (ISO 3166-1).
    pub country: OneOrMany<String>,
    /// Condition: continents.
    pub continent: OneOrMany<String>,
    /// Condition: numbers of networks (autonomous systems).
    pub asn: OneOrMany<u32>,
    /// Condition: methods.
    pub method: OneOrMany<String>,
    /// Condition: hosts, as of a route.
    pub host: OneOrMany<String>,
    /// Condition: paths, as of a route.
    pub path: OneOrMany<String>,
    /// Condition: request fields: `true` = there, `false` = not there, or a text with `*` at its ends.
    pub header: BTreeMap<String, HeaderValue>,
    /// Condition: versions of TLS, such as `"TLSv1.2"`.
    pub tls: OneOrMany<String>,
    /// Condition: versions of HTTP, such as `"HTTP/1.1"`.
    pub http: OneOrMany<String>,
    /// Condition: Cloudflare's bot score is at most this.
    pub bot_score: Option<u32>,
    /// Condition: whether it is a bot that Cloudflare knows.
    pub verified_bot: Option<bool>,
    /// What is done with the request.
    pub action: Action,
    /// Status of a blocked request.
    pub status: Option<u16>,
    /// Who demands that a request is blocked with 451: a URL.
    pub blocked_by: Option<String>,
    /// The tag that the action `"tag"` gives.
    pub tag: Option<String>,
    /// The limit by which the action `"limit"` counts.
    pub limit: Option<String>,
    /// Bits of work that the action `"challenge"` wants.
    pub difficulty: Option<u32>,
    /// Whether the rule only logs and counts what it would do.
    pub shadow: bool,
}

/// `action` of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Refuses it.
    #[default]
    Block,
    /// Lets it pass.
    Allow,
    /// Marks it.
    Tag,
    /// Counts it.
    Limit,
    /// Lets it pass once its browser has shown that it is one.
    Challenge,
}

/// What a field must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum HeaderValue {
    /// Whether it is there.
    There(bool),
    /// Its value.
    Is(String),
}
