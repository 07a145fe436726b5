//! Reads the ledger often enough, and not more often; stamps.

use crate::config::{self, Millis};
use crate::ledger::{Currency, Entry, Moment, Page, View};
use crate::platform::{Clock, LedgerStore, Log, Unavailable};
use std::cell::{Cell, Ref, RefCell};

/// After a failure the ledger is not read for this long, so that an outage does not add its deadline to every
/// request.
const PAUSE: Millis = 1_000;

/// The ledger as this isolate knows it.
pub(super) struct Ledger {
    bounds: config::Ledger,
    view: RefCell<View>,
    /// When a read after a reply began, while it lasts.
    reading_since: Cell<Option<Millis>>,
    paused_until: Cell<Millis>,
}

/// What the ledger needs of the platform.
pub(super) trait World: Clock + LedgerStore + Log {}

impl<T: Clock + LedgerStore + Log> World for T {}

impl Ledger {
    pub(super) fn new(bounds: config::Ledger) -> Self {
        Self { bounds, view: RefCell::default(), reading_since: Cell::default(), paused_until: Cell::default() }
    }

    /// The stamps known here.
    pub(super) fn view(&self) -> Ref<'_, View> {
        self.view.borrow()
    }

    /// Whether the ledger is to be read after this reply: the view ages, and no read is under way.
    pub(super) fn is_due(&self, now: Millis) -> bool {
        let busy = self.reading_since.get().is_some_and(|since| now.saturating_sub(since) < self.bounds.deadline);
        let ageing = self.view().currency(now, &self.bounds) == Currency::Ageing;
        let due = ageing && !busy && now >= self.paused_until.get();
        if due {
            self.reading_since.set(Some(now));
        }
        due
    }

    /// Makes sure that the view may be used: at most `max_delay` old, or, while the ledger cannot be read, at most
    /// `max_outage`.
    pub(super) async fn current(&self, platform: &impl World) -> Result<(), Unavailable> {
        let now = platform.now();
        if self.view().currency(now, &self.bounds) != Currency::Overdue {
            return Ok(());
        }
        let paused = now < self.paused_until.get();
        // A read that another request began may be too old for this one; then it reads for itself.
        let since = now.saturating_sub(self.bounds.max_delay);
        if !paused && self.read(platform).await.is_ok() {
            let young = self.view().was_read_since(since);
            if young || self.present(platform).await.is_ok() {
                return Ok(());
            }
        }
        let usable = self.view().usable_in_outage(platform.now(), &self.bounds);
        if !paused {
            let consequence = if usable {
                "its last view serves for now"
            } else {
                "sessions are refused and stored answers are not used"
            };
            platform.error(&format!("the ledger cannot be read: {consequence}"));
        }
        if usable { Ok(()) } else { Err(Unavailable) }
    }

    /// Reads every new page.
    pub(super) async fn read(&self, platform: &impl World) -> Result<(), Unavailable> {
        loop {
            let since = self.view().as_of();
            let read = platform.ledger_read(since, self.bounds.deadline).await;
            let (asked, page) = read.inspect_err(|_| self.paused_until.set(platform.now() + PAUSE))?;
            self.learn(&page, asked);
            if !page.more {
                self.reading_since.set(None);
                return Ok(());
            }
            if page.as_of <= since {
                return Err(Unavailable);
            }
        }
    }

    /// The ledger's present moment, with every stamp before it known here.
    pub(super) async fn present(&self, platform: &impl World) -> Result<Moment, Unavailable> {
        self.stamp(platform, Vec::new(), false, 0).await
    }

    /// Stamps these subjects, known in this isolate at once; gives the stamps' moment. What is stamped can live for
    /// `lifetime` milliseconds at most.
    pub(super) async fn stamp(
        &self,
        platform: &impl World,
        subjects: Vec<String>,
        soft: bool,
        lifetime: Millis,
    ) -> Result<Moment, Unavailable> {
        let asked = platform.now();
        let entry = Entry { subjects, soft, lifetime, since: self.view().as_of() };
        let page = platform.ledger_stamp(&entry, self.bounds.deadline).await?;
        self.learn(&page, asked);
        let own = page.stamps.iter().filter(|stamp| entry.subjects.contains(&stamp.subject));
        if let Some(moment) = own.map(|stamp| stamp.since).max() {
            return Ok(moment);
        }
        if page.more {
            self.read(platform).await?;
        }
        Ok(self.view().as_of())
    }

    fn learn(&self, page: &Page, asked: Millis) {
        self.view.borrow_mut().learn(page, asked);
    }
}
