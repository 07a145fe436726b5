//! What does an issuer say about a token that is no JWT? (RFC 7662)

use crate::config::{Introspection, Issuer, Millis};
use crate::http::{form, json};
use crate::identity::basic::basic;
use crate::identity::jwt::{Claims, Fault};
use crate::identity::record_of_token;
use crate::identity::session::Record;
use serde_json::Value;

/// The request about a token: the form, and the value of `Authorization`.
#[must_use]
pub fn request(introspection: &Introspection, token: &str) -> (String, String) {
    let form = form::write(&[("token", token), ("token_type_hint", "access_token")]);
    (form, basic(introspection.id.text(), introspection.secret.text()))
}

/// Why there is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The answer is none: a sentence for the log.
    NoAnswer(String),
    /// The token does not hold.
    Token(Fault),
}

/// The record of a token's user, by the issuer's answer. It expires when the token does, or when the answer has to be
/// asked for anew.
///
/// # Errors
/// See [`Why`].
pub fn record(issuer: &Issuer, memo: Millis, answer: &str, now: Millis) -> Result<Record, Why> {
    let mut members = json::object(answer.as_bytes()).map_err(|why| Why::NoAnswer(why.to_string()))?;
    match members.remove("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(Why::Token(Fault::Inactive)),
        _ => return Err(Why::NoAnswer("it does not say whether the token is active".into())),
    }
    let text = |name: &str| members.get(name).map(|value| value.as_str().unwrap_or_default());
    if text("iss").is_some_and(|iss| iss != issuer.iss.text()) {
        return Err(Why::Token(Fault::Issuer));
    }
    // A refresh token may be active too.
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(Why::Token(Fault::Type));
    }
    let until = now.saturating_add(memo);
    members.entry("exp").or_insert_with(|| (until / 1_000).into());
    let claims = Claims::of(members);
    claims.check(&issuer.audience, now).map_err(Why::Token)?;
    let record = record_of_token(issuer, claims).map_err(Why::Token)?;
    Ok(Record { expires: record.expires.min(until), ..record })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source;
    use proptest::prelude::*;

    const NOW: Millis = 1_800_000_000_000;

    fn issuer() -> Issuer {
        let text = "[[issuer]]\nname = \"a\"\niss = \"https://i\"\naudience = [\"api\"]\n\
            introspection = { client_id = \"us:er\", client_secret = \"${S}\" }\n\
            [[route]]\nname = \"a\"\npath = \"/\"\necho = true\n";
        let config = source::read(text, "test.toml").expect("a configuration").1;
        let config = config.resolved(|_| Some("p w".into())).expect("resolved");
        config.issuers.into_iter().next().expect("an issuer")
    }

    #[test]
    fn it_is_asked_with_the_clients_credentials() {
        let issuer = issuer();
        let (form, authorization) = request(issuer.introspection.as_ref().expect("introspection"), "a+b/c");
        assert_eq!(form, "token=a%2Bb%2Fc&token_type_hint=access_token");
        assert_eq!(authorization, "Basic dXMlM0FlcjpwJTIwdw==");
    }

    #[test]
    fn only_an_active_token_for_us_has_a_record() {
        let issuer = issuer();
        let good = serde_json::json!({"active": true, "sub": "7", "aud": "api", "scope": "read write", "exp": NOW / 1_000 + 5});
        let ask = |change: &dyn Fn(&mut Value)| {
            let mut answer = good.clone();
            change(&mut answer);
            record(&issuer, 30_000, &answer.to_string(), NOW)
        };
        let found = ask(&|_| ()).expect("a record");
        assert_eq!((found.user.as_str(), found.scopes.len(), found.expires), ("7", 2, NOW + 30_000));
        assert_eq!(found.data.get("active"), None);
        let set =
            |name: &'static str, value: Value| ask(&move |answer| answer[name] = value.clone()).map(|found| found.user);
        let fault = |fault| Err(Why::Token(fault));
        assert_eq!(set("active", false.into()), fault(Fault::Inactive));
        assert!(matches!(set("active", "true".into()), Err(Why::NoAnswer(_))));
        assert_eq!(set("iss", "https://j".into()), fault(Fault::Issuer));
        assert_eq!(set("iss", "https://i".into()), Ok("7".into()));
        assert_eq!(set("token_type", "bearer".into()), Ok("7".into()));
        assert_eq!(set("token_type", "N_A".into()), fault(Fault::Type));
        assert_eq!(set("aud", "other".into()), fault(Fault::Audience));
        assert_eq!(set("exp", (NOW / 1_000 - 31).into()), fault(Fault::Expired));
        assert_eq!(set("sub", Value::Null), fault(Fault::Claims));
        let forever = ask(&|answer| drop(answer.as_object_mut().map(|answer| answer.remove("exp"))));
        assert_eq!(forever.map(|found| found.expires), Ok(NOW + 30_000));
        assert!(matches!(record(&issuer, 0, "<html>", NOW), Err(Why::NoAnswer(_))));
    }

    proptest! {
        #[test]
        fn no_answer_panics_the_reader(text in "\\PC{0,60}|\\{\"active\":true,\"(exp|aud|sub)\":[0-9\"a-z\\[\\]]{0,20}\\}") {
            let _ = record(&issuer(), 1, &text, NOW);
        }
    }
}
