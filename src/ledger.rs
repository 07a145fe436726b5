//! What has been invalidated, and since which moment?
//!
//! A stamp on a subject (a tag, a URL, a user, ...) states: what was made before this moment is no longer valid.
//! Moments are of the ledger's own clock: milliseconds since 1970 that never repeat and never go back. Clocks of
//! different machines are never compared: every stored response or session records the moment up to which its
//! maker had read the ledger.

mod page;
pub mod subject;

pub use page::lines;

use crate::config::{self, USES};
use std::collections::HashMap;

/// A moment of the ledger's clock, in milliseconds since 1970.
pub type Moment = u64;

/// A line of the ledger: an invalidation of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// See [`subject`].
    pub subject: String,
    /// What was made before this moment is invalid.
    pub since: Moment,
    /// Whether what it invalidates may still serve as stale.
    pub soft: bool,
    /// Nothing that it invalidates can be alive after this moment, and the stamp is removed.
    pub until: Moment,
}

/// The ledger's response to a read: the stamps since a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// With this page the reader has every stamp up to this moment.
    pub as_of: Moment,
    /// The stamps, in the order they were made.
    pub stamps: Vec<Stamp>,
    /// Whether more pages follow.
    pub more: bool,
}

/// A request to stamp subjects in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The subjects to stamp; without any it is only a read.
    pub subjects: Vec<String>,
    /// Whether the stamps are soft: see [`Stamp::soft`].
    pub soft: bool,
    /// The longest life of what is stamped, in milliseconds: the stamps are kept for so long.
    pub lifetime: config::Millis,
    /// The moment after which the page of the response begins.
    pub since: Moment,
}

/// Whether something is invalidated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Validity {
    /// No stamp invalidates it.
    Valid,
    /// A soft stamp invalidates it: it may serve as stale.
    Stale,
    /// A hard stamp invalidates it.
    Void,
}

/// Whether a view is recent enough to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// Recent enough.
    Current,
    /// Recent enough, but the ledger should be read again in the background.
    Ageing,
    /// Too old: the ledger must be read before use.
    Overdue,
}

#[derive(Debug, Clone, Copy, Default)]
struct Since {
    hard: Moment,
    soft: Moment,
    until: Moment,
}

impl Since {
    /// Whether it is of a state that is on.
    fn is_on(&self, now: Moment) -> bool {
        self.hard > self.soft && self.until >= now
    }
}

/// The key with which a session continues after its rights have changed.
#[derive(Debug, Clone)]
struct Successor {
    key: String,
    since: Moment,
    until: Moment,
}

/// Whether anything has states ([`subject::state`]): without them nobody reads them.
pub const STATES: bool = USES.switches || USES.dynamic_lists;

/// An isolate's copy of the ledger.
#[derive(Debug, Default)]
pub struct View {
    as_of: Moment,
    read: Option<config::Millis>,
    known: HashMap<String, Since>,
    /// The next key of each changed session, by its previous key.
    successors: HashMap<String, Successor>,
    /// The newest stamp of any state.
    newest_state: Moment,
    /// The newest stamp of any tag.
    newest_tag: Moment,
    /// The number of known stamps at which expired ones are next removed.
    sweep_at: usize,
}

impl View {
    /// The moment up to which every stamp is known.
    #[must_use]
    pub fn as_of(&self) -> Moment {
        self.as_of
    }

    /// Adds a page whose read began at `requested` (this isolate's clock, milliseconds).
    pub fn learn(&mut self, page: &Page, requested: config::Millis) {
        for stamp in &page.stamps {
            if let Some((from, to)) = stamp.subject.strip_prefix(subject::CHANGED).and_then(|keys| keys.split_once(':'))
            {
                let next = Successor { key: to.to_owned(), since: stamp.since, until: stamp.until };
                let known = self.successors.entry(from.to_owned()).or_insert_with(|| next.clone());
                if next.since < known.since {
                    *known = next;
                }
                continue;
            }
            let since = self.known.entry(stamp.subject.clone()).or_default();
            let place = if stamp.soft { &mut since.soft } else { &mut since.hard };
            *place = (*place).max(stamp.since);
            if STATES && stamp.subject.starts_with(subject::STATE) {
                // The newest stamp says how long.
                if stamp.since >= since.hard.max(since.soft) {
                    since.until = stamp.until;
                }
                self.newest_state = self.newest_state.max(stamp.since);
                continue;
            }
            since.until = since.until.max(stamp.until);
            if stamp.subject.starts_with(subject::TAG) {
                self.newest_tag = self.newest_tag.max(stamp.since);
            }
        }
        // Not on every page: a sweep visits every stamp.
        if self.known.len() + self.successors.len() >= self.sweep_at {
            self.known.retain(|_, since| since.until >= page.as_of);
            self.successors.retain(|_, next| next.until >= page.as_of);
            self.sweep_at = 2 * (self.known.len() + self.successors.len()).max(512);
        }
        self.as_of = self.as_of.max(page.as_of);
        if !page.more {
            self.read = self.read.max(Some(requested));
        }
    }

    /// Whether the view is recent enough at `now`: within `max_delay`.
    #[must_use]
    pub fn currency(&self, now: config::Millis, bounds: &config::Ledger) -> Currency {
        match self.age(now) {
            Some(age) if age < bounds.max_delay / 2 => Currency::Current,
            Some(age) if age < bounds.max_delay => Currency::Ageing,
            _ => Currency::Overdue,
        }
    }

    /// Whether the view may still be used at `now` while the ledger cannot be read: within `max_outage`.
    #[must_use]
    pub fn usable_in_outage(&self, now: config::Millis, bounds: &config::Ledger) -> bool {
        self.age(now).is_some_and(|age| age <= bounds.max_outage.max(bounds.max_delay))
    }

    /// Whether the view comes from a read that began at `moment` (this isolate's clock) or later.
    #[must_use]
    pub fn was_read_since(&self, moment: config::Millis) -> bool {
        self.read.is_some_and(|read| read >= moment)
    }

    fn age(&self, now: config::Millis) -> Option<config::Millis> {
        self.read.map(|read| now.saturating_sub(read))
    }

    /// The ledger's moment at `now` (this isolate's clock), estimated from the last read.
    #[must_use]
    pub fn moment(&self, now: config::Millis) -> Moment {
        self.as_of.saturating_add(self.age(now).unwrap_or(0))
    }

    /// The next key of a session whose rights have changed, and the moment of the change.
    #[must_use]
    pub fn successor(&self, key: &str) -> Option<(&str, Moment)> {
        self.successors.get(key).map(|next| (next.key.as_str(), next.since))
    }

    /// The later keys of a session, from the next to the last; at most 64.
    pub fn lineage<'v>(&'v self, key: &str) -> impl Iterator<Item = &'v str> {
        // The bound ends a cycle, which only a faulty stamp can cause; no session changes so often while it lives.
        let next = |key: &&'v str| self.successors.get(*key).map(|next| next.key.as_str());
        std::iter::successors(self.successors.get(key).map(|next| next.key.as_str()), next).take(64)
    }

    /// The newest moment at which something with these subjects, and with unknown tags, may have become invalid.
    #[must_use]
    pub fn newest<'s>(&self, subjects: impl IntoIterator<Item = &'s str>) -> Moment {
        let known = subjects.into_iter().filter_map(|subject| self.known.get(subject));
        known.map(|since| since.hard.max(since.soft)).fold(self.newest_tag, Moment::max)
    }

    /// The moment until which a state is on; `None` when it is off.
    #[must_use]
    pub fn state(&self, name: &str, now: Moment) -> Option<Moment> {
        self.known.get(&subject::state(name)).filter(|since| since.is_on(now)).map(|since| since.until)
    }

    /// The states that are on and whose names begin with `prefix`: the rest of the name, since when and until when.
    pub fn states<'v>(&'v self, prefix: &'v str, now: Moment) -> impl Iterator<Item = (&'v str, Moment, Moment)> {
        let on = self.known.iter().filter(move |(_, since)| since.is_on(now));
        on.filter_map(move |(name, since)| {
            let rest = name.strip_prefix(subject::STATE)?.strip_prefix(prefix)?;
            Some((rest, since.hard, since.until))
        })
    }

    /// The newest stamp of any state.
    #[must_use]
    pub fn newest_state(&self) -> Moment {
        self.newest_state
    }

    /// The moment until which a subject's stamp is in force; `None` when it has none, or an expired one.
    #[must_use]
    pub fn until(&self, subject: &str) -> Option<Moment> {
        self.known.get(subject).map(|since| since.until).filter(|until| *until >= self.as_of)
    }

    /// Whether something with these subjects is invalidated that was made when its maker had read up to `made`.
    #[must_use]
    pub fn validity<'s>(&self, made: Moment, subjects: impl IntoIterator<Item = &'s str>) -> Validity {
        subjects
            .into_iter()
            .filter_map(|subject| self.known.get(subject))
            .filter(|since| since.until >= self.as_of)
            .map(|since| {
                if made < since.hard {
                    Validity::Void
                } else if made < since.soft {
                    Validity::Stale
                } else {
                    Validity::Valid
                }
            })
            .max()
            .unwrap_or(Validity::Valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(subject: &str, since: Moment, soft: bool) -> Stamp {
        Stamp { subject: subject.into(), since, soft, until: since + 1_000 }
    }

    fn page(as_of: Moment, stamps: &[Stamp]) -> Page {
        Page { as_of, stamps: stamps.to_vec(), more: false }
    }

    const BOUNDS: config::Ledger = config::Ledger { max_delay: 5_000, max_outage: 60_000, deadline: 1_000 };

    #[test]
    fn what_was_made_before_a_stamp_is_void_and_what_was_made_after_reading_it_is_valid() {
        let mut view = View::default();
        view.learn(&page(100, &[stamp("tag:a", 100, false)]), 0);
        assert_eq!(view.validity(99, ["tag:a"]), Validity::Void);
        assert_eq!(view.validity(100, ["tag:a"]), Validity::Valid);
        assert_eq!(view.validity(99, ["tag:b"]), Validity::Valid);
    }

    #[test]
    fn a_soft_stamp_makes_stale_and_does_not_replace_a_hard_one() {
        let mut view = View::default();
        view.learn(&page(200, &[stamp("tag:a", 100, false), stamp("tag:a", 200, true)]), 0);
        assert_eq!(view.validity(50, ["tag:a"]), Validity::Void);
        assert_eq!(view.validity(150, ["tag:a"]), Validity::Stale);
        assert_eq!(view.validity(150, ["tag:b", "tag:a", "tag:c"]), Validity::Stale);
        assert_eq!(view.validity(200, ["tag:a"]), Validity::Valid);
    }

    #[test]
    fn of_a_state_the_newest_stamp_counts_and_how_long_it_says() {
        let stamp = |since, soft, until| Stamp { subject: "state:a:b".into(), since, soft, until };
        let stamps = [stamp(10, false, 900), stamp(20, true, 900), stamp(30, false, 50)];
        for order in [[0, 1, 2], [2, 1, 0]] {
            let mut view = View::default();
            view.learn(&page(40, &order.map(|place: usize| stamps[place].clone())), 0);
            assert_eq!([40, 50, 51].map(|now| view.state("a:b", now)), [Some(50), Some(50), None]);
            assert_eq!(view.states("a:", 40).collect::<Vec<_>>(), [("b", 30, 50)]);
            assert_eq!(view.newest_state(), 30);
            view.learn(&page(41, &[stamp(41, true, 900)]), 0);
            assert_eq!((view.state("a:b", 41), view.states("", 41).count()), (None, 0));
        }
    }

    #[test]
    fn newest_is_the_latest_stamp_of_the_subjects_or_of_any_tag() {
        let mut view = View::default();
        view.learn(&page(30, &[stamp("url:/a", 10, false), stamp("tag:t", 20, true), stamp("url:/b", 30, true)]), 0);
        assert_eq!(["url:/a", "url:/b", "url:/c"].map(|name| view.newest([name])), [20, 30, 20]);
    }

    #[test]
    fn a_view_is_current_then_ageing_then_overdue_and_outlasts_only_max_outage() {
        let mut view = View::default();
        assert_eq!(view.currency(0, &BOUNDS), Currency::Overdue);
        assert!(!view.usable_in_outage(0, &BOUNDS));
        view.learn(&page(1, &[]), 1_000);
        for (now, currency) in [
            (1_000, Currency::Current),
            (3_499, Currency::Current),
            (3_500, Currency::Ageing),
            (5_999, Currency::Ageing),
            (6_000, Currency::Overdue),
        ] {
            assert_eq!(view.currency(now, &BOUNDS), currency, "{now}");
        }
        assert!(view.usable_in_outage(61_000, &BOUNDS) && !view.usable_in_outage(61_001, &BOUNDS));
        let always = config::Ledger { max_delay: 0, ..BOUNDS };
        assert_eq!(view.currency(1_000, &always), Currency::Overdue);
    }

    #[test]
    fn a_view_is_current_only_after_the_last_page() {
        let mut view = View::default();
        view.learn(&Page { as_of: 5, stamps: vec![stamp("everyone", 5, false)], more: true }, 0);
        assert_eq!((view.as_of(), view.currency(0, &BOUNDS)), (5, Currency::Overdue));
        view.learn(&page(9, &[]), 0);
        assert_eq!((view.as_of(), view.currency(0, &BOUNDS)), (9, Currency::Current));
    }

    #[test]
    fn a_stamp_is_removed_after_its_until() {
        let mut view = View::default();
        view.learn(&page(20, &[stamp("tag:old", 10, false), stamp("tag:new", 20, true)]), 0);
        view.learn(&page(1_011, &[stamp("tag:other", 1_011, false)]), 0);
        assert_eq!(view.validity(0, ["tag:old"]), Validity::Valid);
        assert_eq!(view.validity(0, ["tag:new"]), Validity::Stale);
    }

    #[test]
    fn of_two_changes_of_one_session_the_first_counts_in_any_order_of_learning() {
        let (a, b) = (stamp("changed:k:one", 10, false), stamp("changed:k:two", 11, false));
        for stamps in [[a.clone(), b.clone()], [b, a]] {
            let mut view = View::default();
            view.learn(&page(20, &stamps), 0);
            view.learn(&page(30, &[stamp("changed:one:three", 30, false)]), 5);
            assert_eq!(view.successor("k"), Some(("one", 10)));
            assert_eq!(view.lineage("k").collect::<Vec<_>>(), ["one", "three"]);
            assert_eq!((view.successor("three"), view.lineage("x").count(), view.moment(8)), (None, 0, 33));
            view.learn(&page(40, &[stamp("changed:three:k", 40, false)]), 5);
            assert_eq!(view.lineage("k").count(), 64, "a circle ends");
        }
    }

    proptest! {
        /// The newest stamp of a subject decides, in whatever order the pages are learnt.
        #[test]
        fn the_order_of_learning_does_not_matter(mut stamps in prop::collection::vec((0u8..4, 1u64..50, any::<bool>()), 0..20), made in 0u64..60) {
            let names = ["tag:a", "tag:b", "everything", "user:u"];
            let learn = |stamps: &[(u8, u64, bool)]| {
                let mut view = View::default();
                for &(name, since, soft) in stamps {
                    view.learn(&page(since, &[stamp(names[usize::from(name)], since, soft)]), 0);
                }
                names.map(|name| view.validity(made, [name]))
            };
            let forwards = learn(&stamps);
            stamps.reverse();
            prop_assert_eq!(forwards, learn(&stamps));
        }
    }
}
