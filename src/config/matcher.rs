//! Which supported locale is nearest to a language tag? A table that the build computes ([`super::languages`]).

use super::data::data;
use super::list::List;
use super::names::Names;

/// How near a supported locale is to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Near {
    /// Index into the supported locales.
    pub locale: usize,
    /// In eighths of CLDR's distance. Below 8 both tags mean the same locale; 0 = they also write out the same subtags.
    pub distance: u16,
}
data!(struct Near { locale, distance });

#[cfg_attr(not(target_arch = "wasm32"), derive(Debug))]
struct Row {
    /// For the tag without a region.
    alone: Option<Near>,
    /// For the tag with any region that is not in `regions`.
    anywhere: Option<Near>,
    /// Regions, separated by commas, and the match of the tag with one of them.
    regions: Vec<(String, Option<Near>)>,
}
data!(struct Row { alone, anywhere, regions });

/// The nearest supported locale of every tag that matches one.
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug, Default))]
pub struct Matcher {
    /// Languages and scripts (`zh`, `zh-Hant`), and their rows.
    tags: Names,
    rows: List<Row>,
}
data!(struct Matcher { tags, rows });

impl Matcher {
    /// The nearest locale to a tag (RFC 5646), ignoring case; subtags after the region are ignored.
    #[must_use]
    pub fn nearest(&self, tag: &str) -> Option<Near> {
        let mut parts = tag.split('-').peekable();
        let mut key = parts.next()?.to_ascii_lowercase();
        let is =
            |part: &&str, length: usize, good: fn(&u8) -> bool| part.len() == length && part.bytes().all(|b| good(&b));
        // An extended language subtag names a language of its own (RFC 5646 4.5).
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
        let row = self.rows.get(self.tags.get(&key)?)?;
        let mut region = parts.next_if(|part| is(part, 2, u8::is_ascii_alphabetic) || is(part, 3, u8::is_ascii_digit));
        // A pseudo-locale is named by its region or by a variant.
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

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{Matcher, Near, Row};

    impl Matcher {
        /// Parses the table's text; malformed lines are skipped.
        #[must_use]
        pub fn read(table: &str) -> Self {
            let lines: Vec<(&str, Row)> = table.lines().filter_map(parse_line).collect();
            let tags = lines.iter().enumerate();
            let tags = tags.flat_map(|(row, (tags, _))| tags.split(',').map(move |tag| (tag.to_owned(), row)));
            Self { tags: tags.collect(), rows: lines.into_iter().map(|(_, row)| row).collect::<Vec<_>>().into() }
        }
    }

    fn parse_line(line: &str) -> Option<(&str, Row)> {
        let mut columns = line.split(' ');
        let tags = columns.next()?;
        let (alone, anywhere) = (parse_near(columns.next()?)?, parse_near(columns.next()?)?);
        let regions = columns.filter_map(|column| {
            let (regions, value) = column.split_once('=')?;
            Some((regions.to_owned(), parse_near(value)?))
        });
        Some((tags, Row { alone, anywhere, regions: regions.collect() }))
    }

    fn parse_near(text: &str) -> Option<Option<Near>> {
        if text == "-" {
            return Some(None);
        }
        let (locale, distance) = text.split_once(':')?;
        Some(Some(Near { locale: locale.parse().ok()?, distance: distance.parse().ok()? }))
    }
}
