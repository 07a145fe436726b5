//! Is it the operator? By the bearer token `ADMIN_TOKEN`; without one the operator's pages are closed.

use crate::error::Error;
use crate::gateway::context::Context;
use crate::platform::{Environment, Platform};
use subtle::ConstantTimeEq;

/// Refuses a request that is not the operator's.
pub(in crate::gateway) fn require_operator<P: Platform>(ctx: &Context<'_, P>) -> Result<(), Error> {
    if is_operator(ctx) {
        return Ok(());
    }
    if ctx.platform.var("ADMIN_TOKEN").is_none_or(|token| token.is_empty()) {
        ctx.platform.warning("the operator's pages are closed: set the secret ADMIN_TOKEN to open them");
    }
    Err(Error::NotTheOperator)
}

/// Whether the bearer token is the operator's.
pub(in crate::gateway) fn is_operator<P: Platform>(ctx: &Context<'_, P>) -> bool {
    let sent = ctx.head.fields.get("authorization").and_then(|value| value.split_once(' '));
    let sent = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    is_token(ctx.platform, sent)
}

/// Whether the operator requests an explanation of the decisions, on any page: `Usher-Explain: <ADMIN_TOKEN>`.
pub(in crate::gateway) fn explains<P: Platform>(ctx: &Context<'_, P>) -> bool {
    let sent = ctx.head.fields.get("usher-explain");
    sent.is_some() && is_token(ctx.platform, sent)
}

/// Compares hashes in constant time, so that neither the token nor its length can be timed.
fn is_token(platform: &impl Environment, sent: Option<&str>) -> bool {
    match (sent, platform.var("ADMIN_TOKEN").filter(|token| !token.is_empty())) {
        (Some(sent), Some(known)) => {
            let hash = |text: &str| hmac_sha256::Hash::hash(text.as_bytes());
            bool::from(hash(sent).ct_eq(&hash(&known)))
        }
        _ => false,
    }
}
