//! What visitors are told that no origin says: failures, redirects to their language, fields.

use super::visit::{Visit, negotiate};
use crate::config::{Auth, Authenticator, Config, Spoken};
use crate::error::Error;
use crate::head::{Edits, Fields, Head, Url, list};
use crate::locale::Choice;
use crate::platform::{Content, Reply};
use crate::respond::{self, Asker, Generated};
use crate::route::{self, Place};
use crate::{headers, path};

/// An answer made here as a reply.
pub(super) fn made<B>(answer: Generated) -> Reply<B> {
    Reply {
        status: answer.status,
        edits: answer.edits,
        content: Content::Text(answer.body),
        store: None,
        after: Vec::new(),
    }
}

/// The one place where a failure becomes an answer.
pub(super) fn say<B>(config: &Config, spoken: &Spoken, error: Error, visit: &mut Visit<'_>) -> Reply<B> {
    let head = visit.head;
    let normal = path::normal(head.url.path).unwrap_or_default();
    let prefix = route::locale_prefix(config, &normal);
    let Choice { locale, .. } =
        *visit.choice.get_or_insert_with(|| negotiate(config, head, &visit.visitor, None, prefix));
    let prefix = prefix.and_then(|place| config.locales.supported.get(place)).map(|tag| format!("/{tag}"));
    let navigates = respond::navigates(&head.fields);
    let page = || {
        let page = config.session.sign_in.as_deref()?;
        Some(respond::sign_in_location(page, prefix.as_deref(), &back(head, navigates)))
    };
    let sign_in = match &error {
        Error::Unauthenticated => page(),
        Error::StepUp(seconds) => page().map(|location| format!("{location}&max_age={seconds}")),
        Error::SignInFailed { again, .. } => Some(again.clone()),
        _ => None,
    };
    let home = format!("{}/", prefix.as_deref().unwrap_or_default());
    let asker = Asker {
        page: respond::wants_page(&head.fields),
        navigates,
        words: spoken.of(locale),
        request_id: &visit.request_id,
        at: visit.started,
        home: &home,
        // Cloudflare gives every request a ray: without one whoever reads this is at their own machine.
        origin: visit.origin.filter(|_| head.fields.get("cf-ray").is_none()),
        sign_in: sign_in.as_deref(),
    };
    let mut answer = respond::error(&error, &asker);
    visit.speaks = true;
    headers::vary(&Fields::default(), &["Accept"], &mut answer.edits);
    let by_token = visit.route.is_some_and(|route| route.by.contains(&Authenticator::Jwt));
    if by_token && answer.status == 401 && error == Error::Unauthenticated {
        answer.edits.append("www-authenticate", "Bearer realm=\"usher\"");
    }
    visit.error = Some(error);
    made(answer)
}

/// Where a visitor goes once they have signed in: to what they asked for, or, where a script did, to the
/// page that it runs on.
fn back(head: &Head<'_>, navigates: bool) -> String {
    if navigates && head.is_safe() {
        return format!("{}{}", head.url.path, head.url.search());
    }
    let from = head.fields.get("referer").and_then(Url::parse);
    let own = from.filter(|from| (from.scheme, from.authority) == (head.url.scheme, head.url.authority));
    own.map_or_else(|| "/".into(), |page| format!("{}{}", page.path, page.search()))
}

/// Where a browser goes that asked for a page without saying its language in the path.
pub(super) fn localized_location(config: &Config, visit: &Visit<'_>, place: &Place<'_, '_>) -> Option<String> {
    let head = visit.head;
    let wanted = config.locales.redirect && place.route.localized && place.prefix.is_none();
    if !wanted || !matches!(head.method, "GET" | "HEAD") || !respond::wants_page(&head.fields) {
        return None;
    }
    let tag = config.locales.supported.get(visit.choice?.locale)?;
    let query = head.url.search();
    Some(format!("/{tag}{}{query}", place.path))
}

/// Keeps Cloudflare's Workers Cache, where it is used, from standing before the gateway.
const NOT_BEFORE_US: (&str, &str) = ("cloudflare-cdn-cache-control", "no-store");

/// Fields that every streamed answer gets beside those of [`Gateway::finish`].
pub(super) fn dress(fields: &Fields<'_>, visit: &Visit<'_>, edits: &mut Edits) {
    // Nor where a cookie of this browser's own goes along.
    let open = visit.hints.is_empty() && visit.route.is_some_and(|route| route.auth == Auth::None);
    headers::to_client(fields, visit.head.is_websocket(), open, edits);
    if visit.route.and_then(|route| route.cache.as_ref()).is_some_and(|cache| cache.workers_cache) {
        edits.set(NOT_BEFORE_US.0, NOT_BEFORE_US.1);
    }
    // The origin was told the language; whether that made a difference it says itself.
    let varies = |name| list(fields.get("vary").unwrap_or_default()).any(|known| known.eq_ignore_ascii_case(name));
    let speaks =
        visit.speaks || fields.get("content-language").is_some() || varies("x-locale") || varies("accept-language");
    let mut names = visit.choice.filter(|_| speaks).map(|choice| choice.reason.vary()).unwrap_or_default().to_vec();
    for by in visit.route.filter(|route| route.auth != Auth::None).map(|route| route.by.as_slice()).unwrap_or_default()
    {
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
