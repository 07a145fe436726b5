//! Reading the ledger often enough, and not more often.

use super::Gateway;
use crate::config::{self, Config, Millis};
use crate::ledger::{Currency, Entry, Moment, Page, View};
use crate::observe;
use crate::platform::{Down, Platform};
use std::cell::Cell;

/// After a failure the book is left alone for this long, so that an outage does not add its
/// deadline to every request.
const PAUSE: Millis = 1_000;

/// When the book was asked last, and when it may be asked again.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    behind: Cell<Option<Millis>>,
    paused_until: Cell<Millis>,
}

impl Schedule {
    /// Whether the book is to be read behind this answer: the view ages, and nobody is at it.
    pub(super) fn due(&self, view: &View, now: Millis, bounds: &config::Ledger) -> bool {
        let busy = self.behind.get().is_some_and(|since| now.saturating_sub(since) < bounds.deadline);
        let due = view.currency(now, bounds) == Currency::Ageing && !busy && now >= self.paused_until.get();
        if due {
            self.behind.set(Some(now));
        }
        due
    }
}

impl Gateway {
    /// Makes sure that the view may be used: at most `max_delay` old, or, while the book cannot be
    /// read, at most `max_outage`.
    pub(super) async fn current<P: Platform>(&self, platform: &P, config: &Config) -> Result<(), Down> {
        let now = platform.now();
        if self.view.borrow().currency(now, &config.ledger) != Currency::Overdue {
            return Ok(());
        }
        let paused = now < self.book.paused_until.get();
        // A reading that others began may be too old for this request; then it reads for itself.
        let since = now.saturating_sub(config.ledger.max_delay);
        if !paused && self.read_book(platform, config).await.is_ok() {
            let young = self.view.borrow().was_read_since(since);
            if young || self.present(platform, config).await.is_ok() {
                return Ok(());
            }
        }
        let usable = self.view.borrow().outlasts(platform.now(), &config.ledger);
        if !paused {
            let what = if usable {
                "its last view serves for now"
            } else {
                "sessions are refused and stored answers are not used"
            };
            platform.log(&observe::event("error", &format!("the ledger cannot be read: {what}")));
        }
        if usable { Ok(()) } else { Err(Down) }
    }

    /// Reads every page that is new.
    pub(super) async fn read_book<P: Platform>(&self, platform: &P, config: &Config) -> Result<(), Down> {
        loop {
            let since = self.view.borrow().as_of();
            let read = platform.ledger_read(since, config.ledger.deadline).await;
            let (asked, page) = read.inspect_err(|_| self.book.paused_until.set(platform.now() + PAUSE))?;
            self.learn(&page, asked);
            if !page.more {
                self.book.behind.set(None);
                return Ok(());
            }
            if page.as_of <= since {
                return Err(Down);
            }
        }
    }

    /// The ledger's present moment, with everything before it known here.
    pub(super) async fn present<P: Platform>(&self, platform: &P, config: &Config) -> Result<Moment, Down> {
        self.stamp(platform, config, Vec::new(), false, 0).await
    }

    /// Stamps, and knows of it at once in this isolate. The moment returned is the stamps'. What is
    /// stamped can live for `lifetime` at most.
    pub(super) async fn stamp<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        subjects: Vec<String>,
        soft: bool,
        lifetime: Millis,
    ) -> Result<Moment, Down> {
        let asked = platform.now();
        let entry = Entry { subjects, soft, lifetime, since: self.view.borrow().as_of() };
        let page = platform.ledger_stamp(&entry, config.ledger.deadline).await?;
        self.learn(&page, asked);
        let of_ours = page.stamps.iter().filter(|stamp| entry.subjects.contains(&stamp.subject));
        if let Some(moment) = of_ours.map(|stamp| stamp.since).max() {
            return Ok(moment);
        }
        if page.more {
            self.read_book(platform, config).await?;
        }
        Ok(self.view.borrow().as_of())
    }

    fn learn(&self, page: &Page, asked: Millis) {
        self.view.borrow_mut().learn(page, asked);
    }
}
