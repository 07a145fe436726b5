//! Which supported locale is nearest to a language tag? The table that the build computes
//! ([`super::languages`]), and looking things up in it.

use std::collections::BTreeMap;
use std::rc::Rc;

/// How near a supported locale is to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Near {
    /// A place among the supported locales.
    pub locale: usize,
    /// In eighths of CLDR's distance; below 8 it is the same in other words, 0 the very same.
    pub distance: u16,
}

#[derive(Debug, Clone)]
struct Row {
    alone: Option<Near>,
    anywhere: Option<Near>,
    /// Regions, separated by commas, and what is near to a tag with one of them.
    regions: Rc<Vec<(String, Option<Near>)>>,
}

/// The nearest supported locale of every tag that has one.
#[derive(Debug, Clone, Default)]
pub struct Matcher(BTreeMap<String, Row>);

impl Matcher {
    /// Reads the table's text; lines that are none are passed over.
    #[must_use]
    pub fn read(table: &str) -> Self {
        let lines = table.lines().filter_map(line);
        Self(
            lines
                .flat_map(|(tags, row)| tags.split(',').map(|tag| (tag.to_owned(), row.clone())).collect::<Vec<_>>())
                .collect(),
        )
    }

    /// The nearest locale to a tag (RFC 5646), in any case; what follows the region says nothing.
    #[must_use]
    pub fn nearest(&self, tag: &str) -> Option<Near> {
        let mut parts = tag.split('-').peekable();
        let mut key = parts.next()?.to_ascii_lowercase();
        let is =
            |part: &&str, length: usize, good: fn(&u8) -> bool| part.len() == length && part.bytes().all(|b| good(&b));
        // A language that was registered as an extension of another is one itself (RFC 5646 4.5).
        if let Some(extended) = parts.next_if(|part| is(part, 3, u8::is_ascii_alphabetic)) {
            key = extended.to_ascii_lowercase();
        }
        if let Some((first, rest)) =
            parts.next_if(|part| is(part, 4, u8::is_ascii_alphabetic)).and_then(|s| s.split_at_checked(1))
        {
            key.push('-');
            key.push_str(&first.to_ascii_uppercase());
            key.push_str(&rest.to_ascii_lowercase());
        }
        let row = self.0.get(&key)?;
        let mut region = parts.next_if(|part| is(part, 2, u8::is_ascii_alphabetic) || is(part, 3, u8::is_ascii_digit));
        // Pseudo-locales are also named by variant.
        let pseudo = |part: &&str| ["psaccent", "psbidi", "pscrack"].iter().any(|name| name.eq_ignore_ascii_case(part));
        if let Some(variant) = parts.next().filter(pseudo) {
            region = Some(variant);
        }
        match region {
            None => row.alone,
            Some(region) => {
                let named = |(regions, _): &&(String, Option<Near>)| {
                    regions.split(',').any(|known| known.eq_ignore_ascii_case(region))
                };
                row.regions.iter().find(named).map_or(row.anywhere, |(_, near)| *near)
            }
        }
    }
}

fn line(line: &str) -> Option<(&str, Row)> {
    let mut words = line.split(' ');
    let tags = words.next()?;
    let (alone, anywhere) = (near(words.next()?)?, near(words.next()?)?);
    let regions = words.filter_map(|word| {
        let (regions, value) = word.split_once('=')?;
        Some((regions.to_owned(), near(value)?))
    });
    Some((tags, Row { alone, anywhere, regions: Rc::new(regions.collect()) }))
}

fn near(text: &str) -> Option<Option<Near>> {
    if text == "-" {
        return Some(None);
    }
    let (locale, distance) = text.split_once(':')?;
    Some(Some(Near { locale: locale.parse().ok()?, distance: distance.parse().ok()? }))
}
