//! Signs visitors out with their provider, and at the provider's request.

use super::Identities;
use crate::config::Issuer;
use crate::error::Error;
use crate::gateway::context::Context;
use crate::identity::Absence;
use crate::identity::jwt::Token;
use crate::identity::oidc::{self, Ended};
use crate::identity::session::{Record, digest};
use crate::ledger::Validity;
use crate::platform::Platform;
use serde_json::Value;

impl Identities {
    /// The page of the provider where a visitor goes on to sign out, if their session began with an issuer that wants
    /// this. It leads back to `/.usher/signed-out`, and from there to `back`, a path on this host.
    pub(in crate::gateway) async fn provider_sign_out<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        record: &Record,
        back: &str,
    ) -> Option<String> {
        let text = |name: &str| record.issuer.get(name).and_then(Value::as_str);
        let iss = text("iss")?;
        let (place, issuer) = ctx.config.issuers.iter().enumerate().find(|(_, issuer)| issuer.iss.text() == iss)?;
        let client = issuer.client.as_ref().filter(|client| client.signs_out)?;
        let provider = self.key_rings.provider(ctx.platform, ctx.config, place).await;
        let Some(page) = provider.ok().and_then(|provider| provider.end_session_endpoint.clone()) else {
            ctx.platform
                .warning(&format!("nobody can sign out with issuer {:?}: it names no page for it", issuer.name));
            return None;
        };
        let kept = ctx.platform.get(&kept_as(&record.issuer)?, ctx.config.session.deadline).await.ok().flatten();
        let own = format!("{}://{}/.usher/signed-out", ctx.head.url.scheme, ctx.head.url.authority);
        Some(oidc::sign_out_location(&page, client.id.text(), kept.as_deref(), (&own, back)))
    }

    /// Keeps the ID token of a sign-in for the sign-out, where the provider is to know of it.
    pub(super) async fn keep_id_token<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        issuer: &Issuer,
        origin: &Value,
        text: &str,
    ) {
        if !issuer.client.as_ref().is_some_and(|client| client.signs_out) {
            return;
        }
        let longest = ctx.config.session.absolute.max(ctx.config.session.remember.unwrap_or(0)) / 1_000;
        let Some(key) = kept_as(origin) else { return };
        if ctx.platform.put(&key, text, longest.max(60)).await.is_err() {
            ctx.platform.warning("an ID token could not be kept: its provider asks whether to sign out");
        }
    }

    /// Ends what a logout token says (OpenID Connect Back-Channel Logout 1.0). A token that came before does nothing.
    ///
    /// # Errors
    /// [`Error::Malformed`]: it is invalid. [`Error::IdentityDown`], [`Error::LedgerDown`]: the provider may send it again.
    pub(in crate::gateway) async fn end_by_provider<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        text: &str,
    ) -> Result<(), Error> {
        let refused = |why: &str| {
            ctx.platform.warning(&format!("a logout token is invalid: {why}"));
            Error::Malformed(format!("the logout token is invalid: {why}"))
        };
        let token = Token::read(text).map_err(|fault| refused(fault.as_str()))?;
        let issuers = ctx.config.issuers.iter().enumerate().filter(|(_, issuer)| issuer.client.is_some());
        let (place, issuer) = token.issuer(issuers).map_err(|fault| refused(fault.as_str()))?;
        let client = issuer.client.as_ref().ok_or(Error::Internal)?;
        let any = Issuer { typ: None, ..issuer.clone() };
        let audience = std::slice::from_ref(&client.id);
        let claims = token.admitted(&any, audience, ctx.now()).map_err(|fault| refused(fault.as_str()))?;
        let Ended { subject, token: own, lifetime } =
            oidc::ended_by(issuer.iss.text(), claims, ctx.now()).map_err(refused)?;
        self.signed_by(ctx, place, &token).await.map_err(|absence| match absence {
            Absence::Down => Error::IdentityDown,
            other => refused(other.as_str()),
        })?;
        self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        if self.ledger.view().validity(0, [own.as_str()]) != Validity::Valid {
            return Ok(());
        }
        let bounds = ctx.config.session_stamp_lifetime();
        let ended = self.ledger.stamp(ctx.platform, vec![subject], false, bounds).await;
        ended.map_err(|_| Error::LedgerDown)?;
        // Kept until the token has expired: then it is refused for that.
        let used = self.ledger.stamp(ctx.platform, vec![own], false, lifetime).await;
        used.map(drop).map_err(|_| Error::LedgerDown)
    }
}

/// The store's key for the ID token of a session at an issuer, or of a user where the issuer names no sessions.
/// `origin` is [`Record::issuer`].
fn kept_as(origin: &Value) -> Option<String> {
    let text = |name: &str| origin.get(name).and_then(Value::as_str);
    let session = text("sid").map(|sid| ("sid", sid)).or(text("sub").map(|sub| ("sub", sub)))?;
    Some(format!("id-token:{}", digest(&format!("{}\n{}\n{}", text("iss")?, session.0, session.1))))
}
