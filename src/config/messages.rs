//! What does Usher say by itself, in each language? `words/*.toml`: a file for each language.

use serde::{Deserialize, Serialize};

/// The words of one language. A title and a sentence for each kind of failure; `{seconds}` stands for
/// when to try again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    /// Language tag: the file's name.
    #[serde(default)]
    pub tag: String,
    /// `ltr` or `rtl`.
    pub dir: String,
    /// Label of the request's id.
    pub reference: String,
    /// Label of the way home.
    pub home: String,
    /// 400 and other faults of the request.
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
    /// 500 and other faults of ours.
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
}

/// The words for every supported locale.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// Each language that is needed, once; the first is English.
    words: Vec<Messages>,
    /// For each supported locale a place in `words`.
    of: Vec<usize>,
    /// What is said when there are no words at all.
    #[serde(skip)]
    nothing: Messages,
}

impl Catalog {
    /// The words for a locale (a place in `Locales::supported`).
    #[must_use]
    pub fn of(&self, locale: usize) -> &Messages {
        let place = self.of.get(locale).copied().unwrap_or_default();
        self.words.get(place).unwrap_or(&self.nothing)
    }

    /// English, where no locale is known yet.
    #[must_use]
    pub fn english(&self) -> &Messages {
        self.words.first().unwrap_or(&self.nothing)
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod files {
    use super::super::{Config, Matcher, check::canonical_tag, source};
    use super::{Catalog, Messages};
    use std::collections::BTreeSet;
    use std::{fs, path::Path};

    impl Catalog {
        /// Reads and checks the files of a folder, and finds for each locale the nearest language that
        /// has words, else English.
        ///
        /// # Errors
        /// Sentences that name file and key: what is missing, unknown, or has other placeholders than
        /// English.
        pub fn read(config: &Config, folder: &Path) -> Result<Self, Vec<String>> {
            let (mut all, mut faults) = (Vec::new(), Vec::new());
            let entries = fs::read_dir(folder).map_err(|e| vec![format!("{}: {e}", folder.display())])?;
            let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
            files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
            files.sort();
            for file in files {
                let text = fs::read_to_string(&file).map_err(|e| e.to_string());
                match text.and_then(|text| toml::from_str::<Messages>(&text).map_err(|e| e.message().to_owned())) {
                    Ok(words) => {
                        let tag = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                        if canonical_tag(&tag).as_deref() != Some(tag.as_str()) {
                            faults.push(format!(
                                "{}: the name is no language tag as it is written, such as pt-BR",
                                file.display()
                            ));
                        }
                        if !words.tag.is_empty() {
                            faults.push(format!(
                                "{}: `tag`: found {:?}; allowed: the file's name alone says it",
                                file.display(),
                                words.tag
                            ));
                        }
                        all.push(Messages { tag, ..words });
                    }
                    Err(why) => {
                        faults.push(format!("{}: {why}; allowed: the keys of en.toml, each a string", file.display()))
                    }
                }
            }
            let Some(english) = all.iter().find(|words| words.tag == "en").cloned() else {
                faults.push(format!("{}: en.toml is missing, or wrong", folder.display()));
                return Err(faults);
            };
            for words in &all {
                faults.extend(
                    words
                        .faults(&english)
                        .into_iter()
                        .map(|fault| format!("{}/{}.toml: {fault}", folder.display(), words.tag)),
                );
            }
            if faults.is_empty() { Ok(Self::nearest(config, english, &all)) } else { Err(faults) }
        }

        fn nearest(config: &Config, english: Messages, all: &[Messages]) -> Self {
            let tags: Vec<String> = all.iter().map(|words| words.tag.clone()).collect();
            let matcher = Matcher::read(&source::table(&tags, 0));
            let mut spoken = Self { words: vec![english], ..Self::default() };
            for tag in &config.locales.supported {
                let words = matcher.nearest(tag).and_then(|near| all.get(near.locale));
                let place = words.map_or(0, |words| {
                    spoken.words.iter().position(|known| known == words).unwrap_or_else(|| {
                        spoken.words.push(words.clone());
                        spoken.words.len() - 1
                    })
                });
                spoken.of.push(place);
            }
            spoken
        }
    }

    impl Messages {
        fn faults(&self, english: &Self) -> Vec<String> {
            let mut faults = Vec::new();
            if !matches!(self.dir.as_str(), "ltr" | "rtl") {
                faults.push(format!("`dir`: found {:?}; allowed: \"ltr\", \"rtl\"", self.dir));
            }
            let language = self.tag.split('-').next().unwrap_or_default();
            if RIGHT_TO_LEFT.contains(&language) != (self.dir == "rtl") {
                faults.push(format!("`dir`: found {:?}, in which {language} is not written", self.dir));
            }
            let texts = |words: &Self| serde_json::to_value(words).unwrap_or_default();
            let (own, theirs) = (texts(self), texts(english));
            for (key, text) in own.as_object().into_iter().flatten().filter(|(key, _)| *key != "tag") {
                let text = text.as_str().unwrap_or_default();
                let wanted = placeholders(theirs.get(key).and_then(|text| text.as_str()).unwrap_or_default());
                let bare = wanted.iter().fold(text.to_owned(), |text, name| text.replace(&format!("{{{name}}}"), ""));
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

    /// Languages that are written from right to left.
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
        fn each_locale_is_spoken_to_in_the_nearest_language_that_has_words() {
            let tags = ["en-GB", "de-AT", "zh-TW", "pt-PT", "es-419", "fa", "tlh", "nb"];
            let spoken = Catalog::read(&config(&format!("{tags:?}").replace(['[', ']'], "")), Path::new("words"));
            let spoken = spoken.expect("the shipped words");
            let found: Vec<&str> = (0..tags.len()).map(|place| spoken.of(place).tag.as_str()).collect();
            assert_eq!(found, ["en", "de", "zh-Hant", "pt", "es", "fa", "en", "en"]);
            assert_eq!((spoken.of(99).tag.as_str(), spoken.english().tag.as_str()), ("en", "en"));
            assert_eq!(spoken.of(5).dir, "rtl");
        }

        #[test]
        fn what_is_missing_unknown_or_has_other_placeholders_is_named() {
            let folder = std::env::temp_dir().join(format!("usher-words-{}", std::process::id()));
            fs::create_dir_all(&folder).expect("a folder");
            let english = fs::read_to_string("words/en.toml").expect("English");
            for (text, said) in [
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
                let faults = Catalog::read(&config("\"en\""), &folder).expect_err(said);
                assert!(faults.iter().any(|fault| fault.contains("xx.toml") && fault.contains(said)), "{faults:?}");
            }
            fs::remove_dir_all(&folder).expect("removed");
        }
    }
}
