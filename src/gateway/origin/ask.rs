//! Asks the origins of a route, and reads what their response asks of the gateway.

use super::Origins;
use super::address::{VisitorAddress, to_visitor};
use super::outgoing::{Outgoing, Sent};
use super::request::{Answer, Request, fields};
use crate::config::{Route, Target, USES};
use crate::error::Error;
use crate::gateway::apart::apart;
use crate::gateway::context::Context;
use crate::gateway::identity::sign;
use crate::gateway::record::Record;
use crate::headers;
use crate::http::head::{self, Edits};
use crate::identity::session::Instruction;
use crate::origin::selection::OriginRef;
use crate::platform::{Platform, Response};

/// The methods that are forwarded; TRACE would show the visitor what they must not see.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// The error for a status that means that an origin was not reached, or not in time: Cloudflare's own statuses, and
/// numbers that are no final status (RFC 9110 15); 101 is allowed, for web sockets.
pub(in crate::gateway) fn unreached(status: u16) -> Option<Error> {
    match status {
        520..=523 | 525..=527 | 530 => Some(Error::OriginUnreachable),
        0..=100 | 102..200 | 600.. => Some(Error::OriginUnreachable),
        524 => Some(Error::OriginTimeout),
        _ => None,
    }
}

impl Origins {
    /// Asks an origin of the route's pools or shards.
    pub(super) async fn origin<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        request: &Request<'_, 'a>,
    ) -> Result<Answer<P::Body>, Error> {
        let Request { place, query, shared, conditions, workers_cache, stamped } = *request;
        let mut edits = fields(ctx, place, shared);
        edits.extend(conditions);
        let head = ctx.head;
        if matches!(head.method, "TRACE" | "CONNECT") {
            return Err(Error::MethodNotAllowed(METHODS.map(str::to_owned).to_vec()));
        }
        if head.has_body && matches!(head.method, "GET" | "HEAD") {
            return Err(Error::Malformed("a GET or HEAD request has no body: send it without one".into()));
        }
        let throttled = USES.throttle && place.route.throttle && !head.is_safe();
        if let Some(work) = apart(throttled, || self.identities.may_sign_in(ctx, None)) {
            work.await?;
        }
        let path = format!("{}{query}", place.asked());
        if let Some(assertion) = self.identities.assertion(ctx, place, (head.method, &path), shared) {
            sign(ctx.platform, &assertion, &mut edits).await?;
        }
        let until = ctx.now() + place.route.deadline;
        let mut outgoing = Outgoing { path: &path, edits, workers_cache, stamped, until, buffer: false };
        let sent = match &place.route.target {
            Target::Shards(_) => match apart(USES.shards, || self.ask_shards(ctx, record, place, &mut outgoing)) {
                Some(work) => work.await?,
                None => return Err(Error::Internal),
            },
            Target::Pools(pools) => {
                let pools = self.nearest_pools(ctx, place.route, pools);
                self.ask_pools(ctx, record, &pools, &mut outgoing).await
            }
            _ => return Err(Error::Internal),
        };
        self.apply(ctx, request, sent).await
    }

    /// Reads what the origin's response asks of the gateway: sessions to start, change or end.
    async fn apply<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        request: &Request<'_, '_>,
        Sent { from, result }: Sent<P::Body>,
    ) -> Result<Answer<P::Body>, Error> {
        let (response, mut edits) = addressed(ctx, request, from, result?);
        let (_, fields) = head::response(&response.packed);
        let route = request.place.route;
        let canary = route.canary.as_ref().filter(|_| ctx.canary).map(|canary| canary.pool);
        // A response with `Usher-Session` is for this visitor alone, even if the field is invalid or ignored. A
        // response of another pool in the canary's place must not be stored as the canary's.
        let other = canary.is_some_and(|pool| from.is_none_or(|from| from.pool != pool));
        let personal = fields.get("usher-session").is_some() || other;
        if headers::sets_session(&fields, &ctx.config.session.cookie, &mut edits) {
            ctx.platform.error(&format!(
                "route {:?}: the origin set the session's cookie itself, and it was taken out: start sessions by Usher-Session",
                route.name
            ));
        }
        let instruction = fields.get("usher-session").filter(|_| route.sessions);
        if let Some(value) = instruction
            && let Some(work) = apart(USES.sessions, || self.obey(ctx, route, value, &mut edits))
        {
            work.await?;
        }
        Ok(Answer { response, edits, personal, localized: false })
    }
}

impl Origins {
    /// Carries out an instruction of the origin (`Usher-Session`).
    async fn obey<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        route: &Route,
        value: &str,
        edits: &mut Edits,
    ) -> Result<(), Error> {
        match Instruction::parse(value) {
            Ok(instruction) => {
                if let Some(work) = apart(USES.throttle, || self.identities.count_sign_in(ctx, route, &instruction)) {
                    work.await?;
                }
                let instruction = instruction.authenticated(ctx.now());
                if let Some(cookie) = self.identities.carry_out(ctx, instruction).await? {
                    edits.append("set-cookie", &cookie);
                }
                edits.set("cache-control", "no-store");
            }
            Err(sentence) => ctx.platform.error(&format!("route {:?}: {sentence}", route.name)),
        }
        Ok(())
    }
}

/// A response that names the visitor's address where it named the origin's.
fn addressed<P: Platform>(
    ctx: &Context<'_, P>,
    request: &Request<'_, '_>,
    from: Option<OriginRef>,
    response: Response<P::Body>,
) -> (Response<P::Body>, Edits) {
    let Some(from) = from else { return (response, Edits::new()) };
    let prefix = ctx.stripped_prefix(request.place);
    let visitor = VisitorAddress::of(ctx.head, &prefix);
    to_visitor(ctx.config, from, &visitor, response, request.shared.is_some())
}
