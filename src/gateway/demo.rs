//! The demo: anybody may sign in as anybody, and purge. Only where the var `USHER_DEMO` is `on`.

use super::admin::{checked, text};
use super::{Gateway, visit::Visit};
use crate::config::Config;
use crate::cross_site;
use crate::error::Error;
use crate::head::Url;
use crate::path;
use crate::platform::Platform;
use crate::respond::Generated;
use crate::session::{Draft, Instruction};

impl Gateway {
    /// Answers `/.usher/demo/{page}`.
    pub(super) async fn demo<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        page: &str,
    ) -> Result<Generated, Error> {
        if !matches!(page, "sign-in" | "sign-out" | "purge") {
            return Err(Error::NotFound);
        }
        if visit.head.method != "POST" {
            return Err(Error::MethodNotAllowed(vec!["POST".into()]));
        }
        if !cross_site::is_trusted_here(visit.head) {
            return Err(Error::CrossSite);
        }
        let body = text(platform).await?;
        if page == "purge" {
            return self.purged(platform, config, &body).await;
        }
        // Whoever was signed in before is signed out by the new session.
        let route = config.routes.iter().find(|route| route.auth != crate::config::Auth::None);
        if let Some(route) = route {
            visit.identity = self.identify(platform, config, visit, route).await;
        }
        let form = Form(&body);
        let instruction = if page == "sign-out" {
            Instruction::End
        } else {
            let user = form.field("user").unwrap_or_default();
            let draft = Draft { user, roles: vec!["demo".into()], locale: form.field("locale"), ..Draft::default() };
            checked(&draft)?;
            Instruction::Start(draft.proven(platform.now()))
        };
        let cookie = self.obey(platform, config, visit, instruction).await?;
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
