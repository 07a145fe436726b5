//! Which locale is negotiated for a request? (RFC 9110 12.5.4, RFC 4647 3.4)

use crate::config::matcher::Near;
use crate::config::{Config, Locales};
use crate::http::head::Url;
use crate::http::list::members;
use crate::http::{path, search};
use crate::sort;

/// What decided the negotiated locale.
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
    /// The visitor's country.
    Country,
    /// Nothing matched: the default locale.
    Default,
    /// Only one locale is supported.
    Only,
}

impl Reason {
    /// The name of the reason, for the log.
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

    /// The request fields that took part, for `Vary` (RFC 9110 12.5.5). A locale from the URL alone varies on
    /// nothing; one that depends on the presence or absence of a cookie varies on `Cookie`.
    #[must_use]
    pub fn vary(self) -> &'static [&'static str] {
        match self {
            Self::Path | Self::Query | Self::Only => &[],
            Self::Cookie | Self::Session => &["Cookie"],
            Self::Header | Self::Country | Self::Default => &["Accept-Language", "Cookie"],
        }
    }
}

/// The negotiated locale, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// An index in [`Locales::supported`].
    pub locale: usize,
    /// What decided it.
    pub reason: Reason,
}

/// The inputs of negotiation, highest precedence first. Tags are as the visitor sent them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// The locale of the path's prefix, from the route.
    pub path: Option<usize>,
    /// The query parameter's value.
    pub query: Option<&'a str>,
    /// The cookie's value.
    pub cookie: Option<&'a str>,
    /// The session's locale.
    pub session: Option<&'a str>,
    /// `Accept-Language`.
    pub header: Option<&'a str>,
    /// ISO 3166-1 code of the visitor's country.
    pub country: Option<&'a str>,
}

/// Chooses one of the supported locales, whatever the visitor sends.
#[must_use]
pub fn choose(locales: &Locales, wishes: &Inputs<'_>) -> Choice {
    if locales.supported.len() == 1 && wishes.path.is_none() {
        return Choice { locale: 0, reason: Reason::Only };
    }
    let supported = |sent: Option<&str>| sent.and_then(|tag| find(locales, tag, |_| true)).map(|near| near.locale);
    let country = || {
        let country = wishes.country?;
        locales.countries.iter().find(|(code, _)| code == country).map(|(_, locale)| *locale)
    };
    let decided = wishes
        .path
        .map(|locale| (locale, Reason::Path))
        .or_else(|| supported(wishes.query).map(|locale| (locale, Reason::Query)))
        .or_else(|| supported(wishes.cookie).map(|locale| (locale, Reason::Cookie)))
        .or_else(|| supported(wishes.session).map(|locale| (locale, Reason::Session)))
        .or_else(|| wishes.header.and_then(|header| negotiate(locales, header)).map(|locale| (locale, Reason::Header)))
        .or_else(|| country().map(|locale| (locale, Reason::Country)));
    let (locale, reason) = decided.unwrap_or((locales.default, Reason::Default));
    Choice { locale, reason }
}

/// The `Link` value of a page that exists in several locales (RFC 8288; `hreflang`), so that search engines find
/// all of them.
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

/// The redirect target for a visitor who chooses a locale on the page `back`: the same page, with the locale's
/// prefix when the path has one. Never another host.
#[must_use]
pub fn switched(config: &Config, back: &str, locale: usize) -> String {
    let back = if path::is_local(back) { back } else { "/" };
    let (page, mark) = back.split_at_checked(back.find('#').unwrap_or(back.len())).unwrap_or((back, ""));
    let (page, query) = page.split_once('?').unwrap_or((page, ""));
    // The query parameter has precedence over the cookie that stores the choice.
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

/// Most ranges parsed from one header; the rest is ignored.
const MOST_RANGES: usize = 64;

/// The longest tag, in bytes; a longer one is ignored or cut.
const LONGEST_TAG: usize = 100;

/// One language range and its weight in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range<'a> {
    tag: &'a str,
    weight: u16,
}

/// Matches `Accept-Language` with the supported locales; `None` when nothing in it matches.
fn negotiate(locales: &Locales, header: &str) -> Option<usize> {
    let mut ranges: Vec<Range<'_>> = members(header).take(MOST_RANGES).filter_map(range).collect();
    sort::by(&mut ranges, |a, b| b.weight.cmp(&a.weight));
    let accepted = |place: usize| locales.supported.get(place).is_some_and(|tag| weight_of(tag, &ranges) != Some(0));
    let any = || [locales.default].into_iter().chain(0..locales.supported.len()).find(|&place| accepted(place));
    let mut best = None;
    let mut bound = u16::MAX;
    for range in ranges.iter().take_while(|range| range.weight > 0) {
        let near = match range.tag {
            "*" => any().map(|locale| Near { locale, distance: 0 }).filter(|_| best.is_none()),
            tag => find(locales, tag, accepted).filter(|near| near.distance < bound),
        };
        if let Some(near) = near {
            best = Some(near.locale);
            bound = near.distance;
        }
        // A later range must be nearer by more than the distance between regions of one language.
        if best.is_some() {
            bound = bound.saturating_sub(DEMOTION);
        }
        if bound == 0 {
            break;
        }
    }
    best
}

/// How much nearer, in eighths of CLDR's distance, each later range must be to win (UTS #35, ICU's default).
const DEMOTION: u16 = 40;

/// The locale for one tag: the nearest one, or the longest prefix of the tag. When the header refuses the nearest
/// locale (`q=0`), a prefix of the tag is used instead.
fn find(locales: &Locales, tag: &str, accepted: impl Fn(usize) -> bool) -> Option<Near> {
    let prefix = |accepted| lookup(locales, tag, accepted).map(|locale| Near { locale, distance: 0 });
    if !locales.nearest {
        return prefix(&accepted);
    }
    let same = |known: &String| known.eq_ignore_ascii_case(tag);
    let exact = || locales.supported.iter().position(same).filter(|&place| accepted(place));
    // The table has no private-use subtags (`en-x-dev`).
    let private = tag.len() > 2 && search::contains(&tag.to_ascii_lowercase(), "x-");
    if let Some(locale) = private.then(exact).flatten() {
        return Some(Near { locale, distance: 0 });
    }
    match locales.matcher.nearest(tag) {
        Some(near) if accepted(near.locale) => Some(near),
        Some(_) => prefix(&accepted),
        // A private-use tag (`x-...`) has no distance: only the same tag matches.
        None => exact().map(|locale| Near { locale, distance: 0 }),
    }
}

/// Parses a range with its weight, such as `de-CH;q=0.8`; `None` when it is malformed.
fn range(member: &str) -> Option<Range<'_>> {
    let mut parts = member.split(';').map(search::trim);
    let tag = parts.next()?;
    let well_formed = tag == "*"
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
    well_formed.then_some(Range { tag, weight })
}

/// Parses a weight (RFC 9110 12.4.2), such as `0`, `0.8` or `1.000`, in thousandths.
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

/// The weight of the most specific range that matches a tag (RFC 4647 3.3.1).
fn weight_of(tag: &str, ranges: &[Range<'_>]) -> Option<u16> {
    let named = ranges.iter().filter(|range| covers(range.tag, tag)).max_by_key(|range| range.tag.len());
    named.or_else(|| ranges.iter().find(|range| range.tag == "*")).map(|range| range.weight)
}

fn covers(range: &str, tag: &str) -> bool {
    tag.split_at_checked(range.len())
        .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(range) && (rest.is_empty() || rest.starts_with('-')))
}

/// Lookup (RFC 4647 3.4): the tag itself, then shorter and shorter prefixes of it.
fn lookup(locales: &Locales, tag: &str, accepted: impl Fn(usize) -> bool) -> Option<usize> {
    let mut wanted = tag.split_at_checked(LONGEST_TAG).map_or(tag, |(start, _)| start);
    loop {
        let found = locales.supported.iter().position(|known| known.eq_ignore_ascii_case(wanted));
        if let Some(place) = found.filter(|&place| accepted(place)) {
            return Some(place);
        }
        let (shorter, _) = wanted.rsplit_once('-')?;
        let single = shorter.rsplit_once('-').filter(|(_, last)| last.len() == 1);
        wanted = single.map_or(shorter, |(rest, _)| rest);
    }
}

#[cfg(test)]
mod tests;
