//! Who is a request counted as?

use crate::config::{Authenticator, KeyPart, Limit};
use crate::http::cookie;
use crate::http::head::Head;
use crate::http::visitor::Visitor;
use crate::identity::Identity;

/// The key of a request, a line for each part; `None` when a part is missing that only some have: a user, a session, an
/// API key. Those who lack another part (no address is known, a header is not sent) are counted together. `asn` returns
/// the number of the client's network.
#[must_use]
pub fn key(
    limit: &Limit,
    head: &Head<'_>,
    visitor: &Visitor<'_>,
    identity: &Identity,
    asn: impl Fn() -> Option<String>,
) -> Option<String> {
    let mut key = String::new();
    let credential = |wanted: Authenticator| match identity {
        Identity::User { key, by, .. } if *by == wanted => Some(key.as_str()),
        _ => None,
    };
    for part in &limit.key {
        match part {
            KeyPart::Address => key.push_str(&visitor.network().unwrap_or_default()),
            KeyPart::User => key.push_str(&identity.record()?.user),
            KeyPart::ApiKey => key.push_str(credential(Authenticator::ApiKey)?),
            KeyPart::Session => key.push_str(credential(Authenticator::Session)?),
            KeyPart::Country => key.push_str(visitor.country.unwrap_or_default()),
            KeyPart::Asn => key.push_str(&asn().unwrap_or_default()),
            KeyPart::Header(name) => key.push_str(head.fields.get(name).unwrap_or_default()),
            KeyPart::Cookie(name) => {
                key.push_str(cookie::find(head.fields.get("cookie"), name).one().unwrap_or_default());
            }
        }
        key.push('\n');
    }
    Some(key)
}
