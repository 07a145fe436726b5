//! Which shard has this key, and which shards are asked while data moves?
//!
//! Keys are hashed to 4,096 slots (the first eight bytes of the key's SHA-256, big endian, modulo 4,096), and each slot
//! belongs to the shard with the highest score for it ([`rendezvous`]), so that a new shard moves as few keys as
//! possible. While data moves there are two maps. At each moment one of the two origins has a key, and the other
//! answers 421 (Misdirected Request, RFC 9110 15.5.20), which states that it has done nothing: only then is a request
//! of any method sent to the other origin.

use crate::config::{Millis, Phase, Shard, ShardBy, ShardKey, Shards};
use crate::http::cookie;
use crate::http::head::Head;
use crate::http::visitor::Visitor;
use crate::origin::balance::rendezvous;
use crate::sort;
use serde_json::Value;
use std::borrow::Cow;

/// The number of slots of hashed keys.
pub const SLOTS: u64 = 4_096;

/// The status of an origin that does not have the key (RFC 9110 15.5.20).
pub const MISDIRECTED: u16 = 421;

/// Why a request finds no shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The request has no key.
    NoKey,
    /// The map has no shard for the key, or the key is not of the map's kind.
    BadKey,
}

impl Lost {
    /// The sentence in the error response.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoKey => "the request does not say which part of the data it is for",
            Self::BadKey => "the request's key is not of the kind that this data is divided by",
        }
    }
}

/// The parts of a request that may contain its key.
pub struct Source<'a> {
    /// The request.
    pub head: &'a Head<'a>,
    /// The path's parameters, percent-encoded as received.
    pub captured: &'a [(&'a str, &'a str)],
    /// The signed-in user.
    pub user: Option<&'a str>,
    /// The user's claims, or the data of their session.
    pub claims: Option<&'a Value>,
}

/// The key of a request.
///
/// # Errors
/// [`Lost::NoKey`] when it has none.
pub fn key<'a>(of: &ShardKey, source: &Source<'a>) -> Result<Cow<'a, str>, Lost> {
    let found = match of {
        ShardKey::Path(name) => {
            let found = source.captured.iter().find(|(known, _)| *known == name.as_str());
            found.map(|(_, value)| Cow::Owned(crate::http::path::decode(value)))
        }
        ShardKey::Query(name) => {
            source.head.url.parameter(name).map(|value| Cow::Owned(crate::http::path::decode(value)))
        }
        ShardKey::Header(name) => source.head.fields.get(name).map(Cow::Borrowed),
        ShardKey::Cookie(name) => cookie::find(source.head.fields.get("cookie"), name).one().map(Cow::Borrowed),
        ShardKey::User => source.user.map(Cow::Borrowed),
        ShardKey::Claim(name) => match source.claims.and_then(|claims| claims.get(name)) {
            Some(Value::String(text)) => Some(Cow::Borrowed(text.as_str())),
            Some(Value::Number(number)) => Some(Cow::Owned(number.to_string())),
            _ => None,
        },
        ShardKey::Place => Some(Cow::Borrowed("")),
    };
    found.filter(|key| *of == ShardKey::Place || !key.is_empty()).ok_or(Lost::NoKey)
}

/// The slot of a key.
#[must_use]
pub fn slot(key: &str) -> u64 {
    rendezvous::hash(key) % SLOTS
}

/// The shard of a key in one map.
///
/// # Errors
/// [`Lost::BadKey`] when the map has no shard for it.
pub fn find<'s>(shards: &Shards, map: &'s [Shard], key: &str, visitor: &Visitor<'_>) -> Result<&'s Shard, Lost> {
    match shards.by {
        ShardBy::Hash => {
            let slot = slot(key);
            let score = |shard: &Shard| rendezvous::bid(slot, rendezvous::hash(&shard.name), f64::from(shard.weight));
            map.iter().max_by(|a, b| score(a).total_cmp(&score(b))).ok_or(Lost::BadKey)
        }
        ShardBy::Range => {
            let at = shards.values.read(key).ok_or(Lost::BadKey)?;
            let last = map.partition_point(|shard| shard.from.as_ref().is_none_or(|from| *from <= at));
            last.checked_sub(1).and_then(|place| map.get(place)).ok_or(Lost::BadKey)
        }
        ShardBy::Geo => {
            let has = |codes: fn(&Shard) -> &[String], code: Option<&str>| {
                map.iter().find(|shard| codes(shard).iter().any(|known| Some(known.as_str()) == code))
            };
            has(|shard| &shard.countries, visitor.country)
                .or_else(|| has(|shard| &shard.continents, visitor.continent))
                .or_else(|| map.iter().find(|shard| shard.default))
                .ok_or(Lost::BadKey)
        }
    }
}

/// The shards to ask for a key: the first and then, on the conditions of [`Plan::turns_to`], the second.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'s> {
    /// The shard that is asked first.
    pub first: &'s Shard,
    /// The shard that is asked after it; `None` when the key does not move.
    pub second: Option<&'s Shard>,
    /// Whether reads that the first shard answers with 404 go to the second.
    reads: bool,
}

impl<'s> Plan<'s> {
    /// The plan for a key.
    ///
    /// # Errors
    /// [`Lost::BadKey`] when a map has no shard for it.
    pub fn of(shards: &'s Shards, key: &str, visitor: &Visitor<'_>) -> Result<Self, Lost> {
        let old = find(shards, &shards.map, key, visitor)?;
        let Some(phase) = shards.phase() else { return Ok(Self { first: old, second: None, reads: false }) };
        let new = find(shards, &shards.next, key, visitor)?;
        if old.pool == new.pool {
            let first = if phase == Phase::Retire { new } else { old };
            return Ok(Self { first, second: None, reads: false });
        }
        Ok(match phase {
            Phase::Prepare => Self { first: old, second: Some(new), reads: false },
            Phase::DualRead => Self { first: old, second: Some(new), reads: true },
            Phase::Cut => Self { first: new, second: Some(old), reads: true },
            Phase::Retire => Self { first: new, second: None, reads: false },
        })
    }

    /// Whether a response of the first shard with this status sends the request to the second.
    #[must_use]
    pub fn turns_to(&self, status: u16, safe: bool) -> bool {
        self.second.is_some() && (status == MISDIRECTED || (self.reads && safe && status == 404))
    }
}

/// The load of each shard, and the busiest keys, in this isolate.
#[derive(Debug, Default)]
pub struct Heat {
    shards: Vec<(String, u64, Millis)>,
    keys: TopKeys,
}

impl Heat {
    /// Counts a request to a shard, and the milliseconds it took.
    pub fn record(&mut self, shard: &str, key: &str, took: Millis) {
        match self.shards.iter_mut().find(|(name, ..)| name == shard) {
            Some((_, requests, time)) => {
                *requests += 1;
                *time += took;
            }
            None => self.shards.push((shard.to_owned(), 1, took)),
        }
        self.keys.count(key);
    }

    /// For each shard its requests, the milliseconds they took, and its requests in percent of the mean of all shards.
    #[must_use]
    pub fn shards(&self) -> Vec<(&str, u64, Millis, u64)> {
        let all: u64 = self.shards.iter().map(|(_, requests, _)| requests).sum();
        let mean = |requests: u64| (requests * 100 * self.shards.len() as u64).checked_div(all).unwrap_or(0);
        self.shards.iter().map(|(name, requests, time)| (name.as_str(), *requests, *time, mean(*requests))).collect()
    }

    /// The ten busiest keys, as hashes of eight bytes because keys may be personal; each with an upper bound of its
    /// requests, the busiest first.
    #[must_use]
    pub fn keys(&self) -> Vec<(String, u64)> {
        let mut keys = self.keys.0.clone();
        sort::by(&mut keys, |(_, a), (_, b)| b.cmp(a));
        keys.into_iter().take(10).map(|(key, count)| (format!("{key:016x}"), count)).collect()
    }
}

/// The most frequent keys in bounded memory: Space-Saving (Metwally, Agrawal and El Abbadi 2005). Every key with more
/// than a 64th of all requests is among them.
#[derive(Debug, Default)]
struct TopKeys(Vec<(u64, u64)>);

/// The number of keys that are counted at one time.
const COUNTED: usize = 64;

impl TopKeys {
    fn count(&mut self, key: &str) {
        let hash = rendezvous::hash(key);
        if let Some((_, count)) = self.0.iter_mut().find(|(known, _)| *known == hash) {
            *count += 1;
        } else if self.0.len() < COUNTED {
            self.0.push((hash, 1));
        } else if let Some(least) = self.0.iter_mut().min_by_key(|(_, count)| *count) {
            *least = (hash, least.1 + 1);
        }
    }
}

#[cfg(test)]
mod tests;
