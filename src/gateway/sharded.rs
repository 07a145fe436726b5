//! Asking the shard that has the data, and the other one while data moves.

use super::{Gateway, attempt::Parcel, visit::Visit};
use crate::config::{Config, Millis, Shard, ShardKey, Target};
use crate::error::Error;
use crate::head::{self, Edits};
use crate::platform::{Answer, Platform};
use crate::retry::{self, Body};
use crate::route::Place;
use crate::shard::{self, MISDIRECTED, Plan, Source};

/// How often both shards are asked whether they have the data, while neither says so.
const ROUNDS: u32 = 5;
/// How long is waited before the second of these rounds; twice as long before each further one.
const PAUSE: Millis = 20;

impl Gateway {
    /// The key of a request on a route whose data is divided; `None` on others.
    fn shard_key(&self, config: &Config, visit: &Visit<'_>, place: &Place<'_, '_>) -> Result<Option<String>, Error> {
        let Target::Shards(shards) = place.route.target else { return Ok(None) };
        let shards = config.shards.get(shards).ok_or(Error::Internal)?;
        let captured = place.route.path.matches(&place.path).unwrap_or_default();
        let record = visit.identity.record();
        let source = Source {
            head: visit.head,
            captured: &captured,
            user: record.map(|record| record.user.as_str()),
            claims: record.map(|record| &record.data),
        };
        let key = shard::key(&shards.key, &source).map_err(lost)?;
        Ok(Some(key.into_owned()))
    }

    /// What of that key tells stored answers apart that have the same URL.
    pub(super) fn shard_mark(
        &self,
        config: &Config,
        visit: &Visit<'_>,
        place: &Place<'_, '_>,
    ) -> Result<Option<String>, Error> {
        let Some(key) = self.shard_key(config, visit, place)? else { return Ok(None) };
        let Target::Shards(shards) = place.route.target else { return Ok(None) };
        let shards = config.shards.get(shards).ok_or(Error::Internal)?;
        Ok(match shards.key {
            // The path is in the key; a query parameter may be left out of it.
            ShardKey::Path(_) => None,
            ShardKey::Place => Some(Plan::of(shards, &key, &visit.visitor).map_err(lost)?.first.name.clone()),
            _ => Some(crate::session::digest(&key)),
        })
    }

    /// Asks the shard that has the key. Each of the two that may have it while it moves says 421 when it
    /// does not, and has done nothing then: so whatever the method, the other is asked, and after a
    /// moment both again, for the data may be on its way.
    #[expect(clippy::too_many_arguments, reason = "whose request, for which data, and what is sent")]
    pub(super) async fn sharded<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
        place: &Place<'_, '_>,
        shards: usize,
        parcel: &mut Parcel<'_>,
        edits: &mut Edits,
    ) -> Result<Answer<P::Body>, Error> {
        let key = self.shard_key(config, visit, place)?.ok_or(Error::Internal)?;
        let map = config.shards.get(shards).ok_or(Error::Internal)?;
        let plan = Plan::of(map, &key, &visit.visitor).map_err(lost)?;
        let held = |shard: &Shard| config.pools.get(shard.pool).map_or(0, |pool| pool.retry.max_body);
        let most = plan.second.map_or(0, held).min(held(plan.first));
        let again = plan.second.is_some() && retry::body(visit.head, most) != Body::Streamed;
        parcel.hold = again;
        edits.set("x-usher-shard-version", &map.version.to_string());
        for round in 0..ROUNDS {
            let pause = PAUSE << round.saturating_sub(1);
            if round > 0 {
                if platform.now() + pause >= parcel.until {
                    break;
                }
                platform.pause(pause).await;
            }
            // What the first did not find; it stands unless the second has it.
            let mut missing: Option<(Answer<P::Body>, &Shard)> = None;
            for shard in [Some(plan.first), plan.second].into_iter().flatten() {
                visit.shard = Some(&shard.name);
                edits.set("x-shard", &shard.name);
                let asked = platform.now();
                let answer = match self.tries(platform, config, visit, &[shard.pool], parcel, edits).await {
                    Ok(answer) => answer,
                    Err(error) => {
                        missing.into_iter().for_each(|(answer, _)| platform.discard(answer.body));
                        return Err(error);
                    }
                };
                if let Some(heat) = self.crews.heats.get(shards) {
                    heat.borrow_mut().felt(&shard.name, &key, platform.now().saturating_sub(asked));
                }
                let status = head::answer(&answer.packed).0;
                let first = std::ptr::eq(shard, plan.first);
                if first && status != MISDIRECTED && again && plan.turns_to(status, visit.head.is_safe()) {
                    missing = Some((answer, shard));
                    continue;
                }
                if status != MISDIRECTED {
                    missing.into_iter().for_each(|(answer, _)| platform.discard(answer.body));
                    return Ok(answer);
                }
                platform.discard(answer.body);
                if !again {
                    return Err(Error::Moving);
                }
            }
            if let Some((answer, shard)) = missing {
                visit.shard = Some(&shard.name);
                return Ok(answer);
            }
        }
        Err(Error::Moving)
    }
}

fn lost(lost: shard::Lost) -> Error {
    Error::NoShard(lost.sentence())
}
