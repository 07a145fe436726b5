//! `/.usher/api-keys`: the operator makes API keys.

use super::Admin;
use super::body::{check, read, text};
use crate::config::{LONGEST_ENDED, units};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::operator::require_operator;
use crate::http::json::{self, json_object};
use crate::identity::api_key;
use crate::identity::session::{Draft, Record};
use crate::platform::Platform;
use crate::respond::Generated;
use serde_json::{Map, Value};

impl Admin {
    /// Makes an API key of a user. It expires after `lifetime`: 90 days unless stated, 366 at most.
    pub(super) async fn make_api_key<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Generated, Error> {
        require_operator(ctx)?;
        let mut body: Map<String, Value> = read(&text(ctx.platform).await?)?;
        let lifetime = body.remove("lifetime").unwrap_or_else(|| Value::from("90d"));
        let draft: Draft = read(&json::text(&Value::Object(body)))?;
        if draft.remember {
            return Err(Error::Malformed("\"remember\": an API key lives as its \"lifetime\" says".into()));
        }
        check(&draft)?;
        let lifetime = lifetime.as_str().and_then(units::duration).filter(|l| (60_000..=LONGEST_ENDED).contains(l));
        let lifetime =
            lifetime.ok_or_else(|| Error::Malformed("\"lifetime\": 1m to 366d are allowed, such as \"90d\"".into()))?;
        let created = self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        let expires = ctx.now() + lifetime;
        let record = Record { expires, ..draft.record(created, ctx.now(), &ctx.config.session) };
        let token = api_key::new(&ctx.platform.random::<32>());
        self.identities.store(ctx, &token.key(), &record, Some(api_key::DEVICE)).await?;
        Ok(Generated::json(
            201,
            &json_object!({ "api_key": token.secret(), "session": token.key(), "expires": expires }),
        ))
    }
}
