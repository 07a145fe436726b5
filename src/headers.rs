//! What may cross, each way?
//!
//! To the origin: whatever a client could forge is removed first, on every path, then set once.
//! To the client: what the origin told the gateway, and what concerns one connection only, stays
//! here.

pub mod address;

use crate::http::head::{Edits, Fields, Head};
use crate::http::list::members;
use crate::http::path;
use crate::http::signed_cookie;
use crate::http::trace;
use crate::http::visitor::Visitor;
use crate::identity::Identity;
use crate::identity::Partition;
use crate::identity::session;

/// Fields for one connection only (RFC 9110 7.6.1), `Connection`'s own members beside them.
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that tell an origin who is asking for what, and that only the gateway may say.
const FORGEABLE: [&str; 35] = [
    "base-url",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "http-host",
    "proxy",
    "remote-user",
    "request-uri",
    "tracestate",
    "true-client-ip",
    "x-backend-host",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-country",
    "x-forwarded",
    "x-host",
    "x-locale",
    "x-matched-path",
    "x-method-override",
    "x-nextjs-data",
    "x-override-url",
    "x-proxy-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-region",
    "x-request-id",
    "x-rewrite-url",
    "x-scheme",
    "x-server-name",
    "x-shard",
    "x-url-scheme",
    "x-user",
    "x-wap-profile",
];

const FORGEABLE_PREFIXES: [&str; 14] = [
    "cf-",
    "mf-",
    "usher-",
    "x-authenticated-",
    "x-envoy-",
    "x-forwarded-",
    "x-http-",
    "x-invoke-",
    "x-middleware-",
    "x-ms-original-",
    "x-original-",
    "x-remote-",
    "x-user-",
    "x-usher-",
];

/// What an origin says to the gateway alone.
const INTERNAL: [&str; 13] = [
    "cache-group-invalidation",
    "cache-groups",
    "cache-tag",
    "cdn-cache-control",
    "endpoint-load-metrics",
    "purge-cache-tag",
    "surrogate-control",
    "surrogate-key",
    "usher-length",
    "usher-session",
    "usher-stored",
    "usher-variants",
    "xkey",
];

/// Whether a field concerns one connection only.
#[must_use]
pub fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

/// Whether a field of an answer is for the gateway alone.
#[must_use]
pub fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name) || name.starts_with("x-usher-")
}

/// Whether a client could pass itself off as somebody with this field. Origins that read fields
/// through CGI cannot tell `X_User_Id` from `X-User-Id`, so neither do we.
#[must_use]
pub fn is_forgeable(name: &str) -> bool {
    let bad =
        |name: &str| FORGEABLE.contains(&name) || FORGEABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    if name.contains('_') { bad(&name.replace('_', "-")) } else { bad(name) }
}

/// Everything the origin is told that the client did not say.
#[derive(Debug)]
pub struct Forwarded<'a> {
    /// Who is asking.
    pub identity: &'a Identity,
    /// Among whom the answer is shared, when it passes the cache.
    pub shared: Option<&'a Partition>,
    /// The locale's tag, when one is negotiated.
    pub locale: Option<&'a str>,
    /// The locale prefix taken off the path: `/ja`.
    pub prefix: Option<&'a str>,
    /// What the network knows.
    pub visitor: &'a Visitor<'a>,
    /// The region's name.
    pub region: Option<&'a str>,
    /// See [`request_id`].
    pub request_id: &'a str,
    /// See [`trace`].
    pub trace: &'a trace::Trace<'a>,
    /// The session cookie's bare name.
    pub cookie: &'a str,
    /// Fields whose credentials were for the gateway.
    pub credentials: &'a [&'a str],
}

/// The changes that turn what the client sent into what the origin receives.
#[must_use]
pub fn to_origin(head: &Head<'_>, told: &Forwarded<'_>) -> Edits {
    let mut edits = Edits::new();
    let nominated = head.fields.get("connection").unwrap_or_default();
    let websocket = head.is_websocket();
    for (name, value) in head.fields.iter() {
        let handshake = websocket && matches!(name, "connection" | "upgrade");
        let unshared =
            told.shared.is_some() && (name == "cookie" || crate::cache::validate::CONDITIONS.contains(&name));
        let hop = is_nominated(name, nominated);
        let forged = is_forgeable(name) && !(name == "tracestate" && told.trace.state() == Some(value));
        let spent = told.credentials.contains(&name);
        if unshared || forged || spent || (hop && !handshake) {
            edits.remove(name);
        } else if name == "cookie" {
            match session::without_token(value, told.cookie) {
                Some(left) if left == value => {}
                Some(left) => edits.set_text(name, &left),
                None => edits.remove(name),
            }
        }
    }
    told_fields(head, told, &mut edits);
    edits
}

fn told_fields(head: &Head<'_>, told: &Forwarded<'_>, edits: &mut Edits) {
    if let Identity::User { record, .. } = told.identity {
        match told.shared {
            Some(Partition::Public) => {}
            Some(Partition::Roles(roles)) => edits.set("x-user-roles", &told_words(roles)),
            Some(Partition::User { .. }) | None => {
                edits.set("x-user-id", &told_id(&record.user));
                edits.set("x-user-roles", &told_words(&record.roles));
                if !record.scopes.is_empty() {
                    edits.set("x-user-scopes", &told_words(&record.scopes));
                }
            }
        }
    }
    if let Some(locale) = told.locale {
        edits.set("x-locale", locale);
        if told.shared.is_some() {
            edits.set("accept-language", locale);
        }
    }
    if let Some(prefix) = told.prefix {
        edits.set("x-forwarded-prefix", prefix);
    }
    if let Some(country) = told.visitor.country {
        edits.set("x-country", country);
    }
    if let Some(region) = told.region {
        edits.set("x-region", region);
    }
    if let Some(ip) = told.visitor.ip.filter(|_| matches!(told.shared, None | Some(Partition::User { .. }))) {
        edits.set("x-forwarded-for", ip);
    }
    edits.set("x-forwarded-proto", head.url.scheme);
    edits.set("x-forwarded-host", head.url.authority);
    edits.set("x-request-id", told.request_id);
    edits.set("traceparent", &told.trace.field());
    if let Some(state) = told.trace.state().filter(|state| head.fields.get("tracestate") != Some(state)) {
        edits.set("tracestate", state);
    }
    edits.append("via", "1.1 usher");
    edits.append("cdn-loop", "usher");
}

/// Roles or scopes as a field's value; one that could be taken for several, or for another, is left out.
fn told_words(words: &[String]) -> String {
    words.iter().map(String::as_str).filter(|word| session::is_word(word)).collect::<Vec<_>>().join(",")
}

/// A user's id as a field's value: what is not visible ASCII is percent-encoded as UTF-8, and so is
/// `%`, so that no two users are told as one.
fn told_id(user: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '%';
    user.chars().map(|c| if plain(c) { c.into() } else { path::encode(c.encode_utf8(&mut [0; 4])) }).collect()
}

/// Whether this request has come through here before (RFC 8586).
#[must_use]
pub fn is_loop(fields: &Fields<'_>) -> bool {
    members(fields.get("cdn-loop").unwrap_or_default())
        .any(|member| member.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("usher"))
}

/// The client's request id when it is sane, else a new one of 16 random bytes.
#[must_use]
pub fn request_id(sent: Option<&str>, random: &[u8; 16]) -> String {
    let sane = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    sent.filter(sane).map_or_else(|| trace::hex(random), str::to_owned)
}

/// The changes that every answer undergoes before it is stored: what an origin says to the gateway is
/// kept, for a later 304 may leave it out.
pub fn to_store(fields: &Fields<'_>, edits: &mut Edits) {
    let nominated = fields.get("connection").unwrap_or_default();
    for (name, _) in fields.iter() {
        let ours = name.starts_with("usher-") || name.starts_with("x-usher-");
        if ours || is_nominated(name, nominated) {
            edits.remove(name);
        }
    }
}

/// Whether a field concerns one connection only, by what it is or by `Connection`.
fn is_nominated(name: &str, nominated: &str) -> bool {
    is_hop_by_hop(name) || (!nominated.is_empty() && members(nominated).any(|other| other.eq_ignore_ascii_case(name)))
}

/// The changes that every answer of an origin, a file or the store undergoes. `CDN-Cache-Control` is meant
/// for every cache of the kind on the way (RFC 9213 3.1): those before Usher get it where it is `open` to
/// everybody, for elsewhere a hit there would skip authentication.
pub fn to_client(fields: &Fields<'_>, websocket: bool, open: bool, edits: &mut Edits) {
    let nominated = fields.get("connection").unwrap_or_default();
    for (name, _) in fields.iter() {
        let hop = is_nominated(name, nominated);
        let handshake = websocket && matches!(name, "connection" | "upgrade");
        let internal = is_internal(name) && !(open && name == "cdn-cache-control");
        if internal || (hop && !handshake) {
            edits.remove(name);
        }
    }
}

/// Takes Usher's own cookies out of what an origin sets, and says whether one was there: only the
/// gateway hands out tokens.
pub fn sets_session(fields: &Fields<'_>, cookie: &str, edits: &mut Edits) -> bool {
    let ours = |line: &str| {
        let name = line.split('=').next().unwrap_or_default().trim();
        name == cookie
            || name.strip_prefix("__Host-") == Some(cookie)
            || session::is_of_sign_in(name, cookie)
            || signed_cookie::is_ours(name, cookie)
    };
    let lines = || fields.iter().filter(|(name, _)| *name == "set-cookie").map(|(_, line)| line);
    if !lines().any(ours) {
        return false;
    }
    edits.remove("set-cookie");
    for line in lines().filter(|line| !ours(line)) {
        edits.append_text("set-cookie", line);
    }
    true
}

/// `Cache-Control` of an answer to somebody signed in: whatever the origin says, nobody on the way
/// may keep it for others.
#[must_use]
pub fn private(control: Option<&str>) -> String {
    let control = control.unwrap_or_default();
    let name = |member: &str| member.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    if members(control).any(|member| matches!(name(member).as_str(), "private" | "no-store")) {
        return control.to_owned();
    }
    let kept =
        members(control).filter(|member| !matches!(name(member).as_str(), "public" | "s-maxage" | "proxy-revalidate"));
    ["private"].into_iter().chain(kept).collect::<Vec<_>>().join(", ")
}

/// Adds what is missing to `Vary`.
pub fn vary(fields: &Fields<'_>, names: &[&str], edits: &mut Edits) {
    let known = fields.get("vary").unwrap_or_default();
    let missing = |name: &&&str| !members(known).any(|other| other == "*" || other.eq_ignore_ascii_case(name));
    let missing: Vec<&str> = names.iter().filter(missing).copied().collect();
    if !missing.is_empty() {
        edits.append("vary", &missing.join(", "));
    }
}

#[cfg(test)]
mod tests;
