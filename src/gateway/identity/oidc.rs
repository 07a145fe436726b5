//! Sign-in with an OpenID provider: the redirect to it, and the callback.

use super::Identities;
use super::key_rings::DEADLINE;
use crate::config::{Client, Issuer};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::http::{cookie, path};
use crate::identity::jwt::{self, MOST_BYTES};
use crate::identity::oidc::{self, Pending, Provider};
use crate::identity::session::{self, Draft, Instruction, is_list_value};
use crate::identity::{Absence, Identity, record_of_token};
use crate::ledger::{Validity, subject};
use crate::platform::{DocumentRequest, Platform};
use crate::respond::Generated;
use crate::route::Place;

/// How long a used `state` is remembered, in milliseconds: longer than a sign-in may take.
const USED: u64 = 3_600_000;

impl Identities {
    /// Answers a route's `sign_in` with the issuer at index `number`: the route's path redirects to the provider, and
    /// the provider redirects back to `/callback` below it.
    pub(in crate::gateway) async fn sign_in<P: Platform>(
        &self,
        ctx: &mut Context<'_, P>,
        place: &Place<'_, '_>,
        number: usize,
    ) -> Result<Generated, Error> {
        if ctx.head.method != "GET" {
            return Err(Error::MethodNotAllowed(vec!["GET".into()]));
        }
        let issuer = ctx.config.issuers.get(number).ok_or(Error::Internal)?;
        let client = issuer.client.as_ref().ok_or(Error::Internal)?;
        let base = place.path.trim_end_matches('/').trim_end_matches("/callback");
        let own = place.route.path.matches(base).is_some() && place.route.path.matches(&format!("{base}/x")).is_some();
        let depth = base.split('/').count() == place.route.path.segments.len() + 1;
        if !own || !depth {
            return Err(Error::NotFound);
        }
        let provider = self.key_rings.provider(ctx.platform, ctx.config, number).await.map_err(|why| {
            ctx.platform.error(&format!("nobody can sign in with issuer {:?}: {why}", issuer.name));
            Error::IdentityDown
        })?;
        let Some(token_endpoint) = provider.authorization_endpoint.as_ref().and(provider.token_endpoint.as_deref())
        else {
            ctx.platform.error(&format!(
                "nobody can sign in with issuer {:?}: its discovery document names no pages for it",
                issuer.name
            ));
            return Err(Error::IdentityDown);
        };
        let url = &ctx.head.url;
        let redirect_uri = format!("{}://{}{base}/callback", url.scheme, url.authority);
        if place.path.trim_end_matches('/').ends_with("/callback") {
            let sign_in = SignIn {
                number,
                issuer,
                client,
                provider: &provider,
                token_endpoint,
                redirect_uri: &redirect_uri,
                base: &format!("{}{base}", ctx.locale_prefix(place)),
            };
            return self.finish_sign_in(ctx, &sign_in).await;
        }
        let back = url.parameter("return_to").map(path::decode).unwrap_or_else(|| "/".into());
        let max_age = url.parameter("max_age").and_then(|seconds| seconds.parse().ok());
        let pending = Pending::new(&ctx.platform.random::<96>(), &issuer.name, &back, max_age, ctx.now());
        let location = pending.location(&provider, client, &redirect_uri, ctx.language());
        let mut answer = Generated::redirect(302, &location);
        let cookie = &ctx.config.session.cookie;
        let name = session::cookie_name(&Pending::cookie_name(cookie, &pending.state), ctx.is_https());
        let value = pending.cookie_value(name.len());
        let cookies = ctx.head.fields.get("cookie");
        let own = (cookie.as_str(), ctx.is_https());
        for old in Pending::abandoned(cookies, own, name.len() + value.len()) {
            let bare = old.strip_prefix("__Host-").unwrap_or(old);
            answer.edits.append("set-cookie", &session::attributes(bare, "", 0, ctx.is_https()));
        }
        answer.edits.append("set-cookie", &pending_cookie(ctx, &pending.state, &value, 600));
        Ok(answer)
    }

    async fn finish_sign_in<P: Platform>(
        &self,
        ctx: &mut Context<'_, P>,
        sign_in: &SignIn<'_>,
    ) -> Result<Generated, Error> {
        let SignIn { issuer, client, provider, token_endpoint, redirect_uri, .. } = *sign_in;
        let head = ctx.head;
        let parameter = |name: &str| head.url.parameter(name).map(path::decode);
        let state = parameter("state").unwrap_or_default();
        let name = Pending::cookie_name(&ctx.config.session.cookie, &state);
        let name = session::cookie_name(&name, ctx.is_https());
        let sent = cookie::find(head.fields.get("cookie"), &name).one();
        let Some(pending) = Pending::back(sent, &issuer.name, &state, ctx.now()) else {
            let why = "this browser did not begin it, or too long ago: begin again";
            return self.go_on(ctx, "/", sign_in.failed(why, "/")).await;
        };
        let failed = |why| sign_in.failed(why, &pending.back);
        if oidc::is_mixed_up(parameter("iss").as_deref(), provider, issuer) {
            return Err(failed("the answer is from another provider"));
        }
        // Once only: a second callback with the same state is refused, also elsewhere.
        let used = subject::sign_in(&session::digest(&state));
        self.ledger.present(ctx.platform).await.map_err(|_| Error::LedgerDown)?;
        if self.ledger.view().validity(0, [used.as_str()]) != Validity::Valid {
            let error = failed("it has been finished already: begin again");
            return self.go_on(ctx, &pending.back, error).await;
        }
        if parameter("error").is_some() {
            return Err(failed("the provider did not let them in"));
        }
        let code = parameter("code").ok_or_else(|| failed("the answer has no code"))?;
        let (form, authorization) = pending.redeem(provider, client, &code, redirect_uri);
        let request = DocumentRequest {
            url: token_endpoint,
            form: Some(&form),
            authorization: authorization.as_deref(),
            deadline: DEADLINE,
            most: MOST_BYTES,
        };
        let document = ctx.platform.fetch_document(&request).await.map_err(|_| Error::IdentityDown)?;
        let id_token = if document.status == 200 { oidc::id_token(&document.text) } else { None };
        let Some(text) = id_token else {
            ctx.platform.warning(&format!(
                "issuer {:?} answered {} to a code, without an ID token",
                issuer.name, document.status
            ));
            return Err(failed("the provider did not take the code"));
        };
        let draft = self.verify_id_token(ctx, sign_in, &pending, &text).await?;
        // Not before the ID token is verified: a cookie and a state can be forged, and must not fill the ledger.
        self.ledger.stamp(ctx.platform, vec![used], false, USED).await.map_err(|_| Error::LedgerDown)?;
        ctx.identity = self.by_session(ctx).await.unwrap_or_else(Identity::Anonymous);
        self.keep_id_token(ctx, issuer, &draft.issuer, &text).await;
        let cookie = self.carry_out(ctx, Instruction::Start(draft)).await?;
        let mut answer = Generated::redirect(303, &pending.back);
        answer.edits.append("set-cookie", &pending_cookie(ctx, &state, "", 0));
        if let Some(cookie) = cookie {
            answer.edits.append("set-cookie", &cookie);
        }
        Ok(answer)
    }

    /// Redirects a visitor who has a session in spite of the error; otherwise returns the error.
    async fn go_on<P: Platform>(&self, ctx: &mut Context<'_, P>, back: &str, error: Error) -> Result<Generated, Error> {
        ctx.identity = self.by_session(ctx).await.unwrap_or_else(Identity::Anonymous);
        match ctx.identity {
            Identity::User { .. } => Ok(Generated::redirect(303, back)),
            Identity::Anonymous(Absence::Down) => Err(Error::IdentityDown),
            Identity::Anonymous(_) => Err(error),
        }
    }

    /// Verifies an ID token, and returns the draft of a session for its user.
    async fn verify_id_token<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        sign_in: &SignIn<'_>,
        pending: &Pending,
        text: &str,
    ) -> Result<Draft, Error> {
        let SignIn { number, issuer, client, .. } = *sign_in;
        let refused = |why: &'static str| {
            ctx.platform.error(&format!("an ID token of issuer {:?} does not hold: {why}", issuer.name));
            sign_in.failed("what the provider says does not hold", &pending.back)
        };
        let now = ctx.now();
        let token = jwt::Token::read(text).map_err(|fault| refused(fault.as_str()))?;
        token.issuer([(number, issuer)].into_iter()).map_err(|fault| refused(fault.as_str()))?;
        let audience = std::slice::from_ref(&client.id);
        // The configured `typ` is for access tokens.
        let of_id = Issuer { typ: None, ..issuer.clone() };
        let claims = token.admitted(&of_id, audience, now).map_err(|fault| refused(fault.as_str()))?;
        pending.check_id_token(claims, client, now).map_err(refused)?;
        self.signed_by(ctx, number, &token).await.map_err(|absence| match absence {
            Absence::Down => Error::IdentityDown,
            other => refused(other.as_str()),
        })?;
        let record = record_of_token(issuer, claims.clone()).map_err(|fault| refused(fault.as_str()))?;
        let locale = claims.text("locale").ok().flatten().map(str::to_owned);
        let mut draft = Draft {
            user: record.user,
            roles: record.roles.into_iter().filter(|role| is_list_value(role)).take(64).collect(),
            scopes: record.scopes.into_iter().filter(|scope| is_list_value(scope)).take(64).collect(),
            locale,
            authenticated: record.authenticated,
            data: oidc::session_data(claims.clone()),
            issuer: record.issuer,
            ..Draft::default()
        };
        // A locale that is no language tag, or claims that are too large, must not refuse a sign-in.
        if let Err((field, _)) = draft.check() {
            draft.locale = draft.locale.filter(|_| field != "locale");
            draft.data = if field == "data" { serde_json::Value::Null } else { draft.data };
        }
        draft.check().map(|()| draft).map_err(|(field, _)| refused(field))
    }
}

/// A sign-in whose callback is being answered.
struct SignIn<'a> {
    /// The issuer's index in the configuration.
    number: usize,
    issuer: &'a Issuer,
    client: &'a Client,
    provider: &'a Provider,
    token_endpoint: &'a str,
    redirect_uri: &'a str,
    /// The path that redirects to the provider.
    base: &'a str,
}

impl SignIn<'_> {
    /// The error of a failed sign-in, with the URL that begins it again.
    fn failed(&self, why: &'static str, back: &str) -> Error {
        Error::SignInFailed { why, again: format!("{}?return_to={}", self.base, path::encode(back)) }
    }
}

/// The `Set-Cookie` value of a pending sign-in; 0 seconds remove it.
fn pending_cookie<P: Platform>(ctx: &Context<'_, P>, state: &str, value: &str, seconds: u64) -> String {
    let name = Pending::cookie_name(&ctx.config.session.cookie, state);
    session::attributes(&name, value, seconds, ctx.is_https())
}
