//! Asks the rules who gets in, before everything else.

use super::Limits;
use crate::config::{Rule, RuleAction, USES};
use crate::error::Error;
use crate::gateway::challenge;
use crate::gateway::context::Context;
use crate::gateway::record::Record;
use crate::http::path;
use crate::limit::{Charge, rule};
use crate::platform::Platform;
use crate::route;

impl Limits {
    /// Asks the rules in their order, up to the first that lets the request pass or refuses it. Returns the tags that it
    /// got, and by which limits it is to be counted elsewhere ([`Limits::ask`]).
    ///
    /// # Errors
    /// [`Error::Blocked`], [`Error::TooManyRequests`]
    pub(in crate::gateway) fn meet_rules<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
    ) -> Result<(Vec<&'a str>, Vec<Charge>), Error> {
        let (mut tags, mut limits) = (Vec::new(), Vec::new());
        let head = ctx.head;
        // A path without a normal form reaches no route: no rule needs to know it.
        let normal = path::normal(head.url.path).unwrap_or_default();
        let other = path::otherwise(&normal);
        let bare = |path| match route::locale_prefix(ctx.config, path) {
            Some(_) => [path, route::after_first_segment(path)],
            None => [path, path],
        };
        let paths: Vec<[&str; 2]> = [Some(&*normal), other.as_deref()].into_iter().flatten().map(bare).collect();
        let ip = ctx.visitor.ip.and_then(|ip| ip.parse().ok());
        let request = rule::Request { head, visitor: &ctx.visitor, ip, paths: &paths };
        let network = |path: &str| ctx.platform.network(path);
        for asked in ctx.config.protection.get().rules.iter().filter(|asked| rule::holds(asked, &request, network)) {
            let action = match asked.action {
                _ if asked.shadow => "shadow",
                RuleAction::Challenge(bits) if USES.challenge && challenge::passes(ctx, bits) => "passed",
                _ => as_str(asked),
            };
            self.observer.counters().ruled(&asked.name, action);
            record.more.push((&asked.log_name, action));
            match &asked.action {
                _ if asked.shadow => {}
                RuleAction::Allow => break,
                RuleAction::Block { status, blocked_by } => {
                    return Err(Error::Blocked { status: *status, blocked_by: blocked_by.clone() });
                }
                RuleAction::Challenge(_) if action == "passed" => {}
                RuleAction::Challenge(bits) => return Err(Error::Challenged(*bits)),
                RuleAction::Tag(tag) => tags.push(tag.as_str()),
                // However many rules name it, the request is one.
                RuleAction::Limit(place) if !limits.contains(&(*place, 1)) => limits.push((*place, 1)),
                RuleAction::Limit(_) => {}
            }
        }
        let elsewhere = if USES.limits { self.count(ctx, &limits, true, record)? } else { Vec::new() };
        Ok((tags, elsewhere))
    }
}

/// An action's name in the log and the metrics.
fn as_str(rule: &Rule) -> &'static str {
    match rule.action {
        RuleAction::Allow => "allow",
        RuleAction::Block { .. } => "block",
        RuleAction::Tag(_) => "tag",
        RuleAction::Limit(_) => "limit",
        RuleAction::Challenge(_) => "challenge",
    }
}
