//! May a response be stored? (RFC 9111 3)

use super::control::Directives;
use super::stored::Stored;
use super::unstored::Unstored;
use super::{Key, freshness, tag, vary};
use crate::config::{Cache, LONGEST_STORED, Millis, Route, Target};
use crate::http::head::Fields;
use crate::http::path;
use crate::ledger::Moment;

/// Statuses that are never stored: they depend on the client or on the moment (RFC 6585), or are partial responses or
/// replies to a condition or a range.
const NEVER: [u16; 7] = [206, 304, 416, 428, 429, 431, 511];
/// Statuses that one client's malformed request can provoke at an origin: if stored, they would deny the resource to
/// all visitors (cache-poisoned denial of service).
pub const PROVOKED: [u16; 5] = [400, 405, 413, 414, 501];

/// Whether the cache understands the status, for `must-understand` (RFC 9111 5.2.2.3).
fn is_understood(status: u16) -> bool {
    freshness::is_heuristic(status) || matches!(status, 302 | 303 | 307 | 400 | 401 | 403 | 500 | 502 | 503 | 504)
}

/// A response as it was received, with all that decides whether it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Its status.
    pub status: u16,
    /// Its fields.
    pub fields: &'a Fields<'a>,
    /// The route of the request.
    pub route: &'a Route,
    /// The route's `cache`.
    pub policy: &'a Cache,
    /// The key under which it would be stored.
    pub key: &'a Key,
    /// The path of the request to the origin.
    pub path: &'a str,
    /// The fields of the request to the origin.
    pub sent: &'a [(String, String)],
    /// Whether the request had `Authorization`.
    pub authorized: bool,
    /// The moment up to which the ledger had been read when the request was sent to the origin.
    pub made: Moment,
    /// When the request was sent to the origin (milliseconds since 1970).
    pub asked: Millis,
    /// When the head of the response was received (milliseconds since 1970).
    pub received: Millis,
}

impl Received<'_> {
    /// The metadata to store with the response.
    ///
    /// # Errors
    /// Why the response is not stored.
    pub fn judge(&self) -> Result<Stored, Unstored> {
        let Self { status, fields, policy, .. } = *self;
        let directives = Directives::of(fields);
        let provoked = PROVOKED.contains(&status) && !policy.statuses.contains(&status);
        if !(200..600).contains(&status) || NEVER.contains(&status) || provoked {
            return Err(Unstored::Status);
        }
        if directives.must_understand && !is_understood(status) {
            return Err(Unstored::Status);
        }
        // A cache that understands the status ignores `no-store` beside `must-understand` (RFC 9111 5.2.2.3).
        if directives.no_store && !directives.must_understand {
            return Err(Unstored::NoStore);
        }
        if directives.private {
            return Err(Unstored::Private);
        }
        if self.authorized && !directives.is_shareable() {
            return Err(Unstored::Authorization);
        }
        if fields.get("set-cookie").is_some() && !directives.withheld.iter().any(|name| name == "set-cookie") {
            return Err(Unstored::SetCookie);
        }
        let length = fields.get("content-length").and_then(|length| length.parse::<u64>().ok());
        if length.is_some_and(|length| length > policy.max_body) {
            return Err(Unstored::Size);
        }
        let varies = vary::names(fields, keyed(self.route)).ok_or(Unstored::Vary)?;
        if is_disguised(self.path, fields) {
            return Err(Unstored::Disguised);
        }
        let fixed = matches!(self.route.target, Target::Static);
        let lifetime = match freshness::lifetime(status, fields, &directives, policy, self.received) {
            _ if fixed => policy.ttl.filter(|_| status == 200).ok_or(Unstored::NoLifetime)?,
            _ if directives.no_cache => 0,
            Some(lifetime) => lifetime,
            None => return Err(Unstored::NoLifetime),
        };
        let age = if fixed { 0 } else { freshness::initial_age(fields, self.asked, self.received) };
        let tags = tag::tags(fields, &self.route.tags, self.key.authority())?;
        let firm = directives.must_revalidate || directives.proxy_revalidate || directives.no_cache;
        let window = |stated: Option<u64>, route: Option<Millis>| {
            let window = stated.map(|seconds| seconds * 1_000).or(route).unwrap_or(0);
            if firm { 0 } else { window.min(LONGEST_STORED) }
        };
        let stored = Stored {
            made: self.made,
            received: self.received,
            until: self.received.saturating_add(lifetime.saturating_sub(age).min(LONGEST_STORED)),
            age,
            partition: self.key.partition.clone(),
            resource: self.key.resource.clone(),
            tags,
            control: fields.get("cache-control").map(str::to_owned),
            expires: fields.get("expires").map(str::to_owned),
            chosen: if varies.is_empty() { String::new() } else { vary::chosen(&varies, self.sent) },
            vary: varies,
            while_revalidate: window(directives.stale_while_revalidate, policy.stale_while_revalidate),
            if_error: window(directives.stale_if_error, policy.stale_if_error),
            // `s-maxage` implies `proxy-revalidate` (RFC 9111 5.2.2.10).
            if_disconnected: !firm && directives.s_maxage.is_none(),
            if_wanted: !firm && directives.s_maxage.is_none(),
            shareable: directives.is_shareable(),
        };
        if stored.is_unusable(fields) { Err(Unstored::Stale) } else { Ok(stored) }
    }
}

/// Request fields on which a response may vary without variants: they are in the key, or the origin does not get them.
fn keyed(route: &Route) -> &'static [&'static str] {
    const NAMES: [&str; 4] = ["accept-encoding", "cookie", "x-locale", "accept-language"];
    if route.localized { &NAMES } else { NAMES.get(..2).unwrap_or_default() }
}

/// Extensions of paths that browsers and caches treat as public files.
const FILES: [&str; 46] = [
    "7z", "avif", "avi", "bmp", "bz2", "css", "csv", "doc", "docx", "eot", "flac", "gif", "gz", "ico", "jar", "jpeg",
    "jpg", "js", "mid", "midi", "mjs", "mp3", "mp4", "ogg", "otf", "pdf", "png", "ppt", "pptx", "rar", "rtf", "svg",
    "swf", "tar", "tif", "tiff", "ttf", "wav", "webm", "webp", "woff", "woff2", "xls", "xlsx", "zip", "zst",
];

/// Whether the path has a file's extension while the response is a page or data, as from an origin that answers
/// `/account/x.css` with `/account` (web cache deception).
fn is_disguised(path: &str, fields: &Fields<'_>) -> bool {
    // Split at every character that an origin may treat as the end of the path: `/account;x.css`, `/account%3Bx.css`.
    let is_file = |path: &str| {
        path.rsplit('/').next().unwrap_or_default().split([';', '?', '#', '%', '\0', '\n', '\r']).any(|piece| {
            let end = piece.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
            end.is_some_and(|end| FILES.contains(&end.as_str()))
        })
    };
    let media = fields.get("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    let media = media.trim().to_ascii_lowercase();
    let personal = matches!(media.as_str(), "" | "text/html" | "application/xhtml+xml" | "application/json")
        || media.ends_with("+json");
    let decoded = path::decode(path);
    personal && (is_file(path) || is_file(&decoded) || is_file(&path::decode(&decoded)))
}

#[cfg(test)]
mod tests {
    use super::super::{Edition, route};
    use super::*;
    use crate::http::head::{Url, response};
    use crate::identity::Partition;
    use proptest::prelude::*;

    const NOW: Millis = 1_700_000_000_000;

    fn judged(packed: &str, toml: &str, authorized: bool, path: &str) -> Result<Stored, Unstored> {
        let (status, fields) = response(packed);
        let route = route(toml);
        let policy = route.cache.as_ref().expect("a cache");
        let url = Url { scheme: "https", authority: "a", path, query: None };
        let key = Key::new(&url, path, policy, Edition { name: "-", locale: None }, &Partition::Public);
        let received = Received {
            status,
            fields: &fields,
            route: &route,
            policy,
            key: &key,
            path,
            sent: &[],
            authorized,
            made: 1,
            asked: NOW,
            received: NOW,
        };
        received.judge()
    }

    #[test]
    fn responses_that_must_not_be_shared_are_not_stored() {
        for (packed, why) in [
            ("200\ncache-control:no-store, max-age=60\n", Unstored::NoStore),
            ("200\ncache-control:No-Store\n", Unstored::NoStore),
            ("200\ncache-control:private, max-age=60\n", Unstored::Private),
            ("200\ncache-control:max-age=60\ncdn-cache-control:private\n", Unstored::Private),
            ("200\ncache-control:max-age=60\nset-cookie:a=b\n", Unstored::SetCookie),
            ("200\ncache-control:max-age=60\nvary:*\n", Unstored::Vary),
            ("200\ncache-control:max-age=60\nvary:Accept-Encoding, X-Request-Id\n", Unstored::Vary),
            ("206\ncache-control:max-age=60\n", Unstored::Status),
            ("416\ncache-control:max-age=60\n", Unstored::Status),
            ("304\ncache-control:max-age=60\n", Unstored::Status),
            // They depend on the client or the moment (RFC 6585), or one malformed request can provoke them.
            ("428\ncache-control:max-age=60\n", Unstored::Status),
            ("429\ncache-control:max-age=60, public\n", Unstored::Status),
            ("431\ncache-control:max-age=60\n", Unstored::Status),
            ("511\ncache-control:max-age=60\n", Unstored::Status),
            ("400\ncache-control:max-age=60\n", Unstored::Status),
            ("405\ncache-control:max-age=60\n", Unstored::Status),
            ("413\ncache-control:max-age=60\n", Unstored::Status),
            ("414\ncache-control:max-age=60\n", Unstored::Status),
            ("501\ncache-control:max-age=60\n", Unstored::Status),
            ("200\ncache-control:max-age=60, max-age=0\n", Unstored::Stale),
            ("299\ncache-control:max-age=60, must-understand\n", Unstored::Status),
            ("200\ncache-control:max-age=x\n", Unstored::Stale),
            ("200\ncache-control:max-age=0\n", Unstored::Stale),
            ("200\ncache-control:no-cache\n", Unstored::Stale),
            ("200\ncache-control:max-age=60\nage:60\n", Unstored::Stale),
            ("200\netag:\"a\"\n", Unstored::NoLifetime),
            ("200\ncache-control:max-age=60\ncontent-length:26214401\n", Unstored::Size),
            ("200\ncache-control:max-age=60\ncache-tag:a b\n", Unstored::Tags),
        ] {
            assert_eq!(judged(packed, "", false, "/x").err(), Some(why), "{packed}");
        }
    }

    #[test]
    fn responses_with_a_lifetime_or_a_validator_are_stored() {
        for packed in [
            "200\ncache-control:max-age=60\nvary:Accept-Encoding, Cookie, X-Locale\n",
            "200\ncache-control:max-age=60\ncontent-length:26214400\n",
            "200\ncache-control:no-store, must-understand, max-age=60\n",
            "200\ncache-control:no-cache\netag:\"a\"\n",
            "200\ncache-control:max-age=0\nlast-modified:Tue, 14 Nov 2023 22:13:20 GMT\n",
            "200\ncache-control:max-age=0, stale-while-revalidate=60\n",
            "200\ncache-control:max-age=60, no-cache=\"Set-Cookie\"\nset-cookie:a=b\n",
            "302\ncache-control:max-age=60\n",
            "299\ncache-control:max-age=60\n",
            "500\ncache-control:max-age=60\n",
        ] {
            assert!(judged(packed, "", false, "/x").is_ok(), "{packed}");
        }
    }

    #[test]
    fn a_status_that_a_request_can_provoke_is_stored_only_where_the_route_lists_it() {
        let listed = "statuses = [405, 501]";
        for (status, stored) in
            [(405, true), (501, true), (400, false), (404, true), (410, true), (500, true), (429, false)]
        {
            let packed = format!("{status}\ncache-control:max-age=60\n");
            assert_eq!(judged(&packed, listed, false, "/x").is_ok(), stored, "{status}");
        }
    }

    #[test]
    fn a_response_to_an_authorized_request_is_shared_only_where_its_directives_allow_it() {
        for (control, good) in [
            ("max-age=60", false),
            ("max-age=60, public", true),
            ("s-maxage=60", true),
            ("max-age=60, must-revalidate", true),
        ] {
            let packed = format!("200\ncache-control:{control}\n");
            assert_eq!(judged(&packed, "", true, "/x").is_ok(), good, "{control}");
        }
    }

    #[test]
    fn a_page_under_the_path_of_a_file_is_not_stored() {
        for (path, media, why) in [
            ("/account/x.css", "text/html; charset=utf-8", Some(Unstored::Disguised)),
            ("/account/x.PNG", "application/json", Some(Unstored::Disguised)),
            ("/account/x.js", "application/problem+json", Some(Unstored::Disguised)),
            ("/a/x.css", "text/css", None),
            ("/a/x.css", "image/png", None),
            ("/a/x.html", "text/html", None),
            ("/a/x.json", "application/json", None),
            ("/account/x.css;y", "text/html", Some(Unstored::Disguised)),
            ("/account/%2Fx.css", "text/html", Some(Unstored::Disguised)),
            ("/account/x.css%3Fy", "text/html", Some(Unstored::Disguised)),
            ("/account/x.css", "", Some(Unstored::Disguised)),
            ("/account;x.css", "text/html", Some(Unstored::Disguised)),
            ("/account%3Bx.css", "text/html", Some(Unstored::Disguised)),
            ("/account%23x.css", "text/html", Some(Unstored::Disguised)),
            ("/account%3Fx.css", "text/html", Some(Unstored::Disguised)),
            ("/account%253Bx.css", "text/html", Some(Unstored::Disguised)),
            ("/account%0Ax.css", "text/html", Some(Unstored::Disguised)),
            ("/account;x", "text/html", None),
            ("/a.css/x", "text/html", None),
            ("/a", "text/html", None),
        ] {
            let packed = format!("200\ncache-control:max-age=60\ncontent-type:{media}\n");
            assert_eq!(judged(&packed, "", false, path).err(), why, "{path} {media}");
        }
    }

    proptest! {
        #[test]
        fn no_response_causes_a_panic(status in 0u16..1000, fields in "((cache-control|vary|age|expires|date|cache-tag|content-type):\\PC{0,20}\n){0,6}") {
            let packed = format!("{status}\n{fields}");
            let _ = judged(&packed, "heuristic = true", false, "/x.css");
        }
    }
}
