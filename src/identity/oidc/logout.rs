//! How does a visitor sign out with a provider, and how does the provider sign a visitor out? (OpenID Connect RP-Initiated
//! Logout 1.0, Back-Channel Logout 1.0)

use crate::config::Millis;
use crate::http::{form, search};
use crate::identity::jwt::{Claims, SKEW_MS};
use crate::identity::session::digest;
use crate::ledger::subject;
use serde_json::Value;

/// The event that a logout token states.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest that a token may be valid, in milliseconds: they are sent at once (2.4 recommends two minutes).
const LONGEST_VALID: Millis = 3_600_000 + 2 * SKEW_MS;
/// The most bytes of a `sid` or `sub`.
const LONGEST: usize = 256;

/// What a logout token ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The subject to stamp.
    pub subject: String,
    /// The subject by which the same token is known when it comes again.
    pub token: String,
    /// How long the token can come again, in milliseconds.
    pub lifetime: Millis,
}

/// What a logout token ends: one session at the issuer, or all of a user's. The claims of every token are checked already.
///
/// # Errors
/// Why it is no logout token (Back-Channel Logout 2.6).
pub fn ended_by(iss: &str, claims: &Claims, now: Millis) -> Result<Ended, &'static str> {
    let text = |name: &str| claims.text(name).map_err(|_| "a claim of it is no string");
    let event = claims.find("events").and_then(Value::as_object).and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err("it states no logout");
    }
    // An ID token has one: it must not end anything.
    if claims.find("nonce").is_some() {
        return Err("it has a nonce, as ID tokens have");
    }
    if claims.moment("iat").ok().flatten().is_none() {
        return Err("it does not say when it was made");
    }
    let expires = claims.moment("exp").ok().flatten().unwrap_or_default() * 1_000.0;
    let lifetime = (expires as Millis).saturating_sub(now).saturating_add(2 * SKEW_MS);
    if lifetime > LONGEST_VALID {
        return Err("it is valid for more than an hour");
    }
    let jti = text("jti")?.filter(|jti| !jti.is_empty()).ok_or("it has no jti, so that it could be sent again")?;
    let ended = match (text("sid")?, text("sub")?) {
        (Some(sid), _) => ("sid", sid),
        (None, Some(sub)) => ("sub", sub),
        (None, None) => return Err("it says neither whose session ends nor which"),
    };
    if ended.1.is_empty() || ended.1.len() > LONGEST {
        return Err("its sid or sub is empty or too long");
    }
    let token = subject::logout(&digest(&format!("{iss}\n{jti}")));
    Ok(Ended { subject: subject::of_issuer(ended.0, iss, ended.1), token, lifetime })
}

/// The page where the visitor signs out with the provider, which leads back to `back` with `state`. `id_token` is
/// that of the sign-in: without it the provider asks whether they mean it.
#[must_use]
pub fn sign_out_location(page: &str, client: &str, id_token: Option<&str>, (back, state): (&str, &str)) -> String {
    let mut parameters = vec![("client_id", client), ("post_logout_redirect_uri", back), ("state", state)];
    parameters.extend(id_token.map(|text| ("id_token_hint", text)));
    let separator = if search::contains(page, "?") { '&' } else { '?' };
    format!("{page}{separator}{}", form::write(&parameters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_logout_token_ends_one_session_or_all_of_a_user() {
        let good = json!({"iss": "https://i", "aud": "us", "iat": 1, "exp": 2, "jti": "a", "sub": "7", "sid": "s", "events": {EVENT: {}}});
        let ended = |change: fn(&mut Value)| {
            let mut claims = good.clone();
            change(&mut claims);
            ended_by("https://i", &Claims::of(claims.as_object().cloned().expect("an object")), 1_000)
        };
        let subject = |change: fn(&mut Value)| ended(change).map(|ended| ended.subject);
        assert_eq!(ended(|_| ()).map(|ended| ended.lifetime), Ok(1_000 + 2 * SKEW_MS));
        assert_eq!(subject(|_| ()), Ok("sid:https://i s".into()));
        assert_eq!(subject(|c| drop(c.as_object_mut().map(|c| c.remove("sid")))), Ok("sub:https://i 7".into()));
        let token = |change| ended(change).map(|ended| ended.token);
        assert_ne!(token(|_| ()), token(|c| c["jti"] = json!("b")));
        let wrong: [fn(&mut Value); 13] = [
            |c| c["exp"] = json!(3_602),
            |c| c["events"] = json!({}),
            |c| c["events"] = json!([EVENT]),
            |c| c["events"] = json!({EVENT: true}),
            |c| c["nonce"] = json!("n"),
            |c| c["nonce"] = json!(null),
            |c| drop(c.as_object_mut().map(|c| c.remove("iat"))),
            |c| c["jti"] = json!(""),
            |c| drop(c.as_object_mut().map(|c| c.remove("jti"))),
            |c| c["sid"] = json!(7),
            |c| c["sid"] = json!(""),
            |c| c["sid"] = json!("x".repeat(257)),
            |c| drop(c.as_object_mut().map(|c| (c.remove("sid"), c.remove("sub")))),
        ];
        for (place, change) in wrong.into_iter().enumerate() {
            assert!(ended(change).is_err(), "{place}");
        }
    }

    #[test]
    fn the_page_to_sign_out_has_the_client_and_the_way_back() {
        assert_eq!(
            sign_out_location("https://i/end?x=1", "us", Some("a.b.c"), ("https://us/.usher/signed-out", "/x?y")),
            "https://i/end?x=1&client_id=us&post_logout_redirect_uri=https%3A%2F%2Fus%2F.usher%2Fsigned-out&state=%2Fx%3Fy&id_token_hint=a.b.c"
        );
    }
}
