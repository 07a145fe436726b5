//! Usher's own pages, below `/.usher/`: for the operator, for visitors, and for the demo.

mod account;
mod api_keys;
mod body;
mod challenge;
mod demo;
mod health;
mod language;
mod origins;
mod receipt;
mod sessions;
mod states;

use super::apart::{Work, apart};
use super::cache::Cache;
use super::context::Context;
use super::identity::Identities;
use super::ledger::Ledger;
use super::observe::Observer;
use super::operator::{is_operator, require_operator};
use super::origin::Origins;
use super::record::Record;
use crate::config::{DEMO, USES};
use crate::error::Error;
use crate::platform::Platform;
use crate::respond::Generated;
use body::text;
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

/// Whether there is anything to show of origins, or to order.
const SHOWS_ORIGINS: bool = USES.balance || USES.shards || USES.canary;

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
        let methods: &[&str] = match page {
            "health" | "metrics" => &["GET", "HEAD"],
            "challenge" if USES.challenge => &["POST"],
            "language" if USES.locale => &["GET"],
            "lists" if USES.dynamic_lists => &["GET", "POST"],
            "purge" if USES.cache => &["POST"],
            "sessions" if USES.sessions => &["GET", "POST", "DELETE"],
            "api-keys" if USES.api_keys => &["POST"],
            "backchannel-logout" if USES.oidc => &["POST"],
            "signed-out" if USES.oidc => &["GET"],
            "switches" if USES.switches => &["GET", "POST"],
            "sign-out" if USES.sessions => &["POST"],
            "me/sessions" if USES.sessions => &["GET", "DELETE"],
            "origins" if SHOWS_ORIGINS => &["GET", "POST"],
            _ => {
                let shown = || ctx.platform.var("USHER_DEMO").as_deref() == Some("on");
                let page = page.strip_prefix("demo/").filter(|_| shown()).ok_or(Error::NotFound)?;
                return apart(DEMO && USES.sessions, || self.demo(ctx, record, page)).ok_or(Error::NotFound)?.await;
            }
        };
        if !methods.contains(&ctx.head.method) {
            return Err(Error::MethodNotAllowed(methods.iter().map(|method| (*method).to_owned()).collect()));
        }
        self.page(ctx, page).ok_or(Error::NotFound)?.await
    }

    /// The answer of a page to a method that it has.
    fn page<'r, P: Platform>(
        &'r self,
        ctx: &'r mut Context<'_, P>,
        page: &str,
    ) -> Option<Work<'r, Result<Generated, Error>>> {
        match (page, ctx.head.method) {
            ("health", _) => apart(true, || async { Ok(self.check_health(ctx, is_operator(ctx)).await) }),
            ("challenge", _) => apart(USES.challenge, || challenge::take_solution(ctx)),
            ("language", _) => apart(USES.locale, || async { Ok(language::choose(ctx)) }),
            ("lists", "POST") => apart(USES.dynamic_lists, || self.change_list(ctx)),
            ("lists", _) => apart(USES.dynamic_lists, || self.show_list(ctx)),
            ("switches", "POST") => apart(USES.switches, || self.turn_switch(ctx)),
            ("switches", _) => apart(USES.switches, || self.show_switches(ctx)),
            ("backchannel-logout", _) => apart(USES.oidc, || self.end_by_provider(ctx)),
            ("signed-out", _) => apart(USES.oidc, || self.signed_out(ctx)),
            ("purge", _) => apart(USES.cache, || self.order_purge(ctx)),
            ("sessions", "POST") => apart(USES.sessions, || self.start_session(ctx)),
            ("sessions", "DELETE") => apart(USES.sessions, || self.end_sessions(ctx)),
            ("sessions", _) => apart(USES.sessions, || self.list_sessions(ctx)),
            ("api-keys", _) => apart(USES.api_keys, || self.make_api_key(ctx)),
            ("sign-out", _) => apart(USES.sessions, || self.sign_out(ctx)),
            ("me/sessions", "DELETE") => apart(USES.sessions, || self.end_own(ctx)),
            ("me/sessions", _) => apart(USES.sessions, || self.own_sessions(ctx)),
            ("origins", "POST") => apart(SHOWS_ORIGINS, || self.order(ctx)),
            ("origins", _) => apart(SHOWS_ORIGINS, || self.show_origins(ctx)),
            ("metrics", _) => apart(true, || self.show_metrics(ctx)),
            _ => None,
        }
    }

    async fn show_metrics<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        Ok(Generated::new(200, "text/plain; version=0.0.4", self.observer.counters().text()))
    }

    /// Purges for the operator.
    async fn order_purge<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        self.purge(ctx, &text(ctx.platform).await?).await
    }

    /// Purges; the receipt states when the purge holds in every isolate.
    async fn purge<P: Platform>(&self, ctx: &Context<'_, P>, body: &str) -> Result<Generated, Error> {
        let (order, moment) = self.cache.purge(ctx, body).await?;
        Ok(Generated::json(200, &receipt(ctx, moment, &order.subjects, order.soft)))
    }
}
