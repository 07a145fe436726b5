//! Usher's own pages, below `/.usher/`: for the operator, for visitors, and for the demo.

mod account;
mod api_keys;
mod body;
mod demo;
mod health;
mod language;
mod operator;
mod origins;
mod receipt;
mod sessions;

pub(super) use operator::explains;

use super::cache::Cache;
use super::context::Context;
use super::identity::Identities;
use super::ledger::Ledger;
use super::observe::Observer;
use super::origin::Origins;
use super::record::Record;
use crate::error::Error;
use crate::platform::Platform;
use crate::respond::Generated;
use body::text;
use operator::{is_operator, require_operator};
use receipt::receipt;
use std::cell::Cell;
use std::rc::Rc;

/// The parts of the gateway that the pages use.
pub(super) struct Admin {
    pub(super) identities: Rc<Identities>,
    pub(super) ledger: Rc<Ledger>,
    pub(super) origins: Rc<Origins>,
    pub(super) cache: Rc<Cache>,
    pub(super) observer: Rc<Observer>,
    pub(super) health: Cell<Option<Checked>>,
}

/// Whether all dependencies were healthy, and when (milliseconds since 1970).
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    ok: bool,
    at: u64,
}

impl Admin {
    /// Answers `/.usher/{page}`.
    pub(super) async fn answer<P: Platform>(
        &self,
        ctx: &mut Context<'_, P>,
        record: &mut Record<'_>,
        page: &str,
    ) -> Result<Generated, Error> {
        let allow = |methods: &[&str]| Err(Error::MethodNotAllowed(methods.iter().map(|m| (*m).to_owned()).collect()));
        match (page, ctx.head.method) {
            ("health", "GET" | "HEAD") => Ok(self.check_health(ctx, is_operator(ctx)).await),
            ("health", _) => allow(&["GET", "HEAD"]),
            ("language", "GET") => Ok(language::choose(ctx)),
            ("language", _) => allow(&["GET"]),
            ("purge", "POST") => {
                require_operator(ctx)?;
                self.purge(ctx, &text(ctx.platform).await?).await
            }
            ("purge", _) => allow(&["POST"]),
            ("sessions", "POST") => self.start_session(ctx).await,
            ("sessions", "DELETE") => self.end_sessions(ctx).await,
            ("sessions", "GET") => self.list_sessions(ctx).await,
            ("sessions", _) => allow(&["GET", "POST", "DELETE"]),
            ("api-keys", "POST") => self.make_api_key(ctx).await,
            ("api-keys", _) => allow(&["POST"]),
            ("sign-out", "POST") => self.sign_out(ctx).await,
            ("sign-out", _) => allow(&["POST"]),
            ("me/sessions", "GET") => self.own_sessions(ctx).await,
            ("me/sessions", "DELETE") => self.end_own(ctx).await,
            ("me/sessions", _) => allow(&["GET", "DELETE"]),
            ("origins", "GET") => {
                require_operator(ctx)?;
                Ok(self.show_origins(ctx).await)
            }
            ("origins", "POST") => {
                require_operator(ctx)?;
                self.order(ctx, &text(ctx.platform).await?).await
            }
            ("origins", _) => allow(&["GET", "POST"]),
            ("metrics", "GET" | "HEAD") => {
                require_operator(ctx)?;
                Ok(Generated::new(200, "text/plain; version=0.0.4", self.observer.counters().text()))
            }
            ("metrics", _) => allow(&["GET", "HEAD"]),
            _ => match page.strip_prefix("demo/").filter(|_| ctx.platform.var("USHER_DEMO").as_deref() == Some("on")) {
                Some(page) => self.demo(ctx, record, page).await,
                None => Err(Error::NotFound),
            },
        }
    }

    /// Purges; the receipt states when the purge holds in every isolate.
    async fn purge<P: Platform>(&self, ctx: &Context<'_, P>, body: &str) -> Result<Generated, Error> {
        let (order, moment) = self.cache.purge(ctx, body).await?;
        Ok(Generated::json(200, &receipt(ctx, moment, &order.subjects, order.soft)))
    }
}
