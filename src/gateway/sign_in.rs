//! Signing in with an OpenID provider: the way there, and the way back.

use super::keys::DEADLINE;
use super::{Gateway, visit::Visit};
use crate::config::{Client, Config, Issuer};
use crate::error::Error;
use crate::identity::{self, Identity};
use crate::jwt::{self, MOST_BYTES};
use crate::ledger::{Validity, subject};
use crate::oidc::{self, Pending, Provider};
use crate::platform::{Platform, Question};
use crate::respond::Generated;
use crate::route::Place;
use crate::session::{self, Absence, Draft, Instruction, is_word};
use crate::{cookie, observe, path};

/// How long a used `state` is remembered, in milliseconds: longer than a visitor may take.
const USED: u64 = 3_600_000;

impl Gateway {
    /// Answers a route's `sign_in`: its own path leads to the provider, `/callback` below it back.
    pub(super) async fn sign_in<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        place: &Place<'_, '_>,
        number: usize,
    ) -> Result<Generated, Error> {
        if visit.head.method != "GET" {
            return Err(Error::MethodNotAllowed(vec!["GET".into()]));
        }
        let issuer = config.issuers.get(number).ok_or(Error::Internal)?;
        let client = issuer.client.as_ref().ok_or(Error::Internal)?;
        let base = place.path.trim_end_matches('/').trim_end_matches("/callback");
        let own = place.route.path.matches(base).is_some() && place.route.path.matches(&format!("{base}/x")).is_some();
        let depth = base.split('/').count() == place.route.path.segments.len() + 1;
        if !own || !depth {
            return Err(Error::NotFound);
        }
        let provider = self.provider(platform, number, issuer).await.map_err(|why| {
            let sentence = format!("nobody can sign in with issuer {:?}: {why}", issuer.name);
            platform.log(&observe::event("error", &sentence));
            Error::IdentityDown
        })?;
        let Some(token_endpoint) = provider.authorization_endpoint.as_ref().and(provider.token_endpoint.as_deref())
        else {
            let sentence = format!(
                "nobody can sign in with issuer {:?}: its discovery document names no pages for it",
                issuer.name
            );
            platform.log(&observe::event("error", &sentence));
            return Err(Error::IdentityDown);
        };
        let url = &visit.head.url;
        let redirect_uri = format!("{}://{}{base}/callback", url.scheme, url.authority);
        if place.path.trim_end_matches('/').ends_with("/callback") {
            let around = Around {
                number,
                issuer,
                client,
                provider: &provider,
                token_endpoint,
                redirect_uri: &redirect_uri,
                base: &format!("{}{base}", visit.prefix_of(config, place)),
            };
            return self.signed_in(platform, config, visit, &around).await;
        }
        let back = url.parameter("return_to").map(path::decode).unwrap_or_else(|| "/".into());
        let max_age = url.parameter("max_age").and_then(|seconds| seconds.parse().ok());
        let pending = Pending::new(&platform.random::<96>(), &issuer.name, &back, max_age, platform.now());
        let locale = visit.language(config);
        let mut answer = Generated::redirect(302, &pending.location(&provider, client, &redirect_uri, locale));
        let name =
            session::cookie_name(&Pending::cookie_name(&config.session.cookie, &pending.state), visit.is_https());
        let value = pending.sealed(name.len());
        let cookies = visit.head.fields.get("cookie");
        let own = (config.session.cookie.as_str(), visit.is_https());
        for old in Pending::abandoned(cookies, own, name.len() + value.len()) {
            let bare = old.strip_prefix("__Host-").unwrap_or(old);
            answer.edits.append("set-cookie", &session::attributes(bare, "", 0, visit.is_https()));
        }
        answer.edits.append("set-cookie", &cookie(config, visit, &pending.state, &value, 600));
        Ok(answer)
    }

    async fn signed_in<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        around: &Around<'_>,
    ) -> Result<Generated, Error> {
        let Around { issuer, client, provider, token_endpoint, redirect_uri, .. } = *around;
        let parameter = |name: &str| visit.head.url.parameter(name).map(path::decode);
        let state = parameter("state").unwrap_or_default();
        let name = Pending::cookie_name(&config.session.cookie, &state);
        let name = session::cookie_name(&name, visit.is_https());
        let sent = cookie::find(visit.head.fields.get("cookie"), &name).one();
        let Some(pending) = Pending::back(sent, &issuer.name, &state, platform.now()) else {
            let why = "this browser did not begin it, or too long ago: begin again";
            return self.goes_on(platform, config, visit, "/", around.failed(why, "/")).await;
        };
        let failed = |why| around.failed(why, &pending.back);
        if oidc::is_mixed_up(parameter("iss").as_deref(), provider, issuer) {
            return Err(failed("the answer is from another provider"));
        }
        // Once only: whoever comes second with the same state is refused, also elsewhere.
        let used = subject::sign_in(&session::digest(&state));
        self.present(platform, config).await.map_err(|_| Error::LedgerDown)?;
        if self.view.borrow().validity(0, [used.as_str()]) != Validity::Valid {
            let error = failed("it has been finished already: begin again");
            return self.goes_on(platform, config, visit, &pending.back, error).await;
        }
        if parameter("error").is_some() {
            return Err(failed("the provider did not let them in"));
        }
        let code = parameter("code").ok_or_else(|| failed("the answer has no code"))?;
        let (form, authorization) = pending.redeem(provider, client, &code, redirect_uri);
        let question = Question {
            url: token_endpoint,
            form: Some(&form),
            authorization: authorization.as_deref(),
            deadline: DEADLINE,
            most: MOST_BYTES,
        };
        let word = platform.consult(&question).await.map_err(|_| Error::IdentityDown)?;
        let said = if word.status == 200 { oidc::id_token(&word.text) } else { None };
        let Some(text) = said else {
            let sentence = format!("issuer {:?} answered {} to a code, without an ID token", issuer.name, word.status);
            platform.log(&observe::event("warning", &sentence));
            return Err(failed("the provider did not take the code"));
        };
        let draft = self.proven(platform, visit, around, &pending, &text).await?;
        // Only now, for a cookie and a state can be invented, and strangers must not fill the ledger.
        self.stamp(platform, config, vec![used], false, USED).await.map_err(|_| Error::LedgerDown)?;
        visit.identity = self.by_session(platform, config, visit).await.unwrap_or_else(Identity::Anonymous);
        let cookie_set = self.obey(platform, config, visit, Instruction::Start(draft)).await?;
        let mut answer = Generated::redirect(303, &pending.back);
        answer.edits.append("set-cookie", &cookie(config, visit, &state, "", 0));
        if let Some(cookie) = cookie_set {
            answer.edits.append("set-cookie", &cookie);
        }
        Ok(answer)
    }

    /// Lets somebody go on who has a session: whatever became of this sign-in, they are signed in.
    async fn goes_on<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        back: &str,
        error: Error,
    ) -> Result<Generated, Error> {
        visit.identity = self.by_session(platform, config, visit).await.unwrap_or_else(Identity::Anonymous);
        match visit.identity {
            Identity::User { .. } => Ok(Generated::redirect(303, back)),
            Identity::Anonymous(Absence::Down) => Err(Error::IdentityDown),
            Identity::Anonymous(_) => Err(error),
        }
    }

    /// The session to be of whom an ID token proves.
    async fn proven<P: Platform>(
        &self,
        platform: &P,
        visit: &mut Visit<'_>,
        around: &Around<'_>,
        pending: &Pending,
        text: &str,
    ) -> Result<Draft, Error> {
        let Around { number, issuer, client, .. } = *around;
        let refused = |why: &'static str| {
            let sentence = format!("an ID token of issuer {:?} does not hold: {why}", issuer.name);
            platform.log(&observe::event("error", &sentence));
            around.failed("what the provider says does not hold", &pending.back)
        };
        let now = platform.now();
        let token = jwt::Token::read(text).map_err(|fault| refused(fault.word()))?;
        token.issuer([(number, issuer)].into_iter()).map_err(|fault| refused(fault.word()))?;
        let audience = std::slice::from_ref(&client.id);
        // The `typ` that is asked for is that of access tokens.
        let of_id = Issuer { typ: None, ..issuer.clone() };
        let claims = token.admitted(&of_id, audience, now).map_err(|fault| refused(fault.word()))?;
        pending.answered(claims, client, now).map_err(refused)?;
        self.signed_by(platform, visit, (number, issuer), &token).await.map_err(|absence| match absence {
            Absence::Down => Error::IdentityDown,
            other => refused(other.word()),
        })?;
        let record = identity::of_token(issuer, claims.clone()).map_err(|fault| refused(fault.word()))?;
        let locale = claims.text("locale").ok().flatten().map(str::to_owned);
        let mut draft = Draft {
            user: record.user,
            roles: record.roles.into_iter().filter(|role| is_word(role)).take(64).collect(),
            scopes: record.scopes.into_iter().filter(|scope| is_word(scope)).take(64).collect(),
            locale,
            authenticated: record.authenticated,
            data: oidc::kept(claims.clone()),
            ..Draft::default()
        };
        // A language tag that is none, or more than can be kept, is no reason to turn somebody away.
        if let Err((field, _)) = draft.check() {
            draft.locale = draft.locale.filter(|_| field != "locale");
            draft.data = if field == "data" { serde_json::Value::Null } else { draft.data };
        }
        draft.check().map(|()| draft).map_err(|(field, _)| refused(field))
    }
}

/// What the way back needs.
struct Around<'a> {
    number: usize,
    issuer: &'a Issuer,
    client: &'a Client,
    provider: &'a Provider,
    token_endpoint: &'a str,
    redirect_uri: &'a str,
    /// The path that leads to the provider.
    base: &'a str,
}

impl Around<'_> {
    /// A sign-in that failed, with where it begins again.
    fn failed(&self, why: &'static str, back: &str) -> Error {
        Error::SignInFailed { why, again: format!("{}?return_to={}", self.base, path::encode(back)) }
    }
}

/// The `Set-Cookie` value of a visitor who is at the provider; to be gone with 0 seconds.
fn cookie(config: &Config, visit: &Visit<'_>, state: &str, value: &str, seconds: u64) -> String {
    let name = Pending::cookie_name(&config.session.cookie, state);
    session::attributes(&name, value, seconds, visit.is_https())
}
