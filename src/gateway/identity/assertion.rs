//! `Usher-Assertion`: what is signed for origins.

use super::Identities;
use crate::config::Target;
use crate::error::Error;
use crate::gateway::context::Context;
use crate::http::head::Edits;
use crate::identity::Partition;
use crate::identity::assertion::{Facts, Unsigned};
use crate::platform::{Crypto, Log, Platform};
use crate::respond::Generated;
use crate::route::Place;

impl Identities {
    /// The assertion for the origins of a route, if there are keys for it. `shared` names the visitors who share the
    /// response, if it may be stored.
    pub(in crate::gateway) fn assertion<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        place: &Place<'_, '_>,
        (method, path): (&str, &str),
        shared: Option<&Partition>,
    ) -> Option<Unsigned> {
        if !matches!(place.route.target, Target::Pools(_) | Target::Shards(_)) {
            return None;
        }
        let signer = self.signer.as_ref()?;
        let service = |pool: &usize| ctx.config.pools.get(*pool).map(|pool| pool.service.as_str());
        let facts = Facts {
            issuer: &ctx.config.assertion,
            services: place.route.pools.iter().filter_map(service).collect(),
            method,
            path,
            request_id: &ctx.request_id,
            record: ctx.identity.record(),
            shared,
        };
        signer.unsigned(&facts, ctx.now())
    }

    /// Whether assertions are signed, so that their keys are published.
    pub(in crate::gateway) fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// The keys that origins verify assertions with (RFC 7517 5).
    pub(in crate::gateway) fn published_keys(&self, method: &str) -> Result<Generated, Error> {
        if !matches!(method, "GET" | "HEAD") {
            return Err(Error::MethodNotAllowed(vec!["GET".into(), "HEAD".into()]));
        }
        let signer = self.signer.as_ref().ok_or(Error::NotFound)?;
        let mut answer = Generated::json(200, &signer.published());
        answer.edits.set("cache-control", "public, max-age=300");
        Ok(answer)
    }
}

/// Signs an assertion, and adds it to the request to the origin.
pub(in crate::gateway) async fn sign(
    platform: &(impl Crypto + Log),
    assertion: &Unsigned,
    edits: &mut Edits,
) -> Result<(), Error> {
    let signature = platform.sign(&assertion.key, &assertion.text).await.map_err(|_| {
        platform.error("a key of the secret SIGNING_KEYS cannot sign, and no origin is asked without");
        Error::IdentityDown
    })?;
    edits.set("usher-assertion", &format!("{}.{signature}", assertion.text));
    Ok(())
}
