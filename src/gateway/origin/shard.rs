//! Asks the shard that has the data, and the other one while data moves.

use super::Origins;
use super::outgoing::{Outgoing, Sent};
use crate::config::{Millis, Shard, ShardKey, Shards, Target, USES};
use crate::error::Error;
use crate::gateway::context::Context;
use crate::gateway::record::Record;
use crate::http::head;
use crate::identity::session::digest;
use crate::origin::retry::{self, Body};
use crate::origin::shard::{self, MISDIRECTED, Plan, Source};
use crate::platform::Platform;
use crate::route::Place;

/// How often both shards are asked at most, while both answer 421.
const ROUNDS: u32 = 5;
/// The pause before the second of these rounds, in milliseconds; twice as long before each further one.
const PAUSE: Millis = 20;

impl Origins {
    /// The shards of a route and the request's key; `None` on a route whose data is not divided.
    fn shard_key<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        place: &Place<'_, '_>,
    ) -> Result<Option<(&'a Shards, String)>, Error> {
        let Target::Shards(shards) = place.route.target else { return Ok(None) };
        let shards = ctx.config.shards.get(shards).ok_or(Error::Internal)?;
        let captured = place.route.path.matches(&place.path).unwrap_or_default();
        let record = ctx.identity.record();
        let source = Source {
            head: ctx.head,
            captured: &captured,
            user: record.map(|record| record.user.as_str()),
            claims: record.map(|record| &record.data),
        };
        let key = shard::key(&shards.key, &source).map_err(lost)?;
        Ok(Some((shards, key.into_owned())))
    }

    /// The part of the shard key that distinguishes stored responses with the same URL.
    pub(in crate::gateway) fn shard_edition<P: Platform>(
        &self,
        ctx: &Context<'_, P>,
        place: &Place<'_, '_>,
    ) -> Result<Option<String>, Error> {
        if !USES.shards {
            return Ok(None);
        }
        let Some((shards, key)) = self.shard_key(ctx, place)? else { return Ok(None) };
        Ok(match shards.key {
            // The path is in the cache key; a query parameter may be left out of it.
            ShardKey::Path(_) => None,
            ShardKey::Place => Some(Plan::of(shards, &key, &ctx.visitor).map_err(lost)?.first.name.clone()),
            _ => Some(digest(&key)),
        })
    }

    /// Asks the shard that has the key. While the key moves, a shard that does not have it answers 421 and has done
    /// nothing: so with any method the other one is asked, and after a pause both again: the data may be moving.
    pub(super) async fn ask_shards<'a, P: Platform>(
        &self,
        ctx: &Context<'a, P>,
        record: &mut Record<'a>,
        place: &Place<'_, '_>,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<Sent<P::Body>, Error> {
        let (shards, key) = self.shard_key(ctx, place)?.ok_or(Error::Internal)?;
        let plan = Plan::of(shards, &key, &ctx.visitor).map_err(lost)?;
        let max_body = |shard: &Shard| ctx.config.pools.get(shard.pool).map_or(0, |pool| pool.retry.max_body);
        let most = plan.second.map_or(0, max_body).min(max_body(plan.first));
        let again = plan.second.is_some() && retry::body(ctx.head, most) != Body::Streamed;
        outgoing.buffer = again;
        outgoing.edits.set("x-usher-shard-version", &shards.version.to_string());
        let Target::Shards(number) = place.route.target else { return Err(Error::Internal) };
        let heat = self.heats.get(number);
        let discard = |sent: Sent<P::Body>| sent.result.into_iter().for_each(|r| ctx.platform.discard(r.body));
        for round in 0..ROUNDS {
            let pause = PAUSE << round.saturating_sub(1);
            if round > 0 {
                if ctx.now() + pause >= outgoing.until {
                    break;
                }
                ctx.platform.sleep(pause).await;
            }
            // The first shard's 404, which is returned unless the second shard has the resource.
            let mut missing: Option<(Sent<P::Body>, &Shard)> = None;
            for shard in [Some(plan.first), plan.second].into_iter().flatten() {
                record.shard = Some(&shard.name);
                outgoing.edits.set("x-shard", &shard.name);
                let asked = ctx.now();
                let sent = self.attempt(ctx, record, &[shard.pool], outgoing).await;
                let Ok(response) = &sent.result else {
                    missing.into_iter().for_each(|(sent, _)| discard(sent));
                    return Ok(sent);
                };
                if let Some(heat) = heat {
                    heat.borrow_mut().record(&shard.name, &key, ctx.now().saturating_sub(asked));
                }
                let status = head::status(&response.packed);
                let first = std::ptr::eq(shard, plan.first);
                if first && status != MISDIRECTED && again && plan.turns_to(status, ctx.head.is_safe()) {
                    missing = Some((sent, shard));
                    continue;
                }
                if status != MISDIRECTED {
                    missing.into_iter().for_each(|(sent, _)| discard(sent));
                    return Ok(sent);
                }
                discard(sent);
                if !again {
                    return Err(Error::Moving);
                }
            }
            if let Some((sent, shard)) = missing {
                record.shard = Some(&shard.name);
                return Ok(sent);
            }
        }
        Err(Error::Moving)
    }
}

fn lost(lost: shard::Lost) -> Error {
    Error::NoShard(lost.sentence())
}
