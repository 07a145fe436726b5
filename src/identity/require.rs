//! Does the user meet the requirements of the route?

use crate::config::{Millis, Require};
use crate::error::Error;
use crate::identity::jwt::find;
use crate::identity::session::Record;

/// Whether the user has the required roles, scopes and claims, and authenticated recently enough at `now`.
///
/// # Errors
/// [`Error::Forbidden`] with the required scopes, if one is missing; [`Error::StepUp`] when the authentication is older
/// than `max_auth_age`, or its time is unknown.
pub(super) fn check(require: &Require, max_auth_age: Option<Millis>, record: &Record, now: u64) -> Result<(), Error> {
    let roles = require.roles_any.is_empty() || require.roles_any.iter().any(|role| record.roles.contains(role));
    let scopes = require.scopes_all.iter().all(|scope| record.scopes.contains(scope));
    let claim = |name: &str| record.data.as_object().and_then(|all| find(all, name));
    let claims = require.claims.iter().all(|(name, wanted)| claim(name) == Some(wanted));
    if !(roles && scopes && claims) {
        return Err(Error::Forbidden(if scopes { String::new() } else { require.scopes_all.join(" ") }));
    }
    match max_auth_age {
        Some(most) if record.authenticated.is_none_or(|since| now.saturating_sub(since) > most) => {
            Err(Error::StepUp(most / 1_000))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Record {
        Record {
            user: "u".into(),
            roles: vec!["editor".into()],
            scopes: vec!["read".into(), "write".into()],
            authenticated: Some(1_000_000),
            data: json!({"tenant": "a", "org": {"plan": 2}}),
            ..Record::default()
        }
    }

    #[test]
    fn one_of_the_roles_all_of_the_scopes_and_all_of_the_claims_are_required() {
        let strings = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        for (roles, scopes, claims, good) in [
            (vec![], vec![], vec![], true),
            (vec!["admin", "editor"], vec![], vec![], true),
            (vec!["admin"], vec![], vec![], false),
            (vec![], vec!["read", "write"], vec![], true),
            (vec![], vec!["read", "erase"], vec![], false),
            (vec![], vec![], vec![("tenant", json!("a")), ("org.plan", json!(2))], true),
            (vec![], vec![], vec![("tenant", json!("b"))], false),
            (vec![], vec![], vec![("org.plan", json!("2"))], false),
            (vec![], vec![], vec![("nothing", json!(null))], false),
            (vec!["admin"], vec!["read"], vec![("tenant", json!("a"))], false),
        ] {
            let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let require = Require { roles_any: strings(&roles), scopes_all: strings(&scopes), claims };
            assert_eq!(check(&require, None, &record(), 0).is_ok(), good, "{require:?}");
        }
        let require = Require { scopes_all: strings(&["erase", "read"]), ..Require::default() };
        assert_eq!(check(&require, None, &record(), 0), Err(Error::Forbidden("erase read".into())));
    }

    #[test]
    fn an_authentication_older_than_the_limit_requires_step_up() {
        let step_up = |record: &Record, now| check(&Require::default(), Some(600_000), record, now);
        assert_eq!(step_up(&record(), 1_600_000), Ok(()));
        assert_eq!(step_up(&record(), 1_600_001), Err(Error::StepUp(600)));
        let never = Record { authenticated: None, ..record() };
        assert_eq!(step_up(&never, 0), Err(Error::StepUp(600)));
    }
}
