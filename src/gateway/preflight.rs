//! CORS preflight requests.

use crate::config::Config;
use crate::http::head::Head;
use crate::identity::cross_site;
use crate::respond::Generated;
use crate::route;

/// Answers a CORS preflight request to a route that has `cors`.
pub(super) fn answer(config: &Config, head: &Head<'_>) -> Option<Generated> {
    let method = cross_site::preflight(head)?;
    let place = route::find(config, &head.url, method).ok()?;
    let edits = cross_site::preflight_answer(place.route.cors.as_ref()?, head);
    Some(Generated { status: 204, edits, body: String::new() })
}
