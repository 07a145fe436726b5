//! Collects the problems of the file, and checks values of common types.

use super::super::decided::Locales;
use super::super::identity::Issuer;
use super::super::pool::Pool;
use super::super::problem::Problem;
use super::super::setting::{Kind, Open, Setting};
use super::super::shard::Shards;
use super::super::{Millis, units};

/// Continent codes as Cloudflare reports them.
pub(super) const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

/// All problems of the file, so that one build shows them all; at most one per key, the first.
#[derive(Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, key: impl Into<String>, sentence: impl Into<String>) {
        let key = key.into();
        if self.0.iter().all(|known| known.key != key) {
            self.0.push(Problem { key, sentence: sentence.into() });
        }
    }

    /// The value, or its type's default after adding the problem.
    pub(super) fn take<T: Default>(&mut self, key: impl Into<String>, value: Result<T, String>) -> T {
        value.unwrap_or_else(|sentence| {
            self.add(key, sentence);
            T::default()
        })
    }

    /// The value, if there is one; else the problem is added.
    pub(super) fn accept<T>(&mut self, key: impl Into<String>, value: Result<T, String>) -> Option<T> {
        value.map_err(|sentence| self.add(key, sentence)).ok()
    }

    /// Parses a duration into milliseconds.
    pub(super) fn duration(&mut self, key: impl Into<String>, text: &str) -> Millis {
        self.take(
            key,
            units::duration(text).ok_or_else(|| {
                format!(
                    "found {text:?}; allowed: a whole number and a unit (ms, s, m, h, d), at most 366d, such as \"5s\""
                )
            }),
        )
    }

    /// Parses a size of at most `most` bytes.
    pub(super) fn size(&mut self, key: impl Into<String>, text: &str, most: u64) -> u64 {
        let good = units::size(text).filter(|&bytes| bytes <= most);
        let allowed = most >> 20;
        self.take(
            key,
            good.ok_or_else(|| {
                format!("found {text:?}; allowed: a whole number and a unit (B, KiB, MiB), at most {allowed}MiB, such as \"64KiB\"")
            }),
        )
    }

    /// Parses a timeout: at least 10 ms, at most `longest` ms.
    pub(super) fn deadline(&mut self, key: impl Into<String>, text: &str, longest: Millis) -> Millis {
        let good = units::duration(text).filter(|deadline| (10..=longest).contains(deadline));
        self.take(
            key,
            good.ok_or_else(|| format!("found {text:?}; allowed: 10ms to {}s, such as \"5s\"", longest / 1_000)),
        )
    }

    /// The index of `name` in `known`, or 0 after adding the problem.
    pub(super) fn place<'a>(
        &mut self,
        key: impl Into<String>,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> usize {
        self.find(key, name, known).unwrap_or_default()
    }

    /// The index of `name` in `known`; the problem suggests the nearest name.
    pub(super) fn find<'a>(
        &mut self,
        key: impl Into<String>,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Option<usize> {
        let known: Vec<&str> = known.collect();
        self.accept(
            key,
            known.iter().position(|candidate| candidate == &name).ok_or_else(|| {
                let suggestion =
                    units::nearest(name, known.iter().copied()).map(|near| format!(" (did you mean {near:?}?)"));
                format!("found {name:?}; allowed: {}{}", quoted(&known), suggestion.unwrap_or_default())
            }),
        )
    }

    /// Checks the methods at a key.
    pub(super) fn methods(&mut self, key: &str, methods: &[String]) {
        let wrong = |method: &str| method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        for (number, method) in methods.iter().enumerate().filter(|(_, method)| wrong(method)) {
            self.add(
                format!("{key}[{number}]"),
                format!("found {method:?}; allowed: methods in upper case, such as \"GET\""),
            );
        }
    }

    pub(super) fn name(&mut self, key: String, name: &str, earlier: bool) {
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
            self.add(key, format!("found {name:?}; allowed: letters, digits, '-', '_' and '.'"));
        } else if earlier {
            self.add(key, format!("found {name:?} a second time; allowed: a name used once"));
        }
    }
}

/// The checked tables that a route may refer to.
pub(super) struct Tables<'a> {
    pub(super) pools: &'a [Pool],
    pub(super) locales: &'a Locales,
    /// Whether there is a `[locale]`.
    pub(super) localized: bool,
    pub(super) issuers: &'a [Issuer],
    pub(super) shards: &'a [Shards],
}

/// `"${NAME}"`, or a value of this kind; `None` when it is neither.
pub(super) fn setting(text: &str, kind: Kind) -> Option<Setting> {
    match text.strip_prefix("${").map(|rest| rest.strip_suffix('}')) {
        Some(Some(name)) => {
            let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            good.then(|| Setting::Open(Open { kind, name: name.to_owned() }))
        }
        Some(None) => None,
        None => kind.accept(text.to_owned()).map(Setting::Is),
    }
}

/// Whether a text is a URL that begins with one of these schemes, such as `"mailto:"`.
pub(super) fn has_scheme(text: &str, schemes: &[&str]) -> bool {
    let begins = |scheme: &&str| text.len() > scheme.len() && text.starts_with(*scheme);
    text.bytes().all(|byte| byte.is_ascii_graphic()) && schemes.iter().any(begins)
}

/// How somebody is reached.
pub(super) const CONTACT: [&str; 3] = ["https://", "mailto:", "tel:"];

pub(super) fn token(key: &str, text: &str, problems: &mut Problems) {
    let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !good {
        problems.add(key, format!("found {text:?}; allowed: letters, digits, '-', '_' and '.'"));
    }
}

pub(super) fn quoted(names: &[&str]) -> String {
    if names.is_empty() {
        return "nothing, for none is defined".into();
    }
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}
