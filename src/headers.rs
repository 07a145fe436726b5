//! Which fields are forwarded, in each direction?
//!
//! To the origin: every field that a client could forge is removed first, on every path, then set once.
//! To the client: fields for the gateway and hop-by-hop fields are removed.

pub mod address;

use crate::http::head::{Edits, Fields, Head};
use crate::http::list::members;
use crate::http::signed_cookie;
use crate::http::trace;
use crate::http::visitor::Visitor;
use crate::http::{path, search};
use crate::identity::Identity;
use crate::identity::Partition;
use crate::identity::session;

/// Hop-by-hop fields (RFC 9110 7.6.1), in addition to the members of `Connection`.
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

/// Fields by which an origin identifies the client or the resource, and that only the gateway may set.
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

/// Prefixes of such fields.
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

/// Response fields from an origin to the gateway only.
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

/// Whether a field is hop-by-hop by its name.
#[must_use]
pub fn is_hop_by_hop(name: &str) -> bool {
    HOP_BY_HOP.contains(&name)
}

/// Whether a response field is for the gateway only.
#[must_use]
pub fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name) || name.starts_with("x-usher-")
}

/// Whether a client could impersonate another with this field. Origins that read fields through CGI cannot
/// distinguish `X_User_Id` from `X-User-Id`, so `_` counts as `-`.
#[must_use]
pub fn is_forgeable(name: &str) -> bool {
    let bad =
        |name: &str| FORGEABLE.contains(&name) || FORGEABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    // Most fields of a browser begin with another letter than all of these: `accept`, `sec-fetch-site`.
    let first = name.bytes().next().map_or(0, |byte| byte.wrapping_sub(b'a'));
    if first < 26 && FIRST_LETTERS & 1 << first == 0 {
        return false;
    }
    if search::contains(name, "_") { bad(&name.replace('_', "-")) } else { bad(name) }
}

/// The letters that the forgeable fields begin with, a bit each.
const FIRST_LETTERS: u32 = letters(&FORGEABLE, letters(&FORGEABLE_PREFIXES, 0));

/// The letters that names begin with, with those of `found`.
const fn letters(mut names: &[&str], mut found: u32) -> u32 {
    while let [name, rest @ ..] = names {
        if let [first, ..] = name.as_bytes() {
            found |= 1 << (*first - b'a');
        }
        names = rest;
    }
    found
}

/// What the gateway forwards to the origin in addition to the client's fields.
#[derive(Debug)]
pub struct Forwarded<'a> {
    /// The identity of the request.
    pub identity: &'a Identity,
    /// Which requests share the response, when it may be stored.
    pub shared: Option<&'a Partition>,
    /// The tag of the negotiated locale, if any.
    pub locale: Option<&'a str>,
    /// The locale prefix removed from the path, such as `/ja`.
    pub prefix: Option<&'a str>,
    /// What the network reports about the visitor.
    pub visitor: &'a Visitor<'a>,
    /// The region's name.
    pub region: Option<&'a str>,
    /// See [`request_id`].
    pub request_id: &'a str,
    /// See [`trace`].
    pub trace: &'a trace::Trace<'a>,
    /// The session cookie's name, without `__Host-`.
    pub cookie: &'a str,
    /// Fields whose credentials are for the gateway: they are not forwarded.
    pub credentials: &'a [&'a str],
}

/// The changes from the client's fields to those that the origin receives.
#[must_use]
pub fn to_origin(head: &Head<'_>, forwarded: &Forwarded<'_>) -> Edits {
    let mut edits = Edits::new();
    let nominated = head.fields.get("connection").unwrap_or_default();
    let websocket = head.is_websocket();
    for (name, value) in head.fields.iter() {
        let handshake = websocket && matches!(name, "connection" | "upgrade");
        let unshared =
            forwarded.shared.is_some() && (name == "cookie" || crate::cache::validate::CONDITIONS.contains(&name));
        let hop = is_nominated(name, nominated);
        let forgeable = is_forgeable(name) && !(name == "tracestate" && forwarded.trace.state() == Some(value));
        let credential = forwarded.credentials.contains(&name);
        if unshared || forgeable || credential || (hop && !handshake) {
            edits.remove(name);
        } else if name == "cookie" {
            match session::without_token(value, forwarded.cookie) {
                Some(left) if left == value => {}
                Some(left) => edits.set_text(name, &left),
                None => edits.remove(name),
            }
        }
    }
    set_fields(head, forwarded, &mut edits);
    edits
}

fn set_fields(head: &Head<'_>, forwarded: &Forwarded<'_>, edits: &mut Edits) {
    if let Identity::User { record, .. } = forwarded.identity {
        match forwarded.shared {
            Some(Partition::Public) => {}
            Some(Partition::Roles(roles)) => edits.set("x-user-roles", &joined_names(roles)),
            Some(Partition::User { .. }) | None => {
                edits.set("x-user-id", &header_safe_id(&record.user));
                edits.set("x-user-roles", &joined_names(&record.roles));
                if !record.scopes.is_empty() {
                    edits.set("x-user-scopes", &joined_names(&record.scopes));
                }
            }
        }
    }
    if let Some(locale) = forwarded.locale {
        edits.set("x-locale", locale);
        if forwarded.shared.is_some() {
            edits.set("accept-language", locale);
        }
    }
    if let Some(prefix) = forwarded.prefix {
        edits.set("x-forwarded-prefix", prefix);
    }
    if let Some(country) = forwarded.visitor.country {
        edits.set("x-country", country);
    }
    if let Some(region) = forwarded.region {
        edits.set("x-region", region);
    }
    if let Some(ip) = forwarded.visitor.ip.filter(|_| matches!(forwarded.shared, None | Some(Partition::User { .. }))) {
        edits.set("x-forwarded-for", ip);
    }
    edits.set("x-forwarded-proto", head.url.scheme);
    edits.set("x-forwarded-host", head.url.authority);
    edits.set("x-request-id", forwarded.request_id);
    edits.set("traceparent", &forwarded.trace.field());
    if let Some(state) = forwarded.trace.state().filter(|state| head.fields.get("tracestate") != Some(state)) {
        edits.set("tracestate", state);
    }
    edits.append("via", "1.1 usher");
    edits.append("cdn-loop", "usher");
}

/// Roles or scopes as a field value, joined with commas; a name that could be parsed as several names, or as
/// another one, is omitted.
fn joined_names(names: &[String]) -> String {
    names.iter().map(String::as_str).filter(|name| session::is_list_value(name)).collect::<Vec<_>>().join(",")
}

/// A user's id as a field value: `%` and everything except visible ASCII is percent-encoded as UTF-8, so that no
/// two ids have the same value.
fn header_safe_id(user: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '%';
    user.chars().map(|c| if plain(c) { c.into() } else { path::encode(c.encode_utf8(&mut [0; 4])) }).collect()
}

/// Whether this request has passed through Usher before (RFC 8586).
#[must_use]
pub fn is_loop(fields: &Fields<'_>) -> bool {
    members(fields.get("cdn-loop").unwrap_or_default())
        .any(|member| member.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("usher"))
}

/// The client's request id when it is 1 to 128 letters, digits, `-`, `_` or `.`; else a new one of 16 random bytes.
#[must_use]
pub fn request_id(sent: Option<&str>, random: &[u8; 16]) -> String {
    let valid = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    sent.filter(valid).map_or_else(|| trace::hex(random), str::to_owned)
}

/// The changes to every response before it is stored. Fields for the gateway are kept, because a later 304 may
/// omit them.
pub fn to_store(fields: &Fields<'_>, edits: &mut Edits) {
    let nominated = fields.get("connection").unwrap_or_default();
    for (name, _) in fields.iter() {
        let ours = name.starts_with("usher-") || name.starts_with("x-usher-");
        if ours || is_nominated(name, nominated) {
            edits.remove(name);
        }
    }
}

/// Whether a field is hop-by-hop, by its name or as a member of `Connection`.
fn is_nominated(name: &str, nominated: &str) -> bool {
    is_hop_by_hop(name) || (!nominated.is_empty() && members(nominated).any(|other| other.eq_ignore_ascii_case(name)))
}

/// The changes to every response of an origin, a file or the store. `CDN-Cache-Control` applies to every CDN cache
/// on the way (RFC 9213 3.1): caches before Usher receive it only when the route is `open` to everybody, because
/// a hit there skips authentication.
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

/// Removes Usher's own cookies from an origin's `Set-Cookie`, and returns whether there was one: only the gateway
/// issues session tokens.
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

/// `Cache-Control` of a response to a signed-in user: no shared cache may store it, whatever the origin's value is.
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

/// Adds the missing names to `Vary`.
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
