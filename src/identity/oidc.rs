//! How does a visitor sign in with an OpenID provider? (OpenID Connect Core 1.0, authorization code with
//! PKCE, RFC 7636)
//!
//! The state of a pending sign-in is in a cookie of the browser that began it, so a callback from another browser with
//! the same `state` is refused.

mod logout;

pub use logout::{Ended, ended_by, sign_out_location};

use crate::config::{Client, Issuer, Millis, Setting, USES, is_secure};
use crate::http::cookie;
use crate::http::form;
use crate::http::json::{self, json_struct};
use crate::http::{path, search};
use crate::identity::basic::basic;
use crate::identity::jwt::{self, Claims, encode};
use crate::identity::session::{self, digest};
use crate::sort;
use subtle::ConstantTimeEq;

/// How long a sign-in at the provider may take, in milliseconds.
const PATIENCE: Millis = 600_000;
/// Maximum bytes of a cookie's name and value that browsers keep (RFC 6265bis 5.7).
const LARGEST_COOKIE: usize = 4_096;
/// Maximum number of pending sign-ins of one browser.
const MOST_PENDING: usize = 4;
/// Maximum bytes of all their cookies together: many servers accept no more than 8 KiB of a request's fields.
const ROOM: usize = 6_144;

/// A provider's discovery document (OpenID Connect Discovery 1.0, 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// The page where visitors sign in, if there is one.
    pub authorization_endpoint: Option<String>,
    /// Where a code is exchanged for tokens, if there is such an endpoint.
    pub token_endpoint: Option<String>,
    /// Whether the client's secret is sent in the form (`client_secret_post`), because the provider does not support
    /// `client_secret_basic`.
    pub secret_in_form: bool,
    /// The page where visitors sign out, if there is one.
    pub end_session_endpoint: Option<String>,
    /// Where it is asked about tokens, if there is such an endpoint (RFC 8414 2).
    pub introspection_endpoint: Option<String>,
    /// The URL of its key set.
    pub jwks_uri: String,
    /// Whether every authorization response has the parameter `iss` (RFC 9207).
    pub sends_iss: bool,
}

impl Provider {
    /// Reads a discovery document, whose `issuer` must be exactly `iss`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str, iss: &str) -> Result<Self, String> {
        let document = json::object(text.as_bytes()).map_err(|why| format!("it is no discovery document: {why}"))?;
        let text = |name: &str| document.get(name).and_then(serde_json::Value::as_str);
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
        let optional = |name: &str| document.contains_key(name).then(|| url(name)).transpose();
        // Nobody who does without them has to have them right.
        let usable = |name: &str| text(name).filter(|url| is_secure(url)).map(str::to_owned);
        let methods = document.get("token_endpoint_auth_methods_supported").and_then(serde_json::Value::as_array);
        let supports = |method: &str| methods.is_some_and(|all| all.iter().any(|known| known == method));
        Ok(Self {
            authorization_endpoint: optional("authorization_endpoint")?,
            token_endpoint: optional("token_endpoint")?,
            end_session_endpoint: if USES.oidc { usable("end_session_endpoint") } else { None },
            introspection_endpoint: if USES.introspection { usable("introspection_endpoint") } else { None },
            secret_in_form: supports("client_secret_post") && !supports("client_secret_basic"),
            jwks_uri: url("jwks_uri")?,
            sends_iss: document.get("authorization_response_iss_parameter_supported")
                == Some(&serde_json::Value::Bool(true)),
        })
    }
}

/// A pending sign-in: the visitor is at the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Pending {
    /// The name of the issuer that the callback must be from.
    pub issuer: String,
    /// The `state` that the callback must have.
    pub state: String,
    /// The `nonce` that the ID token must have.
    pub nonce: String,
    /// The PKCE code verifier: proves that the client that requested the code redeems it (RFC 7636 4.1).
    pub verifier: String,
    /// Where the visitor is redirected after the sign-in: a path on this host.
    pub back: String,
    /// The maximum age of the user's authentication at the provider, in seconds.
    pub max_age: Option<u64>,
    /// When the pending sign-in expires (milliseconds since 1970).
    pub until: Millis,
}
json_struct!(Pending { issuer, state, nonce, verifier, back, max_age, until });

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("issuer", &self.issuer).field("back", &self.back).finish_non_exhaustive()
    }
}

impl Pending {
    /// Begins a sign-in at `now`. A `back` that is no local path becomes `/`.
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

    /// The cookie's bare name: one for each `state`, so that sign-ins in two tabs do not interfere.
    #[must_use]
    pub fn cookie_name(cookie: &str, state: &str) -> String {
        let suffix: String = state.chars().take(8).filter(char::is_ascii_alphanumeric).collect();
        format!("{cookie}-in-{suffix}")
    }

    /// The cookie's value; `name` is the length of its full name in bytes. Browsers drop a cookie of more than 4,096
    /// bytes (RFC 6265bis 5.7), so a return path that is too long is replaced by `/`.
    #[must_use]
    pub fn cookie_value(&self, name: usize) -> String {
        let text = |pending: &Self| encode(json::text(pending).as_bytes());
        match text(self) {
            long if name + long.len() > LARGEST_COOKIE => text(&Self { back: "/".into(), ..self.clone() }),
            text => text,
        }
    }

    /// The pending sign-in that a cookie's value contains.
    fn read_cookie(value: &str) -> Option<Self> {
        json::read(std::str::from_utf8(&jwt::decode(value)?).ok()?).ok()
    }

    /// The full names of the oldest abandoned sign-ins' cookies in a request, which have to be removed so that a new
    /// one of `bytes` bytes does not make the `Cookie` field too long.
    #[must_use]
    pub fn abandoned<'c>(cookies: Option<&'c str>, (cookie, is_https): (&str, bool), bytes: usize) -> Vec<&'c str> {
        // On https a cookie without the prefix may have been set by a sibling host.
        let is_ours = |name: &str| session::is_of_sign_in(name, cookie) && name.starts_with("__Host-") == is_https;
        let of_sign_in = cookie::pairs(cookies).filter(|(name, _)| is_ours(name));
        let until = |value: &str| {
            let pending = Self::read_cookie(value);
            pending.map_or(0, |pending| pending.until)
        };
        let mut all: Vec<_> = of_sign_in.map(|(name, value)| (until(value), name, name.len() + value.len())).collect();
        sort::by(&mut all, |(a, ..), (b, ..)| b.cmp(a));
        let (mut count, mut bytes) = (1, bytes);
        let surplus = |(_, _, size): &(Millis, &'c str, usize)| {
            (count, bytes) = (count + 1, bytes + size);
            count > MOST_PENDING || bytes > ROOM
        };
        all.into_iter().filter(surplus).map(|(_, name, _)| name).collect()
    }

    /// The pending sign-in at this issuer that this cookie and `state` belong to; `None` when they do not match or the
    /// sign-in has expired. A cookie can be forged, so its return path is checked again.
    #[must_use]
    pub fn back(cookie: Option<&str>, issuer: &str, state: &str, now: Millis) -> Option<Self> {
        let pending = Self::read_cookie(cookie?)?;
        if pending.issuer != issuer || !path::is_local(&pending.back) {
            return None;
        }
        let same = bool::from(pending.state.as_bytes().ct_eq(state.as_bytes()));
        (same && state.len() == 43 && now < pending.until).then_some(pending)
    }

    /// The authorization URL that the visitor is redirected to.
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
        let separator = if search::contains(page, "?") { '&' } else { '?' };
        format!("{page}{separator}{}", form::write(&parameters))
    }

    /// The token request that redeems a code: the form, and the value of `Authorization` (RFC 6749 2.3.1).
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
        let authorization = secret.filter(|_| !provider.secret_in_form).map(|secret| basic(id, secret));
        if authorization.is_none() {
            parameters.push(("client_id", id));
            parameters.extend(secret.map(|secret| ("client_secret", secret)));
        }
        (form::write(&parameters), authorization)
    }

    /// Whether an ID token belongs to this sign-in (OpenID Connect Core 3.1.3.7). [`jwt::Token::admitted`] checks the
    /// claims that every token must have.
    ///
    /// # Errors
    /// The claim that does not match.
    pub fn check_id_token(&self, claims: &Claims, client: &Client, now: Millis) -> Result<(), &'static str> {
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
        // It is required (2), and without it the token cannot be compared with stamps.
        if claims.moment("iat").ok().flatten().is_none() {
            return Err("the ID token does not say when it was made");
        }
        if let Some(most) = self.max_age {
            let authenticated =
                claims.moment("auth_time").ok().flatten().ok_or("the ID token does not say when they signed in")?;
            if now as f64 / 1_000.0 - authenticated > most as f64 + jwt::SKEW_MS as f64 / 1_000.0 {
                return Err("it is too long ago that they signed in");
            }
        }
        Ok(())
    }
}

/// The claims of an ID token that the session keeps: all but those that matter for the exchange only.
#[must_use]
pub fn session_data(claims: Claims) -> serde_json::Value {
    let mut all = claims.all();
    for name in ["nonce", "at_hash", "c_hash", "s_hash", "exp", "iat", "nbf", "jti", "sid"] {
        all.remove(name);
    }
    serde_json::Value::Object(all)
}

/// The ID token in a token endpoint's response (OpenID Connect Core 3.1.3.3).
#[must_use]
pub fn id_token(text: &str) -> Option<String> {
    json::object(text.as_bytes()).ok()?.get("id_token")?.as_str().map(str::to_owned)
}

/// Whether an authorization response's `iss` is not the issuer of the request, or is missing although the provider
/// always sends it (RFC 9207 2.4): a mix-up attack.
#[must_use]
pub fn is_mixed_up(iss: Option<&str>, provider: &Provider, issuer: &Issuer) -> bool {
    iss.map_or(provider.sends_iss, |iss| iss != issuer.iss.text())
}

#[cfg(test)]
mod tests;
