//! How does a visitor sign in with an OpenID provider? (OpenID Connect Core 1.0, authorization code with
//! PKCE, RFC 7636)
//!
//! What must be remembered between leaving and coming back is in a cookie of this browser alone, so a
//! `state` that another browser brings is nobody's.

use crate::config::is_secure;
use crate::config::{Client, Issuer, Millis, Setting};
use crate::http::cookie;
use crate::http::json;
use crate::http::path;
use crate::identity::jwt::{self, Claims, encode};
use crate::identity::session::{self, digest};
use ct_codecs::{Base64, Encoder};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// How long a visitor may take at the provider, in milliseconds.
const PATIENCE: Millis = 600_000;
/// Bytes of a cookie's name and value that browsers keep (RFC 6265bis 5.7).
const LARGEST_COOKIE: usize = 4_096;
/// Sign-ins that one browser may have begun at one time.
const MOST_PENDING: usize = 4;
/// Bytes of all their cookies together: many servers take no more than 8 KiB of a request's fields.
const ROOM: usize = 6_144;

/// What a provider says of itself (OpenID Connect Discovery 1.0, 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Where visitors sign in, if they can.
    pub authorization_endpoint: Option<String>,
    /// Where a code becomes tokens.
    pub token_endpoint: Option<String>,
    /// Whether the client's secret goes into the form (`client_secret_post`), for want of the other way.
    pub secret_in_form: bool,
    /// Where its keys are.
    pub jwks_uri: String,
    /// Whether every answer says who it is from (RFC 9207).
    pub says_iss: bool,
}

impl Provider {
    /// Reads a discovery document, which must be this issuer's very own.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, iss: &str) -> Result<Self, String> {
        let said = json::object(text.as_bytes()).map_err(|why| format!("it is no discovery document: {why}"))?;
        let text = |name: &str| said.get(name).and_then(serde_json::Value::as_str);
        if text("issuer") != Some(iss) {
            return Err(format!(
                "its \"issuer\" is {:?}, and not {iss:?} to the letter",
                text("issuer").unwrap_or_default()
            ));
        }
        let url = |name: &str| {
            let url = text(name).filter(|url| is_secure(url));
            url.map(str::to_owned).ok_or_else(|| format!("its \"{name}\" is missing, or no https:// URL"))
        };
        let optional = |name: &str| said.contains_key(name).then(|| url(name)).transpose();
        let methods = said.get("token_endpoint_auth_methods_supported").and_then(serde_json::Value::as_array);
        let takes = |method: &str| methods.is_some_and(|all| all.iter().any(|known| known == method));
        Ok(Self {
            authorization_endpoint: optional("authorization_endpoint")?,
            token_endpoint: optional("token_endpoint")?,
            secret_in_form: takes("client_secret_post") && !takes("client_secret_basic"),
            jwks_uri: url("jwks_uri")?,
            says_iss: said.get("authorization_response_iss_parameter_supported")
                == Some(&serde_json::Value::Bool(true)),
        })
    }
}

/// A visitor who is at the provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Whom they are to come back from: the issuer's name.
    pub issuer: String,
    /// Comes back with them.
    pub state: String,
    /// Comes back in the token.
    pub nonce: String,
    /// Proves that the code is redeemed by whoever asked for it (RFC 7636 4.1).
    pub verifier: String,
    /// Where they go then: a path on this host.
    pub back: String,
    /// At most so many seconds ago they may have proven who they are.
    pub max_age: Option<u64>,
    /// Too late after this moment (milliseconds since 1970).
    pub until: Millis,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("issuer", &self.issuer).field("back", &self.back).finish_non_exhaustive()
    }
}

impl Pending {
    /// A visitor leaves for the provider at `now`.
    #[must_use]
    pub fn new(random: &[u8; 96], issuer: &str, back: &str, max_age: Option<u64>, now: Millis) -> Self {
        let mut parts = random.chunks_exact(32).map(encode);
        let mut next = || parts.next().unwrap_or_default();
        let back = if path::is_local(back) { back } else { "/" };
        Self {
            issuer: issuer.into(),
            state: next(),
            nonce: next(),
            verifier: next(),
            back: back.into(),
            max_age,
            until: now + PATIENCE,
        }
    }

    /// The cookie's bare name: one for each `state`, so that two tabs do not disturb each other.
    #[must_use]
    pub fn cookie_name(cookie: &str, state: &str) -> String {
        let which: String = state.chars().take(8).filter(char::is_ascii_alphanumeric).collect();
        format!("{cookie}-in-{which}")
    }

    /// The cookie's value, beside a full name of so many bytes. Browsers drop a cookie of more than 4,096
    /// bytes (RFC 6265bis 5.7): rather than lose the sign-in, a long way back is given up.
    #[must_use]
    pub fn sealed(&self, name: usize) -> String {
        let text = |pending: &Self| encode(serde_json::to_string(pending).unwrap_or_default().as_bytes());
        match text(self) {
            long if name + long.len() > LARGEST_COOKIE => text(&Self { back: "/".into(), ..self.clone() }),
            text => text,
        }
    }

    /// The full names of those among a request's cookies that abandoned sign-ins left, and that have to go
    /// so that one more of `bytes` bytes does not make the field too long: the oldest.
    #[must_use]
    pub fn abandoned<'c>(cookies: Option<&'c str>, (cookie, is_https): (&str, bool), bytes: usize) -> Vec<&'c str> {
        // On https a name without the prefix is none of ours: a sibling host may have set it.
        let is_ours = |name: &str| session::is_of_sign_in(name, cookie) && name.starts_with("__Host-") == is_https;
        let of_sign_in = cookie::pairs(cookies).filter(|(name, _)| is_ours(name));
        let began = |value: &str| {
            let pending = jwt::decode(value).and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
            pending.map_or(0, |pending| pending.until)
        };
        let mut all: Vec<_> = of_sign_in.map(|(name, value)| (began(value), name, name.len() + value.len())).collect();
        all.sort_by_key(|(began, ..)| std::cmp::Reverse(*began));
        let (mut count, mut bytes) = (1, bytes);
        let goes = |(_, _, size): &(Millis, &'c str, usize)| {
            (count, bytes) = (count + 1, bytes + size);
            count > MOST_PENDING || bytes > ROOM
        };
        all.into_iter().filter(goes).map(|(_, name, _)| name).collect()
    }

    /// The visitor who left for this issuer with this cookie and comes back with this `state`. A cookie
    /// can be invented, so where it leads is looked at once more.
    #[must_use]
    pub fn back(cookie: Option<&str>, issuer: &str, state: &str, now: Millis) -> Option<Self> {
        let pending: Self = serde_json::from_slice(&jwt::decode(cookie?)?).ok()?;
        if pending.issuer != issuer || !path::is_local(&pending.back) {
            return None;
        }
        let same = bool::from(pending.state.as_bytes().ct_eq(state.as_bytes()));
        (same && state.len() == 43 && now < pending.until).then_some(pending)
    }

    /// Where the visitor is sent.
    #[must_use]
    pub fn location(&self, provider: &Provider, client: &Client, redirect_uri: &str, locale: Option<&str>) -> String {
        let challenge = digest(&self.verifier);
        let scope = client.ask.join(" ");
        let max_age = self.max_age.map(|seconds| seconds.to_string());
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", client.id.text()),
            ("redirect_uri", redirect_uri),
            ("scope", &scope),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        parameters.extend(max_age.as_deref().map(|seconds| ("max_age", seconds)));
        parameters.extend(locale.map(|locale| ("ui_locales", locale)));
        let page = provider.authorization_endpoint.as_deref().unwrap_or_default();
        let mark = if page.contains('?') { '&' } else { '?' };
        format!("{page}{mark}{}", form(&parameters))
    }

    /// What the code is redeemed with: the form, and the value of `Authorization` (RFC 6749 2.3.1).
    #[must_use]
    pub fn redeem(
        &self,
        provider: &Provider,
        client: &Client,
        code: &str,
        redirect_uri: &str,
    ) -> (String, Option<String>) {
        let mut parameters = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &self.verifier),
        ];
        let id = client.id.text();
        let secret = client.secret.as_ref().map(Setting::text);
        let authorization = secret.filter(|_| !provider.secret_in_form).map(|secret| {
            let pair = format!("{}:{}", path::encode(id), path::encode(secret));
            format!("Basic {}", Base64::encode_to_string(pair).unwrap_or_default())
        });
        if authorization.is_none() {
            parameters.push(("client_id", id));
            parameters.extend(secret.map(|secret| ("client_secret", secret)));
        }
        (form(&parameters), authorization)
    }

    /// Whether an ID token answers this very question (OpenID Connect Core 3.1.3.7): what every token
    /// must claim is checked elsewhere.
    ///
    /// # Errors
    /// Which of its claims does not.
    pub fn answered(&self, claims: &Claims, client: &Client, now: Millis) -> Result<(), &'static str> {
        let text = |name: &str| claims.text(name).ok().flatten();
        let nonce = text("nonce").unwrap_or_default();
        if !bool::from(nonce.as_bytes().ct_eq(self.nonce.as_bytes())) {
            return Err("the ID token's nonce is not the one that was sent");
        }
        let several = claims.find("aud").and_then(serde_json::Value::as_array).is_some_and(|all| all.len() > 1);
        let party = claims.find("azp").map(|_| text("azp").unwrap_or_default());
        if party.map_or(several, |party| party != client.id.text()) {
            return Err("the ID token was made for another client");
        }
        // It is required (2), and without it nobody knows which of the provider's stamps it outlives.
        if claims.moment("iat").ok().flatten().is_none() {
            return Err("the ID token does not say when it was made");
        }
        if let Some(most) = self.max_age {
            let proven =
                claims.moment("auth_time").ok().flatten().ok_or("the ID token does not say when they signed in")?;
            if now as f64 / 1_000.0 - proven > most as f64 + jwt::SKEW_MS as f64 / 1_000.0 {
                return Err("it is too long ago that they signed in");
            }
        }
        Ok(())
    }
}

/// What is kept of an ID token's claims in the session: not what was for the exchange alone.
#[must_use]
pub fn kept(claims: Claims) -> serde_json::Value {
    let mut all = claims.all();
    for name in ["nonce", "at_hash", "c_hash", "s_hash", "exp", "iat", "nbf", "jti", "sid"] {
        all.remove(name);
    }
    serde_json::Value::Object(all)
}

/// The ID token in a token endpoint's answer (OpenID Connect Core 3.1.3.3).
#[must_use]
pub fn id_token(text: &str) -> Option<String> {
    json::object(text.as_bytes()).ok()?.get("id_token")?.as_str().map(str::to_owned)
}

/// Whether an answer says another issuer than the one that was asked (RFC 9207 2.4).
#[must_use]
pub fn is_mixed_up(said: Option<&str>, provider: &Provider, issuer: &Issuer) -> bool {
    said.map_or(provider.says_iss, |iss| iss != issuer.iss.text())
}

/// `application/x-www-form-urlencoded`.
fn form(parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", path::encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests;
