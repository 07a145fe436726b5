//! Which stored responses does an unsafe request invalidate? Those of its own resource, and those that the origin's
//! response names. (RFC 9111 4.4, RFC 9875)

use super::Cache;
use crate::cache::{purge, tag};
use crate::config::{Config, LONGEST_STORED};
use crate::gateway::context::Context;
use crate::http::head::{self, Url};
use crate::http::search;
use crate::ledger::subject;
use crate::platform::Platform;
use crate::route::{self, Place};
use crate::sort;

impl Cache {
    /// Stamps what a successful unsafe request invalidates, before the visitor gets the reply. The change has been
    /// made, so a ledger that is down is logged and does not turn the reply into an error.
    pub(super) async fn invalidate<P: Platform>(&self, ctx: &Context<'_, P>, place: &Place<'_, '_>, packed: &str) {
        let (status, fields) = head::response(packed);
        if ctx.head.is_safe() || !(200..400).contains(&status) {
            return;
        }
        let url = &ctx.head.url;
        let query = url.search();
        let base = format!("{}://{}", url.scheme, url.authority);
        let named = ["location", "content-location"].into_iter().filter_map(|name| fields.get(name));
        let paths = named.filter_map(|reference| resolve(url, reference));
        let mut subjects: Vec<String> = [format!("{}{query}", url.path)]
            .into_iter()
            .chain(paths)
            .map(|path| format!("{base}{path}"))
            .filter(|text| is_stored(ctx.config, text))
            .flat_map(|text| purge::resources(ctx.config, &text).unwrap_or_default())
            .map(|resource| subject::url(&resource))
            .collect();
        if place.route.purges {
            subjects.extend(tag::purged(&fields, url.authority).iter().map(|tag| subject::tag(tag)));
        }
        sort::ascending(&mut subjects);
        subjects.dedup();
        if subjects.is_empty() {
            return;
        }
        if self.ledger.stamp(ctx.platform, subjects, false, LONGEST_STORED).await.is_err() {
            ctx.platform.error(&format!(
                "the ledger did not take what a {} to {} makes invalid: stored answers may be old until they expire",
                ctx.head.method, url.path
            ));
        }
    }
}

/// Whether responses to GET of this URL may be stored at all.
fn is_stored(config: &Config, text: &str) -> bool {
    let Some(url) = Url::parse(text) else { return false };
    route::find(config, &url, "GET").is_ok_and(|place| place.route.cache.is_some())
}

/// The path and query of a reference on the same host (RFC 3986 5.2); `None` for another host or an invalid reference.
fn resolve(base: &Url<'_>, reference: &str) -> Option<String> {
    let reference = reference.trim().split('#').next().unwrap_or_default();
    if let Some(url) = Url::parse(reference) {
        let query = url.search();
        let same = url.scheme == base.scheme && url.authority.eq_ignore_ascii_case(base.authority);
        return same.then(|| format!("{}{query}", url.path));
    }
    let foreign =
        reference.is_empty() || reference.starts_with("//") || search::contains(reference.split('/').next()?, ":");
    if foreign || !reference.bytes().all(|b| b.is_ascii_graphic()) {
        return None;
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (reference, String::new()),
    };
    let folder = base.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let whole = match path {
        "" => base.path.to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("{folder}/{path}"),
    };
    let mut kept: Vec<&str> = Vec::new();
    for segment in whole.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let folder = matches!(whole.rsplit('/').next(), Some("." | "..")) && !kept.is_empty();
    Some(format!("/{}{}{query}", kept.join("/"), if folder { "/" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_resolves_only_on_the_same_host() {
        let base = Url::parse("https://a.example/x/y?q=1").expect("a URL");
        for (reference, found) in [
            ("/z?a=1#b", Some("/z?a=1")),
            ("z", Some("/x/z")),
            ("../z", Some("/z")),
            ("./z", Some("/x/z")),
            ("..", Some("/")),
            ("../../../z", Some("/z")),
            (".", Some("/x/")),
            ("?q=7", Some("/x/y?q=7")),
            ("https://A.example/z?q", Some("/z?q")),
            ("https://a.example", Some("/")),
            ("http://a.example/z", None),
            ("https://b.example/z", None),
            ("//b.example/z", None),
            ("mailto:x", None),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(resolve(&base, reference).as_deref(), found, "{reference}");
        }
    }
}
