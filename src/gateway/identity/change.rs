//! Changes a session: its rights, its locale, its data.

use super::Identities;
use super::session::parse;
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::reply::After;
use crate::http::json;
use crate::identity::session::{self, Change, ListEntry, Record};
use crate::ledger::subject;
use crate::platform::Platform;
use std::rc::Rc;

/// How often a change is tried again because the session was changed elsewhere at the same time.
const TURNS: u32 = 4;

impl Identities {
    /// Changes a session. If its rights change it continues under a new token, and the `Set-Cookie` value for it is
    /// returned. The old token stays valid for `grace`, with the old rights, for requests under way.
    ///
    /// Two requests may change one session at once, here or elsewhere. The ledger has one order: the request that
    /// stamps first has made the successor, and the other change is applied to that one. The ledger is read to the
    /// present before and after, so a stamp that ended the session until now still ends it.
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
                return self.successor_unreadable(ctx, key, old, &change).await;
            };
            if latest.check(&last, now, &self.ledger.view(), bounds).is_err() {
                return Err(Error::Unauthenticated);
            }
            let renews_last = |work: &After| matches!(work, After::Renew(renewal) if renewal.key == last);
            if !change.changes_rights() {
                let updated = change.updated(&latest, now, bounds);
                let value = json::text(&updated);
                let written = ctx.platform.put(&last, &value, updated.time_to_live(now)).await;
                written.map_err(|_| Error::StoreDown)?;
                self.memo.borrow_mut().put(&last, Rc::new(updated), now);
                ctx.cancel(renews_last);
                return Ok(None);
            }
            let new = change.clone().successor(old, &latest, created, now).used(now, bounds);
            let (token, new) = self.keep(ctx, new).await?;
            let (user, made) = (latest.user.as_str(), token.key());
            let stamp = vec![subject::changed(&last, &made)];
            let stamped = self.ledger.stamp(ctx.platform, stamp, false, ctx.config.session_stamp_lifetime()).await;
            let first = self.ledger.view().successor(&last).is_some_and(|(next, _)| next == made);
            let ended = latest.is_revoked(&last, &self.ledger.view());
            if stamped.is_ok() && first && !ended {
                // The old key is not renewed any more, and leaves the user's list.
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

    /// The key and record of a session's last successor; of the session itself, unless its rights have changed. `None`
    /// when the store does not show the successor yet, because it was made elsewhere a moment ago.
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

    /// A change to a successor that cannot be read here yet. If the change removes rights the session ends, so that
    /// they are not kept; otherwise the change that came first stands and this one is dropped.
    async fn successor_unreadable<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        key: &str,
        old: &Record,
        change: &Change,
    ) -> Result<Option<String>, Error> {
        let ends = change.removes_rights(old);
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
