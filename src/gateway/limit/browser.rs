//! Sets the fields that protect the visitor's browser.

use crate::gateway::context::Context;
use crate::http::head::Edits;
use crate::platform::Platform;

/// Sets the security headers of the request's route, or those of all responses. A `generated` response keeps its own: the
/// policies of Usher's pages are made for them.
pub(in crate::gateway) fn protect<P: Platform>(ctx: &Context<'_, P>, generated: bool, edits: &mut Edits) {
    let protection = ctx.config.protection.get();
    let place = match ctx.route {
        Some(route) => ctx.config.route_protection(route).and_then(|route| route.headers),
        None => protection.all_headers,
    };
    if let Some(headers) = place.and_then(|place| protection.headers.get(place)) {
        let packed = if ctx.is_https() { &headers.https } else { &headers.http };
        match generated {
            true => packed
                .lines()
                .for_each(|line| edits.extend_packed(&format!("?{}\n", line.get(1..).unwrap_or_default()))),
            false => edits.extend_packed(packed),
        }
    }
}
