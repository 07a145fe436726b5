//! Establishes the identity of a request: by session, token or API key, in the order of the route's `by`.
//!
//! Each authenticator reports that its credential was not sent, that it is not valid, or the user it names. A missing
//! credential lets the next authenticator try; an invalid one ends the search. All that were sent must name the same
//! user.

mod api_key;
mod assertion;
mod change;
mod instruction;
mod jwt;
mod key_rings;
mod logout;
mod oidc;
mod session;
mod throttle;

pub(super) use assertion::sign;

use super::apart::apart;
use super::context::Context;
use super::ledger::Ledger;
use super::observe::Observer;
use super::record::Record;
use crate::config::{Auth, Authenticator, Config, Millis, Route, USES};
use crate::identity::assertion::Signer;
use crate::identity::session::{self as sessions, Token};
use crate::identity::throttle::Failures;
use crate::identity::{Absence, Identity, VerifiedToken, cross_site};
use crate::memo::Memo;
use crate::platform::{Platform, Unavailable};
use key_rings::KeyRings;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Maximum number of verified tokens in memory: each may have 16 KiB.
const TOKENS: usize = 1_024;

/// The identities, keys and failed sign-ins that an isolate knows.
pub(super) struct Identities {
    ledger: Rc<Ledger>,
    observer: Rc<Observer>,
    /// Records of sessions and API keys.
    memo: RefCell<Memo<sessions::Record>>,
    /// Tokens whose signatures are valid, each until it expires.
    verified: RefCell<Memo<VerifiedToken>>,
    key_rings: KeyRings,
    /// Failed sign-ins.
    failures: RefCell<Failures>,
    /// The minute, and how many unknown sessions were ended in it.
    unknown_ended: Cell<(Millis, u32)>,
    /// Signs assertions, if there are keys for it.
    signer: Option<Signer>,
}

impl Identities {
    /// # Errors
    /// The issuer whose keys cannot be used, and why.
    pub(super) fn new(
        config: &Config,
        signer: Option<Signer>,
        ledger: Rc<Ledger>,
        observer: Rc<Observer>,
    ) -> Result<Self, String> {
        let entries = config.session.memo_entries;
        Ok(Self {
            memo: RefCell::new(Memo::new(entries, config.session.memo)),
            verified: RefCell::new(Memo::new(entries.min(TOKENS), Millis::MAX)),
            key_rings: if USES.jwt || USES.oidc {
                KeyRings::new(&config.issuers, Rc::clone(&observer))?
            } else {
                KeyRings::none(Rc::clone(&observer))
            },
            failures: RefCell::default(),
            unknown_ended: Cell::default(),
            signer,
            ledger,
            observer,
        })
    }

    /// The identity of a request, if the route asks for one.
    pub(super) async fn identify<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        route: &Route,
        record: &mut Record<'_>,
    ) -> Identity {
        if route.auth == Auth::None {
            return Identity::Anonymous(Absence::NotAsked);
        }
        let mut identity = Identity::Anonymous(Absence::NoCookie);
        for by in &route.by {
            let work = match by {
                Authenticator::Session => apart(USES.sessions, || self.by_session(ctx)),
                Authenticator::Jwt => apart(USES.jwt, || self.by_jwt(ctx, route)),
                Authenticator::ApiKey => apart(USES.api_keys, || self.by_api_key(ctx)),
            };
            let Some(work) = work else { continue };
            let found = work.await;
            match (found, identity.record()) {
                (Err(Absence::NoCookie), _) => {}
                (Err(absence), _) => {
                    identity = Identity::Anonymous(absence);
                    break;
                }
                (Ok(found), None) => identity = found,
                (Ok(found), Some(other)) if found.record().is_some_and(|record| record.user == other.user) => {}
                (Ok(_), Some(_)) => {
                    identity = Identity::Anonymous(Absence::Conflict);
                    break;
                }
            }
        }
        record.identity_ms = ctx.now().saturating_sub(ctx.started);
        self.observer.counters().identified(identity.as_str());
        identity
    }

    /// Whether another site's page made a browser send a request that uses a session, or that may start one.
    pub(super) fn is_cross_site<P: Platform>(&self, ctx: &Context<'_, P>, route: &Route) -> bool {
        let by_session = USES.sessions && route.auth != Auth::None && route.by.contains(&Authenticator::Session);
        let concerned = || route.sessions || sent_token(ctx) != Err(Absence::NoCookie);
        by_session && !cross_site::is_trusted(route, ctx.head) && concerned()
    }

    /// Reads an issuer's keys after a reply.
    pub(super) async fn read_keys<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        place: usize,
    ) -> Result<(), Unavailable> {
        self.key_rings.read(platform, config, place).await.map(|_| ())
    }
}

/// The session token that the visitor sent.
fn sent_token<P: Platform>(ctx: &Context<'_, P>) -> Result<Token, Absence> {
    let name = sessions::cookie_name(&ctx.config.session.cookie, ctx.is_https());
    sessions::token(ctx.head.fields.get("cookie"), &name)
}
