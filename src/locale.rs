//! In which language is this visitor spoken to? (RFC 9110 12.5.4, RFC 4647 3.4)

use crate::config::matcher::Near;
use crate::config::{Config, Locales};
use crate::http::head::Url;
use crate::http::list::members;
use crate::http::path;

/// What took the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The first segment of the path.
    Path,
    /// The query parameter.
    Query,
    /// The cookie.
    Cookie,
    /// The session's record.
    Session,
    /// `Accept-Language`.
    Header,
    /// Where the visitor is.
    Country,
    /// Nothing.
    Default,
    /// No other is spoken here.
    Only,
}

impl Reason {
    /// One word for the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Cookie => "cookie",
            Self::Session => "session",
            Self::Header => "header",
            Self::Country => "country",
            Self::Default => "default",
            Self::Only => "only",
        }
    }

    /// The request fields that took part, for `Vary` (RFC 9110 12.5.5): a URL that decides alone
    /// varies on nothing; what was found in, or missed in, a cookie varies on it.
    #[must_use]
    pub fn vary(self) -> &'static [&'static str] {
        match self {
            Self::Path | Self::Query | Self::Only => &[],
            Self::Cookie | Self::Session => &["Cookie"],
            Self::Header | Self::Country | Self::Default => &["Accept-Language", "Cookie"],
        }
    }
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// A place in [`Locales::supported`].
    pub locale: usize,
    /// Why.
    pub reason: Reason,
}

/// Everything that may decide, strongest first. Tags are as the visitor sent them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes<'a> {
    /// Already found by the route.
    pub path: Option<usize>,
    /// The query parameter's value.
    pub query: Option<&'a str>,
    /// The cookie's value.
    pub cookie: Option<&'a str>,
    /// The session's locale.
    pub session: Option<&'a str>,
    /// `Accept-Language`.
    pub header: Option<&'a str>,
    /// ISO 3166-1 code.
    pub country: Option<&'a str>,
}

/// Chooses among the supported locales. Whatever is sent, the answer is one of them.
#[must_use]
pub fn choose(locales: &Locales, wishes: &Wishes<'_>) -> Choice {
    if locales.supported.len() == 1 && wishes.path.is_none() {
        return Choice { locale: 0, reason: Reason::Only };
    }
    let named = |wish: Option<&str>| wish.and_then(|tag| find(locales, tag, |_| true)).map(|near| near.locale);
    let country = || {
        let country = wishes.country?;
        locales.countries.iter().find(|(code, _)| code == country).map(|(_, locale)| *locale)
    };
    let decided = wishes
        .path
        .map(|locale| (locale, Reason::Path))
        .or_else(|| named(wishes.query).map(|locale| (locale, Reason::Query)))
        .or_else(|| named(wishes.cookie).map(|locale| (locale, Reason::Cookie)))
        .or_else(|| named(wishes.session).map(|locale| (locale, Reason::Session)))
        .or_else(|| wishes.header.and_then(|header| negotiate(locales, header)).map(|locale| (locale, Reason::Header)))
        .or_else(|| country().map(|locale| (locale, Reason::Country)));
    let (locale, reason) = decided.unwrap_or((locales.default, Reason::Default));
    Choice { locale, reason }
}

/// The `Link` of a page that is there in several languages (RFC 8288; `hreflang`), so that whoever
/// indexes it finds them all.
#[must_use]
pub fn alternates(config: &Config, url: &Url<'_>, path: &str, locales: &[usize]) -> String {
    let Url { scheme, authority, .. } = *url;
    let tags = locales.iter().filter_map(|place| config.locales.supported.get(*place));
    let link = |prefix: &str, tag: &str| {
        format!("<{scheme}://{authority}{prefix}{path}>; rel=\"alternate\"; hreflang=\"{tag}\"")
    };
    let links = tags.map(|tag| link(&format!("/{tag}"), tag));
    links.chain([link("", "x-default")]).collect::<Vec<_>>().join(", ")
}

/// Where a visitor goes who chooses a locale on the page `back`: the same page, by its prefix when the
/// path has one. Never another host.
#[must_use]
pub fn switched(config: &Config, back: &str, locale: usize) -> String {
    let back = if path::is_local(back) { back } else { "/" };
    let (page, mark) = back.split_at_checked(back.find('#').unwrap_or(back.len())).unwrap_or((back, ""));
    let (page, query) = page.split_once('?').unwrap_or((page, ""));
    // A query that chooses is stronger than the cookie that remembers.
    let names = |pair: &&str| pair.split('=').next() == Some(config.locales.query.as_str());
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !names(pair)).collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    let first = page.strip_prefix('/').and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let prefixed = config.locales.prefix && config.locales.supported.iter().any(|tag| tag.eq_ignore_ascii_case(first));
    match (prefixed, config.locales.supported.get(locale), page.get(first.len() + 1..)) {
        (true, Some(tag), Some(rest)) => format!("/{tag}{}{query}{mark}", if rest.is_empty() { "/" } else { rest }),
        _ => format!("{page}{query}{mark}"),
    }
}

/// Ranges read from one header at most; the rest is not looked at.
const MOST_RANGES: usize = 64;

/// Bytes of a tag at most; longer ones are no tags that anybody means.
const LONGEST_TAG: usize = 100;

/// One language range and its weight in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range<'a> {
    tag: &'a str,
    weight: u16,
}

/// `Accept-Language` against the supported locales; `None` when nothing in it matches.
fn negotiate(locales: &Locales, header: &str) -> Option<usize> {
    let mut ranges: Vec<Range<'_>> = members(header).take(MOST_RANGES).filter_map(range).collect();
    ranges.sort_by_key(|range| std::cmp::Reverse(range.weight));
    let welcome = |place: usize| locales.supported.get(place).is_some_and(|tag| weight_of(tag, &ranges) != Some(0));
    let any = || [locales.default].into_iter().chain(0..locales.supported.len()).find(|&place| welcome(place));
    let mut best = None;
    let mut bound = u16::MAX;
    for range in ranges.iter().take_while(|range| range.weight > 0) {
        let near = match range.tag {
            "*" => any().map(|locale| Near { locale, distance: 0 }).filter(|_| best.is_none()),
            tag => find(locales, tag, welcome).filter(|near| near.distance < bound),
        };
        if let Some(near) = near {
            best = Some(near.locale);
            bound = near.distance;
        }
        // A later wish must be nearer by more than regions of one language are apart.
        if best.is_some() {
            bound = bound.saturating_sub(DEMOTION);
        }
        if bound == 0 {
            break;
        }
    }
    best
}

/// How much nearer, in eighths of CLDR's distance, each later wish must be to win (UTS #35, ICU's
/// default).
const DEMOTION: u16 = 40;

/// The locale for one tag: the nearest, or the one it begins with. One that is refused by the header
/// gives way to one that the tag begins with.
fn find(locales: &Locales, tag: &str, welcome: impl Fn(usize) -> bool) -> Option<Near> {
    let prefix = |welcome| lookup(locales, tag, welcome).map(|locale| Near { locale, distance: 0 });
    if !locales.nearest {
        return prefix(&welcome);
    }
    let very = |known: &String| known.eq_ignore_ascii_case(tag);
    let itself = || locales.supported.iter().position(very).filter(|&place| welcome(place));
    // What is said privately (`en-x-dev`) the table knows nothing of.
    let private = tag.len() > 2 && tag.to_ascii_lowercase().contains("x-");
    if let Some(locale) = private.then(itself).flatten() {
        return Some(Near { locale, distance: 0 });
    }
    match locales.matcher.nearest(tag) {
        Some(near) if welcome(near.locale) => Some(near),
        Some(_) => prefix(&welcome),
        // A tag that is nobody's language (`x-...`) is near to itself.
        None => itself().map(|locale| Near { locale, distance: 0 }),
    }
}

/// `de-CH;q=0.8`; `None` when it is not shaped like a range.
fn range(member: &str) -> Option<Range<'_>> {
    let mut parts = member.split(';').map(|part| part.trim_matches([' ', '\t']));
    let tag = parts.next()?;
    let shaped = tag == "*"
        || (tag.len() <= LONGEST_TAG
            && tag
                .split('-')
                .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())));
    let mut weight = 1000;
    for part in parts {
        let (name, value) = part.split_once('=')?;
        if name.trim_end_matches([' ', '\t']).eq_ignore_ascii_case("q") {
            weight = thousandths(value.trim_start_matches([' ', '\t']))?;
        }
    }
    shaped.then_some(Range { tag, weight })
}

/// A weight (RFC 9110 12.4.2): `0`, `0.8`, `1.000`.
#[must_use]
pub fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let good = matches!(whole, "0" | "1") && fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    let mut digits = fraction.bytes();
    let mut value = u16::from(whole == "1");
    for _ in 0..3 {
        value = value * 10 + u16::from(digits.next().unwrap_or(b'0').wrapping_sub(b'0'));
    }
    (good && value <= 1000).then_some(value)
}

/// The weight that the most specific matching range gives a tag (RFC 4647 3.3.1).
fn weight_of(tag: &str, ranges: &[Range<'_>]) -> Option<u16> {
    let named = ranges.iter().filter(|range| covers(range.tag, tag)).max_by_key(|range| range.tag.len());
    named.or_else(|| ranges.iter().find(|range| range.tag == "*")).map(|range| range.weight)
}

fn covers(range: &str, tag: &str) -> bool {
    tag.split_at_checked(range.len())
        .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(range) && (rest.is_empty() || rest.starts_with('-')))
}

/// Lookup (RFC 4647 3.4): the tag, then ever shorter prefixes of it.
fn lookup(locales: &Locales, tag: &str, welcome: impl Fn(usize) -> bool) -> Option<usize> {
    let mut wanted = tag.split_at_checked(LONGEST_TAG).map_or(tag, |(start, _)| start);
    loop {
        let found = locales.supported.iter().position(|known| known.eq_ignore_ascii_case(wanted));
        if let Some(place) = found.filter(|&place| welcome(place)) {
            return Some(place);
        }
        let (shorter, _) = wanted.rsplit_once('-')?;
        let single = shorter.rsplit_once('-').filter(|(_, last)| last.len() == 1);
        wanted = single.map_or(shorter, |(rest, _)| rest);
    }
}

#[cfg(test)]
mod tests;
