//! `/.usher/challenge`: a browser shows that it is one.

use super::body::text;
use crate::config::USES;
use crate::error::Error;
use crate::gateway::apart::apart;
use crate::gateway::challenge::cookie_name;
use crate::gateway::context::Context;
use crate::http::{form, json, search};
use crate::identity::session;
use crate::limit::challenge::Client;
use crate::platform::{DocumentRequest, Platform};
use crate::respond::Generated;

/// How long Turnstile may take to verify a token, in milliseconds, and its largest response, in bytes.
const DEADLINE: u64 = 5_000;
const MOST: usize = 1 << 14;
/// The longest token that Turnstile gives, in characters.
const LONGEST_TOKEN: usize = 2_048;

/// Takes a solution, sent as a form, and hands out the cookie with which its browser passes.
///
/// # Errors
/// [`Error::Challenged`] where it is none, [`Error::NotFound`] where nobody is challenged.
pub(super) async fn take_solution<P: Platform>(ctx: &Context<'_, P>) -> Result<Generated, Error> {
    let challenge = ctx.config.protection.get().challenge.get().as_ref().ok_or(Error::NotFound)?;
    let body = text(ctx.platform).await?;
    let sent = |name: &str| form::read(&body, name);
    let key = ctx.platform.var("COOKIE_KEY").unwrap_or_default();
    let client = Client::of(&key, ctx.head, &ctx.visitor);
    let solved = match &challenge.turnstile {
        Some(turnstile) => {
            let (url, token) = (turnstile.url.text(), sent("cf-turnstile-response"));
            if !(1..=LONGEST_TOKEN).contains(&token.len()) {
                return Err(Error::Challenged(challenge.difficulty));
            }
            let work = apart(USES.turnstile, || is_human(ctx, url, &token)).ok_or(Error::Internal)?;
            work.await?.then_some((ctx.now(), 0))
        }
        None => client.solved(&sent("puzzle"), &sent("solution"), ctx.now()),
    };
    let (since, bits) = solved.ok_or(Error::Challenged(challenge.difficulty))?;
    let until = since.saturating_add(challenge.lifetime);
    let seconds = until.saturating_sub(ctx.now()) / 1_000;
    let mut answer = Generated::new(204, "text/plain", String::new());
    let value = client.pass(bits, until);
    let line = session::attributes(&cookie_name(ctx), &value, seconds, ctx.is_https());
    // It proves nothing about a visitor, and has to come along when another site leads a browser here by POST, as payments do.
    let line = if ctx.is_https() { search::replace(&line, "SameSite=Lax", "SameSite=None") } else { line };
    answer.edits.append("set-cookie", &line);
    Ok(answer)
}

/// Whether Turnstile gave this token, which holds once (developers.cloudflare.com/turnstile, siteverify).
///
/// # Errors
/// [`Error::StoreDown`] where it cannot be asked.
async fn is_human<P: Platform>(ctx: &Context<'_, P>, url: &str, token: &str) -> Result<bool, Error> {
    let Some(secret) = ctx.platform.var("TURNSTILE_SECRET").filter(|secret| !secret.is_empty()) else {
        ctx.platform.error("nobody passes Turnstile's challenge: run `wrangler secret put TURNSTILE_SECRET`");
        return Err(Error::Misconfigured);
    };
    let mut parameters = vec![("secret", secret.as_str()), ("response", token)];
    parameters.extend(ctx.visitor.ip.map(|ip| ("remoteip", ip)));
    let form = form::write(&parameters);
    let url = format!("{url}/siteverify");
    let request = DocumentRequest { url: &url, form: Some(&form), authorization: None, deadline: DEADLINE, most: MOST };
    let document = ctx.platform.fetch_document(&request).await.map_err(|_| {
        ctx.platform.error("Turnstile cannot be asked: nobody passes its challenge");
        Error::StoreDown
    })?;
    let answer: serde_json::Value = json::read(&document.text).unwrap_or_default();
    let good = answer.get("success").and_then(serde_json::Value::as_bool) == Some(true);
    if !good {
        let codes = answer.get("error-codes").map(|codes| json::text(codes)).unwrap_or_default();
        ctx.platform.warning(&format!("Turnstile refused a token, with status {}: {codes}", document.status));
    }
    Ok(good)
}
