//! Starting, changing and ending sessions.

use super::identify::brought;
use super::{Gateway, join::join, visit::Visit};
use crate::config::{Config, LONGEST_ENDED, Millis};
use crate::error::Error;
use crate::identity::Identity;
use crate::ledger::{Moment, subject};
use crate::observe;
use crate::platform::{Down, Platform};
use crate::session::{self, Absence, Change, Draft, Instruction, Note, Record, Token};
use std::rc::Rc;

/// Stamps in a minute, by one isolate, for sessions that it does not know.
const UNKNOWN_ENDED: u32 = 30;

impl Gateway {
    /// Does what an origin's answer asks; the result is a `Set-Cookie` value, if any.
    pub(super) async fn obey<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        instruction: Instruction,
    ) -> Result<Option<String>, Error> {
        let https = visit.is_https();
        let brought = brought(config, visit).ok().map(|token| token.key());
        let (cookie, ended) = match (instruction, brought) {
            (Instruction::Start(draft), brought) => {
                let (token, record) = self.start(platform, config, visit, draft).await?;
                let cookie = session::set_cookie(&token, &record, &config.session, https);
                (Some(cookie), brought.map(|key| (subject::session(&key), key)))
            }
            // Of the session, whatever else the visitor is known by.
            (Instruction::Change(change), Some(key)) => match self.by_session(platform, config, visit).await {
                Ok(Identity::User { record: old, .. }) => {
                    let (token, record) = self.changed(platform, config, visit, (&old, &key), change).await?;
                    let cookie = session::set_cookie(&token, &record, &config.session, https);
                    (Some(cookie), Some((subject::session(&key), key)))
                }
                Err(Absence::Down) => return Err(Error::IdentityDown),
                _ => return Err(Error::Unauthenticated),
            },
            // Without a session there is nothing to change; and who failed was counted already.
            (Instruction::Change(_) | Instruction::Failed(_), _) => (None, None),
            // The session that was brought is ended even where it could not be looked up.
            (Instruction::End, brought) => {
                (Some(session::clear_cookie(&config.session, https)), brought.map(|key| (subject::session(&key), key)))
            }
            (Instruction::EndAll, brought) => {
                let ended = match (&visit.identity, brought) {
                    (Identity::User { record, .. }, brought) => {
                        Some((subject::user(&record.user), brought.unwrap_or_default()))
                    }
                    (Identity::Anonymous(Absence::Down), Some(_)) => return Err(Error::IdentityDown),
                    _ => None,
                };
                (Some(session::clear_cookie(&config.session, https)), ended)
            }
        };
        if let Some((subject, key)) = ended {
            if self.needs_stamp(visit, platform.now()) {
                let one = subject == subject::session(&key);
                let lifetime = if one { config.session_stamp_lifetime() } else { LONGEST_ENDED };
                self.end(platform, config, subject, Some(&key), lifetime).await?;
            }
            // Whoever is known by a token alone has no record.
            if !key.is_empty() {
                let user = visit.identity.record().map(|record| record.user.clone());
                visit.gone(user.as_deref(), &key);
            }
        }
        Ok(cookie)
    }

    /// Whether an ended session needs a stamp. One that is over already does not. One that is unknown
    /// here may have begun elsewhere, where the store shows it sooner, or may be invented: strangers
    /// must not fill the ledger, so only so many are stamped.
    fn needs_stamp(&self, visit: &Visit<'_>, now: Millis) -> bool {
        match visit.identity {
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

    /// Starts a session: always with a new token, never with one that a visitor brought.
    pub(super) async fn start<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
        draft: Draft,
    ) -> Result<(Token, Record), Error> {
        let created = self.present(platform, config).await.map_err(|_| Error::LedgerDown)?;
        let record = draft.record(created, platform.now(), &config.session);
        self.kept(platform, visit, record).await
    }

    /// Lets a session go on under a new token with other rights. What ended it until now ends it still:
    /// the ledger is read to the present before the new one is made out from there.
    async fn changed<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
        (old, key): (&Record, &str),
        change: Change,
    ) -> Result<(Token, Record), Error> {
        let created = self.present(platform, config).await.map_err(|_| Error::LedgerDown)?;
        let now = platform.now();
        if old.check(key, now, &self.view.borrow(), &config.session).is_err() {
            return Err(Error::Unauthenticated);
        }
        self.kept(platform, visit, change.made(old, created, now, &config.session)).await
    }

    /// Keeps a new session's record and its line in the user's list.
    pub(super) async fn kept<P: Platform>(
        &self,
        platform: &P,
        visit: &Visit<'_>,
        record: Record,
    ) -> Result<(Token, Record), Error> {
        let now = platform.now();
        let token = Token::new(&platform.random::<32>());
        let (key, seconds) = (token.key(), record.time_to_live(now));
        let value = serde_json::to_string(&record).map_err(|_| Error::Internal)?;
        let note = Note::new(&record, &key, &visit.visitor, visit.head.fields.get("user-agent"), now);
        let (written, noted) =
            join(platform.record_write(&key, &value, seconds), platform.note_write(&note, seconds)).await;
        written.map_err(|_| Error::StoreDown)?;
        listed(platform, noted);
        self.memo.borrow_mut().put(&key, Rc::new(record.clone()), now);
        Ok((token, record))
    }

    /// Ends what a subject names, and what can live for `lifetime`, by a stamp; here at once, elsewhere
    /// within `max_delay`.
    pub(super) async fn end<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        subject: String,
        key: Option<&str>,
        lifetime: Millis,
    ) -> Result<Moment, Error> {
        let stamped = self.stamp(platform, config, vec![subject], false, lifetime).await;
        let moment = stamped.map_err(|_| Error::LedgerDown)?;
        if let Some(key) = key {
            self.memo.borrow_mut().forget(key);
        }
        Ok(moment)
    }
}

/// A session that is in no list is one all the same.
pub(super) fn listed<P: Platform>(platform: &P, noted: Result<(), Down>) {
    if noted.is_err() {
        platform.log(&observe::event("warning", "a session or key could not be put into its user's list"));
    }
}
