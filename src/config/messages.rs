//! Which messages does Usher show in each language? One file per language: `words/*.toml`.

use super::data::data;
use super::list::{Lazy, List};

/// The messages of one language: a title and a sentence for each kind of failure. `{seconds}` is replaced by the
/// time until a retry.
#[derive(Default)]
#[cfg_attr(
    not(target_arch = "wasm32"),
    derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Messages {
    /// Language tag: the file's name.
    #[cfg_attr(not(target_arch = "wasm32"), serde(default))]
    pub tag: String,
    /// `ltr` or `rtl`.
    pub dir: String,
    /// Label of the request's id.
    pub reference: String,
    /// Label of the link to the start page.
    pub home: String,
    /// 400 and other errors of the request.
    pub request_title: String,
    /// See `request_title`.
    pub request_text: String,
    /// 401.
    pub sign_in_title: String,
    /// See `sign_in_title`.
    pub sign_in_text: String,
    /// 403.
    pub forbidden_title: String,
    /// See `forbidden_title`.
    pub forbidden_text: String,
    /// 404.
    pub missing_title: String,
    /// See `missing_title`.
    pub missing_text: String,
    /// 429.
    pub limited_title: String,
    /// See `limited_title`.
    pub limited_text: String,
    /// 500 and other errors of Usher itself.
    pub fault_title: String,
    /// See `fault_title`.
    pub fault_text: String,
    /// 502, 504.
    pub unreachable_title: String,
    /// See `unreachable_title`.
    pub unreachable_text: String,
    /// 503.
    pub unavailable_title: String,
    /// See `unavailable_title`.
    pub unavailable_text: String,
    /// Of pages that few configurations show.
    pub protection: Lazy<ProtectionMessages>,
}

/// The messages of challenges and of maintenance. Empty where the configuration has neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct ProtectionMessages {
    /// What goes on while a browser is challenged.
    pub challenge_title: String,
    /// What will happen.
    pub challenge_text: String,
    /// It did not succeed.
    pub challenge_failed: String,
    /// Label of the button that begins again.
    pub challenge_again: String,
    /// There is no JavaScript.
    pub challenge_script: String,
    /// Label of the link for those who cannot pass.
    pub challenge_contact: String,
    /// 503 in maintenance.
    pub maintenance_title: String,
    /// See `maintenance_title`.
    pub maintenance_text: String,
}

data!(struct Messages {
    tag, dir, reference, home, request_title, request_text, sign_in_title, sign_in_text, forbidden_title,
    forbidden_text, missing_title, missing_text, limited_title, limited_text, fault_title, fault_text, unreachable_title, unreachable_text,
    unavailable_title, unavailable_text, protection,
});
data!(struct ProtectionMessages {
    challenge_title, challenge_text, challenge_failed, challenge_again, challenge_script, challenge_contact,
    maintenance_title, maintenance_text,
});

/// The messages for every supported locale.
#[cfg_attr(not(target_arch = "wasm32"), derive(Debug, Default))]
pub struct Catalog {
    /// Each needed language once; the first is English.
    words: List<Messages>,
    /// For each supported locale an index into `words`.
    of: Vec<usize>,
    /// Returned when there are no messages at all.
    empty: Messages,
}
data!(struct Catalog { words, of, empty });

impl Catalog {
    /// The messages for a locale (an index into `Locales::supported`).
    #[must_use]
    pub fn of(&self, locale: usize) -> &Messages {
        let place = self.of.get(locale).copied().unwrap_or_default();
        self.words.get(place).unwrap_or(&self.empty)
    }

    /// The English messages, for when no locale is known yet.
    #[must_use]
    pub fn english(&self) -> &Messages {
        self.words.get(0).unwrap_or(&self.empty)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod files {
    use super::super::{Config, Lazy, Matcher, check::canonical_tag, source};
    use super::{Catalog, Messages};
    use std::collections::{BTreeMap, BTreeSet};
    use std::{fs, path::Path};

    impl Catalog {
        /// Reads and checks the files of a folder, and selects for each locale the nearest language that has a
        /// file, else English.
        ///
        /// # Errors
        /// Sentences that name file and key: missing or unknown keys, invalid values, and placeholders that
        /// differ from English.
        pub fn read(config: &Config, folder: &Path) -> Result<Self, Vec<String>> {
            let (mut all, mut faults) = (Vec::new(), Vec::new());
            let entries = fs::read_dir(folder).map_err(|e| vec![format!("{}: {e}", folder.display())])?;
            let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
            files.sort();
            for file in files {
                let text = fs::read_to_string(&file).map_err(|e| e.to_string());
                match text.and_then(|text| toml::from_str::<Messages>(&text).map_err(|e| e.message().to_owned())) {
                    Ok(messages) => {
                        let tag = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                        if canonical_tag(&tag).as_deref() != Some(tag.as_str()) {
                            faults.push(format!(
                                "{}: the name is no language tag as it is written, such as pt-BR",
                                file.display()
                            ));
                        }
                        if !messages.tag.is_empty() {
                            faults.push(format!(
                                "{}: `tag`: found {:?}; allowed: the file's name alone says it",
                                file.display(),
                                messages.tag
                            ));
                        }
                        all.push(Messages { tag, ..messages });
                    }
                    Err(why) => {
                        faults.push(format!("{}: {why}; allowed: the keys of en.toml, each a string", file.display()))
                    }
                }
            }
            let Some(english) = all.iter().find(|messages| messages.tag == "en").cloned() else {
                faults.push(format!("{}: en.toml is missing, or wrong", folder.display()));
                return Err(faults);
            };
            for messages in &all {
                faults.extend(
                    messages
                        .faults(&english)
                        .into_iter()
                        .map(|fault| format!("{}/{}.toml: {fault}", folder.display(), messages.tag)),
                );
            }
            if faults.is_empty() { Ok(Self::nearest(config, english, &all)) } else { Err(faults) }
        }

        fn nearest(config: &Config, english: Messages, all: &[Messages]) -> Self {
            let tags: Vec<String> = all.iter().map(|messages| messages.tag.clone()).collect();
            let matcher = Matcher::read(&source::table(&tags, 0));
            let (mut words, mut of) = (vec![english], Vec::new());
            for tag in &config.locales.supported {
                let messages = matcher.nearest(tag).and_then(|near| all.get(near.locale));
                let place = messages.map_or(0, |messages| {
                    words.iter().position(|known| known == messages).unwrap_or_else(|| {
                        words.push(messages.clone());
                        words.len() - 1
                    })
                });
                of.push(place);
            }
            let protection = config.protection.get();
            if protection.challenge.get().is_none() && protection.switches.is_none() {
                words.iter_mut().for_each(|messages| messages.protection = Lazy::default());
            }
            Self { words: words.into(), of, empty: Messages::default() }
        }
    }

    impl Messages {
        /// All messages by their keys.
        fn texts(&self) -> BTreeMap<String, String> {
            let all = serde_json::to_value(self).unwrap_or_default();
            let mut texts = BTreeMap::new();
            for (key, value) in all.as_object().into_iter().flatten() {
                match value.as_object() {
                    Some(table) => {
                        texts.extend(table.iter().map(|(name, text)| {
                            (format!("{key}.{name}"), text.as_str().unwrap_or_default().to_owned())
                        }))
                    }
                    None => drop(texts.insert(key.clone(), value.as_str().unwrap_or_default().to_owned())),
                }
            }
            texts
        }

        fn faults(&self, english: &Self) -> Vec<String> {
            let mut faults = Vec::new();
            if !matches!(self.dir.as_str(), "ltr" | "rtl") {
                faults.push(format!("`dir`: found {:?}; allowed: \"ltr\", \"rtl\"", self.dir));
            }
            let language = self.tag.split('-').next().unwrap_or_default();
            if RIGHT_TO_LEFT.contains(&language) != (self.dir == "rtl") {
                faults.push(format!("`dir`: found {:?}, in which {language} is not written", self.dir));
            }
            let (own, theirs) = (self.texts(), english.texts());
            for (key, text) in own.iter().filter(|(key, _)| *key != "tag") {
                let wanted = placeholders(theirs.get(key).map(String::as_str).unwrap_or_default());
                let bare = wanted.iter().fold(text.clone(), |text, name| text.replace(&format!("{{{name}}}"), ""));
                if text.chars().any(char::is_control) || (placeholders(text) == wanted && bare.contains(['{', '}'])) {
                    faults.push(format!(
                        "`{key}`: found {text:?}; allowed: one line, with '{{' and '}}' around placeholders only"
                    ));
                }
                if text.trim().is_empty() {
                    faults.push(format!("`{key}`: found nothing; allowed: a sentence"));
                } else if placeholders(text) != wanted {
                    faults.push(format!(
                        "`{key}`: found the placeholders {:?}; allowed: {wanted:?}, as in en.toml",
                        placeholders(text)
                    ));
                }
            }
            faults
        }
    }

    /// Languages written from right to left.
    const RIGHT_TO_LEFT: [&str; 10] = ["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"];

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn config(supported: &str) -> Config {
            let text =
                format!("[locale]\nsupported = [{supported}]\n[[route]]\nname = \"a\"\npath = \"/*\"\necho = true\n");
            source::read(&text, "test.toml").expect("a configuration").1
        }

        #[test]
        fn each_locale_gets_the_nearest_language_that_has_a_file() {
            let tags = ["en-GB", "de-AT", "zh-TW", "pt-PT", "es-419", "fa", "tlh", "nb"];
            let catalog = Catalog::read(&config(&format!("{tags:?}").replace(['[', ']'], "")), Path::new("words"));
            let catalog = catalog.expect("the shipped words");
            let found: Vec<&str> = (0..tags.len()).map(|place| catalog.of(place).tag.as_str()).collect();
            assert_eq!(found, ["en", "de", "zh-Hant", "pt", "es", "fa", "en", "en"]);
            assert_eq!((catalog.of(99).tag.as_str(), catalog.english().tag.as_str()), ("en", "en"));
            assert_eq!(catalog.of(5).dir, "rtl");
        }

        #[test]
        fn missing_and_unknown_keys_and_wrong_placeholders_are_reported() {
            let folder = std::env::temp_dir().join(format!("usher-words-{}", std::process::id()));
            fs::create_dir_all(&folder).expect("a folder");
            let english = fs::read_to_string("words/en.toml").expect("English");
            for (text, expected) in [
                (english.replace("home = ", "hone = "), "unknown field `hone`"),
                (english.replace("home = \"To the start page\"\n", ""), "missing field `home`"),
                (english.replace("{seconds}", "{minutes}"), "`unavailable_text`: found the placeholders {\"minutes\"}"),
                (english.replace("\"ltr\"", "\"left\""), "`dir`: found \"left\""),
                (english.replace("\"ltr\"", "\"rtl\""), "in which xx is not written"),
                (english.replace("Nothing is here", "Nothing {is here"), "`missing_title`: found \"Nothing {is here\""),
                (english.replace("dir = ", "tag = \"fr\"\ndir = "), "`tag`: found \"fr\""),
                (english.replace("\"Reference\"", "\" \""), "`reference`: found nothing"),
            ] {
                fs::write(folder.join("en.toml"), &english).expect("written");
                fs::write(folder.join("xx.toml"), text).expect("written");
                let faults = Catalog::read(&config("\"en\""), &folder).expect_err(expected);
                assert!(faults.iter().any(|fault| fault.contains("xx.toml") && fault.contains(expected)), "{faults:?}");
            }
            fs::remove_dir_all(&folder).expect("removed");
        }
    }
}
