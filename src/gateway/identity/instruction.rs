//! Starts and ends sessions, as an origin's `Usher-Session` or one of Usher's own pages requests.

use super::session::write;
use super::{Identities, sent_token};
use crate::config::{LONGEST_ENDED, Millis};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::reply::Renewal;
use crate::http::json;
use crate::identity::session::{self, Draft, Instruction, ListEntry, Record, Token};
use crate::identity::{Absence, Identity};
use crate::ledger::{Moment, subject};
use crate::platform::{Log, Platform, Unavailable};
use std::rc::Rc;

/// Maximum stamps in a minute, by one isolate, for sessions that it does not know.
const UNKNOWN_ENDED: u32 = 30;
/// Maximum rounds of stamps to end a session that is changed meanwhile.
const ENDS: u32 = 4;

impl Identities {
    /// Carries out an instruction; returns a `Set-Cookie` value, if any.
    pub(in crate::gateway) async fn carry_out<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        instruction: Instruction,
    ) -> Result<Option<String>, Error> {
        let https = ctx.is_https();
        let sent = sent_token(ctx).ok().map(|token| token.key());
        let (cookie, ended) = match (instruction, sent) {
            (Instruction::Start(draft), sent) => {
                let (token, record) = self.start(ctx, draft).await?;
                let cookie = session::set_cookie(&token, &record, ctx.now(), &ctx.config.session, https);
                (Some(cookie), sent.map(|key| (subject::session(&key), key)))
            }
            // The session is changed, even if another credential identified the visitor.
            (Instruction::Change(change), Some(key)) => match self.by_session(ctx).await {
                Ok(Identity::User { record: old, .. }) => (self.change(ctx, (&old, &key), change).await?, None),
                Err(Absence::Down) => return Err(Error::IdentityDown),
                _ => return Err(Error::Unauthenticated),
            },
            // Without a session there is nothing to change; a failed sign-in was counted already.
            (Instruction::Change(_) | Instruction::Failed(_), _) => (None, None),
            // The session that was sent is ended even if it could not be looked up.
            (Instruction::End, sent) => {
                let ended = sent.map(|key| (subject::session(&key), key));
                (Some(session::clear_cookie(&ctx.config.session, https)), ended)
            }
            (Instruction::EndAll, sent) => {
                let ended = match (&ctx.identity, sent) {
                    (Identity::User { record, .. }, sent) => {
                        Some((subject::user(&record.user), sent.unwrap_or_default()))
                    }
                    (Identity::Anonymous(Absence::Down), Some(_)) => return Err(Error::IdentityDown),
                    _ => None,
                };
                (Some(session::clear_cookie(&ctx.config.session, https)), ended)
            }
        };
        if let Some((subject, key)) = ended {
            if self.needs_stamp(&ctx.identity, ctx.now()) {
                let one = subject == subject::session(&key);
                let lifetime = if one { ctx.config.session_stamp_lifetime() } else { LONGEST_ENDED };
                self.end(ctx.platform, subject, Some(&key), lifetime).await?;
            }
            // A visitor known by a token alone has no record.
            if !key.is_empty() {
                let user = ctx.identity.record().map(|record| record.user.clone());
                let all: Vec<String> = self.ledger.view().lineage(&key).map(str::to_owned).collect();
                for key in all.iter().chain([&key]) {
                    self.remove_later(ctx, user.as_deref(), key);
                }
            }
        }
        Ok(cookie)
    }

    /// Whether an ended session needs a stamp. One that is no longer valid does not. One that is unknown here may have
    /// begun elsewhere, where the store shows it sooner, or may be forged: forged tokens must not fill the ledger, so
    /// at most `UNKNOWN_ENDED` are stamped each minute.
    fn needs_stamp(&self, identity: &Identity, now: Millis) -> bool {
        match identity {
            Identity::User { .. } | Identity::Anonymous(Absence::Down) => true,
            Identity::Anonymous(Absence::Unknown) => {
                let (minute, count) = self.unknown_ended.get();
                let count = if minute == now / 60_000 { count } else { 0 };
                self.unknown_ended.set((now / 60_000, count + 1));
                count < UNKNOWN_ENDED
            }
            Identity::Anonymous(_) => false,
        }
    }

    /// Starts a session: always with a new token, never with one that the visitor sent.
    pub(in crate::gateway) async fn start<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        draft: Draft,
    ) -> Result<(Token, Record), Error> {
        let created = self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        let record = draft.record(created, ctx.now(), &ctx.config.session);
        self.keep(ctx, record).await
    }

    /// Stores a new session's record and its entry in the user's list.
    pub(in crate::gateway) async fn keep<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        record: Record,
    ) -> Result<(Token, Record), Error> {
        let (token, now) = (Token::new(&ctx.platform.random::<32>()), ctx.now());
        let agent = ctx.head.fields.get("user-agent");
        self.store(ctx, &token.key(), &record, agent).await?;
        self.memo.borrow_mut().put(&token.key(), Rc::new(record.clone()), now);
        Ok((token, record))
    }

    /// Stores the record of a session or an API key, and its entry in the user's list, with `device` as its name.
    pub(in crate::gateway) async fn store<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        key: &str,
        record: &Record,
        device: Option<&str>,
    ) -> Result<(), Error> {
        let now = ctx.now();
        let seconds = record.time_to_live(now);
        let value = json::text(record);
        let entry = ListEntry::new(record, key, &ctx.visitor, device, now);
        let (written, listed) = write(ctx.platform, &Renewal { key: key.to_owned(), value, entry, seconds }).await;
        written.map_err(|_| Error::StoreDown)?;
        log_unlisted(ctx.platform, listed);
        Ok(())
    }

    /// Ends the sessions, tokens or API keys that a subject names, by a stamp that is kept for `lifetime` (how long
    /// they can live); here at once, elsewhere within `max_delay`. A session under `key` ends with all its successors.
    pub(in crate::gateway) async fn end<P: Platform>(
        &self,
        platform: &P,
        subject: String,
        key: Option<&str>,
        lifetime: Millis,
    ) -> Result<Moment, Error> {
        let one = key.filter(|key| subject == subject::session(key));
        let mut subjects = vec![subject];
        let mut moment = 0;
        let mut ended = 0;
        for _ in 0..ENDS {
            // A successor may be made while the session is being ended.
            subjects.extend(
                one.into_iter().flat_map(|key| {
                    self.ledger.view().lineage(key).skip(ended).map(subject::session).collect::<Vec<_>>()
                }),
            );
            if subjects.is_empty() {
                break;
            }
            ended = one.map_or(0, |key| self.ledger.view().lineage(key).count());
            let stamped = self.ledger.stamp(platform, std::mem::take(&mut subjects), false, lifetime).await;
            moment = stamped.map_err(|_| Error::LedgerDown)?;
        }
        let mut memo = self.memo.borrow_mut();
        if let Some(key) = key {
            memo.forget(key);
            self.ledger.view().lineage(key).for_each(|key| memo.forget(key));
        }
        Ok(moment)
    }
}

/// Logs that a list entry was not stored; the session is valid without it.
fn log_unlisted(platform: &impl Log, listed: Result<(), Unavailable>) {
    if listed.is_err() {
        platform.warning("a session or key could not be put into its user's list");
    }
}
