//! Asks the rules who gets in, before everything else.

use super::Limits;
use crate::config::{Millis, Rule, RuleAction, USES};
use crate::error::Error;
use crate::gateway::challenge;
use crate::gateway::context::Context;
use crate::gateway::record::Record;
use crate::http::path;
use crate::ledger::View;
use crate::limit::{Charge, Lists, rule};
use crate::platform::Platform;
use crate::route;
use std::net::IpAddr;

/// What rules said of a request that passes.
pub(in crate::gateway) struct Met<'a> {
    /// The tags that it got.
    pub(in crate::gateway) tags: Vec<&'a str>,
    /// By which limits it is to be counted elsewhere: see [`Limits::ask`].
    pub(in crate::gateway) elsewhere: Vec<Charge>,
    /// Whether a rule allows it.
    pub(in crate::gateway) allowed: bool,
}

impl Limits {
    /// Asks the rules in their order, up to the first that lets the request pass or refuses it.
    ///
    /// # Errors
    /// [`Error::Blocked`], [`Error::Challenged`], [`Error::TooManyRequests`]
    pub(in crate::gateway) fn meet_rules<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        view: &View,
        record: &mut Record<'a>,
    ) -> Result<Met<'a>, Error> {
        let (mut allowed, mut challenged) = (false, None);
        let is_passed = |bits| challenge::is_exempt(ctx) || challenge::passes(ctx, bits);
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
        let is_listed = |list: &str, ip| USES.dynamic_lists && self.is_listed(view, list, ip, ctx.now());
        let rules = ctx.config.protection.get().rules.iter();
        for asked in rules.filter(|asked| rule::holds(asked, &request, network, is_listed)) {
            let passed = !asked.shadow
                && matches!(asked.action, RuleAction::Challenge(bits) if USES.challenge && is_passed(bits));
            let action = match (asked.shadow, passed) {
                (true, _) => "shadow",
                (false, true) => "passed",
                (false, false) => as_str(asked),
            };
            self.observer.counters().ruled(&asked.name, action);
            record.more.push((&asked.log_name, action));
            match &asked.action {
                _ if asked.shadow => {}
                RuleAction::Allow => {
                    allowed = true;
                    break;
                }
                RuleAction::Block { status, blocked_by } => {
                    return Err(Error::Blocked { status: *status, blocked_by: blocked_by.clone() });
                }
                RuleAction::Challenge(_) if passed => {}
                RuleAction::Challenge(bits) => {
                    challenged = Some(*bits);
                    break;
                }
                RuleAction::Tag(tag) => tags.push(tag.as_str()),
                // However many rules name it, the request is one.
                RuleAction::Limit(place) if !limits.contains(&(*place, 1)) => limits.push((*place, 1)),
                RuleAction::Limit(_) => {}
            }
        }
        let elsewhere = if USES.limits { self.count(ctx, &limits, true, record)? } else { Vec::new() };
        // Who is challenged has been counted.
        if let Some(bits) = challenged {
            return Err(Error::Challenged(bits));
        }
        Ok(Met { tags, elsewhere, allowed })
    }

    /// Whether an address is on a list that changes.
    fn is_listed(&self, view: &View, list: &str, ip: IpAddr, now: Millis) -> bool {
        let mut lists = self.lists.borrow_mut();
        let (newest, now) = (view.newest_state(), view.moment(now));
        if lists.0 != newest {
            let on = view.states(Lists::ALL, now).map(|(name, _, until)| (name, until));
            *lists = (newest, Lists::read(on));
        }
        lists.1.contains(list, ip, now)
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
