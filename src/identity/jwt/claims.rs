//! What does a token claim, and may it? (RFC 7519 4.1)

use super::Fault;
use crate::config::Setting;
use serde_json::{Map, Value};

/// Clocks may differ by so much, in milliseconds.
pub const SKEW_MS: u64 = 30_000;
/// The same in seconds.
const SKEW: f64 = SKEW_MS as f64 / 1_000.0;

/// The claims of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Claims that were read.
    #[must_use]
    pub fn of(all: Map<String, Value>) -> Self {
        Self(all)
    }

    /// All of them.
    #[must_use]
    pub fn all(self) -> Map<String, Value> {
        self.0
    }

    /// A claim that is text, if it is there.
    ///
    /// # Errors
    /// It is there, and something else.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Fault::Claims),
        }
    }

    /// A moment in seconds since 1970, which may have a fraction (RFC 7519 2, NumericDate).
    ///
    /// # Errors
    /// It is there, and no number.
    pub fn moment(&self, name: &str) -> Result<Option<f64>, Fault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(_) => Err(Fault::Claims),
        }
    }

    pub(super) fn check(&self, audience: &[Setting], now: u64) -> Result<(), Fault> {
        let named = |one: &Value| one.as_str().map(|one| audience.iter().any(|ours| ours.text() == one));
        let ours = match self.0.get("aud") {
            None => return Err(Fault::Audience),
            Some(Value::Array(all)) => {
                let each: Option<Vec<bool>> = all.iter().map(named).collect();
                each.ok_or(Fault::Claims)?.contains(&true)
            }
            Some(one) => named(one).ok_or(Fault::Claims)?,
        };
        if !ours {
            return Err(Fault::Audience);
        }
        let now = now as f64 / 1_000.0;
        let expires = self.moment("exp")?.ok_or(Fault::Claims)?;
        let (from, made) = (self.moment("nbf")?, self.moment("iat")?);
        let proven = self.moment("auth_time")?;
        if now >= expires + SKEW {
            return Err(Fault::Expired);
        }
        if [from, made, proven].into_iter().flatten().any(|moment| moment > now + SKEW) {
            return Err(Fault::Early);
        }
        Ok(())
    }

    /// A claim by its name, or by the names on the way to it: `realm_access.roles`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Value> {
        find(&self.0, path)
    }
}

/// A member by its name, or by the names on the way to it: `realm_access.roles`.
#[must_use]
pub fn find<'a>(members: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    members.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        find(members.get(first)?.as_object()?, rest)
    })
}

/// The words of a claim: a list of them, or one text with spaces between (RFC 8693 4.2).
#[must_use]
pub fn words(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn claims_are_found_inside_others_and_words_in_lists_and_texts() {
        let Value::Object(all) = json!({"realm": {"access": {"roles": ["a", 1, "b"]}}, "scope": "x  y", "a.b": 1})
        else {
            panic!("an object")
        };
        let claims = Claims::of(all);
        assert_eq!(words(claims.find("realm.access.roles")), ["a", "b"]);
        assert_eq!(words(claims.find("scope")), ["x", "y"]);
        assert_eq!(claims.find("a.b"), Some(&json!(1)));
        assert_eq!((claims.find("realm.nothing"), claims.find("scope.x")), (None, None));
    }
}
