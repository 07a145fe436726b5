//! `/.usher/sessions`: the operator starts, ends and lists sessions.

use super::Admin;
use super::body::{check, read, text};
use super::receipt::receipt;
use crate::config::{LONGEST_ENDED, USES};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::operator::require_operator;
use crate::gateway::reply::After;
use crate::http::json::{self, json_object};
use crate::http::path;
use crate::identity::session::{self, Device, Draft, ListEntry, Record, Token};
use crate::identity::{api_key, jwt};
use crate::ledger::subject;
use crate::platform::{Listing, Platform};
use crate::respond::Generated;
use serde_json::{Map, Value};

/// An opaque token has at least so many characters: anything shorter is a mistake.
const SHORTEST_OPAQUE: usize = 16;

impl Admin {
    /// Starts a session.
    pub(super) async fn start_session<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        let draft: Draft = read(&text(ctx.platform).await?)?;
        check(&draft)?;
        let (token, record) = self.identities.start(ctx, draft.authenticated(ctx.now())).await?;
        let cookie = session::set_cookie(&token, &record, ctx.now(), &ctx.config.session, ctx.is_https());
        let body = json_object!({
            "token": token.secret(),
            "session": token.key(),
            "cookie": cookie,
            "expires": record.expires,
        });
        Ok(Generated::json(201, &body))
    }

    /// Ends one session, a user's, or everyone's.
    pub(super) async fn end_sessions<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        let body: Map<String, Value> = read(&text(ctx.platform).await?)?;
        let field = |name: &str| body.get(name).and_then(Value::as_str);
        let token = field("token").map(|token| {
            let known = Token::parse(token).or_else(|| api_key::parse(token)).map(|token| token.key());
            let jwt = || jwt::Token::read(token).ok().map(|token| session::digest(token.signed));
            let asks = || ctx.config.issuers.iter().any(|issuer| issuer.introspection.is_some());
            let opaque = || {
                let may_be = USES.introspection && token.len() >= SHORTEST_OPAQUE && asks();
                may_be.then(|| session::digest(token))
            };
            known.or_else(jwt).or_else(opaque).ok_or("\"token\" is no session's token, API key or JWT")
        });
        let session = field("session").map(|key| {
            let good = key.len() == 43 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if good { Ok(key.to_owned()) } else { Err("\"session\" is no session's key") }
        });
        let key = match token.or(session).transpose() {
            Ok(key) => key,
            Err(sentence) => return Err(Error::Malformed(sentence.into())),
        };
        let everyone = body.get("everyone").and_then(Value::as_bool) == Some(true);
        let ended = match (&key, field("user"), everyone, body.len()) {
            (Some(key), None, false, 1) => subject::session(key),
            (None, Some(user), false, 1) if !user.is_empty() => subject::user(user),
            (None, None, true, 1) => subject::EVERYONE.into(),
            _ => {
                let sentence = "say whose sessions end, by exactly one of \"token\", \"session\", \"user\" (strings) or \"everyone\": true";
                return Err(Error::Malformed(sentence.into()));
            }
        };
        let moment = self.identities.end(ctx.platform, ended.clone(), key.as_deref(), LONGEST_ENDED).await?;
        if let Some(key) = key {
            ctx.defer(After::Delete { key });
        }
        Ok(Generated::json(200, &receipt(ctx, moment, &[ended], false)))
    }

    /// Lists the sessions of a user, or of everybody.
    pub(super) async fn list_sessions<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        let parameter = |name: &str| ctx.head.url.parameter(name).map(path::decode);
        let (user, from) = (parameter("user"), parameter("from"));
        Ok(Generated::json(200, &self.listed(ctx, user.as_deref(), from.as_deref()).await?))
    }

    /// The sessions of a user, or of everybody, that no stamp ends: at most 1,000, and the cursor of the next page.
    pub(super) async fn listed<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        user: Option<&str>,
        from: Option<&str>,
    ) -> Result<Value, Error> {
        self.ledger.current(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        let found = ctx.platform.list(&ListEntry::prefix(user), from).await.map_err(|_| Error::StoreDown)?;
        let Listing { entries, next } = found;
        let (now, view) = (ctx.now(), self.ledger.view());
        let sessions: Vec<Value> = entries
            .iter()
            .filter_map(|(name, text)| {
                let Device { user, device, country, created, seen, expires } = json::read(text).ok()?;
                let key = ListEntry::key(name);
                let record = Record { user, created, ..Record::default() };
                let alive = now < expires && !record.is_revoked(key, &view) && view.successor(key).is_none();
                alive.then(|| {
                    json_object!({ "session": key, "user": record.user, "device": device, "country": country, "created": created, "seen": seen, "expires": expires })
                })
            })
            .collect();
        Ok(json_object!({ "sessions": sessions, "next": next }))
    }
}
