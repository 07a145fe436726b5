//! The demo: anybody may sign in as anybody, and purge. Only where the var `USHER_DEMO` is `on`.

use super::Admin;
use super::body::{check, text};
use crate::config::{Auth, USES};
use crate::error::Error;
use crate::gateway::apart::apart;
use crate::gateway::context::Context;
use crate::gateway::record::Record;
use crate::http::head::Url;
use crate::http::path;
use crate::identity::cross_site;
use crate::identity::session::{Draft, Instruction};
use crate::platform::Platform;
use crate::respond::Generated;

impl Admin {
    /// Answers `/.usher/demo/{page}`.
    pub(super) async fn demo<P: Platform>(
        &self,
        ctx: &mut Context<'_, P>,
        record: &mut Record<'_>,
        page: &str,
    ) -> Result<Generated, Error> {
        if !matches!(page, "sign-in" | "sign-out" | "purge") {
            return Err(Error::NotFound);
        }
        if ctx.head.method != "POST" {
            return Err(Error::MethodNotAllowed(vec!["POST".into()]));
        }
        if !cross_site::is_trusted_here(ctx.head) {
            return Err(Error::CrossSite);
        }
        let body = text(ctx.platform).await?;
        if page == "purge" {
            return apart(USES.cache, || self.purge(ctx, &body)).ok_or(Error::NotFound)?.await;
        }
        // The new session ends the visitor's previous one.
        let route = ctx.config.routes.iter().find(|route| route.auth != Auth::None);
        if let Some(route) = route {
            ctx.identity = self.identities.identify(ctx, route, record).await;
        }
        let form = Form(&body);
        let instruction = if page == "sign-out" {
            Instruction::End
        } else {
            let user = form.field("user").unwrap_or_default();
            let draft = Draft { user, roles: vec!["demo".into()], locale: form.field("locale"), ..Draft::default() };
            check(&draft)?;
            Instruction::Start(draft.authenticated(ctx.now()))
        };
        let cookie = self.identities.carry_out(ctx, instruction).await?;
        let back = form.field("return_to").filter(|target| path::is_local(target));
        let mut answer = Generated::redirect(303, back.as_deref().unwrap_or("/"));
        if let Some(cookie) = cookie {
            answer.edits.append("set-cookie", &cookie);
        }
        Ok(answer)
    }
}

/// A form's body (application/x-www-form-urlencoded).
struct Form<'a>(&'a str);

impl Form<'_> {
    fn field(&self, name: &str) -> Option<String> {
        let url = Url { scheme: "", authority: "", path: "", query: Some(self.0) };
        url.parameter(name).map(|value| path::decode(&value.replace('+', " "))).filter(|value| !value.is_empty())
    }
}
