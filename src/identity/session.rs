//! Which session does a request carry, is it valid, and what starts or ends one?
//!
//! A token is 256 random bits in a cookie. The store contains only its hash, so that a dump of the store does not let
//! anybody sign in.

mod instruction;
mod list;

pub use instruction::{Change, Draft, Instruction, is_list_value};
pub use list::{Device, ListEntry};

use super::absence::Absence;
use crate::config::{self, Millis, USES};
use crate::http::cookie::{self, Found};
use crate::http::json::json_struct;
use crate::http::signed_cookie;
use crate::identity::jwt::encode;
use crate::ledger::{self, Validity, View};

/// A token's length: 32 bytes in base64url without padding (RFC 4648 5).
const TOKEN_LENGTH: usize = 43;

/// An opaque session token. Its text is a secret: it has no `Display` and no useful `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub(super) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// A new token of 32 random bytes.
    #[must_use]
    pub fn new(random: &[u8; 32]) -> Self {
        Self(encode(random))
    }

    /// The token that a visitor sent; `None` when the text does not have the form of a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped =
            text.len() == TOKEN_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        shaped.then(|| Self(text.to_owned()))
    }

    /// The secret, for the cookie.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// The key that its record is stored under: the SHA-256 of its text, in base64url.
    #[must_use]
    pub fn key(&self) -> String {
        digest(&self.0)
    }
}

/// The SHA-256 of a text, in base64url; identifies a secret without containing it.
#[must_use]
pub fn digest(text: &str) -> String {
    encode(&hmac_sha256::Hash::hash(text.as_bytes()))
}

/// A user's record, as stored for a session or an API key, or as read from a token's claims.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The user's id.
    pub user: String,
    /// The user's roles.
    pub roles: Vec<String>,
    /// The user's scopes.
    pub scopes: Vec<String>,
    /// The locale that the user chose.
    pub locale: Option<String>,
    /// The ledger's moment when it was made (milliseconds since 1970): later stamps end it. Of a token its `iat`, less
    /// the clock skew.
    pub created: ledger::Moment,
    /// When the session began (milliseconds since 1970), if it has got a new token since.
    pub started: Option<Millis>,
    /// When the user authenticated last (milliseconds since 1970).
    pub authenticated: Option<Millis>,
    /// Whether it lives as long as `remember` of `[session]` configures.
    pub remember: bool,
    /// When it expires unless used again (milliseconds since 1970).
    pub expires: Millis,
    /// Data that the origin stores in the session; of a token its claims.
    pub data: serde_json::Value,
    /// With whom it began: `iss`, `sub` and `sid` of the issuer's token.
    pub issuer: serde_json::Value,
}
json_struct!(Record {
    user,
    roles = default,
    scopes = optional,
    locale = optional,
    created,
    started = optional,
    authenticated = optional,
    remember = optional,
    expires,
    data = optional,
    issuer = optional,
});

impl Record {
    /// Whether this session is valid at `now`.
    ///
    /// # Errors
    /// It has expired, or a stamp ended it.
    pub fn check(&self, key: &str, now: Millis, view: &View, bounds: &config::Session) -> Result<(), Absence> {
        if now >= self.expires || now >= self.end(bounds) {
            return Err(Absence::Expired);
        }
        // After a change of rights the old key stays valid for `grace`, for requests under way.
        let over = view.successor(key).is_some_and(|(_, since)| view.moment(now) >= since.saturating_add(bounds.grace));
        if over || self.is_revoked(key, view) { Err(Absence::Revoked) } else { Ok(()) }
    }

    /// Whether a stamp on it, on one of its successors, on its user or on everyone revokes it.
    #[must_use]
    pub fn is_revoked(&self, key: &str, view: &View) -> bool {
        let subjects =
            [ledger::subject::session(key), ledger::subject::user(&self.user), ledger::subject::EVERYONE.into()];
        let mut later: Vec<String> = view.lineage(key).map(ledger::subject::session).collect();
        if USES.oidc {
            later.extend(self.issuer_subjects());
        }
        view.validity(self.created, subjects.iter().chain(&later).map(String::as_str)) != Validity::Valid
    }

    /// Its subjects at the issuer with whom its user signed in: the session there, and the user.
    pub fn issuer_subjects(&self) -> impl Iterator<Item = String> {
        let text = |name: &str| self.issuer.get(name).and_then(serde_json::Value::as_str);
        let iss = text("iss");
        ["sid", "sub"].into_iter().filter_map(move |claim| Some(ledger::subject::of_issuer(claim, iss?, text(claim)?)))
    }

    /// Roles and scopes together: visitors who have the same ones may share a stored response.
    #[must_use]
    pub fn rights(&self) -> Vec<String> {
        let scopes = self.scopes.iter().map(|scope| format!("scope {scope}"));
        self.roles.iter().cloned().chain(scopes).collect()
    }

    /// Its absolute end, used or not (milliseconds since 1970).
    fn end(&self, bounds: &config::Session) -> Millis {
        self.started.unwrap_or(self.created).saturating_add(self.bounds(bounds).1)
    }

    /// Idle and absolute time, in milliseconds.
    fn bounds(&self, bounds: &config::Session) -> (Millis, Millis) {
        match bounds.remember.filter(|_| self.remember) {
            Some(remember) => (remember, remember),
            None => (bounds.idle, bounds.absolute),
        }
    }

    /// The same record, with its expiry after a use at `now`.
    #[must_use]
    pub fn used(mut self, now: Millis, bounds: &config::Session) -> Self {
        self.expires = now.saturating_add(self.bounds(bounds).0).min(self.end(bounds));
        self
    }

    /// The record to write back after a use at `now`; `None` unless its expiry moves by a tenth of the idle time or to
    /// the absolute end, because the store accepts one write a second.
    #[must_use]
    pub fn renewed(&self, now: Millis, bounds: &config::Session) -> Option<Self> {
        let (idle, end) = (self.bounds(bounds).0, self.end(bounds));
        let expires = now.saturating_add(idle).min(end);
        let longer = expires >= self.expires.saturating_add(idle / 10) || (expires == end && expires > self.expires);
        longer.then(|| Self { expires, ..self.clone() })
    }

    /// How long the store keeps it, in seconds (the store accepts no less than 60).
    #[must_use]
    pub fn time_to_live(&self, now: Millis) -> u64 {
        (self.expires.saturating_sub(now) / 1_000).max(60)
    }
}

/// The cookie's full name: `__Host-` makes a browser refuse it from another host or path (RFC 6265bis 4.1.3.2), but
/// requires https.
#[must_use]
pub fn cookie_name(name: &str, https: bool) -> String {
    if https { format!("__Host-{name}") } else { name.to_owned() }
}

/// Finds the session's token in a `Cookie` field.
///
/// # Errors
/// Why there is no usable token.
pub fn token(cookies: Option<&str>, name: &str) -> Result<Token, Absence> {
    match cookie::find(cookies, name) {
        Found::None => Err(Absence::NoCookie),
        Found::One(value) => Token::parse(value).ok_or(Absence::Malformed),
        Found::Several => Err(Absence::Duplicated),
    }
}

/// Whether this is the cookie of a pending sign-in at an identity provider, on http or https.
#[must_use]
pub fn is_of_sign_in(found: &str, cookie: &str) -> bool {
    let bare = found.strip_prefix("__Host-").unwrap_or(found);
    bare.strip_prefix(cookie).is_some_and(|rest| rest.starts_with("-in-"))
}

/// A `Cookie` field without Usher's own cookies, on http or https; `None` when nothing is left.
#[must_use]
pub fn without_token(cookies: &str, name: &str) -> Option<String> {
    let host = cookie_name(name, true);
    let token = |found: &str| found == name || found == host;
    let other = |found: &str| is_of_sign_in(found, name) || signed_cookie::is_ours(found, name);
    let secret = |found: &str, value: &str| value.len() >= TOKEN_LENGTH && (token(found) || other(found));
    cookie::without(cookies, |found| token(found) || other(found), secret)
}

/// A `Set-Cookie` value that gives a session's token to the browser at `now`; its `Max-Age` is no longer than the
/// session can live.
#[must_use]
pub fn set_cookie(token: &Token, record: &Record, now: Millis, bounds: &config::Session, https: bool) -> String {
    let left = record.end(bounds).saturating_sub(now).min(record.bounds(bounds).1);
    attributes(&bounds.cookie, token.secret(), left / 1_000, https)
}

/// A `Set-Cookie` value that removes the session cookie.
#[must_use]
pub fn clear_cookie(bounds: &config::Session, https: bool) -> String {
    attributes(&bounds.cookie, "", 0, https)
}

/// A `Set-Cookie` value for one of Usher's own cookies, by its bare name; 0 seconds remove it.
#[must_use]
pub fn attributes(name: &str, value: &str, seconds: u64, https: bool) -> String {
    let name = cookie_name(name, https);
    let secure = if https { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

#[cfg(test)]
mod tests;
