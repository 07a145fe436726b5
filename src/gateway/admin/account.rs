//! A visitor's own pages: where they are signed in, and signing out.

use super::Admin;
use super::body::{read, text};
use super::receipt::receipt;
use crate::config::{LONGEST_ENDED, USES};
use crate::error::Error;
use crate::gateway::apart::apart;
use crate::gateway::context::Context;
use crate::http::{form, path};
use crate::identity::session::{self, Change, Instruction};
use crate::identity::{Absence, Identity, api_key, cross_site};
use crate::ledger::{Validity, subject};
use crate::platform::Platform;
use crate::respond::Generated;
use serde_json::{Map, Value};
use std::rc::Rc;

impl Admin {
    /// Ends the visitor's session, and redirects them.
    pub(super) async fn sign_out<P: Platform>(&self, ctx: &mut Context<'_, P>) -> Result<Generated, Error> {
        if !cross_site::is_trusted_here(ctx.head) {
            return Err(Error::CrossSite);
        }
        ctx.identity = self.identities.by_session(ctx).await.unwrap_or_else(Identity::Anonymous);
        let cookie = self.identities.carry_out(ctx, Instruction::End).await?;
        let back = ctx.head.url.parameter("return_to").map(path::decode).filter(|back| path::is_local(back));
        let back = back.as_deref().unwrap_or("/");
        let record = ctx.identity.record();
        let provider =
            record.and_then(|record| apart(USES.oidc, || self.identities.provider_sign_out(ctx, record, back)));
        let location = match provider {
            Some(work) => work.await,
            None => None,
        };
        let mut answer = Generated::redirect(303, location.as_deref().unwrap_or(back));
        if let Some(cookie) = cookie {
            answer.edits.append("set-cookie", &cookie);
        }
        Ok(answer)
    }

    /// Ends what a provider's logout token says.
    pub(super) async fn end_by_provider<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        let token = form::read(&text(ctx.platform).await?, "logout_token");
        self.identities.end_by_provider(ctx, &token).await?;
        Ok(Generated::new(200, "text/plain", String::new()))
    }

    /// Where a visitor goes on who comes from the provider's page for signing out.
    pub(super) async fn signed_out<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        let back = ctx.head.url.parameter("state").map(path::decode).filter(|back| path::is_local(back));
        Ok(Generated::redirect(303, back.as_deref().unwrap_or("/")))
    }

    /// Lists the visitor's own sessions.
    pub(super) async fn own_sessions<P: Platform>(&self, ctx: &mut Context<'_, P>) -> Result<Generated, Error> {
        let (user, key) = self.visitor_session(ctx).await?;
        let mut list = self.listed(ctx, Some(&user), None).await?;
        for session in list.get_mut("sessions").and_then(Value::as_array_mut).into_iter().flatten() {
            let this = session.get("session").and_then(Value::as_str) == Some(&key);
            if let Some(session) = session.as_object_mut() {
                session.insert("this".into(), Value::from(this));
            }
        }
        Ok(Generated::json(200, &list))
    }

    /// Ends one of the visitor's own sessions, or all but this one.
    pub(super) async fn end_own<P: Platform>(&self, ctx: &mut Context<'_, P>) -> Result<Generated, Error> {
        if !cross_site::is_trusted_here(ctx.head) {
            return Err(Error::CrossSite);
        }
        let (user, _) = self.visitor_session(ctx).await?;
        let body: Map<String, Value> = read(&text(ctx.platform).await?)?;
        match (body.get("session").and_then(Value::as_str), body.get("others")) {
            (Some(one), None) => self.end_one(ctx, &user, one).await,
            (None, Some(Value::Bool(true))) => self.end_others(ctx, &user).await,
            _ => {
                let sentence = "say which of your sessions end, by \"session\": \"...\" or \"others\": true";
                Err(Error::Malformed(sentence.into()))
            }
        }
    }

    async fn end_one<P: Platform>(&self, ctx: &Context<'_, P>, user: &str, key: &str) -> Result<Generated, Error> {
        let list = self.listed(ctx, Some(user), None).await?;
        let mut sessions = list.get("sessions").and_then(Value::as_array).into_iter().flatten();
        let found = sessions.find(|session| session.get("session").and_then(Value::as_str) == Some(key));
        let device = found.ok_or(Error::NotFound)?.get("device").and_then(Value::as_str);
        let keyed = device == Some(api_key::DEVICE);
        let lifetime = if keyed { LONGEST_ENDED } else { ctx.config.session_stamp_lifetime() };
        let ended = subject::session(key);
        let moment = self.identities.end(ctx.platform, ended.clone(), Some(key), lifetime).await?;
        self.identities.remove_later(ctx, Some(user), key);
        Ok(Generated::json(200, &receipt(ctx, moment, &[ended], false)))
    }

    /// Ends all sessions and credentials of the user, known here or not, and continues this session under a new token.
    async fn end_others<P: Platform>(&self, ctx: &Context<'_, P>, user: &str) -> Result<Generated, Error> {
        let Identity::User { record, key, .. } = &ctx.identity else { return Err(Error::Unauthenticated) };
        let (old, key, bounds) = (Rc::clone(record), key.as_str(), &ctx.config.session);
        // A stamp may have ended this session a moment ago, perhaps elsewhere: then it must not get a new token.
        self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        // The last successor is continued, so that removed rights are not restored.
        let (last, latest) = self.identities.latest(ctx, key, &old).await?.ok_or(Error::Busy)?;
        let alive = latest.check(&last, ctx.now(), &self.ledger.view(), bounds).is_ok();
        let ended = subject::user(user);
        let moment = self.identities.end(ctx.platform, ended.clone(), Some(key), LONGEST_ENDED).await?;
        let mut meanwhile = vec![subject::session(&last), subject::EVERYONE.into()];
        meanwhile.extend(latest.issuer_subjects());
        let since = self.ledger.view().validity(latest.created, meanwhile.iter().map(String::as_str));
        let changed = self.ledger.view().successor(&last).is_some();
        if !alive || changed || since != Validity::Valid {
            return Err(Error::Unauthenticated);
        }
        let now = ctx.now();
        let new = Change::default().successor(&latest, &latest, moment, now).used(now, bounds);
        let (token, new) = self.identities.keep(ctx, new).await?;
        self.identities.remove_later(ctx, Some(user), &last);
        let mut answer = Generated::json(200, &receipt(ctx, moment, &[ended], false));
        answer.edits.append("set-cookie", &session::set_cookie(&token, &new, now, bounds, ctx.is_https()));
        Ok(answer)
    }

    /// The user id of the visitor's session, and the key of its last successor.
    async fn visitor_session<P: Platform>(&self, ctx: &mut Context<'_, P>) -> Result<(String, String), Error> {
        ctx.identity = self.identities.by_session(ctx).await.unwrap_or_else(Identity::Anonymous);
        match &ctx.identity {
            Identity::User { record, key, .. } => {
                let last = self.ledger.view().lineage(key).last().unwrap_or(key).to_owned();
                Ok((record.user.clone(), last))
            }
            Identity::Anonymous(Absence::Down) => Err(Error::IdentityDown),
            Identity::Anonymous(_) => Err(Error::Unauthenticated),
        }
    }
}
