//! Replies in the negotiated locale.

use super::context::Context;
use super::failure;
use super::reply::Reply;
use crate::platform::Platform;
use crate::respond::{self, Generated};
use crate::route::Place;

/// A generated reply in the negotiated locale, if one was negotiated.
pub(super) fn reply<P: Platform>(ctx: &Context<'_, P>, answer: Generated) -> Reply<P::Body> {
    match ctx.locale {
        Some(choice) => failure::localized(choice, answer.into()),
        None => answer.into(),
    }
}

/// Where a browser is redirected that asked for a page without its locale in the path.
pub(super) fn location<P: Platform>(ctx: &Context<'_, P>, place: &Place<'_, '_>) -> Option<String> {
    let head = ctx.head;
    let wanted = ctx.config.locales.redirect && place.route.localized && place.prefix.is_none();
    if !wanted || !matches!(head.method, "GET" | "HEAD") || !respond::wants_page(&head.fields) {
        return None;
    }
    let tag = ctx.config.locales.supported.get(ctx.locale?.locale)?;
    let query = head.url.search();
    Some(format!("/{tag}{}{query}", place.path))
}
