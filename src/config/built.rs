//! What does the build hand to an isolate? One file of data: the checked configuration, Usher's messages, and what it
//! knows of the static files.

#[cfg(not(target_arch = "wasm32"))]
use super::data::Writer;
use super::data::{Data, FORMAT, Reader, data};
use super::decided::Config;
use super::identity::distinct;
use super::list::List;
use super::messages::Catalog;
use super::names::Names;
use super::setting::{Open, SettingError};
use super::uses::USES;
use std::rc::Rc;

/// What the build decided.
pub struct Built {
    /// The configuration.
    pub config: Config,
    /// Usher's own messages.
    pub catalog: Catalog,
    /// The static pages that exist in several locales.
    pub pages: Pages,
    /// Distinguishes this build's static files from those of other builds.
    pub edition: String,
}
data!(struct Built { config, catalog, pages, edition });

/// The pages of `static/` that exist in more than one locale: path without the locale prefix, and the locales (indices
/// into [`super::Locales::supported`]) that have their own file.
#[derive(Default)]
pub struct Pages {
    paths: Names,
    locales: List<Vec<usize>>,
}
data!(struct Pages { paths, locales });

impl Pages {
    /// The locales of a page, when there are several.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[usize]> {
        self.locales.get(self.paths.get(path)?).map(Vec::as_slice)
    }
}

impl Built {
    /// Reads what `Built::data` wrote. Every `"${NAME}"` of the configuration gets the value that `var` returns; the
    /// error is the first of them that is missing or invalid, or the first conflict between their values, and then
    /// nothing can be served.
    pub fn read(bytes: Rc<[u8]>, var: impl Fn(&str) -> Option<String>) -> (Self, Result<(), SettingError>) {
        let mut from = Reader::new(bytes);
        let known = from.text() == FORMAT;
        let open = Vec::<Open>::read(&mut from);
        let values: Result<Vec<String>, SettingError> = open.iter().map(|open| open.value(&var)).collect();
        let valid = values.map(|values| from.values = values.into());
        let built: Self = Data::read(&mut from);
        let valid = if known { valid } else { Err(SettingError::OtherBuild) };
        let valid = valid.and_then(|()| built.config.consistent());
        (built, valid)
    }
}

impl Config {
    /// What can be checked only when the vars are known.
    fn consistent(&self) -> Result<(), SettingError> {
        let bound = self.cached_by_workers_cache.iter().find(|(url, _)| url.text().starts_with("service:"));
        if let Some((_, route)) = bound {
            return Err(SettingError::Bound(route.clone()));
        }
        if USES.jwt || USES.oidc { distinct(&self.issuers) } else { Ok(()) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{Built, Catalog, Config, Data, FORMAT, Pages, SettingError, Writer};
    use std::collections::BTreeMap;

    impl Built {
        /// The data that [`Built::read`] reads.
        #[must_use]
        pub fn data(&self) -> Vec<u8> {
            let mut body = Writer::default();
            self.write(&mut body);
            let mut to = Writer::default();
            to.text(FORMAT);
            to.number(body.open.len() as u64);
            body.open.iter().for_each(|open| to.bytes.extend_from_slice(open));
            to.bytes.append(&mut body.bytes);
            to.bytes
        }
    }

    impl Pages {
        /// Pages, each with its locales.
        #[must_use]
        pub fn new(pages: BTreeMap<String, Vec<usize>>) -> Self {
            let (paths, locales): (Vec<_>, Vec<_>) = pages.into_iter().unzip();
            let paths = paths.into_iter().enumerate().map(|(place, path)| (path, place)).collect();
            Self { paths, locales: locales.into() }
        }
    }

    impl Config {
        /// The configuration as an isolate reads it, with the values that `var` returns.
        ///
        /// # Errors
        /// See [`Built::read`].
        pub fn resolved(self, var: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
            let (catalog, pages, edition) = (Catalog::default(), Pages::default(), String::new());
            let built = Built { config: self, catalog, pages, edition };
            let (built, valid) = Built::read(built.data().into(), var);
            valid.map(|()| built.config)
        }
    }
}
