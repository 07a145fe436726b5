//! Starting, changing and ending sessions.

use super::identify::{brought, understood};
use super::{Gateway, join::join, visit::Visit};
use crate::config::{Config, LONGEST_ENDED, Millis};
use crate::error::Error;
use crate::identity::Identity;
use crate::ledger::{Moment, subject};
use crate::observe;
use crate::platform::{After, Down, Platform};
use crate::session::{self, Absence, Change, Draft, Instruction, Note, Record, Token};
use std::rc::Rc;

/// Stamps in a minute, by one isolate, for sessions that it does not know.
const UNKNOWN_ENDED: u32 = 30;
/// How often a change, or an end, is tried again because the session changed meanwhile.
const TURNS: u32 = 4;

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
                let cookie = session::set_cookie(&token, &record, platform.now(), &config.session, https);
                (Some(cookie), brought.map(|key| (subject::session(&key), key)))
            }
            // Of the session, whatever else the visitor is known by.
            (Instruction::Change(change), Some(key)) => match self.by_session(platform, config, visit).await {
                Ok(Identity::User { record: old, .. }) => {
                    (self.changed(platform, config, visit, (&old, &key), change).await?, None)
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
                let all: Vec<String> = self.view.borrow().lineage(&key).map(str::to_owned).collect();
                for key in all.iter().chain([&key]) {
                    visit.gone(user.as_deref(), key);
                }
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

    /// Changes a session; where its rights become different it goes on under a new token, whose cookie is
    /// given back. The old token stands a little longer for the session as it was, for what was on its way.
    ///
    /// Two may change one session at once, here or elsewhere. The ledger has one order: whoever stamps first
    /// has made the successor, and the other change is made to that one. What ended the session until now
    /// ends it still, for the ledger is read to the present before and after.
    async fn changed<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        (old, key): (&Record, &str),
        change: Change,
    ) -> Result<Option<String>, Error> {
        for _ in 0..TURNS {
            let created = self.present(platform, config).await.map_err(|_| Error::LedgerDown)?;
            let now = platform.now();
            if old.check(key, now, &self.view.borrow(), &config.session).is_err() {
                return Err(Error::Unauthenticated);
            }
            let Some((last, latest)) = self.latest(platform, config, key, old).await? else {
                return self.lost(platform, config, key, old, &change).await;
            };
            if latest.check(&last, now, &self.view.borrow(), &config.session).is_err() {
                return Err(Error::Unauthenticated);
            }
            if !change.is_of_rights() {
                let noted = change.noted(&latest, now, &config.session);
                let value = serde_json::to_string(&noted).map_err(|_| Error::Internal)?;
                let written = platform.record_write(&last, &value, noted.time_to_live(now)).await;
                written.map_err(|_| Error::StoreDown)?;
                self.memo.borrow_mut().put(&last, Rc::new(noted), now);
                visit.after.retain(|task| !matches!(task, After::Renew { key, .. } if *key == last));
                return Ok(None);
            }
            let new = change.clone().made(old, &latest, created, now, &config.session);
            let (token, new) = self.kept(platform, visit, new).await?;
            let (user, made) = (latest.user.as_str(), token.key());
            let stamp = vec![subject::changed(&last, &made)];
            let stamped = self.stamp(platform, config, stamp, false, config.session_stamp_lifetime()).await;
            let first = self.view.borrow().successor(&last).is_some_and(|(next, _)| next == made);
            let ended = latest.is_revoked(&last, &self.view.borrow());
            if stamped.is_ok() && first && !ended {
                // Nobody renews it, and it is in no list.
                visit.after.retain(|task| !matches!(task, After::Renew { key, .. } if *key == last));
                visit.after.push(After::Delete { key: Note::name(user, &last) });
                return Ok(Some(session::set_cookie(&token, &new, now, &config.session, visit.is_https())));
            }
            self.memo.borrow_mut().forget(&made);
            visit.gone(Some(user), &made);
            if stamped.is_err() {
                return Err(Error::LedgerDown);
            }
            if ended {
                return Err(Error::Unauthenticated);
            }
        }
        Err(Error::Busy)
    }

    /// What a session goes on as, key and record: itself, unless its rights have changed. `None` when the
    /// store does not show the successor yet, because it was made elsewhere a moment ago.
    pub(super) async fn latest<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        key: &str,
        old: &Record,
    ) -> Result<Option<(String, Rc<Record>)>, Error> {
        let Some(last) = self.view.borrow().lineage(key).last().map(str::to_owned) else {
            return Ok(Some((key.to_owned(), Rc::new(old.clone()))));
        };
        let remembered = self.memo.borrow().get(&last, platform.now());
        if let Some(record) = remembered {
            return Ok(Some((last, record)));
        }
        let read = platform.record_read(&last, config.session.deadline).await.map_err(|_| Error::StoreDown)?;
        Ok(read.and_then(|text| understood(platform, &text).ok()).map(|record| (last, Rc::new(record))))
    }

    /// A change of what nobody can read here. No right that it takes away may live on, so then the session
    /// ends; else the change that came first stands.
    async fn lost<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        key: &str,
        old: &Record,
        change: &Change,
    ) -> Result<Option<String>, Error> {
        let ends = change.takes_away(old);
        let then = if ends { "it is ended, for a right was to be taken away" } else { "the first one stands" };
        let sentence =
            format!("a session was changed elsewhere at the same time, and cannot be changed again yet: {then}");
        platform.log(&observe::event("warning", &sentence));
        if !ends {
            return Ok(None);
        }
        self.end(platform, config, subject::session(key), Some(key), config.session_stamp_lifetime()).await?;
        Err(Error::Unauthenticated)
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
    /// within `max_delay`. A session under `key` ends as whatever it goes on as.
    pub(super) async fn end<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        subject: String,
        key: Option<&str>,
        lifetime: Millis,
    ) -> Result<Moment, Error> {
        let one = key.filter(|key| subject == subject::session(key));
        let mut subjects = vec![subject];
        let mut moment = 0;
        let mut ended = 0;
        for _ in 0..TURNS {
            // What it goes on as may be made while it is being ended.
            subjects.extend(
                one.into_iter().flat_map(|key| {
                    self.view.borrow().lineage(key).skip(ended).map(subject::session).collect::<Vec<_>>()
                }),
            );
            if subjects.is_empty() {
                break;
            }
            ended = one.map_or(0, |key| self.view.borrow().lineage(key).count());
            let stamped = self.stamp(platform, config, std::mem::take(&mut subjects), false, lifetime).await;
            moment = stamped.map_err(|_| Error::LedgerDown)?;
        }
        let mut memo = self.memo.borrow_mut();
        if let Some(key) = key {
            memo.forget(key);
            self.view.borrow().lineage(key).for_each(|key| memo.forget(key));
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
