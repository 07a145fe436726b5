//! The demo: anybody may sign in as anybody, and purge. Only where the var `USHER_DEMO` is `on`.

use super::{Gateway, admin::text, visit::Visit};
use crate::config::Config;
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
        same_site(visit)?;
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
            let draft =
                Draft { user, roles: vec!["demo".into()], locale: form.field("locale"), data: serde_json::Value::Null };
            draft.check().map_err(|(field, sentence)| Error::Malformed(format!("\"{field}\": {sentence}")))?;
            Instruction::Start(draft)
        };
        let cookie = self.obey(platform, config, visit, instruction).await?;
        let back = form.field("return_to").filter(|target| path::is_local(target));
        let mut answer = Generated::redirect(303, back.as_deref().unwrap_or("/"));
        answer.edits.append("set-cookie", &cookie);
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

/// A form on another site must not sign anybody in or out here.
fn same_site(visit: &Visit<'_>) -> Result<(), Error> {
    let fields = &visit.head.fields;
    let site = fields.get("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let own = format!("{}://{}", visit.head.url.scheme, visit.head.url.authority);
    let origin = fields.get("origin").is_none_or(|origin| origin == own);
    if site && origin { Ok(()) } else { Err(Error::CrossSite) }
}
