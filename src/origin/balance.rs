//! Which origin of a pool does the balance algorithm pick?
//!
//! Pure functions of the origins as one isolate sees them ([`View`]), the isolate's position in its sequence
//! ([`Turns`]), a hash key and random bits. An origin with a share of 0 is not picked. Isolates share no memory, so
//! each algorithm has a scope:
//!
//! | algorithm | scope |
//! |---|---|
//! | round robin, weighted | the isolate's own sequence, which starts at a random place |
//! | least connections, least response time, random two | the isolate's own requests; reports slowly shift the bias |
//! | resource based | the loads that origins report to the isolate |
//! | hash | the same in all isolates |

pub mod orca;
pub mod random;
pub mod rendezvous;
mod view;

pub use random::mix;
pub use view::{View, WHOLE};

use crate::config::Balance;

/// The number of random draws before all origins are weighed one by one.
const DRAWS: u32 = 16;

/// An isolate's position in the sequence of a round robin.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    next: u64,
    begun: bool,
    /// The current weights of smooth weighted round robin.
    current: Vec<i64>,
}

/// Picks an origin by its place; `None` when every share is 0. `key` is the hash key: without one, hash algorithms
/// pick a random origin.
#[must_use]
pub fn pick(algorithm: Balance, view: &impl View, turns: &mut Turns, key: Option<u64>, random: u64) -> Option<usize> {
    if view.is_empty() {
        return None;
    }
    match algorithm {
        Balance::RoundRobin => round_robin(view, turns, random),
        Balance::WeightedRoundRobin => weighted_round_robin(view, turns, random),
        Balance::LeastConnections => least_connections(view, random),
        Balance::LeastResponseTime => least_response_time(view, random),
        Balance::ResourceBased => resource_based(view, random),
        Balance::IpHash | Balance::Hash => match key {
            Some(key) => rendezvous::highest(view, key),
            None => draw_by_weight(view, random),
        },
        Balance::RandomTwo => random_two(view, random),
    }
}

/// Origins in turn. When an origin's share or weight excludes it, a random other one is picked, not always the next.
fn round_robin(view: &impl View, turns: &mut Turns, random: u64) -> Option<usize> {
    if !turns.begun {
        turns.begun = true;
        turns.next = random;
    }
    let place = within(turns.next, view.len());
    turns.next = turns.next.wrapping_add(1);
    if is_within_share(view, place, mix(random)) && view.weight(place) > 0 {
        return Some(place);
    }
    let equal = |place: usize| f64::from(view.weight(place).min(1)) * f64::from(view.share(place)) / f64::from(WHOLE);
    draw_with_limit(view, 1.0, equal, mix(random))
}

/// Smooth weighted round robin: adds to each current weight the origin's own weight, picks the highest, and subtracts
/// the total from it.
fn weighted_round_robin(view: &impl View, turns: &mut Turns, random: u64) -> Option<usize> {
    let own = |place: usize| i64::from(view.weight(place)) * i64::from(view.share(place));
    let total: i64 = (0..view.len()).map(own).sum();
    if total == 0 {
        return anywhere(view, random);
    }
    if turns.current.len() != view.len() {
        turns.current = vec![0; view.len()];
    }
    // Isolates start at different places of the sequence.
    if !turns.begun {
        turns.begun = true;
        let ahead = mix(random) % u64::try_from(total / i64::from(WHOLE)).unwrap_or(1).clamp(1, 1_024);
        for _ in 0..ahead {
            turn(turns, own, total);
        }
    }
    turn(turns, own, total)
}

/// One step of smooth weighted round robin.
fn turn(turns: &mut Turns, own: impl Fn(usize) -> i64, total: i64) -> Option<usize> {
    let mut best: Option<(usize, i64)> = None;
    for (place, current) in turns.current.iter_mut().enumerate() {
        let own = own(place);
        if own == 0 {
            *current = 0;
            continue;
        }
        *current += own;
        if best.is_none_or(|(_, most)| *current > most) {
            best = Some((place, *current));
        }
    }
    let (place, _) = best?;
    if let Some(current) = turns.current.get_mut(place) {
        *current -= total;
    }
    Some(place)
}

/// An origin's effective weight: weight, bias and share multiplied.
fn effective_weight(view: &impl View, place: usize) -> f64 {
    f64::from(view.weight(place)) * view.bias(place) * f64::from(view.share(place)) / f64::from(WHOLE)
}

/// This isolate's requests in flight to an origin, relative to its effective weight.
fn busy(view: &impl View, place: usize) -> f64 {
    f64::from(view.in_flight(place)) / effective_weight(view, place)
}

/// The least busy origin; a random one by effective weight among equals. Reports of other isolates do not count as
/// busy: they are seconds old, and all isolates that received them would pick the same origin at once.
fn least_connections(view: &impl View, random: u64) -> Option<usize> {
    let mut least = f64::INFINITY;
    let (mut best, mut tied) = (None, 0.0);
    for place in 0..view.len() {
        let effective_weight = effective_weight(view, place);
        let draw = mix(random ^ place as u64);
        // During slow start an origin has few requests and would get all new ones: it takes part as its share permits.
        if effective_weight <= 0.0 || (view.share(place) < WHOLE && !is_within_share(view, place, draw)) {
            continue;
        }
        let busy = f64::from(view.in_flight(place)) / effective_weight;
        if busy < least {
            (least, best, tied) = (busy, Some(place), effective_weight);
        } else if busy <= least {
            tied += effective_weight;
            if fraction(draw) * tied < effective_weight {
                best = Some(place);
            }
        }
    }
    best.or_else(|| anywhere(view, random))
}

/// Draws two origins by effective weight over latency, and picks the less busy one. An origin without a latency counts
/// as quick as the quickest.
fn least_response_time(view: &impl View, random: u64) -> Option<usize> {
    let known = (0..view.len()).filter(|place| view.share(*place) > 0).filter_map(|place| view.latency(place));
    let quickest = known.fold(f64::INFINITY, f64::min);
    let quickest = if quickest.is_finite() { quickest } else { 1.0 };
    // Plus one millisecond: smaller differences have no meaning.
    let speed = |place: usize| effective_weight(view, place) / (view.latency(place).unwrap_or(quickest) + 1.0);
    let first = draw_by_chance(view.len(), speed, random).or_else(|| anywhere(view, random))?;
    let second = draw_by_chance(view.len(), speed, mix(!random)).unwrap_or(first);
    Some(if busy(view, second) < busy(view, first) { second } else { first })
}

/// A random origin by its unused capacity. An origin that reports no load counts as half full.
fn resource_based(view: &impl View, random: u64) -> Option<usize> {
    let capacity = |place: usize| {
        let load = view.load(place).unwrap_or(WHOLE / 2);
        // At least 1 %: the load of a full origin is only seen to fall by asking it.
        f64::from(WHOLE.saturating_sub(load).max(10)) * f64::from(view.weight(place)) * f64::from(view.share(place))
    };
    draw_by_chance(view.len(), capacity, random).or_else(|| anywhere(view, random))
}

/// The less busy of two origins drawn by effective weight: nearly as even as comparing all, at the cost of two.
fn random_two(view: &impl View, random: u64) -> Option<usize> {
    let first = draw_by_weight(view, random)?;
    let second = draw_by_weight(view, mix(!random)).unwrap_or(first);
    Some(if busy(view, second) < busy(view, first) { second } else { first })
}

/// Draws an origin in proportion to the origins' chances; `None` when all are 0.
fn draw_by_chance(len: usize, chance: impl Fn(usize) -> f64, random: u64) -> Option<usize> {
    let total: f64 = (0..len).map(&chance).sum();
    let mut left = fraction(mix(random)) * total;
    let mut last = None;
    for place in 0..len {
        let chance = chance(place);
        if chance > 0.0 {
            last = Some(place);
            if left < chance {
                break;
            }
            left -= chance;
        }
    }
    last
}

/// Draws an origin by effective weight.
fn draw_by_weight(view: &impl View, random: u64) -> Option<usize> {
    draw_with_limit(view, view.heaviest(), |place| effective_weight(view, place), random)
}

/// Draws an origin by the origins' chances, of which none is above `most`: by rejection sampling, which usually does
/// not compute all chances.
fn draw_with_limit(view: &impl View, most: f64, chance: impl Fn(usize) -> f64, random: u64) -> Option<usize> {
    let mut random = random;
    for _ in 0..DRAWS {
        random = mix(random);
        let place = within(random >> 16, view.len());
        if fraction(mix(random)) * most < chance(place) {
            return Some(place);
        }
    }
    draw_by_chance(view.len(), chance, random).or_else(|| anywhere(view, random))
}

/// The first origin from a random place on whose share is not 0; one with a weight, if there is any.
fn anywhere(view: &impl View, random: u64) -> Option<usize> {
    let start = within(random, view.len());
    let places = || (start..view.len()).chain(0..start).filter(|place| view.share(*place) > 0);
    places().find(|place| view.weight(*place) > 0).or_else(|| places().next())
}

/// Whether a random number is within an origin's share: true as often as the share states.
fn is_within_share(view: &impl View, place: usize, random: u64) -> bool {
    (random & 0xffff) * u64::from(WHOLE) < u64::from(view.share(place)) << 16
}

fn within(number: u64, len: usize) -> usize {
    usize::try_from(number % len.max(1) as u64).unwrap_or_default()
}

/// A number from 0 to below 1.
fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
