//! The files of `static/`.

use super::Origins;
use super::request::Answer;
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::record::Record;
use crate::http::head::{self, Edits};
use crate::http::path;
use crate::platform::Platform;
use crate::route::Place;
use crate::{locale, route};

impl Origins {
    /// A static file in the visitor's language, else in the default one, else as it is.
    pub(super) async fn file<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        place: &Place<'_, '_>,
    ) -> Result<Answer<P::Body>, Error> {
        record.origin = Some("static");
        let locales = &ctx.config.locales;
        let default = locales.supported.get(locales.default).map(String::as_str);
        let mut languages: Vec<Option<&str>> = Vec::with_capacity(3);
        if let Some(language) = ctx.language() {
            languages.push(Some(language));
            languages.extend([default].into_iter().filter(|default| *default != Some(language)));
        }
        // `/ja/x` as it stands is what `/x` guards in Japanese.
        if !(place.route.localized && route::names_locale(ctx.config, &place.path).is_some()) {
            languages.push(None);
        }
        for language in languages {
            let prefix = language.map(|tag| format!("/{tag}")).unwrap_or_default();
            record.attempts += 1;
            let found = ctx.platform.file(&format!("{prefix}{}", place.path)).await;
            let response = found.map_err(|_| Error::StoreDown)?;
            let (status, fields) = head::response(&response.packed);
            if status == 404 {
                continue;
            }
            let mut edits = Edits::new();
            edits.remove("cf-cache-status");
            // The store of files tidies paths by redirects; they must lead back through Usher.
            if let Some(tidied) = fields.get("location").and_then(|location| location.strip_prefix(prefix.as_str())) {
                let location = if path::is_local(tidied) { tidied } else { "/" };
                edits.set("location", &format!("{}{location}", ctx.locale_prefix(place)));
            }
            let page = fields.get("content-type").is_some_and(|media| media.starts_with("text/html"));
            // What exists in one language only is the same for everybody.
            let translated = self.pages.get(place.path.as_ref());
            let localized = ctx.locale.is_some() && translated.is_some();
            if ctx.locale.is_some() && (page || localized) {
                if let Some(language) = language.or(default).filter(|_| fields.get("content-language").is_none()) {
                    edits.set("content-language", language);
                }
                if let Some(translated) = translated.filter(|_| page && locales.prefix) {
                    edits.append("link", &locale::alternates(ctx.config, &ctx.head.url, &place.path, translated));
                }
            }
            return Ok(Answer { response, edits, personal: false, localized });
        }
        Err(Error::NotFound)
    }
}
