//! Making those wait who fail to sign in too often.

use super::{Gateway, visit::Visit};
use crate::config::{Config, Route};
use crate::error::Error;
use crate::ledger::subject;
use crate::observe;
use crate::platform::Platform;
use crate::session::Instruction;
use crate::throttle::{WINDOW, account, address};

impl Gateway {
    /// Refuses an attempt to sign in from an address, or as a user, that has to wait. While the ledger
    /// cannot be read nobody has to.
    pub(super) async fn may_sign_in<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
        user: Option<&str>,
    ) -> Result<(), Error> {
        if self.current(platform, config).await.is_err() {
            return Ok(());
        }
        let who = match user {
            Some(user) => Some(account(user)),
            None => visit.visitor.ip.map(address),
        };
        let view = self.view.borrow();
        let until = who.and_then(|who| view.until(&subject::throttled(&who)));
        match until {
            Some(until) => Err(Error::TooManyAttempts((until.saturating_sub(view.as_of()) / 1_000).max(1))),
            None => Ok(()),
        }
    }

    /// Counts what an origin says of an attempt to sign in. While an account has to wait, a right
    /// password is answered like a wrong one, so that guessing on tells nothing.
    pub(super) async fn attempted<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
        route: &Route,
        instruction: Instruction,
    ) -> Result<Instruction, Error> {
        let user = match &instruction {
            Instruction::Failed(user) => Some(user),
            Instruction::Start(draft) => Some(&draft.user),
            _ => None,
        };
        if let Some(user) = user.filter(|_| route.throttle) {
            self.may_sign_in(platform, config, visit, Some(user)).await?;
        }
        match instruction {
            Instruction::Failed(user) => {
                self.sign_in_failed(platform, config, visit, &user).await;
                Ok(Instruction::Failed(user))
            }
            Instruction::Start(draft) => {
                self.failures.borrow_mut().succeeded(&account(&draft.user));
                Ok(Instruction::Start(draft.proven(platform.now())))
            }
            other => Ok(other),
        }
    }

    /// Counts a failed attempt, and makes account and address wait that had too many.
    async fn sign_in_failed<P: Platform>(&self, platform: &P, config: &Config, visit: &Visit<'_>, user: &str) {
        let now = platform.now();
        let all = [Some(account(user)), visit.visitor.ip.map(address)];
        let reached = |who: &String| self.failures.borrow_mut().failed(who, config.session.attempts, now);
        let subjects: Vec<String> =
            all.into_iter().flatten().filter(reached).map(|who| subject::throttled(&who)).collect();
        if subjects.is_empty() {
            return;
        }
        platform.log(&observe::event("warning", "too many failed sign-ins: the account or the address has to wait"));
        if self.stamp(platform, config, subjects, false, WINDOW).await.is_err() {
            platform.log(&observe::event("error", "the ledger did not take who has to wait after failed sign-ins"));
        }
    }
}
