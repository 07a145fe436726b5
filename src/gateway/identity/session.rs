//! The session of a request, and its renewal.

use super::{Identities, sent_token};
use crate::config::Authenticator;
use crate::gateway::context::Context;
use crate::gateway::reply::{After, Renewal};
use crate::http::json;
use crate::identity::session::{ListEntry, Record};
use crate::identity::{Absence, Identity, Source};
use crate::platform::{Log, Platform, Unavailable};
use futures_util::future::join;
use std::rc::Rc;

impl Identities {
    /// The identity by the session cookie.
    pub(in crate::gateway) async fn by_session<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Identity, Absence> {
        let key = sent_token(ctx)?.key();
        let (record, source) = self.read_record(ctx, &key).await?;
        let now = ctx.now();
        let checked = record.check(&key, now, &self.ledger.view(), &ctx.config.session);
        if let Err(absence) = checked {
            self.memo.borrow_mut().forget(&key);
            return Err(absence);
        }
        // A session that has a successor is not renewed.
        let renews = source == Source::Store && self.ledger.view().successor(&key).is_none();
        let record = match record.renewed(now, &ctx.config.session).filter(|_| renews) {
            None => record,
            Some(renewed) => {
                let value = json::text(&renewed);
                let entry = ListEntry::new(&renewed, &key, &ctx.visitor, ctx.head.fields.get("user-agent"), now);
                let seconds = renewed.time_to_live(now);
                ctx.defer(After::Renew(Renewal { key: key.clone(), value, entry, seconds }));
                Rc::new(renewed)
            }
        };
        if source == Source::Store {
            self.memo.borrow_mut().put(&key, Rc::clone(&record), now);
        }
        Ok(Identity::User { record, key, by: Authenticator::Session, source })
    }

    /// The record of a session or API key, with the ledger read up to now.
    pub(super) async fn read_record<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        key: &str,
    ) -> Result<(Rc<Record>, Source), Absence> {
        let remembered = self.memo.borrow().get(key, ctx.started);
        if let Some(record) = remembered {
            self.ledger.current(ctx.platform).await.map_err(|_| Absence::Down)?;
            return Ok((record, Source::Memo));
        }
        let read = ctx.platform.get(key, ctx.config.session.deadline);
        let (read, current) = join(read, self.ledger.current(ctx.platform)).await;
        current.map_err(|_| Absence::Down)?;
        let text = read.map_err(|_| Absence::Down)?.ok_or(Absence::Unknown)?;
        Ok((Rc::new(parse(ctx.platform, &text)?), Source::Store))
    }

    /// Writes a renewed record, unless the session has been changed meanwhile, which renews it too, or has a successor.
    pub(in crate::gateway) async fn renew<P: Platform>(
        &self,
        platform: &P,
        renewal: &Renewal,
    ) -> Result<(), Unavailable> {
        let Renewal { key, value, .. } = renewal;
        let known = self.memo.borrow().get(key, platform.now());
        let differs = known.is_some_and(|record| json::text(&*record) != *value);
        if differs || self.ledger.view().successor(key).is_some() {
            return Ok(());
        }
        let (written, listed) = write(platform, renewal).await;
        written.and(listed)
    }

    /// Removes the record of an ended session and its entry in the user's list after the reply, and cancels its
    /// renewal.
    pub(in crate::gateway) fn remove_later<P: Platform>(&self, ctx: &Context<'_, P>, user: Option<&str>, key: &str) {
        ctx.cancel(|work| matches!(work, After::Renew(renewal) if renewal.key == key));
        if let Some(user) = user {
            ctx.defer(After::Delete { key: ListEntry::name(user, key) });
        }
        ctx.defer(After::Delete { key: key.to_owned() });
    }
}

/// Writes a record and its entry in the user's list.
pub(super) async fn write<P: Platform>(
    platform: &P,
    Renewal { key, value, entry, seconds }: &Renewal,
) -> (Result<(), Unavailable>, Result<(), Unavailable>) {
    join(platform.put(key, value, *seconds), platform.put_entry(entry, *seconds)).await
}

/// A stored record; one without a user counts as unknown.
pub(super) fn parse(platform: &impl Log, text: &str) -> Result<Record, Absence> {
    let record: Result<Record, _> = json::read(text);
    let record = match record {
        Ok(record) if record.user.trim().is_empty() => Err("its user is blank".to_owned()),
        record => record.map_err(|error| error.to_string()),
    };
    record.map_err(|error| {
        platform.error(&format!("a session's record cannot be read and counts as unknown: {error}"));
        Absence::Unknown
    })
}
