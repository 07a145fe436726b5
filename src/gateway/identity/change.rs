//! Changes a session: its rights, its locale, its data.

use super::Identities;
use super::session::parse;
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::reply::After;
use crate::identity::session::{self, Change, ListEntry, Record};
use crate::ledger::subject;
use crate::platform::Platform;
use std::rc::Rc;

/// How often a change is tried again because the session was changed elsewhere at the same time.
const TURNS: u32 = 4;

impl Identities {
    /// Changes a session; where its rights change it goes on under a new token, whose cookie is given back. The old
    /// token holds a little longer for the session as it was, for requests under way.
    ///
    /// Two requests may change one session at once, here or elsewhere. The ledger has one order: who stamps first has
    /// made the successor, and the other change is made to that one. What ended the session until now ends it still, for
    /// the ledger is read to the present before and after.
    pub(super) async fn change<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        (old, key): (&Record, &str),
        change: Change,
    ) -> Result<Option<String>, Error> {
        let bounds = &ctx.config.session;
        for _ in 0..TURNS {
            let created = self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
            let now = ctx.now();
            if old.check(key, now, &self.ledger.view(), bounds).is_err() {
                return Err(Error::Unauthenticated);
            }
            let Some((last, latest)) = self.latest(ctx, key, old).await? else {
                return self.lose(ctx, key, old, &change).await;
            };
            if latest.check(&last, now, &self.ledger.view(), bounds).is_err() {
                return Err(Error::Unauthenticated);
            }
            let renews_last = |work: &After| matches!(work, After::Renew(renewal) if renewal.key == last);
            if !change.is_of_rights() {
                let noted = change.noted(&latest, now, bounds);
                let value = serde_json::to_string(&noted).map_err(|_| Error::Internal)?;
                let written = ctx.platform.put(&last, &value, noted.time_to_live(now)).await;
                written.map_err(|_| Error::StoreDown)?;
                self.memo.borrow_mut().put(&last, Rc::new(noted), now);
                ctx.cancel(renews_last);
                return Ok(None);
            }
            let new = change.clone().made(old, &latest, created, now).used(now, bounds);
            let (token, new) = self.keep(ctx, new).await?;
            let (user, made) = (latest.user.as_str(), token.key());
            let stamp = vec![subject::changed(&last, &made)];
            let stamped = self.ledger.stamp(ctx.platform, stamp, false, ctx.config.session_stamp_lifetime()).await;
            let first = self.ledger.view().successor(&last).is_some_and(|(next, _)| next == made);
            let ended = latest.is_revoked(&last, &self.ledger.view());
            if stamped.is_ok() && first && !ended {
                // It is renewed no more, and is in no list.
                ctx.cancel(renews_last);
                ctx.defer(After::Delete { key: ListEntry::name(user, &last) });
                return Ok(Some(session::set_cookie(&token, &new, now, bounds, ctx.is_https())));
            }
            self.memo.borrow_mut().forget(&made);
            self.remove_later(ctx, Some(user), &made);
            if stamped.is_err() {
                return Err(Error::LedgerDown);
            }
            if ended {
                return Err(Error::Unauthenticated);
            }
        }
        Err(Error::Busy)
    }

    /// What a session goes on as, key and record: itself, unless its rights have changed. `None` when the store does not
    /// show the successor yet, because it was made elsewhere a moment ago.
    pub(in crate::gateway) async fn latest<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        key: &str,
        old: &Record,
    ) -> Result<Option<(String, Rc<Record>)>, Error> {
        let Some(last) = self.ledger.view().lineage(key).last().map(str::to_owned) else {
            return Ok(Some((key.to_owned(), Rc::new(old.clone()))));
        };
        let remembered = self.memo.borrow().get(&last, ctx.now());
        if let Some(record) = remembered {
            return Ok(Some((last, record)));
        }
        let read = ctx.platform.get(&last, ctx.config.session.deadline).await.map_err(|_| Error::StoreDown)?;
        Ok(read.and_then(|text| parse(ctx.platform, &text).ok()).map(|record| (last, Rc::new(record))))
    }

    /// A change to a successor that cannot be read here. No right that the change takes away may live on, so then the
    /// session ends; else the change that came first stands.
    async fn lose<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        key: &str,
        old: &Record,
        change: &Change,
    ) -> Result<Option<String>, Error> {
        let ends = change.takes_away(old);
        let then = if ends { "it is ended, for a right was to be taken away" } else { "the first one stands" };
        ctx.platform.warning(&format!(
            "a session was changed elsewhere at the same time, and cannot be changed again yet: {then}"
        ));
        if !ends {
            return Ok(None);
        }
        self.end(ctx.platform, subject::session(key), Some(key), ctx.config.session_stamp_lifetime()).await?;
        Err(Error::Unauthenticated)
    }
}
