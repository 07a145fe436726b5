//! What is kept beside a stored answer, and is the answer still good?

use super::control::{self, Lifetime, Unstored};
use super::{Key, key::Partition};
use crate::config::{Cache, Millis};
use crate::head::{Edits, Fields};
use crate::ledger::{Moment, Validity, View, subject};
use serde::{Deserialize, Serialize};

/// The field of a stored answer that holds [`Stored`]; it never leaves the gateway.
pub const FIELD: &str = "usher-stored";

/// What is kept beside a stored answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The ledger was read up to here when the origin was asked.
    pub made: Moment,
    /// When it was received (milliseconds since 1970).
    pub received: Millis,
    /// Fresh until (milliseconds since 1970).
    pub until: Millis,
    /// How old it was when received, in milliseconds.
    pub age: Millis,
    /// Checked again on the way out.
    pub partition: String,
    /// `host/path?query`.
    pub resource: String,
    /// What it can be purged by.
    pub tags: Vec<String>,
    /// The origin's `Cache-Control`, which the store's own replaces.
    pub control: Option<String>,
}

/// What was found in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// May be served.
    Fresh(Stored),
    /// May be served only while the origin is down.
    Stale(Stored),
    /// Must not be served; the word says why.
    Void(&'static str),
}

impl Stored {
    /// What to keep beside an answer.
    ///
    /// # Errors
    /// Why it is not stored.
    #[expect(clippy::too_many_arguments, reason = "each is one fact of the decision, and it is made in one place")]
    pub fn of(
        status: u16,
        fields: &Fields<'_>,
        key: &Key,
        cache: &Cache,
        tags: &[String],
        fixed: bool,
        keyed: &[&str],
        made: Moment,
        now: Millis,
    ) -> Result<Self, Unstored> {
        let Lifetime { remaining, age } = control::lifetime(status, fields, cache, fixed, keyed, now)?;
        Ok(Self {
            made,
            received: now,
            until: now.saturating_add(remaining),
            age,
            partition: key.partition.clone(),
            resource: key.resource.clone(),
            tags: control::tags(fields, tags)?,
            control: fields.get("cache-control").map(str::to_owned),
        })
    }

    /// The changes that turn the origin's answer, without what stays here, into the stored one.
    pub fn edit(&self, now: Millis, edits: &mut Edits) {
        edits.remove("age");
        edits.remove("expires");
        let seconds = self.until.saturating_sub(now).div_ceil(1_000);
        edits.set("cache-control", &format!("public, max-age={seconds}"));
        edits.set(FIELD, &serde_json::to_string(self).unwrap_or_default());
    }

    /// Judges a stored answer found under `key`.
    #[must_use]
    pub fn judge(fields: &Fields<'_>, key: &Key, view: &View, now: Millis) -> Lookup {
        let Some(stored) = fields.get(FIELD).and_then(|json| serde_json::from_str::<Self>(json).ok()) else {
            return Lookup::Void("unreadable");
        };
        if stored.partition != key.partition || stored.resource != key.resource {
            return Lookup::Void("mismatch");
        }
        match stored.validity(view) {
            Validity::Void => Lookup::Void("purged"),
            Validity::Stale => Lookup::Stale(stored),
            Validity::Valid if now >= stored.until => Lookup::Stale(stored),
            Validity::Valid => Lookup::Fresh(stored),
        }
    }

    fn validity(&self, view: &View) -> Validity {
        let (host, path) = self.resource.split_at_checked(self.resource.find('/').unwrap_or(0)).unwrap_or_default();
        let bare = path.split('?').next().unwrap_or_default();
        let mut subjects = vec![subject::EVERYTHING.to_owned(), subject::url(&self.resource), subject::url(path)];
        subjects.extend(self.tags.iter().map(|tag| subject::tag(tag)));
        let ends = bare.char_indices().filter(|(_, c)| *c == '/').map(|(place, _)| place.max(1)).chain([bare.len()]);
        for prefix in ends.filter_map(|end| bare.get(..end)) {
            subjects.push(subject::prefix(prefix));
            subjects.push(subject::prefix(&format!("{host}{prefix}")));
        }
        view.validity(self.made, subjects.iter().map(String::as_str))
    }

    /// Seconds since the origin made it (RFC 9111 4.2.3).
    #[must_use]
    pub fn age(&self, now: Millis) -> u64 {
        (now.saturating_sub(self.received) + self.age) / 1_000
    }

    /// Whole seconds it stays fresh; negative when it no longer is.
    #[must_use]
    pub fn time_to_live(&self, now: Millis) -> i64 {
        let left = i128::from(self.until) - i128::from(now);
        i64::try_from(left / 1_000).unwrap_or_default()
    }

    /// Whether this partition is everybody's.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.partition == Partition::Public.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{Url, answer};
    use crate::ledger::{Page, Stamp};

    fn key(path: &str) -> Key {
        let url = Url { scheme: "https", authority: "a.example", path, query: Some("q=1") };
        Key::new(&url, path, &Cache { ttl: None, shared: None, query: None }, "-", Some("en"), &Partition::Public)
    }

    fn stored(path: &str, made: Moment) -> Stored {
        let (status, fields) = answer("200\ncache-control:max-age=60\ncache-tag:t1\n");
        let cache = Cache { ttl: None, shared: None, query: None };
        Stored::of(status, &fields, &key(path), &cache, &["site".into()], false, &[], made, 1_000)
            .expect("may be stored")
    }

    fn view(subject: &str, since: Moment, soft: bool) -> View {
        let mut view = View::default();
        view.learn(
            &Page {
                as_of: since,
                stamps: vec![Stamp { subject: subject.into(), since, soft, until: 99 }],
                more: false,
            },
            0,
        );
        view
    }

    fn packed(meta: &Stored, origin: &Fields<'_>) -> String {
        let mut edits = Edits::new();
        meta.edit(1_000, &mut edits);
        let fields: String = edits.applied(origin).iter().map(|(n, v)| format!("{n}:{v}\n")).collect();
        format!("200\n{fields}")
    }

    fn judged(path: &str, view: &View, now: Millis) -> Lookup {
        let meta = stored(path, 10);
        let (_, origin) = answer("200\ncache-control:max-age=60\ncache-tag:t1\nage:0\n");
        let packed = packed(&meta, &origin);
        Stored::judge(&answer(&packed).1, &key(path), view, now)
    }

    #[test]
    fn every_name_of_a_stored_answer_can_void_it() {
        for subject in [
            "everything",
            "tag:t1",
            "tag:site",
            "url:a.example/x/y?q=1",
            "url:/x/y?q=1",
            "prefix:/",
            "prefix:/x",
            "prefix:/x/y",
            "prefix:a.example/",
            "prefix:a.example/x",
        ] {
            assert_eq!(judged("/x/y", &view(subject, 11, false), 2_000), Lookup::Void("purged"), "{subject}");
            assert!(matches!(judged("/x/y", &view(subject, 11, true), 2_000), Lookup::Stale(_)), "{subject}");
            assert!(matches!(judged("/x/y", &view(subject, 10, false), 2_000), Lookup::Fresh(_)), "{subject}");
        }
        for subject in
            ["tag:t", "url:a.example/x/y", "prefix:/x/", "prefix:/x/y/z", "prefix:b.example/", "prefix:/xx", "user:t1"]
        {
            assert!(matches!(judged("/x/y", &view(subject, 11, false), 2_000), Lookup::Fresh(_)), "{subject}");
        }
    }

    #[test]
    fn an_answer_is_stale_at_the_moment_its_lifetime_ends() {
        let none = View::default();
        assert!(matches!(judged("/x", &none, 60_999), Lookup::Fresh(_)));
        assert!(matches!(judged("/x", &none, 61_000), Lookup::Stale(_)));
    }

    #[test]
    fn a_copy_of_another_partition_is_never_served() {
        let meta = stored("/x", 1);
        let (_, origin) = answer("200\n");
        let packed = packed(&meta, &origin);
        let other = Key { partition: "user-1".into(), ..key("/x") };
        assert_eq!(Stored::judge(&answer(&packed).1, &other, &View::default(), 1_000), Lookup::Void("mismatch"));
        assert_eq!(
            Stored::judge(&answer("200\nusher-stored:{}\n").1, &other, &View::default(), 1_000),
            Lookup::Void("unreadable")
        );
    }

    #[test]
    fn age_and_lifetime_are_whole_seconds() {
        let meta = Stored { age: 5_000, ..stored("/x", 1) };
        assert_eq!((meta.age(1_000), meta.age(3_999)), (5, 7));
        assert_eq!((meta.time_to_live(1_000), meta.time_to_live(62_000)), (60, -1));
    }
}
