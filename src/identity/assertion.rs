//! What does Usher assert to an origin about a request's user?
//!
//! `Usher-Assertion` is a JWT for one request: its user, service, method and path. An origin that verifies it with the
//! published keys need not trust the network in between.

use crate::config::Millis;
use crate::http::json::{self, json_object};
use crate::identity::Partition;
use crate::identity::jwt::{self, encode};
use crate::identity::session::{Record, digest};
use serde_json::Value;

/// Where the public keys of `Usher-Assertion` are (RFC 8615).
pub const KEYS: &str = "/.well-known/usher/jwks.json";

/// How long an assertion is valid, in seconds.
const LIFETIME: u64 = 60;
/// Maximum number of keys.
const MOST: usize = 8;

/// The keys that sign assertions, from the secret `SIGNING_KEYS`: a JWK Set of private keys. A key may state when it
/// begins to sign (`usher_from`, seconds since 1970), so that origins know its public half before it is used.
#[derive(Clone)]
pub struct Signer(Vec<Signing>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({} keys)", self.0.len())
    }
}

#[derive(Clone)]
struct Signing {
    from: u64,
    algorithm: &'static str,
    kid: String,
    private: String,
    public: Value,
}

/// An assertion that is not signed yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// The private key as JWK.
    pub key: String,
    /// The signing input: header and claims of the JWT.
    pub text: String,
}

impl std::fmt::Debug for Unsigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unsigned").field("text", &self.text).finish_non_exhaustive()
    }
}

/// The facts of a request that an assertion states.
#[derive(Debug)]
pub struct Facts<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`: the services of the route's pools.
    pub services: Vec<&'a str>,
    /// The request's method.
    pub method: &'a str,
    /// Path and query, below the base URL of the pool's origin.
    pub path: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The user's record.
    pub record: Option<&'a Record>,
    /// The visitors who share the response, if it may be stored.
    pub shared: Option<&'a Partition>,
}

impl Signer {
    /// Reads the secret.
    ///
    /// # Errors
    /// What is wrong with it, without any part of the secret.
    pub fn read(text: &str) -> Result<Self, String> {
        let set = json::object(text.as_bytes())
            .map_err(|_| "it is no JSON object: `npm run key -- new` makes one".to_owned())?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or("\"keys\" is missing, or no list")?;
        if keys.is_empty() || keys.len() > MOST {
            return Err(format!("it has {} keys; 1 to {MOST} are allowed", keys.len()));
        }
        let read = |(place, key): (usize, &Value)| Signing::read(key).map_err(|why| format!("keys[{place}]: {why}"));
        keys.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The public halves, as a JWK Set (RFC 7517 5).
    #[must_use]
    pub fn published(&self) -> Value {
        json_object!({ "keys": self.0.iter().map(|key| key.public.clone()).collect::<Vec<_>>() })
    }

    /// The assertion to sign at `now` (milliseconds since 1970), with the newest key that has begun to sign, else with
    /// the one that begins first.
    #[must_use]
    pub fn unsigned(&self, facts: &Facts<'_>, now: Millis) -> Option<Unsigned> {
        let now = now / 1_000;
        let ready = self.0.iter().filter(|key| key.from <= now).max_by_key(|key| key.from);
        let key = ready.or_else(|| self.0.iter().min_by_key(|key| key.from))?;
        let header = json_object!({ "alg": key.algorithm, "typ": "usher-assertion+jwt", "kid": key.kid.as_str() });
        let mut claims = json_object!({
            "iss": facts.issuer,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": facts.request_id,
            "method": facts.method,
            "path_sha256": digest(facts.path),
        });
        let mut services = facts.services.clone();
        services.dedup();
        let mut set_claim = |name: &str, value: Value| {
            if let Some(claims) = claims.as_object_mut() {
                claims.insert(name.to_owned(), value);
            }
        };
        match services.as_slice() {
            [one] => set_claim("aud", Value::from(*one)),
            all => set_claim("aud", Value::from(all)),
        }
        if let Some(record) = facts.record {
            let personal = matches!(facts.shared, None | Some(Partition::User { .. }));
            if personal {
                set_claim("sub", Value::from(record.user.as_str()));
                set_claim("scope", Value::from(record.scopes.join(" ")));
                if let Some(authenticated) = record.authenticated {
                    set_claim("auth_time", Value::from(authenticated / 1_000));
                }
            }
            if personal || matches!(facts.shared, Some(Partition::Roles(_))) {
                set_claim("roles", Value::from(record.roles.as_slice()));
            }
        }
        let text = format!("{}.{}", encode(json::text(&header).as_bytes()), encode(json::text(&claims).as_bytes()));
        Some(Unsigned { key: key.private.clone(), text })
    }
}

impl Signing {
    fn read(key: &Value) -> Result<Self, String> {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            let good = text(name).and_then(jwt::decode).filter(|bytes| bytes.len() == 32);
            good.map(|_| text(name).unwrap_or_default())
                .ok_or_else(|| format!("\"{name}\" is missing, or not 32 bytes in base64url"))
        };
        let kid = text("kid").filter(|kid| !kid.is_empty()).ok_or("\"kid\" is missing")?.to_owned();
        let from = match key.get("usher_from") {
            None => 0,
            Some(from) => from.as_u64().ok_or("\"usher_from\" is no number of seconds")?,
        };
        let (algorithm, mut members) = match (text("kty"), text("crv")) {
            (Some("OKP"), Some("Ed25519")) => {
                ("EdDSA", json_object!({"kty": "OKP", "crv": "Ed25519", "x": bytes("x")?}))
            }
            (Some("EC"), Some("P-256")) => {
                ("ES256", json_object!({"kty": "EC", "crv": "P-256", "x": bytes("x")?, "y": bytes("y")?}))
            }
            _ => return Err("it is neither of Ed25519 nor of P-256".into()),
        };
        let mut public = members.clone();
        for (name, value) in [("kid", kid.as_str()), ("alg", algorithm), ("use", "sig")] {
            if let Some(public) = public.as_object_mut() {
                public.insert(name.to_owned(), Value::from(value));
            }
        }
        let secret = Value::from(bytes("d")?);
        if let Some(members) = members.as_object_mut() {
            members.insert("d".to_owned(), secret);
        }
        Ok(Self { from, algorithm, kid, private: json::text(&members), public })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(kid: &str, from: u64) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encode(&[1; 32]), "d": encode(&[2; 32]), "usher_from": from})
    }

    fn facts<'a>(record: Option<&'a Record>, shared: Option<&'a Partition>) -> Facts<'a> {
        Facts {
            issuer: "usher",
            services: vec!["app"],
            method: "GET",
            path: "/a?b=1",
            request_id: "r1",
            record,
            shared,
        }
    }

    fn parts(unsigned: &Unsigned) -> (Value, Value) {
        let (header, claims) = unsigned.text.split_once('.').expect("two parts");
        let read = |part: &str| serde_json::from_slice(&jwt::decode(part).expect("base64url")).expect("JSON");
        (read(header), read(claims))
    }

    #[test]
    fn the_newest_key_that_has_begun_signs_and_all_are_published() {
        let signer =
            Signer::read(&json!({"keys": [key("a", 0), key("b", 100), key("c", 200)]}).to_string()).expect("keys");
        for (now, kid) in [(0, "a"), (99_999, "a"), (100_000, "b"), (200_000, "c")] {
            let unsigned = signer.unsigned(&facts(None, None), now).expect("an oath");
            assert_eq!(parts(&unsigned).0["kid"], kid, "{now}");
        }
        let published = signer.published().to_string();
        assert!(["a", "b", "c"].iter().all(|kid| published.contains(&format!("\"kid\":\"{kid}\""))), "{published}");
        assert!(!published.contains("\"d\"") && !published.contains(&encode(&[2; 32])), "{published}");
        assert!(!format!("{signer:?} {:?}", signer.unsigned(&facts(None, None), 0)).contains(&encode(&[2; 32])));
    }

    #[test]
    fn it_states_the_request_and_no_more_of_the_user_than_the_partition_allows() {
        let signer = Signer::read(&json!({"keys": [key("a", 0)]}).to_string()).expect("keys");
        let record =
            Record { user: "7".into(), roles: vec!["admin".into()], scopes: vec!["read".into()], ..Record::default() };
        let claims = |shared: Option<&Partition>| {
            parts(&signer.unsigned(&facts(Some(&record), shared), 5_000).expect("an oath")).1
        };
        assert_eq!(
            claims(None),
            json!({"iss": "usher", "aud": "app", "iat": 5, "exp": 65, "jti": "r1", "method": "GET", "path_sha256": encode(&hmac_sha256::Hash::hash(b"/a?b=1")), "sub": "7", "roles": ["admin"], "scope": "read"})
        );
        assert_eq!(claims(Some(&Partition::user("7", &[])))["sub"], "7");
        let roles = claims(Some(&Partition::roles(&["admin".into()])));
        assert_eq!((&roles["sub"], &roles["roles"]), (&Value::Null, &json!(["admin"])));
        let public = claims(Some(&Partition::Public));
        assert_eq!((&public["sub"], &public["roles"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn an_error_names_the_unusable_key_and_does_not_reveal_it() {
        let mut odd = key("a", 0);
        odd["d"] = json!("short");
        for (text, expected) in [
            ("x".to_owned(), "no JSON"),
            ("{}".into(), "\"keys\" is missing"),
            (json!({"keys": []}).to_string(), "0 keys"),
            (json!({"keys": [key("", 0)]}).to_string(), "keys[0]: \"kid\""),
            (json!({"keys": [key("a", 0), odd]}).to_string(), "keys[1]: \"d\""),
            (json!({"keys": [{"kty": "RSA", "kid": "a"}]}).to_string(), "neither"),
        ] {
            let why = Signer::read(&text).expect_err(expected);
            assert!(why.contains(expected) && !why.contains("short"), "{why}");
        }
    }
}
