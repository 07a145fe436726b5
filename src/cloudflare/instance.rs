//! The gateway of this isolate, with the data that the build embeds.

use super::cache_store::limit_memory;
use super::environment::variable;
use super::key_value::set_deadline;
use crate::gateway::{Built, Gateway};
use std::rc::Rc;

/// The checked configuration.
const CONFIG: &str = include_str!(concat!(env!("OUT_DIR"), "/config.json"));
/// The nearest of its locales for each language tag.
const LANGUAGES: &str = include_str!(concat!(env!("OUT_DIR"), "/languages.txt"));
/// Usher's own messages in these locales.
const MESSAGES: &str = include_str!(concat!(env!("OUT_DIR"), "/messages.json"));
/// The pages of `static/` that exist in several of these locales.
const PAGES: &str = include_str!(concat!(env!("OUT_DIR"), "/pages.json"));
/// A name that changes whenever a file of `static/` changes.
const EDITION: &str = env!("USHER_EDITION");

thread_local! {
    static GATEWAY: Rc<Gateway> = {
        console_error_panic_hook::set_once();
        // The build checked this text; if it cannot be read, nothing is served.
        let raw = serde_json::from_str(CONFIG).unwrap_or_default();
        let built = Built { raw, languages: LANGUAGES, messages: MESSAGES, pages: PAGES, edition: EDITION };
        let gateway = Gateway::new(&built, variable);
        let memory = gateway.memory();
        limit_memory(memory.all as f64, memory.object as f64);
        set_deadline(gateway.store_deadline() as f64);
        Rc::new(gateway)
    };
}

/// The gateway; the first call creates it.
pub(super) fn gateway() -> Rc<Gateway> {
    GATEWAY.with(Rc::clone)
}
