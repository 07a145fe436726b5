//! Are the sizes of requests valid?

use super::super::{Sizes, raw};
use super::problems::Problems;

/// What `[request]` says where it leaves something out.
const DEFAULT: Sizes = Sizes {
    url: 8 << 10,
    fields: 100,
    field: 16 << 10,
    all_fields: 64 << 10,
    cookies: 16 << 10,
    body: 100 << 20,
    body_timeout: 60_000,
};

/// The sizes that a table at `at` configures; what it leaves out is as in `others`, or the default.
pub(super) fn sizes(raw: &raw::Sizes, at: &str, others: Option<&Sizes>, problems: &mut Problems) -> Sizes {
    let others = others.unwrap_or(&DEFAULT);
    let mut size = |name: &str, text: &Option<String>, other: u64, most: u64| match text {
        Some(text) => problems.size(format!("{at}.{name}"), text, most),
        None => other,
    };
    let small = 1 << 20;
    let sizes = Sizes {
        url: size("max_url", &raw.max_url, others.url, small),
        fields: raw.max_fields.map_or(others.fields, u64::from),
        field: size("max_field", &raw.max_field, others.field, small),
        all_fields: size("max_all_fields", &raw.max_all_fields, others.all_fields, small),
        cookies: size("max_cookies", &raw.max_cookies, others.cookies, small),
        body: size("max_body", &raw.max_body, others.body, 1 << 30),
        body_timeout: match &raw.body_timeout {
            Some(text) => problems.deadline(format!("{at}.body_timeout"), text, 3_600_000),
            None => others.body_timeout,
        },
    };
    if !(10..=1_000).contains(&sizes.fields) {
        problems.add(format!("{at}.max_fields"), format!("found {}; allowed: 10 to 1000", sizes.fields));
    }
    sizes
}
