//! Replies: of a stored response, or of one that was just received.

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

/// The field of a long stored response that says how many bytes it has; it never leaves the gateway.
pub(super) const LENGTH: &str = "usher-length";

/// Keeps Cloudflare's Workers Cache, where it is used, from standing before the gateway.
const NOT_BEFORE_US: (&str, &str) = ("cloudflare-cdn-cache-control", "no-store");

/// A response that was just received. `shared` says that it may be stored.
pub(super) fn passed<P: Platform>(ctx: &Context<'_, P>, answer: Answer<P::Body>, shared: bool) -> Reply<P::Body> {
    let Answer { response, mut edits, personal, localized } = answer;
    let (status, fields) = head::answer(&response.packed);
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

/// A stored response, or the part of it that is asked for.
pub(super) fn hit<P: Platform>(ctx: &Context<'_, P>, stored: &Stored, response: Response<P::Body>) -> Reply<P::Body> {
    let (status, fields) = head::answer(&response.packed);
    let mut edits = Edits::new();
    stored.restore(&fields, &mut edits);
    edits.set("age", &stored.age(ctx.now()).to_string());
    client_fields(ctx, &fields, false, &mut edits);
    keep_private(ctx, stored.control.as_deref(), &mut edits);
    if status == 200 && validate::not_modified(&ctx.head.fields, &fields) {
        return reply(ctx, 304, edits, response.body);
    }
    // Of a long one the store knows no length, but it was noted.
    let length = fields.get("content-length").or(fields.get(LENGTH));
    parted(ctx.head, reply(ctx, status, edits, response.body), &fields, length)
}

/// What is answered to a user is kept by no cache on the way.
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

/// The fields that every streamed reply gets: what stays inside is removed, and `Vary` names what decided here.
fn client_fields<P: Platform>(ctx: &Context<'_, P>, fields: &Fields<'_>, localized: bool, edits: &mut Edits) {
    // A reply with a cookie of this browser's own is not for other caches.
    let open = !ctx.sets_cookie() && ctx.route.is_some_and(|route| route.auth == Auth::None);
    headers::to_client(fields, ctx.head.is_websocket(), open, edits);
    if ctx.route.and_then(|route| route.cache.as_ref()).is_some_and(|cache| cache.workers_cache) {
        edits.set(NOT_BEFORE_US.0, NOT_BEFORE_US.1);
    }
    // The origin knew the language; whether that made a difference it says itself.
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
            Authenticator::ApiKey => continue,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    headers::vary(fields, &names, edits);
}
