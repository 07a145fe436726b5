//! Which claims does a token make, and are they valid now and for this audience? (RFC 7519 4.1)

use super::fault::Fault;
use crate::config::Setting;
use serde_json::{Map, Value};

/// Allowed clock skew, in milliseconds.
pub const SKEW_MS: u64 = 30_000;
/// The same in seconds.
const SKEW: f64 = SKEW_MS as f64 / 1_000.0;

/// The claims of a token.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Wraps the claims object of a token.
    #[must_use]
    pub fn of(all: Map<String, Value>) -> Self {
        Self(all)
    }

    /// All claims.
    #[must_use]
    pub fn all(self) -> Map<String, Value> {
        self.0
    }

    /// A string claim; `None` when it is missing.
    ///
    /// # Errors
    /// [`Fault::Claims`]: the claim is no string.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Fault::Claims),
        }
    }

    /// A time in seconds since 1970, which may have a fraction (RFC 7519 2, NumericDate); `None` when it is missing.
    ///
    /// # Errors
    /// [`Fault::Claims`]: the claim is no number.
    pub fn moment(&self, name: &str) -> Result<Option<f64>, Fault> {
        match self.0.get(name) {
            None => Ok(None),
            // A time that no f64 has must not count as missing.
            Some(Value::Number(number)) => number.as_f64().map(Some).ok_or(Fault::Claims),
            Some(_) => Err(Fault::Claims),
        }
    }

    pub(in crate::identity) fn check(&self, audience: &[Setting], now: u64) -> Result<(), Fault> {
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
        let (from, issued) = (self.moment("nbf")?, self.moment("iat")?);
        let authenticated = self.moment("auth_time")?;
        if now >= expires + SKEW {
            return Err(Fault::Expired);
        }
        if [from, issued, authenticated].into_iter().flatten().any(|moment| moment > now + SKEW) {
            return Err(Fault::Early);
        }
        Ok(())
    }

    /// A claim by its name or its dotted path: `realm_access.roles`.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Value> {
        find(&self.0, path)
    }
}

/// A member of a JSON object by its name or its dotted path: `realm_access.roles`.
#[must_use]
pub fn find<'a>(members: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    members.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        find(members.get(first)?.as_object()?, rest)
    })
}

/// The strings of a claim: an array, or one string separated by spaces (RFC 8693 4.2).
#[must_use]
pub fn string_values(value: Option<&Value>) -> Vec<String> {
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
    fn nested_claims_are_found_and_lists_and_strings_give_values() {
        let Value::Object(all) = json!({"realm": {"access": {"roles": ["a", 1, "b"]}}, "scope": "x  y", "a.b": 1})
        else {
            panic!("an object")
        };
        let claims = Claims::of(all);
        assert_eq!(string_values(claims.find("realm.access.roles")), ["a", "b"]);
        assert_eq!(string_values(claims.find("scope")), ["x", "y"]);
        assert_eq!(claims.find("a.b"), Some(&json!(1)));
        assert_eq!((claims.find("realm.nothing"), claims.find("scope.x")), (None, None));
    }
}
