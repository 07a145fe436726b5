//! The API key of a request.

use super::Identities;
use crate::config::Authenticator;
use crate::gateway::context::Context;
use crate::identity::{Absence, Identity, Source, api_key};
use crate::platform::Platform;
use std::rc::Rc;

impl Identities {
    /// The identity by the API key.
    pub(super) async fn by_api_key<P: Platform>(&self, ctx: &Context<'_, P>) -> Result<Identity, Absence> {
        let sent = ctx.head.fields.get(&ctx.config.api_key).ok_or(Absence::NoCookie)?;
        let key = api_key::parse(sent).ok_or(Absence::Key)?.key();
        let found = self.read_record(ctx, &key).await;
        let (record, source) =
            found.map_err(|absence| if absence == Absence::Down { absence } else { Absence::Key })?;
        let now = ctx.now();
        if now >= record.expires || record.is_revoked(&key, &self.ledger.view()) {
            self.memo.borrow_mut().forget(&key);
            return Err(Absence::Key);
        }
        if source == Source::Store {
            self.memo.borrow_mut().put(&key, Rc::clone(&record), now);
        }
        Ok(Identity::User { record, key, by: Authenticator::ApiKey, source })
    }
}
