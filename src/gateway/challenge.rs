//! Challenges browsers: who need not be challenged, and the page that does it.

use super::context::Context;
use super::operator::{explains, is_operator};
use super::preflight;
use crate::config::USES;
use crate::http::signed_cookie::{self, Purpose};
use crate::http::{cookie, path};
use crate::identity::assertion::KEYS;
use crate::identity::session;
use crate::limit::challenge::Client;
use crate::limit::{Task, challenge_page};
use crate::platform::Platform;
use crate::respond::{Generated, Recipient};

/// The paths of Usher's own that machines and the challenge itself ask.
const EXEMPT: [&str; 3] = ["/.usher/challenge", "/.usher/health", "/.usher/backchannel-logout"];

/// Whether rules challenge no request like this: it is for what machines ask of Usher itself, or a CORS preflight, which
/// has no cookies.
pub(super) fn is_exempt<P: Platform>(ctx: &Context<'_, P>) -> bool {
    let path = ctx.head.url.path;
    let signs = || ctx.platform.var("SIGNING_KEYS").is_some_and(|keys| !keys.is_empty());
    EXEMPT.contains(&&*path::normal(path).unwrap_or_default())
        || (path == KEYS && signs())
        || (USES.cors && preflight::answer(ctx.config, ctx.head).is_some())
}

/// Whether a request need not be challenged by a puzzle of so many bits: its browser passed one, it is a bot that Cloudflare
/// knows, or it is the operator's.
pub(super) fn passes<P: Platform>(ctx: &Context<'_, P>, bits: u32) -> bool {
    let name = session::cookie_name(&cookie_name(ctx), ctx.is_https());
    let sent = cookie::find(ctx.head.fields.get("cookie"), &name).one();
    let key = ctx.platform.var("COOKIE_KEY").unwrap_or_default();
    let has_passed = |value| Client::of(&key, ctx.head, &ctx.visitor).passes(value, bits, ctx.now());
    sent.is_some_and(has_passed)
        || ctx.platform.network("botManagement.verifiedBot").as_deref() == Some("true")
        || is_operator(ctx)
        || explains(ctx)
}

/// The page that challenges a browser; `back` is the page to go to then, where it is not this one.
pub(super) fn page<P: Platform>(
    ctx: &Context<'_, P>,
    bits: u32,
    back: Option<&str>,
    recipient: &Recipient<'_>,
) -> Option<Generated> {
    let challenge = ctx.config.protection.get().challenge.get().as_ref()?;
    let key = ctx.platform.var("COOKIE_KEY").unwrap_or_default();
    let task = match &challenge.turnstile {
        Some(turnstile) => Task::Turnstile { site_key: &turnstile.site_key, url: turnstile.url.text() },
        None => {
            let random = ctx.platform.random();
            Task::Work { puzzle: &Client::of(&key, ctx.head, &ctx.visitor).puzzle(bits, ctx.now(), &random), bits }
        }
    };
    Some(challenge_page(&task, &challenge.contact, back, &ctx.platform.random(), recipient))
}

/// The cookie's name, without `__Host-`.
pub(super) fn cookie_name<P: Platform>(ctx: &Context<'_, P>) -> String {
    signed_cookie::name(&ctx.config.session.cookie, Purpose::Challenge, "challenge")
}
