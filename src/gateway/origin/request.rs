//! The request to a route's target, and its response.

use crate::config::{Auth, Authenticator, USES};
use crate::gateway::context::Context;
use crate::gateway::operator::is_operator;
use crate::headers::{self, Forwarded};
use crate::http::head::{self, Edits};
use crate::http::json::json_object;
use crate::identity::{Partition, jwt};
use crate::ledger::Moment;
use crate::platform::{Platform, Response};
use crate::respond::Generated;
use crate::route::Place;

/// A request to a route's target.
pub(in crate::gateway) struct Request<'q, 'a> {
    pub(in crate::gateway) place: &'q Place<'a, 'a>,
    /// With its `?`, or empty.
    pub(in crate::gateway) query: &'q str,
    /// The partition that shares the response, when it may be stored.
    pub(in crate::gateway) shared: Option<&'q Partition>,
    /// The conditional fields for revalidation, as changes to the fields that the origin gets.
    pub(in crate::gateway) conditions: &'q Edits,
    /// See [`crate::platform::OriginRequest::workers_cache`].
    pub(in crate::gateway) workers_cache: Option<&'q str>,
    /// When the resource was last purged, as far as is known: a replica has to be newer.
    pub(in crate::gateway) stamped: Moment,
}

/// A response, with the changes that belong to it.
pub(in crate::gateway) struct Answer<B> {
    pub(in crate::gateway) response: Response<B>,
    pub(in crate::gateway) edits: Edits,
    /// Whether it is for this visitor alone, for example because it starts or ends a session.
    pub(in crate::gateway) personal: bool,
    /// Whether it is in the language that was negotiated.
    pub(in crate::gateway) localized: bool,
}

impl<B> Answer<B> {
    pub(in crate::gateway) fn status(&self) -> u16 {
        head::status(&self.response.packed)
    }
}

/// The fields whose credentials were for the gateway, and are not forwarded.
fn consumed<'a, P: Platform>(ctx: &Context<'a, P>) -> Vec<&'a str> {
    let mut fields = Vec::new();
    if (USES.switches || USES.challenge) && is_operator(ctx) {
        fields.push("authorization");
    }
    let Some(route) = ctx.route.filter(|route| route.auth != Auth::None && !route.forward_token) else { return fields };
    if route.by.contains(&Authenticator::Jwt) && jwt::bearer(&ctx.head.fields).is_some() {
        fields.push("authorization");
    }
    if route.by.contains(&Authenticator::ApiKey) {
        fields.push(ctx.config.api_key.as_str());
    }
    fields
}

/// Whether no credentials of the visitor's own are forwarded, so that the origin cannot answer them alone.
pub(in crate::gateway) fn consumed_credentials<P: Platform>(ctx: &Context<'_, P>) -> bool {
    let consumed = consumed(ctx);
    let keyed = ctx.route.is_some_and(|route| route.by.contains(&Authenticator::ApiKey));
    let names = ["authorization"].into_iter().chain(keyed.then_some(ctx.config.api_key.as_str()));
    !names.filter(|name| !consumed.contains(name)).any(|name| ctx.head.fields.get(name).is_some())
}

/// The changes from the visitor's fields to the origin's. `shared` is the partition that shares the response, when it
/// may be stored.
pub(in crate::gateway) fn fields<P: Platform>(
    ctx: &Context<'_, P>,
    place: &Place<'_, '_>,
    shared: Option<&Partition>,
) -> Edits {
    let prefix = Some(ctx.stripped_prefix(place)).filter(|prefix| !prefix.is_empty());
    let forwarded = Forwarded {
        identity: &ctx.identity,
        shared,
        locale: ctx.language(),
        prefix: prefix.as_deref(),
        visitor: &ctx.visitor,
        region: ctx.region_name(),
        request_id: &ctx.request_id,
        trace: &ctx.trace,
        cookie: &ctx.config.session.cookie,
        credentials: &consumed(ctx),
    };
    let mut edits = headers::to_origin(ctx.head, &forwarded);
    // A response that others share must not depend on them.
    if USES.rules && shared.is_none() && !ctx.tags.is_empty() {
        edits.set("x-usher-tags", &ctx.tags.join(", "));
    }
    edits
}

/// What would be forwarded, as JSON.
pub(in crate::gateway) fn echo<P: Platform>(ctx: &Context<'_, P>, place: &Place<'_, '_>) -> Generated {
    // `Host` will be the origin's own.
    let mut edits = fields(ctx, place, None);
    edits.remove("host");
    let sent = edits.applied(&ctx.head.fields);
    let mut headers = serde_json::Map::new();
    headers.extend(sent.into_iter().map(|(name, value)| (name, value.into())));
    let query = ctx.head.url.search();
    let visitor = &ctx.visitor;
    let body = json_object!({
        "forwarded": json_object!({
            "method": ctx.head.method,
            "path": format!("{}{query}", place.asked()),
            "headers": headers,
        }),
        "decided": json_object!({
            "route": place.route.name.as_str(),
            "identity": ctx.identity.as_str(),
            "locale": ctx.language(),
            "locale_by": ctx.locale.map(|choice| choice.reason.as_str()),
            "region": ctx.region_name(),
            "region_by": ctx.region.map(|(_, reason)| reason.as_str()),
            "country": visitor.country,
            "continent": visitor.continent,
            "colo": visitor.colo,
        }),
    });
    let mut answer = Generated::json(200, &body);
    if let Some(language) = ctx.language() {
        answer.edits.set("content-language", language);
    }
    answer
}
