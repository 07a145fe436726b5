//! Which of a response's variants does a request select? (RFC 9111 4.1)
//!
//! The fields that a response varies on are compared as they are sent to the origin, not as the visitor sent them. The
//! locale, the cookies (the origin gets none) and the encoding (the platform negotiates it with each visitor) are in
//! the key or cannot differ, so they select no variant.

use crate::config::Millis;
use crate::http::head::Fields;
use crate::http::json::{self, json_struct};
use crate::http::list::members;
use crate::http::search;
use crate::sort;
use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use std::collections::HashMap;

/// The field of a stored response that contains [`Variants`]; it is never sent to a visitor.
pub const FIELD: &str = "usher-variants";

/// The most variants of one resource; one more replaces the least recently used.
const MOST: usize = 32;
/// The most uses that an isolate remembers, of all resources.
const MOST_USES: usize = 4_096;

/// Fields that differ with each request; a response that varies on one of them cannot be shared.
const EACH_REQUEST: [&str; 6] =
    ["authorization", "date", "traceparent", "tracestate", "usher-assertion", "x-request-id"];

/// The fields that a response varies on, without those in the key (`keyed`), sorted; `None` when the response cannot be
/// shared.
#[must_use]
pub fn names(fields: &Fields<'_>, keyed: &[&str]) -> Option<Vec<String>> {
    let mut names: Vec<String> = members(fields.get("vary").unwrap_or_default()).map(str::to_ascii_lowercase).collect();
    names.retain(|name| !keyed.contains(&name.as_str()));
    sort::ascending(&mut names);
    names.dedup();
    let good = names.iter().all(|name| name != "*" && !EACH_REQUEST.contains(&name.as_str()));
    good.then_some(names)
}

/// The variant that a request selects: a hash of the values of these fields, as they were `sent` to the origin.
#[must_use]
pub fn chosen(names: &[String], sent: &[(String, String)]) -> String {
    let mut text = String::new();
    for name in names {
        let value = sent.iter().find(|(known, _)| known == name).map(|(_, value)| normal(name, value));
        text.push_str(name);
        text.push_str(if value.is_some() { "=" } else { "!" });
        text.push_str(&value.unwrap_or_default());
        text.push('\n');
    }
    Base64UrlSafeNoPadding::encode_to_string(hmac_sha256::Hash::hash(text.as_bytes())).unwrap_or_default()
}

/// A normalized value, without white space around commas. In `Accept-Language` also the case and the order of members
/// are insignificant: the weights state the preference.
fn normal(name: &str, value: &str) -> String {
    let members = value.split(',').map(search::trim);
    if name != "accept-language" {
        return members.collect::<Vec<_>>().join(",");
    }
    let mut members: Vec<String> = members.map(|member| member.to_ascii_lowercase().replace(' ', "")).collect();
    sort::ascending(&mut members);
    members.join(",")
}

/// When this isolate last served or stored each variant. When there are too many, the older half is removed.
#[derive(Debug, Default)]
pub struct Uses {
    at: HashMap<String, Millis>,
}

impl Uses {
    /// Records that the variant with the hash `chosen` of the resource with this key is used at `now`.
    pub fn note(&mut self, key: &str, chosen: &str, now: Millis) {
        self.at.insert(Self::name(key, chosen), now);
        if self.at.len() > MOST_USES {
            let mut all: Vec<Millis> = self.at.values().copied().collect();
            let (_, middle, _) = all.select_nth_unstable(MOST_USES / 2);
            self.at.retain(|_, at| *at > *middle);
        }
    }

    /// When a variant was last used; 0 when that is not known.
    #[must_use]
    pub fn last(&self, key: &str, chosen: &str) -> Millis {
        self.at.get(&Self::name(key, chosen)).copied().unwrap_or(0)
    }

    /// A hash: visitors determine the length of a key, so the key itself is not stored.
    fn name(key: &str, chosen: &str) -> String {
        let hash = hmac_sha256::Hash::hash(format!("{chosen} {key}").as_bytes());
        Base64UrlSafeNoPadding::encode_to_string(hash).unwrap_or_default()
    }
}

/// The variants of a resource that are known: stored under its URL, while each variant is stored under a slot's URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variants {
    /// The fields that they differ by, sorted.
    pub names: Vec<String>,
    /// The hash that selects the variant in each slot.
    slots: Vec<String>,
    /// The slot that is reused next when all are taken and none is known to be in use.
    next: usize,
}
json_struct!(Variants { names, slots, next });

impl Variants {
    /// Reads the list of variants from a stored response; `None` when it contains none.
    #[must_use]
    pub fn of(fields: &Fields<'_>) -> Option<Self> {
        json::read(fields.get(FIELD)?).ok()
    }

    /// Variants by these fields, none of which is stored yet.
    #[must_use]
    pub fn by(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// The slot of a variant.
    #[must_use]
    pub fn slot(&self, chosen: &str) -> Option<usize> {
        self.slots.iter().position(|known| known == chosen)
    }

    /// Adds a variant: its slot, and the new list. `used` returns when a variant was last used (milliseconds since
    /// 1970), as far as is known here. Variants by other fields are removed: the origin's latest response states what
    /// it varies on.
    #[must_use]
    pub fn with(known: Option<Self>, names: &[String], chosen: &str, used: &dyn Fn(&str) -> Millis) -> (usize, Self) {
        let mut all = known.filter(|known| known.names == names).unwrap_or_default();
        if all.names.is_empty() {
            all.names = names.to_vec();
        }
        if let Some(slot) = all.slot(chosen) {
            return (slot, all);
        }
        if all.slots.len() < MOST {
            all.slots.push(chosen.to_owned());
            return (all.slots.len() - 1, all);
        }
        let turn = |slot: usize| (slot + MOST - all.next % MOST) % MOST;
        let uses = all.slots.iter().enumerate().map(|(slot, chosen)| (used(chosen), turn(slot), slot));
        let slot = uses.min().map_or(0, |(_, _, slot)| slot);
        if let Some(place) = all.slots.get_mut(slot) {
            chosen.clone_into(place);
        }
        all.next = (slot + 1) % MOST;
        (slot, all)
    }

    /// As JSON, as it is stored.
    #[must_use]
    pub fn text(&self) -> String {
        json::text(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::response;
    use proptest::prelude::*;

    fn sent(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn fields_in_the_key_select_no_variant_and_fields_of_each_request_prevent_sharing() {
        let found = |vary: &str| names(&response(&format!("200\nvary:{vary}\n")).1, &["accept-encoding", "x-locale"]);
        assert_eq!(found("Foo, Accept-Encoding, bar, FOO"), Some(vec!["bar".into(), "foo".into()]));
        assert_eq!(found("X-Locale"), Some(vec![]));
        assert_eq!(found(""), Some(vec![]));
        for unshared in ["*", "Foo, *", "*, Foo", "Authorization", "X-Request-Id", "traceparent"] {
            assert_eq!(found(unshared), None, "{unshared}");
        }
    }

    #[test]
    fn requests_with_equivalent_values_select_the_same_variant() {
        let names = ["accept-language".to_owned(), "foo".to_owned()];
        let one = |fields: &[(&str, &str)]| chosen(&names, &sent(fields));
        assert_eq!(one(&[("foo", "1,2")]), one(&[("foo", " 1, 2 "), ("other", "3")]));
        assert_eq!(one(&[("accept-language", "en, de")]), one(&[("accept-language", "De , eN")]));
        assert_ne!(one(&[("accept-language", "en, de;q=0.5")]), one(&[("accept-language", "de, en;q=0.5")]));
        assert_ne!(one(&[("foo", "1")]), one(&[("foo", "2")]));
        assert_ne!(one(&[("foo", "a")]), one(&[("foo", "A")]));
        assert_ne!(one(&[("foo", "")]), one(&[]));
    }

    #[test]
    fn the_number_of_variants_is_bounded_and_the_oldest_is_replaced() {
        let names = vec!["foo".to_owned()];
        let mut known = None;
        for n in 0..MOST {
            let (slot, all) = Variants::with(known, &names, &n.to_string(), &|_| 0);
            assert_eq!(slot, n);
            known = Some(all);
        }
        let (slot, all) = Variants::with(known, &names, "one more", &|_| 0);
        assert_eq!((slot, all.slot("0"), all.slot("1"), all.slot("one more")), (0, None, Some(1), Some(0)));
        let (slot, all) = Variants::with(Some(all), &names, "and another", &|_| 0);
        assert_eq!((slot, all.slots.len()), (1, MOST));
        let (slot, all) = Variants::with(Some(all), &["bar".to_owned()], "x", &|_| 0);
        assert_eq!((slot, all.slots.len(), all.names.join(",")), (0, 1, "bar".to_owned()));
        let packed = format!("200\n{FIELD}:{}\n", all.text());
        assert_eq!(Variants::of(&response(&packed).1), Some(all));
    }

    #[test]
    fn the_least_recently_used_variant_is_replaced() {
        let names = ["accept".to_owned()];
        let mut uses = Uses::default();
        let mut all = None;
        for n in 0..MOST {
            all = Some(Variants::with(all, &names, &n.to_string(), &|_| 0).1);
        }
        // One variant that is in use, and 99 others.
        for n in 0..99 {
            uses.note("/page", "0", 1_000 + n);
            let used = |chosen: &str| uses.last("/page", chosen);
            let (slot, known) = Variants::with(all.take(), &names, &format!("odd {n}"), &used);
            assert!(slot != 0 && known.slot("0") == Some(0), "{n}");
            all = Some(known);
        }
        for n in 0..2 * MOST_USES {
            uses.note(&n.to_string(), "x", 1);
        }
        assert!(uses.at.len() <= MOST_USES && uses.last("/page", "0") == 1_098, "who is in use stays");
    }

    proptest! {
        #[test]
        fn no_value_causes_a_panic_and_the_selection_is_stable(vary in "\\PC{0,30}|[a-z*, -]{0,30}", value in "\\PC{0,30}") {
            let packed = format!("200\nvary:{}\n", vary.replace('\n', " "));
            if let Some(names) = names(&response(&packed).1, &[]) {
                let sent: Vec<(String, String)> = names.iter().map(|n| (n.clone(), value.clone())).collect();
                prop_assert_eq!(chosen(&names, &sent), chosen(&names, &sent));
                let _ = Variants::with(None, &names, &value, &|_| 0);
            }
        }
    }
}
