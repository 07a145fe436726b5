//! How far is one language from another? (UTS #35, Language Matching)
//!
//! Compiled natively only. The build computes the nearest supported locale for every tag that a visitor may request;
//! the Worker contains only that table ([`super::matcher::Matcher`]). Likely subtags and deprecated codes come from
//! ICU4X, distances from Unicode's CLDR (`languages/cldr.txt`); ties are broken as in ICU's `LocaleMatcher`.

use icu_locale::{Locale, LocaleCanonicalizer, LocaleExpander};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

const DATA: &str = include_str!("languages/cldr.txt");

/// Distances from this one on are no match.
const TOO_FAR: u16 = 50;
/// Distances of languages, scripts and regions that no rule names.
const DEFAULT_DISTANCES: [u16; 3] = [80, 50, 4];
/// Distances are scaled to eighths, so that equivalent tags can differ by less than one.
const SCALE: u16 = 8;
/// A private-use region that no rule names; it stands for any other region.
const OTHER_REGION: &str = "QM";
/// Three kinds of pseudo-locales, by region and by variant.
const PSEUDO: [&str; 6] = ["XA", "XB", "XC", "psaccent", "psbidi", "pscrack"];
/// Withdrawn region codes that tags still contain.
const FORMER: [&str; 16] =
    ["AN", "BU", "CS", "DD", "FX", "NT", "QU", "SU", "TP", "UK", "YD", "YU", "ZR", "XK", "EU", "UN"];

/// Grandfathered tags and their replacements (RFC 5646 2.2.8).
const FORMER_TAGS: [(&str, &str); 19] = [
    ("art-lojban", "jbo"),
    ("en-GB-oed", "en-GB-oxendict"),
    ("i-ami", "ami"),
    ("i-bnn", "bnn"),
    ("i-hak", "hak"),
    ("i-klingon", "tlh"),
    ("i-lux", "lb"),
    ("i-navajo", "nv"),
    ("i-pwn", "pwn"),
    ("i-tao", "tao"),
    ("i-tay", "tay"),
    ("i-tsu", "tsu"),
    ("no-bok", "nb"),
    ("no-nyn", "nn"),
    ("sgn-BE-FR", "sfb"),
    ("zh-guoyu", "cmn"),
    ("zh-hakka", "hak"),
    ("zh-min-nan", "nan"),
    ("zh-xiang", "hsn"),
];

/// A tag with its likely subtags added. `explicit` is a bit set of the subtags that the tag itself contains (4 =
/// language, 2 = script, 1 = region).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Full {
    language: String,
    script: String,
    region: String,
    explicit: u16,
}

impl Full {
    fn same_as(&self, other: &Self) -> bool {
        (&self.language, &self.script, &self.region) == (&other.language, &other.script, &other.region)
    }
}

/// A distance between regions of one language: `en-*-$enUS` to `en-*-GB`.
struct RegionRule<'d> {
    language: &'d str,
    script: &'d str,
    desired: &'d str,
    supported: &'d str,
    distance: u16,
}

/// CLDR's language matching data.
pub struct Languages {
    canonical: LocaleCanonicalizer,
    likely: LocaleExpander,
    languages: HashMap<(&'static str, &'static str), u16>,
    scripts: HashMap<(&'static str, &'static str), u16>,
    regions: Vec<RegionRule<'static>>,
    sets: HashMap<&'static str, BTreeSet<&'static str>>,
    parts: HashMap<&'static str, Vec<&'static str>>,
    /// Locales that CLDR prefers among equally near ones.
    first: Vec<Full>,
    /// Every language code, deprecated ones included.
    codes: Vec<(String, Full)>,
    /// Cache of [`Self::expand`]: the same tags recur.
    known: Mutex<HashMap<String, Option<Full>>>,
}

impl Default for Languages {
    fn default() -> Self {
        Self::new()
    }
}

impl Languages {
    /// Parses the data.
    #[must_use]
    pub fn new() -> Self {
        let mut all = Self {
            canonical: LocaleCanonicalizer::new_extended(),
            likely: LocaleExpander::new_extended(),
            languages: HashMap::new(),
            scripts: HashMap::new(),
            regions: Vec::new(),
            sets: HashMap::new(),
            parts: HashMap::new(),
            first: Vec::new(),
            codes: Vec::new(),
            known: Mutex::default(),
        };
        let lines = || DATA.lines().filter_map(|line| line.split_once(' '));
        for (_, rest) in lines().filter(|(keyword, _)| *keyword == "in") {
            let mut names = rest.split(' ');
            if let Some(whole) = names.next() {
                all.parts.insert(whole, names.collect());
            }
        }
        for (keyword, rest) in lines() {
            let fields: Vec<&'static str> = rest.split(' ').collect();
            match (keyword, fields.as_slice()) {
                ("first", tags) => all.first = tags.iter().filter_map(|tag| all.expand(tag)).collect(),
                ("set", [name, regions @ ..]) => {
                    let leaves = regions.iter().flat_map(|region| all.leaves(region)).collect();
                    all.sets.insert(name.trim_start_matches('$'), leaves);
                }
                ("match" | "to", [desired, supported, distance]) => {
                    all.rule(desired, supported, distance.parse().unwrap_or(TOO_FAR), keyword == "match");
                }
                _ => {}
            }
        }
        all.codes =
            codes().filter_map(|code| Some((all.expand(&code)?, code))).map(|(full, code)| (code, full)).collect();
        all
    }

    fn rule(&mut self, desired: &'static str, supported: &'static str, distance: u16, both_ways: bool) {
        let parts = |tag: &'static str| tag.split('-').collect::<Vec<_>>();
        let map = match (parts(desired).as_slice(), parts(supported).as_slice()) {
            ([_], [_]) => &mut self.languages,
            ([_, _], [_, _]) => &mut self.scripts,
            ([language, script, from], [_, _, to]) => {
                self.regions.push(RegionRule { language, script, desired: from, supported: to, distance });
                return;
            }
            _ => return,
        };
        map.entry((desired, supported)).or_insert(distance);
        if both_ways {
            map.entry((supported, desired)).or_insert(distance);
        }
    }

    /// The regions without parts that a region contains; itself, when it has no parts.
    fn leaves(&self, region: &'static str) -> Vec<&'static str> {
        match self.parts.get(region) {
            None => vec![region],
            Some(parts) => parts.iter().flat_map(|part| self.leaves(part)).collect(),
        }
    }

    /// Adds likely subtags to a tag; `None` when it is not a language tag.
    fn expand(&self, tag: &str) -> Option<Full> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(tag) {
            Some(full) => full.clone(),
            None => known.entry(tag.to_owned()).or_insert(self.expand_uncached(tag)).clone(),
        }
    }

    fn expand_uncached(&self, tag: &str) -> Option<Full> {
        let modern = FORMER_TAGS.iter().find(|(former, _)| former.eq_ignore_ascii_case(tag)).map(|(_, modern)| *modern);
        let mut locale: Locale = modern.unwrap_or(tag).parse().ok()?;
        self.canonical.canonicalize(&mut locale);
        let mut id = locale.id;
        let explicit = 4 * u16::from(!id.language.is_unknown())
            + 2 * u16::from(id.script.is_some())
            + u16::from(id.region.is_some());
        // A tag without any of these would be maximized to English, which was not requested.
        if explicit > 0 {
            self.likely.maximize(&mut id);
        }
        let text = |part: Option<String>| part.unwrap_or_default();
        // A pseudo-locale matches only itself, so it gets a language of its own.
        let named = |name: &str| {
            id.region.is_some_and(|region| region.as_str() == name)
                || id.variants.iter().any(|variant| variant.as_str() == name)
        };
        let kind = PSEUDO.iter().position(|name| named(name)).map(|place| place % 3);
        Some(Full {
            language: format!("{}{}", id.language, kind.map(|kind| format!("?{kind}")).unwrap_or_default()),
            script: text(id.script.map(|script| script.to_string())),
            region: text(id.region.map(|region| region.to_string())),
            explicit,
        })
    }

    fn distance(&self, desired: &Full, supported: &Full) -> u16 {
        let [language, script, _] = DEFAULT_DISTANCES;
        let languages = match desired.language == supported.language {
            true => 0,
            false => self
                .languages
                .get(&(desired.language.as_str(), supported.language.as_str()))
                .copied()
                .unwrap_or(language),
        };
        if languages >= TOO_FAR {
            return languages;
        }
        let named = |full: &Full| format!("{}-{}", full.language, full.script);
        let scripts = match desired.script == supported.script {
            true => 0,
            false => self.scripts.get(&(named(desired).as_str(), named(supported).as_str())).copied().unwrap_or(script),
        };
        if languages + scripts >= TOO_FAR {
            return languages + scripts;
        }
        let regions = if desired.region == supported.region { 0 } else { self.regions(desired, supported) };
        languages + scripts + regions
    }

    /// The first matching rule decides. For a region that is partly inside a set, the larger distance of both parts
    /// counts.
    fn regions(&self, desired: &Full, supported: &Full) -> u16 {
        let [.., other] = DEFAULT_DISTANCES;
        let rules = self.regions.iter().filter(|rule| {
            let scripts = [&desired.script, &supported.script]
                .iter()
                .all(|script| matches!(rule.script, "*") || *script == rule.script);
            rule.language != "*"
                && rule.language == desired.language
                && desired.language == supported.language
                && scripts
        });
        let rules: Vec<&RegionRule<'_>> = rules.collect();
        let Some(set) = rules.iter().find_map(|rule| self.sets.get(rule.desired.trim_start_matches(['$', '!']))) else {
            return other;
        };
        let within = |region: &str| {
            let leaves = match self.parts.get_key_value(region) {
                Some((region, _)) => self.leaves(region),
                None => return vec![set.contains(region)],
            };
            let (inside, outside) =
                (leaves.iter().any(|leaf| set.contains(leaf)), leaves.iter().any(|leaf| !set.contains(leaf)));
            [true, false].into_iter().filter(|side| if *side { inside } else { outside }).collect()
        };
        let holds = |pattern: &str, region: &str, inside: bool| match pattern.strip_prefix('$') {
            Some(name) => inside != name.starts_with('!'),
            None => pattern == "*" || pattern == region,
        };
        let sides = |a: bool, b: bool| {
            rules
                .iter()
                .find(|rule| holds(rule.desired, &desired.region, a) && holds(rule.supported, &supported.region, b))
                .map_or(other, |rule| rule.distance)
        };
        let ends = within(&supported.region);
        within(&desired.region).iter().flat_map(|a| ends.iter().map(|b| sides(*a, *b))).max().unwrap_or(other)
    }

    /// The supported locales in the order that breaks ties: the default, those that CLDR prefers, the others.
    /// Of equal locales only the first is kept.
    fn order(&self, supported: &[String], default: usize) -> Vec<(usize, Full)> {
        let full: Vec<(usize, Full)> =
            supported.iter().enumerate().filter_map(|(place, tag)| Some((place, self.expand(tag)?))).collect();
        let rank = |(place, full): &(usize, Full)| match *place {
            place if place == default => 0,
            _ if self.first.iter().any(|first| first.same_as(full)) => 1,
            _ => 2,
        };
        let mut ordered = full;
        ordered.sort_by_key(rank);
        let mut kept: Vec<(usize, Full)> = Vec::with_capacity(ordered.len());
        for one in ordered {
            if !kept.iter().any(|(_, known)| *known == one.1) {
                kept.push(one);
            }
        }
        kept
    }

    /// The nearest locale and its distance in eighths.
    fn nearest(&self, desired: &Full, supported: &[(usize, Full)]) -> Option<(usize, u16)> {
        let mut best: Option<(usize, u16, &Full)> = None;
        for (place, full) in supported {
            let distance = self.distance(desired, full);
            if distance >= TOO_FAR {
                continue;
            }
            let scaled = if distance == 0 { desired.explicit ^ full.explicit } else { distance * SCALE };
            let better = best.is_none_or(|(_, known, other)| {
                scaled < known || (scaled == known && distance > 0 && self.is_likelier(full, other))
            });
            if better {
                best = Some((*place, scaled, full));
            }
        }
        best.map(|(place, scaled, _)| (place, scaled))
    }

    /// Whether a locale has the likely script, or else the likely region, of its language, and the other locale
    /// of the same language has not.
    fn is_likelier(&self, full: &Full, other: &Full) -> bool {
        if full.language != other.language {
            return false;
        }
        if full.script != other.script {
            return self.expand(&full.language).is_some_and(|likely| likely.script == full.script);
        }
        let likely = self.expand(&format!("{}-{}", full.language, full.script));
        full.region != other.region && likely.is_some_and(|likely| likely.region == full.region)
    }

    /// The table for these locales: one line for each language, with or without a script, that matches one of
    /// them. `zh,zho 0:3 0:40 HK,MO,TW=1:40`: the match of the tags alone, with any region, with these regions.
    /// A match is an index into `supported` and a distance in eighths, or `-` for none.
    #[must_use]
    pub fn table(&self, supported: &[String], default: usize) -> String {
        let ordered = self.order(supported, default);
        let near = |language: &str| -> BTreeSet<&str> {
            let far = |other: &Full| {
                self.languages.get(&(language, other.language.as_str())).copied().unwrap_or(DEFAULT_DISTANCES[0])
            };
            let same = |other: &Full| other.language.split('?').next() == Some(language);
            let near = ordered.iter().filter(|(_, other)| same(other) || far(other) < TOO_FAR);
            near.map(|(_, other)| other.script.as_str()).collect()
        };
        let mut regions: Vec<&str> =
            self.parts.iter().flat_map(|(whole, parts)| parts.iter().copied().chain([*whole])).collect();
        regions.extend(FORMER.iter().chain(&PSEUDO));
        regions.sort_unstable();
        regions.dedup();
        let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (language, full) in &self.codes {
            let mut scripts = if language == "und" {
                ordered.iter().map(|(_, other)| other.script.as_str()).collect()
            } else {
                near(&full.language)
            };
            if scripts.is_empty() {
                continue;
            }
            let ruled = self.scripts.keys().map(|(desired, _)| *desired);
            scripts.extend(
                ruled
                    .filter_map(|desired| desired.split_once('-').filter(|(l, _)| *l == full.language))
                    .map(|(_, s)| s),
            );
            for script in [""].into_iter().chain(scripts) {
                let tag = if script.is_empty() { language.to_owned() } else { format!("{language}-{script}") };
                if let Some(line) = self.line(&tag, &regions, &ordered) {
                    lines.entry(line).or_default().push(tag);
                }
            }
        }
        lines.into_iter().map(|(line, tags)| format!("{} {line}\n", tags.join(","))).collect()
    }

    fn line(&self, tag: &str, regions: &[&str], ordered: &[(usize, Full)]) -> Option<String> {
        let value = |full: Option<&Full>| {
            let nearest = full.and_then(|full| self.nearest(full, ordered));
            nearest.map_or_else(|| "-".to_owned(), |(place, scaled)| format!("{place}:{scaled}"))
        };
        let unlisted = self.expand(&format!("{tag}-{OTHER_REGION}"));
        let (alone, anywhere) = (value(self.expand(tag).as_ref()), value(unlisted.as_ref()));
        // A region that changes neither language nor script, that no rule names and that no supported locale
        // has, gets the match of any other region.
        let plain = |full: &Full| {
            unlisted.as_ref().is_some_and(|other| (&other.language, &other.script) == (&full.language, &full.script))
                && !self.regions.iter().any(|rule| rule.language == full.language)
                && !ordered.iter().any(|(_, other)| other.region == full.region)
        };
        let mut others: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for region in regions {
            let full = self.expand(&format!("{tag}-{region}"));
            if full.as_ref().is_some_and(plain) {
                continue;
            }
            let here = value(full.as_ref());
            if here != anywhere {
                others.entry(here).or_default().push(region);
            }
        }
        let others: String = others.iter().map(|(value, regions)| format!(" {}={value}", regions.join(","))).collect();
        (alone != "-" || anywhere != "-" || !others.is_empty()).then(|| format!("{alone} {anywhere}{others}"))
    }
}

/// Every possible language code: two or three letters, `und` included.
fn codes() -> impl Iterator<Item = String> {
    let letters = || 'a'..='z';
    let two = letters().flat_map(move |a| letters().map(move |b| format!("{a}{b}")));
    let three = letters().flat_map(move |a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))));
    two.chain(three)
}
