//! Asking one of several origins, until one answers or there is no more time.

use super::choose::Next;
use super::crew::{Choice, Crew, is_plain};
use super::forward::unreached;
use super::{Gateway, addressed, visit::Visit};
use crate::config::{Addressed, Config, Millis, Pool};
use crate::error::Error;
use crate::head::{self, Edits, Fields};
use crate::health::Outcome;
use crate::observe;
use crate::platform::{Answer, Ask, Carry, Failure, Platform};
use crate::retry::{self, Body};
use std::cell::RefCell;

/// What an origin is told: in so many milliseconds nobody waits any more.
const DEADLINE: &str = "x-usher-deadline-ms";
/// What is sent, whoever gets it.
pub(super) struct Parcel<'p> {
    /// Path and query.
    pub(super) path: &'p str,
    /// See [`Ask::through`].
    pub(super) through: Option<&'p str>,
    /// When nobody waits any more (milliseconds since 1970).
    pub(super) until: Millis,
    /// Whether the body is held even where it is sent once at most.
    pub(super) hold: bool,
}

impl Parcel<'_> {
    /// Whether an answer is the origin's own: what a cache on the way kept says nothing of now.
    fn is_the_origins(&self, fields: &Fields<'_>) -> bool {
        self.through.is_none() || fields.get("age").is_none()
    }
}

/// A request at an origin: over when this is dropped.
pub(super) struct Flight<'g> {
    crew: Option<&'g RefCell<Crew>>,
    origin: usize,
    deadline: Millis,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(crew) = self.crew {
            crew.borrow_mut().fleet.ended(self.origin, self.deadline);
        }
    }
}

/// What came of an attempt.
type Heard<B> = Result<Answer<B>, Error>;

/// Who was asked so far, and how.
struct Course {
    pools: Vec<usize>,
    tried: Vec<Choice>,
    carry: Carry,
}

impl Gateway {
    /// Asks the origins of `pools`, from near to far, until one answers. What fails is asked again where
    /// that makes no difference to origins, while there is time.
    pub(super) async fn tries<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        pools: &[usize],
        parcel: &Parcel<'_>,
        edits: &mut Edits,
    ) -> Result<Answer<P::Body>, Error> {
        let head = visit.head;
        let nearest = pools.first().copied().unwrap_or(usize::MAX);
        let (Some(first), Some(crew)) = (config.pools.get(nearest), self.crews.of(nearest)) else {
            return Err(Error::Internal);
        };
        let attempts = retry::attempts(head, &first.retry);
        let carry = match retry::body(head, first.retry.max_body) {
            Body::None => Carry::Fields,
            // What is held can be sent again, and how it goes is the origin's doing, not its sender's.
            Body::Held if attempts > 1 || parcel.hold || !is_plain(first) => Carry::Held,
            Body::Held | Body::Streamed => Carry::Everything,
        };
        // The visitor's own slowness is no origin's.
        if carry == Carry::Held && platform.hold(parcel.until.saturating_sub(platform.now())).await.is_err() {
            return Err(Error::Malformed("the request's body broke off or took too long: send it again".into()));
        }
        if attempts > 1 || first.retry.hedge {
            crew.borrow_mut().budget.earn(first.retry.budget, platform.now());
        }
        self.wait_for_replica(platform, config, visit, nearest).await;
        let mut course = Course { pools: pools.to_vec(), tried: Vec::new(), carry };
        let mut last: Option<(Choice, Heard<P::Body>)> = None;
        let (mut attempt, mut behind) = (0, false);
        while attempt < attempts {
            let now = platform.now();
            if !course.tried.is_empty() && now >= parcel.until {
                break;
            }
            let next = self.next(config, visit, &mut course.pools, &course.tried, now);
            let (choice, why) = match self.decided(platform, config, visit, pools, next) {
                Ok(found) => found,
                Err(error) if course.tried.is_empty() => return Err(error),
                Err(_) => break,
            };
            // To ask another for what a replica does not have yet is no retry.
            if attempt > 0 && !behind && !crew.borrow_mut().budget.spend() {
                self.counters.borrow_mut().origin("budget", &first.name);
                break;
            }
            if let Some((_, Ok(answer))) = last.take() {
                platform.discard(answer.body);
            }
            visit.steered = why.or(visit.steered);
            let (choice, result) = self.send(platform, config, visit, &mut course, choice, parcel, edits).await;
            if let Ok(answer) = &result {
                let (_, fields) = head::answer(&answer.packed);
                if parcel.is_the_origins(&fields) {
                    self.heard_of(config, choice, &fields, platform.now());
                }
            }
            let result = match result {
                Ok(answer) => match unreached(head::answer(&answer.packed).0) {
                    Some(error) => {
                        platform.discard(answer.body);
                        Err(error)
                    }
                    None if self.is_behind(config, visit, choice, platform.now()) => {
                        platform.discard(answer.body);
                        behind = true;
                        last = Some((choice, Err(Error::OriginUnreachable)));
                        continue;
                    }
                    None => Ok(answer),
                },
                Err(Failure::Unreachable) => Err(Error::OriginUnreachable),
                Err(Failure::Timeout) => Err(Error::OriginTimeout),
            };
            // What a canary fails at, the route's own pools may do.
            let canary = visit.canary && choice.pool == nearest;
            let again = |status: u16| {
                (canary && status >= 500)
                    || config.pools.get(choice.pool).is_some_and(|pool| pool.retry.on.contains(&status))
            };
            (attempt, behind) = (attempt + 1, false);
            let done = result.as_ref().is_ok_and(|answer| !again(head::answer(&answer.packed).0));
            last = Some((choice, result));
            if done {
                break;
            }
        }
        let (choice, result) = last.ok_or(Error::Internal)?;
        match &result {
            Ok(answer) => {
                let (status, fields) = head::answer(&answer.packed);
                if parcel.is_the_origins(&fields) {
                    self.told(config, visit, choice, status, &fields, platform.now());
                }
            }
            // It may have been done all the same.
            Err(_) => self.wrote(config, visit, choice, None, platform.now()),
        }
        result
    }

    /// What comes of whom to ask next; a pool's policy is counted and logged where it takes hold.
    fn decided<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        pools: &[usize],
        next: Next,
    ) -> Result<(Choice, Option<&'static str>), Error> {
        let name = pools.first().and_then(|place| config.pools.get(*place)).map_or("", |pool| pool.name.as_str());
        match next {
            Next::One(choice, why) => Ok((choice, why)),
            Next::Full => {
                self.counters.borrow_mut().origin("shed", name);
                Err(Error::Busy)
            }
            Next::Nobody => Err(Error::PoolDown),
            Next::Down(policy, result) => {
                self.counters.borrow_mut().origin(policy, name);
                platform.log(&observe::event("error", &format!("pool {name:?}: no origin is fit: {policy}")));
                visit.steered = Some(policy);
                visit.serves_stale |= policy == "stale";
                result.map(|choice| (choice, Some(policy)))
            }
        }
    }

    /// Sends a request to an origin, and to another as well when that is slow and the pool hedges.
    #[expect(clippy::too_many_arguments, reason = "what is sent, by whom, to whom, and who was asked before")]
    async fn send<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        course: &mut Course,
        choice: Choice,
        parcel: &Parcel<'_>,
        edits: &mut Edits,
    ) -> (Choice, Result<Answer<P::Body>, Failure>) {
        let Some((pool, base)) = url(config, choice) else { return (choice, Err(Failure::Unreachable)) };
        course.tried.push(choice);
        visit.attempts += 1;
        visit.origin = Some(base);
        visit.pool = Some(&pool.name);
        let asked = platform.now();
        let left = parcel.until.saturating_sub(asked).max(1);
        edits.set(DEADLINE, &left.to_string());
        let again = course.tried.len() > 1;
        addressed::to_origin(config, choice, &visit.head.url, addressed::Own::of(visit), again, edits);
        let streams = course.carry == Carry::Everything;
        // How long a body takes to come is up to whoever sends it.
        let bound = |left: Millis| if streams { left } else { pool.first_byte.unwrap_or(left).min(left) };
        let (carry, method, idle, through) = (course.carry, visit.head.method, pool.idle, parcel.through);
        let as_visitor = pool.host == Addressed::Visitor;
        let ask = |url, deadline| Ask { url, method, carry, edits, deadline, idle, through, as_visitor };
        let target = format!("{base}{}", parcel.path);
        let first = ask(target.as_str(), bound(left));
        if let Some((after, other)) = self.hedge(config, visit, course, choice, parcel, asked)
            && let Some((_, base)) = url(config, other)
        {
            let target = format!("{base}{}", parcel.path);
            let second = ask(target.as_str(), bound(left.saturating_sub(after).max(1)));
            let until = asked + left;
            let flights = (self.takes_off(config, choice, until), self.takes_off(config, other, until));
            let (others, result) = platform.hedge(&first, after, &second).await;
            drop(flights);
            let took = platform.now().saturating_sub(asked);
            if took < after {
                // Nobody else was asked.
                if let Some(crew) = self.crews.of(choice.pool) {
                    crew.borrow_mut().budget.give_back();
                }
            } else {
                course.tried.push(other);
                visit.attempts += 1;
            }
            if !others {
                self.went(platform, config, choice, &result, took, visit.dice);
                return (choice, result);
            }
            // How long the slow one would have taken is not known, but that it took so long.
            if let Some(crew) = self.crews.of(choice.pool) {
                crew.borrow_mut().fleet.waited(choice.origin, took);
            }
            self.went(platform, config, other, &result, took.saturating_sub(after), visit.dice);
            visit.origin = Some(base);
            visit.steered = Some("hedged");
            self.counters.borrow_mut().origin("hedge_won", &pool.name);
            return (other, result);
        }
        let flight = self.takes_off(config, choice, asked + first.deadline);
        let result = platform.fetch(&first).await;
        drop(flight);
        // A body that streams may have broken off at the visitor's end.
        if result.is_ok() || !streams {
            self.went(platform, config, choice, &result, platform.now().saturating_sub(asked), visit.dice);
        }
        (choice, result)
    }

    /// After how long a second origin is asked as well, and which.
    fn hedge(
        &self,
        config: &Config,
        visit: &Visit<'_>,
        course: &Course,
        choice: Choice,
        parcel: &Parcel<'_>,
        now: Millis,
    ) -> Option<(Millis, Choice)> {
        let pool = config.pools.get(choice.pool).filter(|pool| pool.retry.hedge)?;
        let plain = visit.head.method == "GET" && course.carry == Carry::Fields && parcel.through.is_none();
        // Both are asked with the same fields, of which these name the one origin alone.
        let addressed = pool.host == Addressed::Origin
            && ["origin", "referer"].iter().any(|name| visit.head.fields.get(name).is_some());
        if !plain || addressed || visit.head.is_websocket() {
            return None;
        }
        let crew = self.crews.of(choice.pool)?;
        let after = crew.borrow().fleet.p95()?.max(1);
        let (pool, origin) = *self.order(config, visit, &[choice.pool], &course.tried, 1, now).first()?;
        let other = Choice { pool, origin };
        crew.borrow_mut().budget.spend().then_some((after, other))
    }

    /// A request goes to an origin; it counts until what is given back is dropped, or until `deadline`.
    pub(super) fn takes_off<'g>(&'g self, config: &Config, choice: Choice, deadline: Millis) -> Flight<'g> {
        let plain = config.pools.get(choice.pool).is_none_or(is_plain);
        let crew = self.crews.of(choice.pool).filter(|_| !plain);
        if let Some(crew) = crew {
            crew.borrow_mut().fleet.began(choice.origin, deadline);
        }
        Flight { crew, origin: choice.origin, deadline }
    }

    /// Notes how an attempt went.
    pub(super) fn went<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        choice: Choice,
        result: &Result<Answer<P::Body>, Failure>,
        took: Millis,
        dice: u64,
    ) {
        let Some(pool) = config.pools.get(choice.pool) else { return };
        let (status, rest) = match result {
            Ok(answer) => {
                let (status, fields) = head::answer(&answer.packed);
                (status, fields.get("retry-after").filter(|_| status == 503).map(str::to_owned))
            }
            Err(_) => (0, None),
        };
        let outcome = match status {
            0 | 500 | 502..=504 | 520..=527 | 530 | 600.. => Outcome::Bad,
            429 => Outcome::Refused,
            _ => Outcome::Good,
        };
        let word = if outcome == Outcome::Bad { "failed" } else { "answered" };
        self.counters.borrow_mut().attempted(&pool.name, word);
        let Some(crew) = self.crews.of(choice.pool).filter(|_| !is_plain(pool)) else { return };
        let fleet = &mut crew.borrow_mut().fleet;
        let now = platform.now();
        fleet.at(now);
        if fleet.went(pool, choice.origin, outcome, took, dice) {
            let name = pool.origins.get(choice.origin).map_or("", |origin| origin.name.as_str());
            self.counters.borrow_mut().origin("ejected", &pool.name);
            let sentence = format!(
                "pool {:?}: origin {name:?} is ejected after {} failures in a row",
                pool.name, pool.ejection.failures
            );
            platform.log(&observe::event("warning", &sentence));
        }
        // Once, it may have been meant for that one request; an origin that is overloaded says it again.
        if let Some(rest) = retry::rest(rest.as_deref(), now)
            && fleet.pleads(choice.origin)
        {
            fleet.rests(choice.origin, now + rest);
        }
    }
}

/// A pool, and the base URL of an origin of it.
pub(super) fn url(config: &Config, choice: Choice) -> Option<(&Pool, &str)> {
    let pool = config.pools.get(choice.pool)?;
    Some((pool, pool.origins.get(choice.origin)?.url.text()))
}
