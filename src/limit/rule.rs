//! Which rules is a request for?

use crate::config::{Conditions, Pattern, Ranges, Rule, RuleAction, Text};
use crate::http::head::Head;
use crate::http::search;
use crate::http::visitor::Visitor;
use std::net::IpAddr;

/// What rules look at.
pub struct Request<'r> {
    /// The request.
    pub head: &'r Head<'r>,
    /// Who sent it.
    pub visitor: &'r Visitor<'r>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// How the path may be read ([`crate::http::path::otherwise`]), each with and without its locale prefix.
    pub paths: &'r [[&'r str; 2]],
}

/// Whether all conditions of a rule hold. Where a path may be read in more than one way, a rule that lets requests pass has
/// to be for all of them, and another for one. `network` returns what Cloudflare knows of the connection: see
/// [`crate::platform::Network`]. What is not known is no value of a list. `is_listed` says
/// whether an address is on a list that changes.
pub fn holds(
    rule: &Rule,
    request: &Request<'_>,
    network: impl Fn(&str) -> Option<String>,
    is_listed: impl Fn(&str, IpAddr) -> bool,
) -> bool {
    let Request { head, visitor, ip, paths } = request;
    let conditions: &Conditions = &rule.conditions;
    let one =
        |list: &[String], value: Option<&str>| list.is_empty() || value.is_some_and(|v| list.iter().any(|l| l == v));
    let host = head.url.host();
    let score = || network("botManagement.score")?.parse::<u32>().ok();
    let is_there = |ranges: &Ranges, ip| ranges.contains(ip) || conditions.lists.iter().any(|list| is_listed(list, ip));
    conditions.addresses.as_ref().is_none_or(|ranges| ip.is_some_and(|ip| is_there(ranges, ip)))
        && one(&conditions.countries, visitor.country)
        && one(&conditions.continents, visitor.continent)
        && (one(&conditions.methods, Some(head.method))
            // As of a route, GET is HEAD too.
            || (head.method == "HEAD" && conditions.methods.iter().any(|method| method == "GET")))
        && one(&conditions.http, Some(head.edge.protocol))
        && (conditions.hosts.is_empty() || conditions.hosts.iter().any(|known| known.matches(host)))
        && (conditions.paths.is_empty() || has_path(&conditions.paths, paths, rule.action == RuleAction::Allow))
        && conditions.headers.iter().all(|(name, text)| matches(text, head.fields.get(name)))
        && (conditions.asns.is_empty()
            || network("asn").and_then(|asn| asn.parse().ok()).is_some_and(|asn| conditions.asns.contains(&asn)))
        && (conditions.tls.is_empty() || one(&conditions.tls, network("tlsVersion").as_deref()))
        && conditions.bot_score.is_none_or(|most| score().is_some_and(|score| score <= most))
        && conditions.verified_bot.is_none_or(|wanted| {
            network("botManagement.verifiedBot").is_some_and(|verified| (verified == "true") == wanted)
        })
}

/// Whether a pattern matches one reading of a path, or `every` reading.
fn has_path(patterns: &[Pattern], readings: &[[&str; 2]], every: bool) -> bool {
    let is_met =
        |reading: &[&str; 2]| patterns.iter().any(|pattern| reading.iter().any(|path| pattern.matches(path).is_some()));
    if every { readings.iter().all(is_met) } else { readings.iter().any(is_met) }
}

/// Whether a field's value is as it must be.
fn matches(text: &Text, value: Option<&str>) -> bool {
    let Some(value) = value else { return *text == Text::Absent };
    let value = value.to_ascii_lowercase();
    match text {
        Text::Present => true,
        Text::Absent => false,
        Text::Is(text) => value == *text,
        Text::Begins(text) => value.starts_with(text.as_str()),
        Text::Ends(text) => value.ends_with(text.as_str()),
        Text::Contains(text) => search::contains(&value, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_compared_at_its_ends_in_both_cases() {
        for (pattern, value, found) in [
            ("curl/*", Some("cURL/8.1"), true),
            ("curl/*", Some("a curl/8"), false),
            ("*bot", Some("GoogleBot"), true),
            ("*bot*", Some("x Bots x"), true),
            ("*bot*", Some("human"), false),
            ("x", Some("X"), true),
            ("x", Some("xx"), false),
            ("", Some(""), true),
            ("*", Some(""), true),
            ("*", None, false),
            ("x", None, false),
        ] {
            assert_eq!(matches(&Text::parse(pattern), value), found, "{pattern} {value:?}");
        }
        assert!(matches(&Text::Absent, None) && !matches(&Text::Absent, Some("")));
    }
}
