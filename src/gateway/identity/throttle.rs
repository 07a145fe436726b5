//! Throttles sign-ins: an account or an address with too many failures has to wait.

use super::Identities;
use crate::config::Route;
use crate::error::Error;
use crate::gateway::context::Context;
use crate::identity::session::Instruction;
use crate::identity::throttle::{WINDOW, account, address};
use crate::ledger::subject;
use crate::platform::Platform;

impl Identities {
    /// Refuses a sign-in from a throttled address, or as a throttled `user`. While the ledger cannot be read none is
    /// refused.
    pub(in crate::gateway) async fn may_sign_in<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        user: Option<&str>,
    ) -> Result<(), Error> {
        if self.ledger.current(ctx.platform).await.is_err() {
            return Ok(());
        }
        let throttled = match user {
            Some(user) => Some(account(user)),
            None => ctx.visitor.ip.map(address),
        };
        let view = self.ledger.view();
        let until = throttled.and_then(|throttled| view.until(&subject::throttled(&throttled)));
        match until {
            Some(until) => Err(Error::TooManyAttempts((until.saturating_sub(view.as_of()) / 1_000).max(1))),
            None => Ok(()),
        }
    }

    /// Counts the result of a sign-in that an origin reports.
    ///
    /// # Errors
    /// The account is throttled: a right password is answered like a wrong one, so that further guesses reveal nothing.
    pub(in crate::gateway) async fn count_sign_in<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        route: &Route,
        instruction: &Instruction,
    ) -> Result<(), Error> {
        let user = match instruction {
            Instruction::Failed(user) => Some(user),
            Instruction::Start(draft) => Some(&draft.user),
            _ => None,
        };
        if let Some(user) = user.filter(|_| route.throttle) {
            self.may_sign_in(ctx, Some(user)).await?;
        }
        match instruction {
            Instruction::Failed(user) => self.sign_in_failed(ctx, user).await,
            Instruction::Start(draft) => self.failures.borrow_mut().succeeded(&account(&draft.user)),
            _ => {}
        }
        Ok(())
    }

    /// Counts a failure, and throttles the account and the address that had too many.
    async fn sign_in_failed<P: Platform>(&self, ctx: &Context<'_, P>, user: &str) {
        let now = ctx.now();
        let both = [Some(account(user)), ctx.visitor.ip.map(address)];
        let attempts = ctx.config.session.attempts;
        let too_many = |name: &String| self.failures.borrow_mut().failed(name, attempts, now);
        let subjects: Vec<String> =
            both.into_iter().flatten().filter(too_many).map(|name| subject::throttled(&name)).collect();
        if subjects.is_empty() {
            return;
        }
        ctx.platform.warning("too many failed sign-ins: the account or the address has to wait");
        if self.ledger.stamp(ctx.platform, subjects, false, WINDOW).await.is_err() {
            ctx.platform.error("the ledger did not take who has to wait after failed sign-ins");
        }
    }
}
