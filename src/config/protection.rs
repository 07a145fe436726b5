//! Who may come, how often and how large, and which fields protect the visitor's browser?

use super::super::http::date::Millis;
use super::challenge::Challenge;
use super::data::data;
use super::limit::Limit;
use super::list::{Lazy, List};
use super::rule::Rule;
use super::size::Sizes;

/// What limits, rules and protects requests. It is read when a part of it is first used.
#[derive(Default)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug))]
pub struct Protection {
    /// How large requests may be.
    pub sizes: List<Sizes>,
    /// Which of them are those of `[request]`; `None` = as large as the platform takes.
    pub request: Option<usize>,
    /// Rules, in the order in which they are asked.
    pub rules: List<Rule>,
    /// Rate limits.
    pub limits: List<Limit>,
    /// Names of lists that change without a deployment.
    pub dynamic_lists: Vec<String>,
    /// Whether there are switches, and what `Retry-After` says in maintenance whose end nobody knows.
    pub switches: Option<Millis>,
    /// Fields that protect browsers.
    pub headers: List<SecurityHeaders>,
    /// Which of them responses have that no route made.
    pub all_headers: Option<usize>,
    /// How visitors are challenged.
    pub challenge: Lazy<Option<Challenge>>,
    /// Those of each route, by its index.
    pub routes: List<RouteProtection>,
}

/// What limits and protects the requests of one route.
#[derive(Debug, Default)]
pub struct RouteProtection {
    /// Rate limits: indices into [`Protection::limits`], and what a request counts.
    pub limits: Vec<(usize, u32)>,
    /// How large its requests may be: an index into [`Protection::sizes`].
    pub sizes: Option<usize>,
    /// Fields of its responses: an index into [`Protection::headers`].
    pub headers: Option<usize>,
}

/// Response fields that protect browsers, as packed [`crate::http::head::Edits`].
#[derive(Debug, PartialEq, Eq)]
pub struct SecurityHeaders {
    /// Where the visitor came by https.
    pub https: String,
    /// Where not.
    pub http: String,
}

data!(struct Protection { sizes, request, rules, limits, dynamic_lists, switches, headers, all_headers, challenge, routes });
data!(struct RouteProtection { limits, sizes, headers });
data!(struct SecurityHeaders { https, http });
