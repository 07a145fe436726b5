//! Which session does a request carry, is it alive, and what starts or ends one?
//!
//! A token is 256 random bits in a cookie. The store knows only its hash, so that a dump of the
//! store signs nobody in.

mod instruction;
mod memo;

pub use instruction::{Draft, Instruction};
pub use memo::Memo;

use crate::config::{self, Millis};
use crate::ledger::{self, Validity, View};
use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use serde::{Deserialize, Serialize};

/// A token's length: 32 bytes in base64url without padding (RFC 4648 5).
const TOKEN_LENGTH: usize = 43;

/// An opaque session token. Its text is a secret: it has no `Display` and no useful `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// A new token of 32 random bytes.
    #[must_use]
    pub fn new(random: &[u8; 32]) -> Self {
        Self(base64(random))
    }

    /// The token a visitor sent, when it is shaped like one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shaped =
            text.len() == TOKEN_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        shaped.then(|| Self(text.to_owned()))
    }

    /// The secret itself, for the cookie.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// The name it is stored under: the SHA-256 of its text, in base64url.
    #[must_use]
    pub fn key(&self) -> String {
        base64(&hmac_sha256::Hash::hash(self.0.as_bytes()))
    }
}

fn base64(bytes: &[u8; 32]) -> String {
    Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap_or_default()
}

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The route does not ask.
    NotAsked,
    /// No cookie.
    NoCookie,
    /// The cookie's value is not shaped like a token.
    Malformed,
    /// The cookie came more than once.
    Duplicated,
    /// The store does not know it.
    Unknown,
    /// Too old, or unused too long.
    Expired,
    /// Ended by a stamp.
    Revoked,
    /// The store or the ledger cannot be asked.
    Down,
}

impl Absence {
    /// One word for the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotAsked => "not-asked",
            Self::NoCookie => "absent",
            Self::Malformed => "malformed",
            Self::Duplicated => "duplicated",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Down => "down",
        }
    }
}

/// A stored session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who is signed in.
    pub user: String,
    /// What they may do.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The language they chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Moment of the ledger's clock at sign-in (milliseconds since 1970).
    pub created: ledger::Moment,
    /// Over at this moment unless used again (milliseconds since 1970).
    pub expires: Millis,
    /// Whatever the origin keeps here.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub data: serde_json::Value,
}

impl Record {
    /// Whether it is alive at `now`, whatever was stamped.
    ///
    /// # Errors
    /// It has expired, or a stamp ended it.
    pub fn check(&self, key: &str, now: Millis, view: &View, bounds: &config::Session) -> Result<(), Absence> {
        if now >= self.expires || now >= self.created.saturating_add(bounds.absolute) {
            return Err(Absence::Expired);
        }
        let subjects =
            [ledger::subject::session(key), ledger::subject::user(&self.user), ledger::subject::EVERYONE.into()];
        match view.validity(self.created, subjects.iter().map(String::as_str)) {
            Validity::Valid => Ok(()),
            Validity::Stale | Validity::Void => Err(Absence::Revoked),
        }
    }

    /// The moment it is over when used at `now`.
    #[must_use]
    pub fn expiry(created: Millis, now: Millis, bounds: &config::Session) -> Millis {
        now.saturating_add(bounds.idle).min(created.saturating_add(bounds.absolute))
    }

    /// The record to write back after a use at `now`: only when it would live a tenth of the idle
    /// time longer, for the store takes one write a second.
    #[must_use]
    pub fn renewed(&self, now: Millis, bounds: &config::Session) -> Option<Self> {
        let expires = Self::expiry(self.created, now, bounds);
        (expires >= self.expires.saturating_add(bounds.idle / 10)).then(|| Self { expires, ..self.clone() })
    }

    /// Seconds the store should keep it (it takes no less than 60).
    #[must_use]
    pub fn time_to_live(&self, now: Millis) -> u64 {
        (self.expires.saturating_sub(now) / 1_000).max(60)
    }
}

/// The cookie's full name: `__Host-` makes a browser refuse it from another host or path
/// (RFC 6265bis 4.1.3.2), but needs https.
#[must_use]
pub fn cookie_name(name: &str, https: bool) -> String {
    if https { format!("__Host-{name}") } else { name.to_owned() }
}

/// Finds the session's token in a `Cookie` field.
///
/// Lines are separated by `;`. Two `Cookie` lines may arrive joined by a comma, so a name after a
/// comma counts as a duplicate, but is never taken: another cookie's value could have put it there.
///
/// # Errors
/// Why there is none to use.
pub fn token(cookies: Option<&str>, name: &str) -> Result<Token, Absence> {
    let mut found = None;
    let mut count = 0;
    for pair in cookies.unwrap_or_default().split(';') {
        for (place, piece) in pair.split(',').enumerate() {
            if let Some(value) = named(piece, name) {
                count += 1;
                if place == 0 {
                    found = Some(value);
                }
            }
        }
    }
    match (count, found) {
        (0, _) => Err(Absence::NoCookie),
        (1, Some(value)) => Token::parse(value).ok_or(Absence::Malformed),
        (1, None) => Err(Absence::Malformed),
        _ => Err(Absence::Duplicated),
    }
}

fn named<'a>(piece: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = piece.trim_matches([' ', '\t']).split_once('=')?;
    (found == name).then_some(value)
}

/// The first value of a cookie that is no secret.
#[must_use]
pub fn cookie<'a>(cookies: Option<&'a str>, name: &str) -> Option<&'a str> {
    cookies?.split([';', ',']).find_map(|piece| named(piece, name))
}

/// A `Cookie` field without the session's cookie, on http or https; `None` when nothing is left.
#[must_use]
pub fn without_token(cookies: &str, name: &str) -> Option<String> {
    let host = cookie_name(name, true);
    let ours = |piece: &str| {
        let found = piece.split('=').next().unwrap_or_default().trim_matches([' ', '\t']);
        found == name || found == host
    };
    let mut kept = String::with_capacity(cookies.len());
    for pair in cookies.split(';') {
        let pieces: Vec<&str> = pair.split(',').filter(|piece| !ours(piece)).collect();
        let pair = pieces.join(",");
        let pair = pair.trim_matches([' ', '\t']);
        if !pair.is_empty() {
            if !kept.is_empty() {
                kept.push_str("; ");
            }
            kept.push_str(pair);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

/// A `Set-Cookie` value that hands a token to the browser.
#[must_use]
pub fn set_cookie(token: &Token, bounds: &config::Session, https: bool) -> String {
    attributes(&bounds.cookie, token.secret(), bounds.absolute / 1_000, https)
}

/// A `Set-Cookie` value that takes it away.
#[must_use]
pub fn clear_cookie(bounds: &config::Session, https: bool) -> String {
    attributes(&bounds.cookie, "", 0, https)
}

fn attributes(name: &str, value: &str, seconds: u64, https: bool) -> String {
    let name = cookie_name(name, https);
    let secure = if https { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

#[cfg(test)]
mod tests;
