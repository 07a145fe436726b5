//! Is this text an API key?

use super::jwt::encode;
use super::session::Token;

/// The device name of an API key in the user's list of sessions.
pub const DEVICE: &str = "API key";

/// The prefix of every API key, so that people and secret scanners recognise it.
const PREFIX: &str = "usk_";

/// A new API key of 32 random bytes.
#[must_use]
pub fn new(random: &[u8; 32]) -> Token {
    Token(format!("{PREFIX}{}", encode(random)))
}

/// The API key that a client sent; `None` when the text does not have the form of an API key.
#[must_use]
pub fn parse(text: &str) -> Option<Token> {
    Token::parse(text.strip_prefix(PREFIX)?).map(|_| Token(text.to_owned()))
}
