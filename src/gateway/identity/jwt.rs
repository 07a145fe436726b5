//! The bearer token of a request: a JWT of one of the route's issuers.

use super::Identities;
use super::key_rings::DEADLINE;
use crate::config::{Authenticator, Route, USES};
use crate::gateway::apart::apart;
use crate::gateway::context::Context;
use crate::identity::introspection::{self, Why};
use crate::identity::jwt::{self, Fault, Keys, MOST_BYTES, Token};
use crate::identity::session::digest;
use crate::identity::{Absence, Identity, Source, VerifiedToken, record_of_token};
use crate::platform::{DocumentRequest, Platform, SignedMessage};
use std::rc::Rc;

impl Identities {
    /// The identity by the bearer token.
    pub(super) async fn by_jwt<P: Platform>(&self, ctx: &Context<'_, P>, route: &Route) -> Result<Identity, Absence> {
        let text = jwt::bearer(&ctx.head.fields).ok_or(Absence::NoCookie)?.map_err(Absence::Token)?;
        if text.len() > jwt::LONGEST {
            return Err(Absence::Token(Fault::TooLong));
        }
        let now = ctx.now();
        // The whole token is the key: a look-up is cheaper than a hash, and only valid tokens are kept.
        // What an issuer said about an opaque token holds for a while only.
        let holds = |known: &Rc<VerifiedToken>| {
            route.issuers.contains(&known.issuer) && (!known.key.is_empty() || now < known.record.expires)
        };
        let remembered = self.verified.borrow().get(text, now).filter(holds);
        let known = match remembered {
            Some(known) => self.is_still_signed(ctx, &known).await.then_some(known),
            None => None,
        };
        let (verified, source) = match known {
            Some(known) => (known, Source::Memo),
            None => (Rc::new(self.verify(ctx, route, text).await?), Source::Store),
        };
        self.ledger.current(ctx.platform).await.map_err(|_| Absence::Down)?;
        let record = Rc::clone(&verified.record);
        if now >= record.expires {
            self.verified.borrow_mut().forget(text);
            return Err(Absence::Token(Fault::Expired));
        }
        if record.is_revoked(&verified.hash, &self.ledger.view()) {
            return Err(Absence::Token(Fault::Revoked));
        }
        let key = verified.hash.clone();
        if source == Source::Store {
            self.verified.borrow_mut().put(text, verified, now);
        }
        Ok(Identity::User { record, key, by: Authenticator::Jwt, source })
    }

    /// Verifies a token: its claims first, which is cheap, then its signature.
    async fn verify<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        route: &Route,
        text: &str,
    ) -> Result<VerifiedToken, Absence> {
        let read = Token::read(text);
        let opaque = USES.introspection && read.as_ref().is_err_and(|fault| *fault == Fault::Malformed);
        if let Some(work) = apart(opaque, || self.introspect(ctx, route, text)) {
            return work.await;
        }
        let token = read.map_err(Absence::Token)?;
        let taken = route.issuers.iter().filter_map(|place| Some((*place, ctx.config.issuers.get(*place)?)));
        let (place, issuer) = token.issuer(taken).map_err(Absence::Token)?;
        let claims = token.admitted(issuer, &issuer.audience, ctx.now()).map_err(Absence::Token)?;
        let record = record_of_token(issuer, claims.clone()).map_err(Absence::Token)?;
        let key = self.signed_by(ctx, place, &token).await?;
        // The hash of the signing input, because a signature may have several valid forms.
        Ok(VerifiedToken { record: Rc::new(record), hash: digest(token.signed), issuer: place, key })
    }

    /// Asks the issuer of the route that says so about a token that is no JWT.
    async fn introspect<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        route: &Route,
        text: &str,
    ) -> Result<VerifiedToken, Absence> {
        let issuers = route.issuers.iter().filter_map(|place| Some((*place, ctx.config.issuers.get(*place)?)));
        let mut asked = issuers.filter_map(|(place, issuer)| Some((place, issuer, issuer.introspection.as_ref()?)));
        let (place, issuer, how) = asked.next().ok_or(Absence::Token(Fault::Malformed))?;
        let down = |why: &str| {
            ctx.platform.error(&format!("issuer {:?} cannot be asked about a token: {why}", issuer.name));
            Absence::Down
        };
        let url = match &how.url {
            Some(url) => url.text().to_owned(),
            None => {
                let provider = self.key_rings.provider(ctx.platform, ctx.config, place).await;
                let endpoint = provider.map_err(|why| down(&why))?.introspection_endpoint.clone();
                endpoint.ok_or_else(|| down("its discovery document names no introspection_endpoint"))?
            }
        };
        let (form, authorization) = introspection::request(how, text);
        let (form, authorization) = (Some(form.as_str()), Some(authorization.as_str()));
        let request = DocumentRequest { url: &url, form, authorization, deadline: DEADLINE, most: MOST_BYTES };
        let answer = ctx.platform.fetch_document(&request).await;
        let answer = answer.map_err(|_| down("it did not answer, or not in time, or too much"))?;
        if answer.status != 200 {
            return Err(down(&format!("it answered {}", answer.status)));
        }
        let record = introspection::record(issuer, how.memo, &answer.text, ctx.now());
        let record = record.map_err(|why| match why {
            Why::NoAnswer(why) => down(&why),
            Why::Token(fault) => Absence::Token(fault),
        })?;
        Ok(VerifiedToken { record: Rc::new(record), hash: digest(text), issuer: place, key: "".into() })
    }

    /// Whether the issuer still has the key that signed a remembered token.
    async fn is_still_signed<P: Platform>(&self, ctx: &Context<'_, P>, known: &VerifiedToken) -> bool {
        if known.key.is_empty() {
            return true;
        }
        self.key_rings.keys(ctx, known.issuer).await.is_ok_and(|keys| keys.has_key(&known.key))
    }

    /// The name of the issuer's key that signed a token. `place` is the issuer's index in the configuration.
    pub(super) async fn signed_by<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        place: usize,
        token: &Token<'_>,
    ) -> Result<Rc<str>, Absence> {
        let keys = self.key_rings.keys(ctx, place).await.map_err(|_| Absence::Down)?;
        let found = signed_by_one(ctx.platform, &keys, token).await;
        let unknown = token.kid.as_deref().is_none_or(|kid| !keys.has_kid(kid));
        if !unknown || !matches!(found, Err(Absence::Token(_))) {
            return found;
        }
        match self.key_rings.keys_again(ctx, place, keys, token.kid.as_deref()).await {
            Ok(keys) => signed_by_one(ctx.platform, &keys, token).await,
            Err(_) if token.kid.is_none() => found,
            Err(_) => Err(Absence::Down),
        }
    }
}

/// The name of the key among these that signed a token.
async fn signed_by_one<P: Platform>(platform: &P, keys: &Keys, token: &Token<'_>) -> Result<Rc<str>, Absence> {
    let candidates = keys.candidates(token.algorithm, token.kid.as_deref(), &token.signature);
    for key in candidates.map_err(Absence::Token)? {
        let holds = match key.shared_secret() {
            Some(secret) => jwt::mac_holds(token.algorithm, secret, token.signed, &token.signature),
            None => {
                let Token { algorithm, signed, .. } = *token;
                let message = SignedMessage { algorithm, key: key.name(), signed, signature: &token.signature };
                platform.verify(&message).await.map_err(|_| Absence::Down)?
            }
        };
        if holds {
            return Ok(Rc::clone(key.name()));
        }
    }
    Err(Absence::Token(Fault::Signature))
}
