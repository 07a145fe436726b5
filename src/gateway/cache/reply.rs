//! Builds the reply from a stored response, or from one that was just received.

use super::range::parted;
use crate::cache::stored::Stored;
use crate::cache::validate;
use crate::config::{Auth, Authenticator};
use crate::gateway::context::Context;
use crate::gateway::origin::Answer;
use crate::gateway::reply::{Content, Reply};
use crate::headers;
use crate::http::head::{self, Edits, Fields};
use crate::http::list::members;
use crate::identity::Identity;
use crate::platform::{Platform, Response};

/// The field of a long stored response that contains its length in bytes; it is never sent to a visitor.
pub(super) const LENGTH: &str = "usher-length";

/// Prevents that Cloudflare's Workers Cache, where it is used, serves in front of the gateway.
const BYPASS_WORKERS_CACHE: (&str, &str) = ("cloudflare-cdn-cache-control", "no-store");

/// The reply with a response that was just received. `shared` is whether the cache handles the request.
pub(super) fn passed<P: Platform>(ctx: &Context<'_, P>, answer: Answer<P::Body>, shared: bool) -> Reply<P::Body> {
    let Answer { response, mut edits, personal, localized } = answer;
    let (status, fields) = head::response(&response.packed);
    client_fields(ctx, &fields, localized, &mut edits);
    if personal {
        edits.remove("cdn-cache-control");
    } else {
        keep_private(ctx, fields.get("cache-control"), &mut edits);
    }
    let same = shared && status == 200 && ctx.head.is_safe() && validate::not_modified(&ctx.head.fields, &fields);
    match shared && !same {
        true => {
            let whole = reply(ctx, status, edits, response.body);
            parted(ctx.head, whole, &fields, fields.get("content-length"))
        }
        false => reply(ctx, if same { 304 } else { status }, edits, response.body),
    }
}

/// The reply with a stored response, or with the part of it that the request asks for.
pub(super) fn hit<P: Platform>(ctx: &Context<'_, P>, stored: &Stored, response: Response<P::Body>) -> Reply<P::Body> {
    let (status, fields) = head::response(&response.packed);
    let mut edits = Edits::new();
    stored.restore(&fields, &mut edits);
    edits.set("age", &stored.age(ctx.now()).to_string());
    client_fields(ctx, &fields, false, &mut edits);
    keep_private(ctx, stored.control.as_deref(), &mut edits);
    if status == 200 && validate::not_modified(&ctx.head.fields, &fields) {
        return reply(ctx, 304, edits, response.body);
    }
    // The store keeps no `Content-Length` of a long response; its length is in a field of its own.
    let length = fields.get("content-length").or(fields.get(LENGTH));
    parted(ctx.head, reply(ctx, status, edits, response.body), &fields, length)
}

/// Prevents that other caches store a reply to a signed-in user or with a cookie of the gateway's.
fn keep_private<P: Platform>(ctx: &Context<'_, P>, control: Option<&str>, edits: &mut Edits) {
    if matches!(ctx.identity, Identity::User { .. }) || ctx.sets_cookie() {
        edits.set("cache-control", &headers::private(control));
    }
}

fn reply<P: Platform>(ctx: &Context<'_, P>, status: u16, edits: Edits, body: P::Body) -> Reply<P::Body> {
    let bare = ctx.head.method == "HEAD" || status == 304;
    let content = if bare { Content::Bare(body) } else { Content::Whole(body) };
    Reply { status, edits, content, store: None, after: Vec::new() }
}

/// The fields of every streamed reply: internal fields are removed, and `Vary` names the fields that the gateway used.
fn client_fields<P: Platform>(ctx: &Context<'_, P>, fields: &Fields<'_>, localized: bool, edits: &mut Edits) {
    // Other caches must not store a reply that sets a cookie for this browser.
    let open = !ctx.sets_cookie() && ctx.route.is_some_and(|route| route.auth == Auth::None);
    headers::to_client(fields, ctx.head.is_websocket(), open, edits);
    if ctx.route.and_then(|route| route.cache.as_ref()).is_some_and(|cache| cache.workers_cache) {
        edits.set(BYPASS_WORKERS_CACHE.0, BYPASS_WORKERS_CACHE.1);
    }
    // The origin gets the locale; its response states whether it depends on it.
    let varies = |name| members(fields.get("vary").unwrap_or_default()).any(|known| known.eq_ignore_ascii_case(name));
    let localized =
        localized || fields.get("content-language").is_some() || varies("x-locale") || varies("accept-language");
    let choice = ctx.locale.filter(|_| localized);
    let mut names = choice.map(|choice| choice.reason.vary()).unwrap_or_default().to_vec();
    let route = ctx.route.filter(|route| route.auth != Auth::None);
    for by in route.map(|route| route.by.as_slice()).unwrap_or_default() {
        let name = match by {
            Authenticator::Session => "Cookie",
            Authenticator::Jwt => "Authorization",
            // Its field is named in `gateway.rs`, for every reply.
            Authenticator::ApiKey => continue,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    headers::vary(fields, &names, edits);
}
