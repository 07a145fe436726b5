//! Reads `usher.toml` as text. Each problem names file, line, key, what was found and what is allowed.
//!
//! Compiled natively only (build script and tests); the wasm module contains no TOML parser.

mod mistake;

use super::data::FORMAT;
use super::{Config, Locales, Matcher, Problem, languages::Languages, raw::Raw};
use std::collections::{BTreeMap, hash_map::DefaultHasher};
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::{fmt, fs};
use toml::de::{DeTable, DeValue};

/// The problems of one file, each with its line number.
#[derive(Debug)]
pub struct Faults {
    /// The file's name, as passed to [`read`].
    pub file: String,
    /// Line number (from 1) and problem.
    pub found: Vec<(usize, Problem)>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, problem) in &self.found {
            writeln!(f, "{}:{line}: {problem}", self.file)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Reads and checks a file's text.
///
/// # Errors
/// All problems of the first stage that finds any: syntax, then keys and types, then the checks of [`Config::check`].
pub fn read(text: &str, file: &str) -> Result<(Raw, Config), Faults> {
    let faults = |found| Faults { file: file.to_owned(), found };
    let raw = parse(text).map_err(|fault| faults(vec![fault]))?;
    let mut config = Config::check(&raw).map_err(|problems| {
        let table = DeTable::parse(text).ok();
        let line = |key: &str| table.as_ref().map_or(1, |t| line_of(text, t.get_ref(), key));
        faults(problems.into_iter().map(|problem| (line(&problem.key), problem)).collect())
    })?;
    let table = languages(&config.locales);
    config.locales.matcher = Matcher::read(&table);
    Ok((raw, config))
}

/// The table for [`Matcher`]; empty for `match = "lookup"` or a single supported locale.
fn languages(locales: &Locales) -> String {
    if locales.nearest && locales.supported.len() > 1 {
        table(&locales.supported, locales.default)
    } else {
        String::new()
    }
}

/// [`Languages::table`], memoized: it is slow, and callers repeat the same arguments.
#[must_use]
pub fn table(supported: &[String], default: usize) -> String {
    static LANGUAGES: LazyLock<Languages> = LazyLock::new(Languages::new);
    static KNOWN: Mutex<BTreeMap<(Vec<String>, usize), String>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (supported.to_vec(), default);
    let make = || kept(&format!("{supported:?} {default}"), || LANGUAGES.table(supported, default));
    known.entry(key).or_insert_with(make).clone()
}

/// Where tables are kept from one build to the next.
static TABLES: OnceLock<PathBuf> = OnceLock::new();

/// Keeps the tables of languages in a folder from now on, for builds of the same format.
pub fn keep_tables(folder: PathBuf) {
    let _ = TABLES.set(folder);
}

/// The text that was kept under a name, or a new one. What cannot be kept is made again.
fn kept(name: &str, make: impl Fn() -> String) -> String {
    let Some(folder) = TABLES.get() else { return make() };
    let mut hasher = DefaultHasher::new();
    (name, FORMAT).hash(&mut hasher);
    let file = folder.join(format!("{:016x}.txt", hasher.finish()));
    fs::read_to_string(&file).unwrap_or_else(|_| {
        let text = make();
        let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&file, &text));
        text
    })
}

fn parse(text: &str) -> Result<Raw, (usize, Problem)> {
    let deserializer = toml::Deserializer::parse(text).map_err(|e| {
        (
            line_at(text, e.span().map_or(0, |span| span.start)),
            Problem { key: "(syntax)".into(), sentence: e.message().to_owned() },
        )
    })?;
    serde_path_to_error::deserialize(deserializer).map_err(|e| {
        let path = e.path().to_string();
        let inner = e.inner();
        let line = line_at(text, inner.span().map_or(0, |span| span.start));
        let written = inner.span().and_then(|span| text.get(span)).unwrap_or_default().trim();
        let sentence = mistake::sentence(&path, written, inner.message());
        (line, Problem { key: path, sentence })
    })
}

/// The line number of a key such as `route[2].cache.ttl`, or of its nearest ancestor in the file.
fn line_of(text: &str, table: &DeTable<'_>, key: &str) -> usize {
    let mut start = 0;
    let mut here = Some(table);
    let mut list = None;
    for step in key.split(['.', '[']) {
        let found = match step.strip_suffix(']') {
            Some(number) => {
                let items: Option<&toml::de::DeArray<'_>> = list.take();
                items.and_then(|items| items.get(number.parse::<usize>().ok()?))
            }
            None => {
                here.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == step)).map(|(name, value)| {
                    start = name.span().start;
                    value
                })
            }
        };
        let Some(value) = found else { break };
        here = None;
        match value.get_ref() {
            DeValue::Table(table) => {
                here = Some(table);
                if step.ends_with(']') {
                    start = value.span().start;
                }
            }
            DeValue::Array(items) => list = Some(items),
            _ if step.ends_with(']') => start = value.span().start,
            _ => {}
        }
    }
    line_at(text, start)
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&b| b == b'\n').count() + 1
}
