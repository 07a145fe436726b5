//! The request bodies of Usher's own pages.

use crate::error::Error;
use crate::http::json::{self, Json};
use crate::identity::session::Draft;
use crate::platform::{RequestBody, Unreadable};

/// The largest body, in bytes.
const MOST: usize = 1 << 16;

/// Reads the request's body.
pub(super) async fn text(platform: &impl RequestBody) -> Result<String, Error> {
    platform.read_body(MOST).await.map_err(|why| match why {
        Unreadable::TooLarge => Error::TooLarge(MOST),
        Unreadable::Late | Unreadable::Broken => Error::Malformed("the body broke off or is no UTF-8".into()),
    })
}

/// Reads a JSON body. A duplicate name is refused, because it is ambiguous.
pub(super) fn read<T: Json>(body: &str) -> Result<T, Error> {
    json::read(body).map_err(|why| Error::Malformed(format!("the body is not understood: {why}")))
}

/// Whether a session or API key may be made from this draft.
pub(super) fn check(draft: &Draft) -> Result<(), Error> {
    draft.check().map_err(|(field, sentence)| Error::Malformed(format!("\"{field}\": {sentence}")))
}
