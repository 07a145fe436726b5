//! What is a stamp about? Its subject, as a name.

/// The prefix of tags.
pub const TAG: &str = "tag:";

/// Every stored response with this tag.
#[must_use]
pub fn tag(tag: &str) -> String {
    format!("{TAG}{tag}")
}

/// Every stored response of this URL: `host/path?query`, or `/path?query` on every host.
#[must_use]
pub fn url(url: &str) -> String {
    format!("url:{url}")
}

/// Every stored response below this path: `host/path`, or `/path` on every host.
#[must_use]
pub fn prefix(prefix: &str) -> String {
    format!("prefix:{prefix}")
}

/// Every stored response.
pub const EVERYTHING: &str = "everything";

/// The session with this key.
#[must_use]
pub fn session(key: &str) -> String {
    format!("session:{key}")
}

/// The prefix of changed sessions.
pub const CHANGED: &str = "changed:";

/// The session with key `from` continues with key `to`; of several such stamps the first counts.
#[must_use]
pub fn changed(from: &str, to: &str) -> String {
    format!("{CHANGED}{from}:{to}")
}

/// Every session of this user.
#[must_use]
pub fn user(user: &str) -> String {
    format!("user:{user}")
}

/// The sign-in whose `state` parameter has this digest.
#[must_use]
pub fn sign_in(state: &str) -> String {
    format!("sign-in:{state}")
}

/// Every session that began with a session (`sid`) or a user (`sub`) of an issuer.
#[must_use]
pub fn of_issuer(claim: &str, iss: &str, value: &str) -> String {
    format!("{claim}:{iss} {value}")
}

/// The logout token whose issuer and `jti` have this digest.
#[must_use]
pub fn logout(token: &str) -> String {
    format!("logout:{token}")
}

/// The account or address with this name has to wait before it may sign in.
#[must_use]
pub fn throttled(name: &str) -> String {
    format!("throttled:{name}")
}

/// The prefix of states.
pub const STATE: &str = "state:";

/// The state with this name: a hard stamp turns it on, a soft one off, and the newest counts.
#[must_use]
pub fn state(name: &str) -> String {
    format!("{STATE}{name}")
}

/// Every session.
pub const EVERYONE: &str = "everyone";
