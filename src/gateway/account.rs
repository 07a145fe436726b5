//! A visitor's own pages: where they are signed in, and signing out.

use super::admin::{receipt, text};
use super::{Gateway, visit::Visit};
use crate::config::{Config, LONGEST_ENDED};
use crate::cross_site;
use crate::error::Error;
use crate::identity::Identity;
use crate::ledger::{Validity, subject};
use crate::path;
use crate::platform::{Notes, Platform};
use crate::respond::Generated;
use crate::session::{self, API_KEY, Change, Device, Instruction, Note, Record};
use serde_json::{Value, json};
use std::rc::Rc;

impl Gateway {
    /// Ends the visitor's session, and leads them on.
    pub(super) async fn sign_out<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
    ) -> Result<Generated, Error> {
        if !cross_site::is_trusted_here(visit.head) {
            return Err(Error::CrossSite);
        }
        visit.identity = self.by_session(platform, config, visit).await.unwrap_or_else(Identity::Anonymous);
        let cookie = self.obey(platform, config, visit, Instruction::End).await?;
        let back = visit.head.url.parameter("return_to").map(path::decode).filter(|back| path::is_local(back));
        let mut answer = Generated::redirect(303, back.as_deref().unwrap_or("/"));
        if let Some(cookie) = cookie {
            answer.edits.append("set-cookie", &cookie);
        }
        Ok(answer)
    }

    /// Where the visitor is signed in.
    pub(super) async fn own_sessions<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
    ) -> Result<Generated, Error> {
        let (user, key) = self.themselves(platform, config, visit).await?;
        let mut list = self.listed(platform, config, Some(&user), None).await?;
        for session in list.get_mut("sessions").and_then(Value::as_array_mut).into_iter().flatten() {
            let this = session.get("session").and_then(Value::as_str) == Some(&key);
            if let Some(session) = session.as_object_mut() {
                session.insert("this".into(), json!(this));
            }
        }
        Ok(Generated::json(200, &list))
    }

    /// Ends one of the visitor's own sessions, or all but this one.
    pub(super) async fn end_own<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
    ) -> Result<Generated, Error> {
        if !cross_site::is_trusted_here(visit.head) {
            return Err(Error::CrossSite);
        }
        let (user, _) = self.themselves(platform, config, visit).await?;
        let body: Value = super::admin::read(&text(platform).await?)?;
        match (body.get("session").and_then(Value::as_str), body.get("others")) {
            (Some(one), None) => self.end_one(platform, config, visit, (&user, one)).await,
            (None, Some(Value::Bool(true))) => self.end_others(platform, config, visit, &user).await,
            _ => {
                let sentence = "say which of your sessions end, by \"session\": \"...\" or \"others\": true";
                Err(Error::Malformed(sentence.into()))
            }
        }
    }

    async fn end_one<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        (user, key): (&str, &str),
    ) -> Result<Generated, Error> {
        let list = self.listed(platform, config, Some(user), None).await?;
        let mut sessions = list.get("sessions").and_then(Value::as_array).into_iter().flatten();
        let found = sessions.find(|session| session.get("session").and_then(Value::as_str) == Some(key));
        let device = found.ok_or(Error::NotFound)?.get("device").and_then(Value::as_str);
        let lifetime = if device == Some(API_KEY) { LONGEST_ENDED } else { config.session_stamp_lifetime() };
        let ended = subject::session(key);
        let moment = self.end(platform, config, ended.clone(), Some(key), lifetime).await?;
        visit.gone(Some(user), key);
        Ok(Generated::json(200, &receipt(config, platform.now(), moment, &[ended], false)))
    }

    /// Ends everything of the user's, known here or not, and lets this session go on under a new token.
    async fn end_others<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        user: &str,
    ) -> Result<Generated, Error> {
        let Identity::User { record, key, .. } = &visit.identity else { return Err(Error::Unauthenticated) };
        let (old, key) = (Rc::clone(record), key.as_str());
        // What ended this session a moment ago, elsewhere perhaps, must not be outlived by a new one.
        self.present(platform, config).await.map_err(|_| Error::LedgerDown)?;
        // It goes on as what it has become: no right that a change took away comes back.
        let latest = self.latest(platform, config, key, &old).await?;
        let (last, latest) = latest.ok_or(Error::Busy)?;
        let alive = latest.check(&last, platform.now(), &self.view.borrow(), &config.session).is_ok();
        let ended = subject::user(user);
        let moment = self.end(platform, config, ended.clone(), Some(key), LONGEST_ENDED).await?;
        let meanwhile = [subject::session(&last), subject::EVERYONE.into()];
        let since = self.view.borrow().validity(latest.created, meanwhile.iter().map(String::as_str));
        let changed = self.view.borrow().successor(&last).is_some();
        if !alive || changed || since != Validity::Valid {
            return Err(Error::Unauthenticated);
        }
        let now = platform.now();
        let new = Change::default().made(&latest, &latest, moment, now, &config.session);
        let (token, new) = self.kept(platform, visit, new).await?;
        visit.gone(Some(user), &last);
        let mut answer = Generated::json(200, &receipt(config, platform.now(), moment, &[ended], false));
        answer.edits.append("set-cookie", &session::set_cookie(&token, &new, now, &config.session, visit.is_https()));
        Ok(answer)
    }

    /// Who the visitor is, by their session, and its key.
    async fn themselves<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
    ) -> Result<(String, String), Error> {
        visit.identity = self.by_session(platform, config, visit).await.unwrap_or_else(Identity::Anonymous);
        match &visit.identity {
            Identity::User { record, key, .. } => {
                let last = self.view.borrow().lineage(key).last().unwrap_or(key).to_owned();
                Ok((record.user.clone(), last))
            }
            Identity::Anonymous(crate::session::Absence::Down) => Err(Error::IdentityDown),
            Identity::Anonymous(_) => Err(Error::Unauthenticated),
        }
    }

    /// The sessions of a user, or of everybody, that no stamp speaks against: 1,000 at most, and where to
    /// go on.
    pub(super) async fn listed<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        user: Option<&str>,
        from: Option<&str>,
    ) -> Result<Value, Error> {
        self.current(platform, config).await.map_err(|_| Error::LedgerDown)?;
        let found = platform.notes(&Note::prefix(user), from).await.map_err(|_| Error::StoreDown)?;
        let Notes { notes, next } = found;
        let (now, view) = (platform.now(), self.view.borrow());
        let sessions: Vec<Value> = notes
            .iter()
            .filter_map(|(name, text)| {
                let Device { user, device, country, created, seen, expires } = serde_json::from_str(text).ok()?;
                let key = Note::key(name);
                let record = Record { user, created, ..Record::default() };
                let alive = now < expires && !record.is_revoked(key, &view) && view.successor(key).is_none();
                alive.then(|| {
                    json!({ "session": key, "user": record.user, "device": device, "country": country, "created": created, "seen": seen, "expires": expires })
                })
            })
            .collect();
        Ok(json!({ "sessions": sessions, "next": next }))
    }
}
