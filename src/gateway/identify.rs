//! Finding out who is asking, and starting and ending sessions.

use super::{Gateway, join::join, visit::Visit};
use crate::config::{Auth, Config, Millis, Route};
use crate::error::Error;
use crate::identity::{Identity, Source};
use crate::ledger::{Moment, subject};
use crate::observe;
use crate::platform::{After, Platform};
use crate::session::{self, Absence, Draft, Instruction, Record, Token};
use std::rc::Rc;

/// Stamps in a minute, by one isolate, for sessions that it does not know.
const UNKNOWN_ENDED: u32 = 30;

impl Gateway {
    /// Who is asking, as far as the route wants to know.
    pub(super) async fn identify<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        route: &Route,
    ) -> Identity {
        if route.auth == Auth::None {
            return Identity::Anonymous(Absence::NotAsked);
        }
        match brought(config, visit) {
            Err(absence) => Identity::Anonymous(absence),
            Ok(token) => {
                let identity = self.recognise(platform, config, visit, token.key()).await;
                visit.identity_ms = platform.now().saturating_sub(visit.started);
                identity.unwrap_or_else(Identity::Anonymous)
            }
        }
    }

    async fn recognise<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        key: String,
    ) -> Result<Identity, Absence> {
        let remembered = self.memo.borrow().get(&key, visit.started);
        let (record, source) = match remembered {
            Some(record) => {
                self.current(platform, config).await.map_err(|_| Absence::Down)?;
                (record, Source::Memo)
            }
            None => {
                let read = platform.session_read(&key, config.session.deadline);
                let (read, current) = join(read, self.current(platform, config)).await;
                current.map_err(|_| Absence::Down)?;
                let text = read.map_err(|_| Absence::Down)?.ok_or(Absence::Unknown)?;
                (Rc::new(understood(platform, &text)?), Source::Store)
            }
        };
        let now = platform.now();
        let checked = record.check(&key, now, &self.view.borrow(), &config.session);
        if let Err(absence) = checked {
            self.memo.borrow_mut().forget(&key);
            return Err(absence);
        }
        let record = match record.renewed(now, &config.session).filter(|_| source == Source::Store) {
            None => record,
            Some(renewed) => {
                let value = serde_json::to_string(&renewed).unwrap_or_default();
                visit.after.push(After::Renew { key: key.clone(), value, seconds: renewed.time_to_live(now) });
                Rc::new(renewed)
            }
        };
        if source == Source::Store {
            self.memo.borrow_mut().put(&key, Rc::clone(&record), now);
        }
        Ok(Identity::User { record, key, source })
    }

    /// Does what an origin's answer asks; the result is a `Set-Cookie` value.
    pub(super) async fn obey<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        instruction: Instruction,
    ) -> Result<String, Error> {
        let https = is_https(visit);
        let brought = brought(config, visit).ok().map(|token| token.key());
        let (cookie, ended) = match (instruction, brought) {
            (Instruction::Start(draft), brought) => {
                let (token, _) = self.start(platform, config, draft).await?;
                let cookie = session::set_cookie(&token, &config.session, https);
                (cookie, brought.map(|key| (subject::session(&key), key)))
            }
            // The session that was brought is ended even where it could not be looked up.
            (Instruction::End, brought) => {
                (session::clear_cookie(&config.session, https), brought.map(|key| (subject::session(&key), key)))
            }
            (Instruction::EndAll, brought) => {
                let ended = match (&visit.identity, brought) {
                    (Identity::User { record, .. }, Some(key)) => Some((subject::user(&record.user), key)),
                    (Identity::Anonymous(Absence::Down), Some(_)) => return Err(Error::IdentityDown),
                    _ => None,
                };
                (session::clear_cookie(&config.session, https), ended)
            }
        };
        if let Some((subject, key)) = ended {
            if self.needs_stamp(visit, platform.now()) {
                self.end(platform, config, subject, Some(&key)).await?;
            }
            visit.after.retain(|task| !matches!(task, After::Renew { key: renewed, .. } if *renewed == key));
            visit.after.push(After::Delete { key });
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
        draft: Draft,
    ) -> Result<(Token, Record), Error> {
        let created = self.present(platform, config).await.map_err(|_| Error::LedgerDown)?;
        let now = platform.now();
        let record = draft.record(created, now, &config.session);
        let token = Token::new(&platform.random::<32>());
        let value = serde_json::to_string(&record).map_err(|_| Error::Internal)?;
        let written = platform.session_write(&token.key(), &value, record.time_to_live(now)).await;
        written.map_err(|_| Error::StoreDown)?;
        self.memo.borrow_mut().put(&token.key(), Rc::new(record.clone()), now);
        Ok((token, record))
    }

    /// Ends what a subject names by a stamp; here at once, elsewhere within `max_delay`.
    pub(super) async fn end<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        subject: String,
        key: Option<&str>,
    ) -> Result<Moment, Error> {
        let lifetime = config.session_stamp_lifetime();
        let stamped = self.stamp(platform, config, vec![subject], false, lifetime).await;
        let moment = stamped.map_err(|_| Error::LedgerDown)?;
        if let Some(key) = key {
            self.memo.borrow_mut().forget(key);
        }
        Ok(moment)
    }
}

/// The token that the visitor brought.
fn brought(config: &Config, visit: &Visit<'_>) -> Result<Token, Absence> {
    let name = session::cookie_name(&config.session.cookie, is_https(visit));
    session::token(visit.head.fields.get("cookie"), &name)
}

fn understood<P: Platform>(platform: &P, text: &str) -> Result<Record, Absence> {
    serde_json::from_str(text).map_err(|error| {
        platform.log(&observe::event(
            "error",
            &format!("a session's record cannot be read and counts as unknown: {error}"),
        ));
        Absence::Unknown
    })
}

fn is_https(visit: &Visit<'_>) -> bool {
    visit.head.url.scheme == "https"
}
