//! Which stored responses does an operator's purge request name?

use super::key::chosen_query;
use super::tag;
use crate::config::{Config, units};
use crate::http::head::Url;
use crate::http::json;
use crate::http::{path, search};
use crate::ledger::subject;
use crate::route;
use crate::sort;
use serde_json::Value;

/// A purge request: `{"tags":[...],"urls":[...],"prefixes":[...],"everything":true,"soft":true}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The subjects to stamp.
    pub subjects: Vec<String>,
    /// Whether a purged response may still be served stale while the origin is down.
    pub soft: bool,
}

/// The most subjects in one purge.
const MOST: usize = 1_000;

impl Order {
    /// Reads a purge request.
    ///
    /// # Errors
    /// A sentence that names the invalid field.
    pub fn parse(config: &Config, body: &str) -> Result<Self, String> {
        let sample = "allowed: a JSON object that says nothing twice, such as {\"tags\":[\"site\"]}";
        let fields = json::object(body.as_bytes()).map_err(|e| format!("the body is not understood: {e}; {sample}"))?;
        let known = ["tags", "urls", "prefixes", "everything", "soft"];
        if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            let similar = units::nearest(unknown, known).map(|near| format!(" (did you mean \"{near}\"?)"));
            let similar = similar.unwrap_or_default();
            return Err(format!("\"{unknown}\" is unknown; allowed: {}{similar}", known.join(", ")));
        }
        let flag = |name: &str| match fields.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("\"{name}\" must be true or false")),
        };
        let mut subjects = Vec::new();
        for tag in texts(fields.get("tags"), "tags")? {
            if !tag::is_good(tag) {
                return Err(format!("\"tags\": {tag:?} can be no tag: 1 to 256 visible ASCII characters without ','"));
            }
            subjects.push(subject::tag(tag));
        }
        for url in texts(fields.get("urls"), "urls")? {
            let names = resources(config, url).ok_or_else(|| bad("urls", url))?;
            subjects.extend(names.iter().map(|name| subject::url(name)));
        }
        for prefix in texts(fields.get("prefixes"), "prefixes")? {
            let (authority, url) = absolute(prefix).ok_or_else(|| bad("prefixes", prefix))?;
            let url = Url::parse(&url).ok_or_else(|| bad("prefixes", prefix))?;
            let path = plain(config, &url);
            if path == "/" && url.path != "/" {
                return Err(format!(
                    "\"prefixes\": {prefix:?} is every page in one language, and a purge is of all languages: give a longer prefix, or \"everything\": true"
                ));
            }
            let resource = format!("{authority}{path}");
            let trimmed = resource.strip_suffix('/').filter(|rest| search::contains(rest, "/")).unwrap_or(&resource);
            subjects.push(subject::prefix(trimmed));
        }
        if flag("everything")? {
            subjects.push(subject::EVERYTHING.into());
        }
        if subjects.is_empty() {
            return Err("nothing to purge: give \"tags\", \"urls\", \"prefixes\" or \"everything\": true".into());
        }
        if subjects.len() > MOST {
            return Err(format!("{} subjects in one purge; allowed: {MOST}", subjects.len()));
        }
        Ok(Self { subjects, soft: flag("soft")? })
    }
}

fn texts<'v>(value: Option<&'v Value>, name: &str) -> Result<Vec<&'v str>, String> {
    let wrong = || format!("\"{name}\" must be a list of strings");
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

fn bad(field: &str, text: &str) -> String {
    format!(
        "\"{field}\": {text:?} is neither a URL such as \"https://example.com/about\" nor a path such as \"/about\" (on every host)"
    )
}

/// A URL, or a path on every host, as authority (empty for every host) and absolute URL.
fn absolute(text: &str) -> Option<(String, String)> {
    let path = text.starts_with('/') && !text.starts_with("//");
    let absolute = if path { format!("https://any.invalid{text}") } else { text.to_owned() };
    let url = Url::parse(&absolute).filter(|_| absolute.bytes().all(|b| b.is_ascii_graphic()))?;
    path::normal(url.path).ok()?;
    let port = if url.scheme == "https" { ":443" } else { ":80" };
    let authority = url.authority.strip_suffix(port).unwrap_or(url.authority).to_ascii_lowercase();
    Some((if path { String::new() } else { authority }, absolute))
}

/// The path as stored responses have it: normalized, without a locale prefix.
fn plain(config: &Config, url: &Url<'_>) -> String {
    let path = path::normal(url.path).map_or_else(|_| url.path.to_owned(), std::borrow::Cow::into_owned);
    match route::locale_prefix(config, &path) {
        Some(_) => route::find(config, url, "GET").map_or(path, |place| place.path.into_owned()),
        None => path,
    }
}

/// The resource names that stored responses of a URL may have: with its query unchanged, and with the query that each
/// route for this path selects. `None` when `text` is neither a URL nor a path.
#[must_use]
pub fn resources(config: &Config, text: &str) -> Option<Vec<String>> {
    let (authority, url) = absolute(text)?;
    let url = Url::parse(&url)?;
    let path = plain(config, &url);
    let as_is = url.query.filter(|query| !query.is_empty()).map(|query| format!("?{query}")).unwrap_or_default();
    let caches = config.routes.iter().filter(|r| authority.is_empty() || r.host.matches(url.host()));
    let caches = caches.filter(|route| route.path.matches(&path).is_some()).filter_map(|route| route.cache.as_ref());
    let mut names: Vec<String> = caches.map(|cache| chosen_query(&url, cache)).chain([as_is]).collect();
    sort::ascending(&mut names);
    names.dedup();
    Some(names.into_iter().map(|query| format!("{authority}{path}{query}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source;
    use proptest::prelude::*;

    fn config() -> Config {
        let text = "[locale]\nsupported = [\"en\", \"ja\"]\n[[route]]\nname = \"a\"\npath = \"/*\"\nstatic = true\ncache = { query = [\"q\"] }\n";
        source::read(text, "test.toml").expect("a configuration").1
    }

    #[test]
    fn an_order_names_the_subjects_of_stored_responses() {
        let order = Order::parse(
            &config(),
            r#"{"tags":["t"],"urls":["https://A.example/ja/x?q=1&z=2","/y?q=2"],"prefixes":["https://a.example:443/docs/","/p","/"],"everything":true,"soft":true}"#,
        );
        let subjects = [
            "tag:t",
            "url:a.example/x?q=1",
            "url:a.example/x?q=1&z=2",
            "url:/y?q=2",
            "prefix:a.example/docs",
            "prefix:/p",
            "prefix:/",
            "everything",
        ];
        assert_eq!(order, Ok(Order { subjects: subjects.map(str::to_owned).to_vec(), soft: true }));
    }

    #[test]
    fn an_invalid_order_is_rejected_with_the_name_of_its_field() {
        for (body, sentence) in [
            ("", "the body is not understood"),
            ("[]", "allowed: a JSON object"),
            ("{}", "nothing to purge"),
            ("{\"tags\":[]}", "nothing to purge"),
            ("{\"everything\":false}", "nothing to purge"),
            (
                "{\"tag\":[\"a\"]}",
                "\"tag\" is unknown; allowed: tags, urls, prefixes, everything, soft (did you mean \"tags\"?)",
            ),
            ("{\"tags\":\"a\"}", "\"tags\" must be a list of strings"),
            ("{\"tags\":[1]}", "\"tags\" must be a list of strings"),
            ("{\"tags\":[\"a b\"]}", "\"tags\": \"a b\" can be no tag"),
            ("{\"urls\":[\"/%zz\"]}", "\"urls\": \"/%zz\" is neither"),
            ("{\"prefixes\":[\"/a/../b\"]}", "\"prefixes\": \"/a/../b\" is neither"),
            ("{\"urls\":[\"about\"]}", "\"urls\": \"about\" is neither"),
            ("{\"urls\":[\"//e.com/x\"]}", "\"urls\": \"//e.com/x\" is neither"),
            ("{\"prefixes\":[\"ftp://x\"]}", "\"prefixes\": \"ftp://x\" is neither"),
            ("{\"prefixes\":[\"/ja\"]}", "\"prefixes\": \"/ja\" is every page in one language"),
            ("{\"everything\":\"yes\"}", "\"everything\" must be true or false"),
            ("{\"everything\":true,\"soft\":1}", "\"soft\" must be true or false"),
        ] {
            let error = Order::parse(&config(), body).expect_err(body);
            assert!(error.contains(sentence), "{body}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_body_causes_a_panic(body in "\\PC{0,60}|\\{\"(tags|urls|prefixes)\":\\[\"[a-z:/%?é]{0,20}\"\\]\\}") {
            let _ = Order::parse(&config(), &body);
        }
    }
}
