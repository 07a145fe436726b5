//! What was found out about a request, for its log line: written where it is found out, and no service decides by it.
//! Only the reply shows some of it: `Cache-Status`, `Server-Timing`, an error page on a developer's machine.

use super::context::Context;
use super::operator::explains;
use crate::cache::{self, Unstored};
use crate::config::{Millis, USES};
use crate::error::{Blame, Error};
use crate::http::head::Edits;
use crate::observe::Line;
use crate::platform::Platform;

/// Why a response whose tags could not be purged is not stored.
const TAGS: &str = "an answer has at most 128 tags of 256 visible ASCII characters each";

/// What was found out about one request.
pub(super) struct Record<'a> {
    pub(super) cache: cache::Status,
    /// The URL in the store, for the operator.
    pub(super) cache_key: Option<String>,
    /// The base URL of the origin asked last.
    pub(super) origin: Option<&'a str>,
    pub(super) pool: Option<&'a str>,
    pub(super) shard: Option<&'a str>,
    /// Why this origin, where the balance algorithm did not decide.
    pub(super) steered: Option<&'static str>,
    /// Requests to origins.
    pub(super) attempts: u32,
    /// What limits and rules said: names and values of the log line.
    pub(super) more: Vec<(&'a str, &'static str)>,
    pub(super) identity_ms: Millis,
    pub(super) origin_ms: Millis,
    pub(super) error: Option<Error>,
    /// What went wrong although a stale response was served.
    pub(super) outage: Option<Error>,
}

impl Record<'_> {
    pub(super) fn new() -> Self {
        Self {
            cache: cache::Status::Generated,
            cache_key: None,
            origin: None,
            pool: None,
            shard: None,
            steered: None,
            attempts: 0,
            more: Vec::new(),
            identity_ms: 0,
            origin_ms: 0,
            error: None,
            outage: None,
        }
    }

    /// Describes on the reply how the request met the cache; to the operator who asks for it (`Usher-Explain`) also by which
    /// key, and what rules, switches and limits did.
    pub(super) fn describe<P: Platform>(&self, ctx: &Context<'_, P>, edits: &mut Edits) {
        let explains = explains(ctx);
        edits.append("cache-status", &self.cache.field(self.cache_key.as_deref().filter(|_| explains)));
        if self.cache.why() == Some(Unstored::Tags.as_str()) {
            ctx.platform.warning(&format!("not stored: {}: {TAGS}", ctx.head.url.path));
            if explains {
                edits.set("x-usher-warning", TAGS);
            }
        }
        if (USES.rules || USES.limits || USES.switches) && explains {
            let decided: Vec<String> = self.more.iter().map(|(name, what)| format!("{name}={what}")).collect();
            edits.set("x-usher-explain", &decided.join(", "));
        }
    }

    /// The log line of a request of this user, in the log, that was answered with `status`.
    pub(super) fn line<'l, P: Platform>(
        &'l self,
        ctx: &'l Context<'_, P>,
        user: Option<String>,
        status: u16,
    ) -> Line<'l> {
        let error = self.error.as_ref().or(self.outage.as_ref());
        Line {
            id: &ctx.request_id,
            trace: ctx.trace.id(),
            method: ctx.head.method,
            host: ctx.head.url.authority,
            path: ctx.head.url.path,
            route: ctx.route.map(|route| route.name.as_str()),
            status,
            identity: ctx.identity.as_str(),
            user,
            locale: ctx.language(),
            locale_by: ctx.locale.map(|choice| choice.reason.as_str()),
            country: ctx.visitor.country,
            region: ctx.region_name(),
            region_by: ctx.region.map(|(_, reason)| reason.as_str()),
            origin: self.origin,
            pool: self.pool,
            shard: self.shard,
            steered: self.steered,
            attempts: self.attempts,
            more: &self.more,
            cache: self.cache.as_str(),
            cache_why: self.cache.why(),
            error: error.map(ToString::to_string),
            blame: error.map(|error| match error.blame() {
                Blame::Visitor => "visitor",
                Blame::Operator => "operator",
                Blame::Origin => "origin",
                Blame::Platform => "platform",
                Blame::Usher => "usher",
            }),
            ms: ctx.now().saturating_sub(ctx.started),
            identity_ms: self.identity_ms,
            origin_ms: self.origin_ms,
        }
    }
}
