//! Finding out who is asking: by session, token or API key, in the order that the route says.
//!
//! Each answers that it was not brought, that it does not hold, or who it is. What was not brought lets
//! the next one try; what does not hold ends the search. All that were brought must say the same user.

use super::{Gateway, join::join, visit::Visit};
use crate::config::{Auth, Authenticator, Config, Issuer, Route};
use crate::cross_site;
use crate::head::{Fields, list};
use crate::identity::{self, Identity, Source};
use crate::jwt::{self, Fault, Keys};
use crate::observe;
use crate::platform::{After, Platform, Proof};
use crate::session::{self, Absence, Note, Record, Token};
use std::rc::Rc;

/// A token that was verified, and what that rests on.
#[derive(Debug)]
pub(super) struct Verified {
    record: Rc<Record>,
    /// What the token is known by where it is ended.
    hash: String,
    /// A place in the configuration's issuers.
    issuer: usize,
    /// The key's name: gone from the issuer's keys, the token no longer holds.
    key: Rc<str>,
}

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
        let mut identity = Identity::Anonymous(Absence::NoCookie);
        for by in &route.by {
            let found = match by {
                Authenticator::Session => self.by_session(platform, config, visit).await,
                Authenticator::Jwt => self.by_token(platform, config, visit, route).await,
                Authenticator::ApiKey => self.by_key(platform, config, visit).await,
            };
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
        visit.identity_ms = platform.now().saturating_sub(visit.started);
        self.counters.borrow_mut().identified(identity.word());
        identity
    }

    /// Whether another site's page made a browser ask for what a session allows, or what starts one.
    pub(super) fn comes_from_elsewhere(&self, config: &Config, visit: &Visit<'_>, route: &Route) -> bool {
        let asks = route.auth != Auth::None && route.by.contains(&Authenticator::Session);
        let concerned = || route.sessions || brought(config, visit) != Err(Absence::NoCookie);
        asks && !cross_site::is_trusted(route, visit.head) && concerned()
    }

    pub(super) async fn by_session<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
    ) -> Result<Identity, Absence> {
        let key = brought(config, visit)?.key();
        let (record, source) = self.looked_up_record(platform, config, visit, &key).await?;
        let now = platform.now();
        let checked = record.check(&key, now, &self.view.borrow(), &config.session);
        if let Err(absence) = checked {
            self.memo.borrow_mut().forget(&key);
            return Err(absence);
        }
        // What goes on under another key is left to pass away.
        let renews = source == Source::Store && self.view.borrow().successor(&key).is_none();
        let record = match record.renewed(now, &config.session).filter(|_| renews) {
            None => record,
            Some(renewed) => {
                let value = serde_json::to_string(&renewed).unwrap_or_default();
                let note = Note::new(&renewed, &key, &visit.visitor, visit.head.fields.get("user-agent"), now);
                visit.after.push(After::Renew { key: key.clone(), value, note, seconds: renewed.time_to_live(now) });
                Rc::new(renewed)
            }
        };
        if source == Source::Store {
            self.memo.borrow_mut().put(&key, Rc::clone(&record), now);
        }
        Ok(Identity::User { record, key, by: Authenticator::Session, source })
    }

    async fn by_key<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
    ) -> Result<Identity, Absence> {
        let sent = visit.head.fields.get(&config.api_key).ok_or(Absence::NoCookie)?;
        let key = Token::parse_key(sent).ok_or(Absence::Key)?.key();
        let found = self.looked_up_record(platform, config, visit, &key).await;
        let (record, source) =
            found.map_err(|absence| if absence == Absence::Down { absence } else { Absence::Key })?;
        let now = platform.now();
        if now >= record.expires || record.is_revoked(&key, &self.view.borrow()) {
            self.memo.borrow_mut().forget(&key);
            return Err(Absence::Key);
        }
        if source == Source::Store {
            self.memo.borrow_mut().put(&key, Rc::clone(&record), now);
        }
        Ok(Identity::User { record, key, by: Authenticator::ApiKey, source })
    }

    /// A stored record, and the ledger read up to now.
    async fn looked_up_record<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
        key: &str,
    ) -> Result<(Rc<Record>, Source), Absence> {
        let remembered = self.memo.borrow().get(key, visit.started);
        if let Some(record) = remembered {
            self.current(platform, config).await.map_err(|_| Absence::Down)?;
            return Ok((record, Source::Memo));
        }
        let read = platform.record_read(key, config.session.deadline);
        let (read, current) = join(read, self.current(platform, config)).await;
        current.map_err(|_| Absence::Down)?;
        let text = read.map_err(|_| Absence::Down)?.ok_or(Absence::Unknown)?;
        Ok((Rc::new(understood(platform, &text)?), Source::Store))
    }

    async fn by_token<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        route: &Route,
    ) -> Result<Identity, Absence> {
        let text = bearer(&visit.head.fields).ok_or(Absence::NoCookie)?.map_err(Absence::Token)?;
        if text.len() > jwt::LONGEST {
            return Err(Absence::Token(Fault::TooLong));
        }
        let now = platform.now();
        // By the whole token: looking that up is cheaper than hashing it, and only good ones are kept.
        let remembered = self.verified.borrow().get(text, now);
        let known = match remembered.filter(|known| route.issuers.contains(&known.issuer)) {
            Some(known) => self.still_signed(platform, config, visit, &known).await.then_some(known),
            None => None,
        };
        let (verified, source) = match known {
            Some(known) => (known, Source::Memo),
            None => (Rc::new(self.verify(platform, config, visit, route, text).await?), Source::Store),
        };
        self.current(platform, config).await.map_err(|_| Absence::Down)?;
        let record = Rc::clone(&verified.record);
        if now >= record.expires {
            self.verified.borrow_mut().forget(text);
            return Err(Absence::Token(Fault::Expired));
        }
        if record.is_revoked(&verified.hash, &self.view.borrow()) {
            return Err(Absence::Token(Fault::Revoked));
        }
        let key = verified.hash.clone();
        if source == Source::Store {
            self.verified.borrow_mut().put(text, verified, now);
        }
        Ok(Identity::User { record, key, by: Authenticator::Jwt, source })
    }

    /// Verifies a visitor's token: what it claims first, for that is cheap, then its signature.
    async fn verify<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        route: &Route,
        text: &str,
    ) -> Result<Verified, Absence> {
        let token = jwt::Token::read(text).map_err(Absence::Token)?;
        let taken = route.issuers.iter().filter_map(|place| Some((*place, config.issuers.get(*place)?)));
        let (place, issuer) = token.issuer(taken).map_err(Absence::Token)?;
        let claims = token.admitted(issuer, &issuer.audience, platform.now()).map_err(Absence::Token)?;
        let record = identity::of_token(issuer, claims.clone()).map_err(Absence::Token)?;
        let key = self.signed_by(platform, visit, (place, issuer), &token).await?;
        // By what is signed, for a signature may have another form that holds as well.
        Ok(Verified { record: Rc::new(record), hash: session::digest(token.signed), issuer: place, key })
    }

    /// Whether the key that signed a remembered token is still its issuer's; asks for the keys when they
    /// are old, like any other use of them.
    async fn still_signed<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        known: &Verified,
    ) -> bool {
        let Some(issuer) = config.issuers.get(known.issuer) else { return false };
        let keys = self.keys(platform, visit, known.issuer, issuer).await;
        keys.is_ok_and(|keys| keys.have(&known.key))
    }

    /// The name of the issuer's key that signed a token.
    pub(super) async fn signed_by<P: Platform>(
        &self,
        platform: &P,
        visit: &mut Visit<'_>,
        (place, issuer): (usize, &Issuer),
        token: &jwt::Token<'_>,
    ) -> Result<Rc<str>, Absence> {
        let keys = self.keys(platform, visit, place, issuer).await.map_err(|_| Absence::Down)?;
        let found = self.signed_by_one(platform, &keys, token).await;
        let unknown = token.kid.as_deref().is_none_or(|kid| !keys.name(kid));
        if !unknown || !matches!(found, Err(Absence::Token(_))) {
            return found;
        }
        match self.keys_again(platform, place, issuer, keys, token.kid.as_deref()).await {
            Ok(keys) => self.signed_by_one(platform, &keys, token).await,
            Err(_) if token.kid.is_none() => found,
            Err(_) => Err(Absence::Down),
        }
    }

    /// The name of the one among these keys that signed a token.
    async fn signed_by_one<P: Platform>(
        &self,
        platform: &P,
        keys: &Keys,
        token: &jwt::Token<'_>,
    ) -> Result<Rc<str>, Absence> {
        let candidates = keys.candidates(token.algorithm, token.kid.as_deref(), &token.signature);
        for key in candidates.map_err(Absence::Token)? {
            let holds = match key.shared_secret() {
                Some(secret) => jwt::mac_holds(token.algorithm, secret, token.signed, &token.signature),
                None => {
                    let jwt::Token { algorithm, signed, .. } = *token;
                    let proof = Proof { algorithm, key: key.name(), signed, signature: &token.signature };
                    platform.verify(&proof).await.map_err(|_| Absence::Down)?
                }
            };
            if holds {
                return Ok(Rc::clone(key.name()));
            }
        }
        Err(Absence::Token(Fault::Signature))
    }
}

/// The session token that the visitor brought.
pub(super) fn brought(config: &Config, visit: &Visit<'_>) -> Result<Token, Absence> {
    let name = session::cookie_name(&config.session.cookie, visit.is_https());
    session::token(visit.head.fields.get("cookie"), &name)
}

/// The bearer token of a request (RFC 6750 2.1), if one was sent. Two `Authorization` lines may arrive
/// joined by a comma, and then nobody can say which was meant.
pub(super) fn bearer<'a>(fields: &Fields<'a>) -> Option<Result<&'a str, Fault>> {
    let value = fields.get("authorization")?;
    let of = |member: &'a str| {
        let (scheme, token) = member.split_once(' ').unwrap_or((member, ""));
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    let mut all = list(value).map(of);
    match (all.next().flatten(), all.flatten().count(), value.contains(',')) {
        (None, 0, _) => None,
        (Some(token), 0, false) => Some(Ok(token)),
        _ => Some(Err(Fault::Malformed)),
    }
}

/// A stored record; one that names nobody is none.
pub(super) fn understood<P: Platform>(platform: &P, text: &str) -> Result<Record, Absence> {
    let record: Result<Record, _> = serde_json::from_str(text);
    let record = match record {
        Ok(record) if record.user.trim().is_empty() => Err("its user is blank".to_owned()),
        record => record.map_err(|error| error.to_string()),
    };
    record.map_err(|error| {
        platform.log(&observe::event(
            "error",
            &format!("a session's record cannot be read and counts as unknown: {error}"),
        ));
        Absence::Unknown
    })
}
