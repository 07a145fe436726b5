//! What an origin's answer tells of the origin itself, and what its visitor is to remember of it.

use super::choose::{only_reads, writer};
use super::crew::{Choice, is_plain};
use super::{Gateway, visit::Visit};
use crate::balance::orca;
use crate::config::{Config, Millis};
use crate::head::Fields;
use crate::hint::{self, Kind};
use crate::replica::{self, Position, Written};
use crate::session;
use std::rc::Rc;

/// How long a visitor stays with an origin unless they come again.
const STAYS: Millis = 86_400_000;

impl Gateway {
    /// Whether a replica turns out, by what its answer says, not to be far enough for this visitor.
    pub(super) fn is_behind(&self, config: &Config, visit: &Visit<'_>, choice: Choice, now: Millis) -> bool {
        let Some(pool) = config.pools.get(choice.pool).filter(|pool| pool.is_replicated()) else { return false };
        let Some(crew) = self.crews.of(choice.pool) else { return false };
        let replica = pool.origins.get(choice.origin).is_some_and(|origin| origin.replica);
        let written = self.written(config, visit, pool);
        replica && !crew.borrow().may_read(pool, choice.origin, written, visit.stamped, now)
    }

    /// Lets a visitor remember what they are to, of the answer they get.
    pub(super) fn told(
        &self,
        config: &Config,
        visit: &mut Visit<'_>,
        choice: Choice,
        status: u16,
        fields: &Fields<'_>,
        now: Millis,
    ) {
        let Some(pool) = config.pools.get(choice.pool).filter(|pool| !is_plain(pool)) else { return };
        if !(400..500).contains(&status) {
            let position = fields.get(replica::POSITION).and_then(Position::parse);
            self.wrote(config, visit, choice, position, now);
        }
        if pool.affinity && self.stays(config, visit, pool) != Some(choice.origin) {
            let origin = pool.origins.get(choice.origin).map_or("", |origin| origin.name.as_str());
            self.hint(config, visit, (Kind::Origin, &pool.name), origin, STAYS);
        }
    }

    /// Notes what an origin's answer says of its load and its place in the primary's history.
    pub(super) fn heard_of(&self, config: &Config, choice: Choice, fields: &Fields<'_>, now: Millis) {
        if config.pools.get(choice.pool).is_none_or(is_plain) {
            return;
        }
        let Some(crew) = self.crews.of(choice.pool) else { return };
        let fleet = &mut crew.borrow_mut().fleet;
        fleet.at(now);
        if let Some(load) = fields.get(orca::FIELD).and_then(orca::utilization) {
            fleet.loaded(choice.origin, load);
        }
        let position = fields.get(replica::POSITION).and_then(Position::parse);
        fleet.reached(choice.origin, position, fields.get(replica::LAG).and_then(|lag| lag.trim().parse().ok()));
    }

    /// Lets a visitor remember that they wrote, where replicas are read.
    pub(super) fn wrote(
        &self,
        config: &Config,
        visit: &mut Visit<'_>,
        choice: Choice,
        position: Option<Position>,
        now: Millis,
    ) {
        let Some(pool) = config.pools.get(choice.pool).filter(|pool| pool.is_replicated()) else { return };
        if only_reads(visit) {
            return;
        }
        // Of two answers under way at once the browser may keep the earlier one's cookie: it says how far
        // the primary is known to be by now.
        let known = self.crews.of(choice.pool).and_then(|crew| crew.borrow().fleet.position(choice.origin));
        let position = position.and_then(|position| Position::later(known, Some(position)));
        let wrote = Written::new(position, now);
        let wrote = self.written(config, visit, pool).map_or(wrote, |before| before.then(wrote));
        if let Some(writer) = writer(visit, pool) {
            self.crews.writers.borrow_mut().put(&writer, Rc::new(wrote), now);
        }
        self.hint(config, visit, (Kind::Written, &pool.name), &wrote.text(), replica::REMEMBERED);
    }

    /// Lets a visitor's browser remember something of a pool or route.
    pub(super) fn hint(
        &self,
        config: &Config,
        visit: &mut Visit<'_>,
        (kind, of): (Kind, &str),
        said: &str,
        lifetime: Millis,
    ) {
        let name = hint::name(&config.session.cookie, kind, of);
        let value = hint::sealed(&self.cookie_key, kind, of, said);
        visit.hints.push(session::attributes(&name, &value, lifetime / 1_000, visit.is_https()));
    }
}
