//! The one place where a failure becomes a reply.

use super::challenge;
use super::context::Context;
use super::record::Record;
use super::reply::Reply;
use crate::config::{Authenticator, Catalog, Config, USES};
use crate::error::Error;
use crate::headers;
use crate::http::head::{Fields, Head, Url};
use crate::http::path;
use crate::locale::Choice;
use crate::platform::{Clock, Platform};
use crate::respond::{self, Recipient};
use crate::route;

/// The reply to a request that failed: a page or problem details (RFC 9457), in the visitor's language.
pub(super) fn reply<P: Platform>(
    ctx: &mut Context<'_, P>,
    record: &mut Record<'_>,
    catalog: &Catalog,
    error: Error,
) -> Reply<P::Body> {
    let head = ctx.head;
    let normal = path::normal(head.url.path).unwrap_or_default();
    let prefix = route::locale_prefix(ctx.config, &normal);
    let choice = ctx.locale.unwrap_or_else(|| ctx.negotiate(prefix, None));
    ctx.locale = Some(choice);
    let prefix = prefix.and_then(|place| ctx.config.locales.supported.get(place)).map(|tag| format!("/{tag}"));
    let navigates = respond::navigates(&head.fields);
    let sign_in = sign_in_page(ctx.config, head, prefix.as_deref(), &error);
    let home = format!("{}/", prefix.as_deref().unwrap_or_default());
    let recipient = Recipient {
        page: respond::wants_page(&head.fields),
        navigates,
        messages: catalog.of(choice.locale),
        request_id: &ctx.request_id,
        at: ctx.started,
        home: &home,
        // Cloudflare gives every request a ray: without one this is the developer's own machine.
        origin: record.origin.filter(|_| head.fields.get("cf-ray").is_none()),
        sign_in: sign_in.as_deref(),
    };
    let challenge = match error {
        Error::Challenged(bits) if USES.challenge && recipient.page => {
            let back = (!navigates || head.method != "GET").then(|| return_to(head));
            let back = back.map(|back| if path::is_local(&back) { back } else { "/".into() });
            challenge::page(ctx, bits, back.as_deref(), &recipient)
        }
        _ => None,
    };
    let mut answer = challenge.unwrap_or_else(|| respond::error(&error, &recipient));
    headers::vary(&Fields::default(), &["Accept"], &mut answer.edits);
    let by_token = ctx.route.is_some_and(|route| route.by.contains(&Authenticator::Jwt));
    if by_token && answer.status == 401 && error == Error::Unauthenticated {
        answer.edits.append("www-authenticate", "Bearer realm=\"usher\"");
    }
    record.error = Some(error);
    localized(choice, answer.into())
}

/// A generated reply in the language that was chosen: `Vary` names what decided it.
pub(super) fn localized<B>(choice: Choice, mut reply: Reply<B>) -> Reply<B> {
    headers::vary(&Fields::default(), choice.reason.vary(), &mut reply.edits);
    reply
}

/// Where a visitor can sign in, or try again, after this failure.
fn sign_in_page(config: &Config, head: &Head<'_>, prefix: Option<&str>, error: &Error) -> Option<String> {
    let page = || {
        let page = config.session.sign_in.as_deref()?;
        Some(respond::sign_in_location(page, prefix, &return_to(head)))
    };
    match error {
        Error::Unauthenticated => page(),
        Error::StepUp(seconds) => page().map(|location| format!("{location}&max_age={seconds}")),
        Error::SignInFailed { again, .. } => Some(again.clone()),
        _ => None,
    }
}

/// Where a visitor returns to once they have signed in: to what they asked for, or, where a script asked, to the page
/// that it runs on.
fn return_to(head: &Head<'_>) -> String {
    if respond::navigates(&head.fields) && head.is_safe() {
        return format!("{}{}", head.url.path, head.url.search());
    }
    let from = head.fields.get("referer").and_then(Url::parse);
    let own = from.filter(|from| (from.scheme, from.authority) == (head.url.scheme, head.url.authority));
    own.map_or_else(|| "/".into(), |page| format!("{}{}", page.path, page.search()))
}

/// The reply to a request while something is missing without which nothing can be served; the log gets the sentence.
pub(super) fn misconfigured<P: Platform>(
    platform: &P,
    head: &Head<'_>,
    catalog: &Catalog,
    sentence: &str,
) -> Reply<P::Body> {
    platform.error(sentence);
    let request_id = headers::request_id(head.fields.get("x-request-id"), &platform.random());
    let page = respond::wants_page(&head.fields);
    let recipient = Recipient { page, request_id: &request_id, ..nobody(platform, catalog) };
    let mut answer = respond::error(&Error::Misconfigured, &recipient);
    answer.edits.set("x-request-id", &request_id);
    answer.edits.set("cache-status", &Record::new().cache.field(None));
    answer.into()
}

/// The recipient of a reply about whom nothing is known.
pub(super) fn nobody<'c>(platform: &impl Clock, catalog: &'c Catalog) -> Recipient<'c> {
    Recipient {
        page: false,
        navigates: false,
        messages: catalog.english(),
        request_id: "",
        at: platform.now(),
        home: "/",
        origin: None,
        sign_in: None,
    }
}
