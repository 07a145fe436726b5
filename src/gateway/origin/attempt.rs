//! Asks one origin after another, until one answers or there is no more time.

use super::Origins;
use super::address::{VisitorAddress, to_origin};
use super::ask::unreached;
use super::finished::Finished;
use super::hedge::Second;
use super::outgoing::{Course, Outgoing, Sent};
use super::select::Next;
use crate::config::{Config, HostMode, Millis, USES};
use crate::error::Error;
use crate::gateway::apart::apart;
use crate::gateway::context::Context;
use crate::gateway::record::Record;
use crate::http::head;
use crate::limit::size;
use crate::origin::health::{Attempt, Outcome};
use crate::origin::retry::{self, Body};
use crate::origin::selection::{OriginRef, is_plain};
use crate::platform::{Clock, Failure, Forward, Log, OriginRequest, Platform, Response, Unreadable};

/// The request field with the milliseconds after which the gateway no longer waits for the origin.
const DEADLINE: &str = "x-usher-deadline-ms";

impl Origins {
    /// Asks the origins of `pools`, the preferred pool first, until one answers. A failed request is sent again
    /// where it may be repeated, within the deadline and the retry budget.
    pub(super) async fn attempt<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        pools: &[usize],
        outgoing: &mut Outgoing<'_>,
    ) -> Sent<P::Body> {
        let failed = |error| Sent { from: None, result: Err(error) };
        let nearest = pools.first().copied().unwrap_or(usize::MAX);
        let (Some(first), Some(state)) = (ctx.config.pools.get(nearest), self.pools.get(nearest)) else {
            return failed(Error::Internal);
        };
        let attempts = retry::attempts(ctx.head, &first.retry);
        let forward = match retry::body(ctx.head, first.retry.max_body) {
            Body::None => Forward::Fields,
            // A buffered body can be sent again, and its time to the origin does not depend on the visitor.
            Body::Held if attempts > 1 || outgoing.buffer || !is_plain(first) => Forward::Buffered,
            Body::Held | Body::Streamed => Forward::Streamed,
        };
        // A slow visitor must not count as a slow origin.
        let left = outgoing.until.saturating_sub(ctx.now());
        let patience = ctx.sizes().map_or(left, |sizes| left.min(sizes.body_timeout));
        if forward == Forward::Buffered
            && let Err(why) = ctx.platform.buffer_body(patience).await
        {
            if ctx.sizes().is_some() && why == Unreadable::Late {
                return failed(size::late(patience));
            }
            let sentence = "the request's body broke off or took too long: send it again";
            return failed(Error::Malformed(sentence.into()));
        }
        if let Some(sizes) = ctx.sizes().filter(|_| forward == Forward::Streamed && !ctx.head.is_websocket()) {
            ctx.platform.bound_body(sizes.body, patience);
        }
        if attempts > 1 || first.retry.hedge {
            state.borrow_mut().budget.earn(first.retry.budget, ctx.now());
        }
        if let Some(work) = apart(USES.replicas, || self.wait_for_replica(ctx, nearest, outgoing.stamped)) {
            work.await;
        }
        let mut course = Course { pools: pools.to_vec(), tried: Vec::new(), forward, fail_open: false };
        let mut last: Option<Sent<P::Body>> = None;
        let learns = |from: OriginRef| USES.balance && !ctx.config.pools.get(from.pool).is_none_or(is_plain);
        let (mut attempt, mut behind) = (0, false);
        while attempt < attempts {
            let now = ctx.now();
            if !course.tried.is_empty() && now >= outgoing.until {
                break;
            }
            let next = self.next(ctx, &mut course, outgoing.stamped);
            let (to, why) = match self.settle(ctx, record, &mut course, next) {
                Ok(found) => found,
                Err(error) if course.tried.is_empty() => return failed(error),
                Err(_) => break,
            };
            // Asking another origin for what a replica does not have yet is no retry.
            if attempt > 0 && !behind && !state.borrow_mut().budget.spend() {
                self.observer.counters().origin("budget", &first.name);
                break;
            }
            if let Some(Sent { result: Ok(response), .. }) = last.take() {
                ctx.platform.discard(response.body);
            }
            record.steered = why.or(record.steered);
            course.tried.push(to);
            let (from, result) = self.send(ctx, record, &mut course, outgoing).await;
            if let Ok(response) = &result
                && learns(from)
            {
                let (_, fields) = head::response(&response.packed);
                if outgoing.is_from_origin(&fields) {
                    self.learn(ctx, from, &fields);
                }
            }
            let result = match result {
                Ok(response) => match unreached(head::status(&response.packed)) {
                    Some(error) => {
                        ctx.platform.discard(response.body);
                        Err(error)
                    }
                    None if self.is_behind(ctx, from, outgoing.stamped) => {
                        ctx.platform.discard(response.body);
                        behind = true;
                        last = Some(Sent { from: Some(from), result: Err(Error::OriginUnreachable) });
                        continue;
                    }
                    None => Ok(response),
                },
                Err(failure) => Err(cause(ctx, failure)),
            };
            // Where a canary fails, the route's own pools may succeed.
            let canary = ctx.canary && from.pool == nearest;
            let again = |status: u16| {
                (canary && status >= 500)
                    || ctx.config.pools.get(from.pool).is_some_and(|pool| pool.retry.on.contains(&status))
            };
            (attempt, behind) = (attempt + 1, false);
            let done = result.as_ref().is_ok_and(|response| !again(head::status(&response.packed)));
            last = Some(Sent { from: Some(from), result });
            if done {
                break;
            }
        }
        let Some(sent) = last else { return failed(Error::Internal) };
        match (&sent.result, sent.from) {
            (Ok(response), Some(from)) if learns(from) => {
                let (status, fields) = head::response(&response.packed);
                if outgoing.is_from_origin(&fields) {
                    self.remember(ctx, from, status, &fields);
                }
            }
            // The origin may have carried out the request all the same.
            (Err(_), Some(from)) => self.wrote(ctx, from, None),
            (Ok(_), Some(_)) | (_, None) => {}
        }
        sent
    }

    /// The origin to ask next; where no origin is healthy, the pool's policy is counted and logged.
    fn settle<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        record: &mut Record<'_>,
        course: &mut Course,
        next: Next,
    ) -> Result<(OriginRef, Option<&'static str>), Error> {
        let first = course.pools.first().and_then(|place| ctx.config.pools.get(*place));
        let name = first.map_or("", |pool| pool.name.as_str());
        match next {
            Next::Origin(to, why) => Ok((to, why)),
            Next::Full => {
                self.observer.counters().origin("shed", name);
                Err(Error::Busy)
            }
            Next::Exhausted => Err(Error::PoolDown { stale_serves: false }),
            Next::Down(policy, result) => {
                self.observer.counters().origin(policy, name);
                ctx.platform.error(&format!("pool {name:?}: no origin is fit: {policy}"));
                record.steered = Some(policy);
                course.fail_open |= policy == "fail_open";
                result.map(|to| (to, Some(policy)))
            }
        }
    }

    /// Sends the request to the origin that was tried last, and to another as well when that is slow and the pool
    /// hedges; returns the origin that answered.
    async fn send<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        course: &mut Course,
        outgoing: &mut Outgoing<'_>,
    ) -> (OriginRef, Result<Response<P::Body>, Failure>) {
        let to = course.tried.last().copied().unwrap_or(OriginRef { pool: usize::MAX, origin: usize::MAX });
        let Some((pool, base)) = to.of(ctx.config) else { return (to, Err(Failure::Unreachable)) };
        record.attempts += 1;
        record.origin = Some(base);
        record.pool = Some(&pool.name);
        let asked = ctx.now();
        let left = outgoing.until.saturating_sub(asked).max(1);
        outgoing.edits.set(DEADLINE, &left.to_string());
        let visitor = VisitorAddress::of(ctx.head, "");
        to_origin(ctx.config, to, &visitor, course.tried.len() > 1, &mut outgoing.edits);
        let streams = course.forward == Forward::Streamed;
        // The time of a streamed body depends on the visitor.
        let first_byte = |left: Millis| if streams { left } else { pool.first_byte.unwrap_or(left).min(left) };
        let url = format!("{base}{}", outgoing.path);
        let request = OriginRequest {
            url: &url,
            method: ctx.head.method,
            forward: course.forward,
            edits: &outgoing.edits,
            deadline: first_byte(left),
            idle: pool.idle,
            workers_cache: outgoing.workers_cache,
            visitor_host: pool.host == HostMode::Visitor,
        };
        if let Some((after, other)) = self.hedges(ctx, course, outgoing)
            && let Some((_, base)) = other.of(ctx.config)
        {
            let url = format!("{base}{}", outgoing.path);
            let deadline = first_byte(left.saturating_sub(after).max(1));
            let second = Second { first: &request, after, origin: other, url: &url, deadline };
            if let Some(work) = apart(USES.hedge, || self.send_twice(ctx, record, course, second)) {
                return work.await;
            }
        }
        let counted = self.in_flight(ctx.config, to, asked + request.deadline);
        let result = ctx.platform.fetch(&request).await;
        drop(counted);
        // A streamed body may have broken off on the visitor's side.
        if result.is_ok() || !streams {
            let finished = Finished::of(&result, ctx.now().saturating_sub(asked), ctx.random);
            self.record_attempt(ctx.platform, ctx.config, to, &finished);
        }
        (to, result)
    }

    /// Records a request to an origin that is over, in its health and in the counters.
    pub(in crate::gateway) fn record_attempt(
        &self,
        platform: &(impl Clock + Log),
        config: &Config,
        to: OriginRef,
        finished: &Finished,
    ) {
        let Some(pool) = config.pools.get(to.pool) else { return };
        let outcome = match finished.status {
            0 | 500 | 502..=504 | 520..=527 | 530 | 600.. => Outcome::Bad,
            429 => Outcome::Refused,
            _ => Outcome::Good,
        };
        let result = if outcome == Outcome::Bad { "failed" } else { "answered" };
        self.observer.counters().attempted(&pool.name, result);
        let Some(state) = self.pools.get(to.pool).filter(|_| !is_plain(pool)) else { return };
        let health = &mut state.borrow_mut().health;
        let now = platform.now();
        health.at(now);
        let attempt = Attempt { outcome, took: finished.took, random: finished.random };
        if health.record(pool, to.origin, attempt) {
            let name = pool.origins.get(to.origin).map_or("", |origin| origin.name.as_str());
            self.observer.counters().origin("ejected", &pool.name);
            platform.warning(&format!(
                "pool {:?}: origin {name:?} is ejected after {} failures in a row",
                pool.name, pool.ejection.failures
            ));
        }
        // A single `Retry-After` may be meant for that one request; an overloaded origin sends it again.
        if let Some(rest) = retry::rest(finished.retry_after.as_deref(), now)
            && health.repeats_retry_after(to.origin)
        {
            health.rest_until(to.origin, now + rest);
        }
    }
}

/// Why there is no response: the visitor's body may have been too large or too slow.
fn cause<P: Platform>(ctx: &Context<'_, P>, failure: Failure) -> Error {
    let fault = ctx.sizes().and_then(|sizes| Some((sizes, ctx.platform.body_fault()?)));
    match fault {
        Some((sizes, Unreadable::Late)) => {
            size::late(ctx.route.map_or(sizes.body_timeout, |route| route.deadline.min(sizes.body_timeout)))
        }
        Some((sizes, _)) => size::large(sizes),
        None => failure.into(),
    }
}
