//! Which origin of a pool?
//!
//! Pure functions of the origins as one isolate sees them ([`View`]), where its turn stands
//! ([`Turns`]), a key and dice. What is not to be picked has no share. Isolates share nothing by
//! themselves, so each algorithm has a scope:
//!
//! | algorithm | scope |
//! |---|---|
//! | round robin, weighted | the isolate's own turn, begun at a random place |
//! | least connections, least response time, random two | the isolate's own requests; what all tell one another shifts the odds, slowly |
//! | resource based | what origins tell the isolate |
//! | hash | everywhere the same |

pub mod orca;
pub mod random;
pub mod rendezvous;
mod view;

pub use random::mix;
pub use view::{View, WHOLE};

use crate::config::Balance;

/// Origins drawn at most before they are gone through one after the other.
const DRAWS: u32 = 16;

/// Where an isolate's turn stands.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    next: u64,
    begun: bool,
    /// Of smooth weighted round robin: what each has saved up.
    saved: Vec<i64>,
}

/// Picks an origin: its place, or `None` when none may be picked. `key` decides where hashing does;
/// without one a random origin is picked there.
#[must_use]
pub fn pick(algorithm: Balance, view: &impl View, turns: &mut Turns, key: Option<u64>, dice: u64) -> Option<usize> {
    if view.is_empty() {
        return None;
    }
    match algorithm {
        Balance::RoundRobin => round_robin(view, turns, dice),
        Balance::WeightedRoundRobin => weighted_round_robin(view, turns, dice),
        Balance::LeastConnections => least_connections(view, dice),
        Balance::LeastResponseTime => least_response_time(view, dice),
        Balance::ResourceBased => resource_based(view, dice),
        Balance::IpHash | Balance::Hash => match key {
            Some(key) => rendezvous::highest(view, key),
            None => drawn(view, dice),
        },
        Balance::RandomTwo => random_two(view, dice),
    }
}

/// One after the other. The turn of one that gets nothing goes to a random other, not always to its
/// neighbour.
fn round_robin(view: &impl View, turns: &mut Turns, dice: u64) -> Option<usize> {
    if !turns.begun {
        turns.begun = true;
        turns.next = dice;
    }
    let place = within(turns.next, view.len());
    turns.next = turns.next.wrapping_add(1);
    if takes(view, place, mix(dice)) && view.weight(place) > 0 {
        return Some(place);
    }
    let alike = |place: usize| f64::from(view.weight(place).min(1)) * f64::from(view.share(place)) / f64::from(WHOLE);
    lot(view, 1.0, alike, mix(dice))
}

/// Smooth weighted round robin: each saves up its weight, whoever has most is picked and pays what all
/// saved.
fn weighted_round_robin(view: &impl View, turns: &mut Turns, dice: u64) -> Option<usize> {
    let own = |place: usize| i64::from(view.weight(place)) * i64::from(view.share(place));
    let total: i64 = (0..view.len()).map(own).sum();
    if total == 0 {
        return anywhere(view, dice);
    }
    if turns.saved.len() != view.len() {
        turns.saved = vec![0; view.len()];
    }
    // Isolates that begin together do not go on together.
    if !turns.begun {
        turns.begun = true;
        let ahead = mix(dice) % u64::try_from(total / i64::from(WHOLE)).unwrap_or(1).clamp(1, 1_024);
        for _ in 0..ahead {
            turn(turns, own, total);
        }
    }
    turn(turns, own, total)
}

fn turn(turns: &mut Turns, own: impl Fn(usize) -> i64, total: i64) -> Option<usize> {
    let mut best: Option<(usize, i64)> = None;
    for (place, saved) in turns.saved.iter_mut().enumerate() {
        let own = own(place);
        if own == 0 {
            *saved = 0;
            continue;
        }
        *saved += own;
        if best.is_none_or(|(_, most)| *saved > most) {
            best = Some((place, *saved));
        }
    }
    let (place, _) = best?;
    if let Some(saved) = turns.saved.get_mut(place) {
        *saved -= total;
    }
    Some(place)
}

/// What is due to an origin: weight, bias and share.
fn strength(view: &impl View, place: usize) -> f64 {
    f64::from(view.weight(place)) * view.bias(place) * f64::from(view.share(place)) / f64::from(WHOLE)
}

/// How busy it is for its strength, with this isolate's requests.
fn busy(view: &impl View, place: usize) -> f64 {
    f64::from(view.in_flight(place)) / strength(view, place)
}

/// The least busy; among equals one at random, by strength. What others told is no part of being busy: it
/// is seconds old, and all who heard it would run to the same origin at once.
fn least_connections(view: &impl View, dice: u64) -> Option<usize> {
    let mut least = f64::INFINITY;
    let (mut best, mut tied) = (None, 0.0);
    for place in 0..view.len() {
        let strength = strength(view, place);
        let lot = mix(dice ^ place as u64);
        // Whoever comes back has nothing to do, and would get everything: it takes part now and then.
        if strength <= 0.0 || (view.share(place) < WHOLE && !takes(view, place, lot)) {
            continue;
        }
        let busy = f64::from(view.in_flight(place)) / strength;
        if busy < least {
            (least, best, tied) = (busy, Some(place), strength);
        } else if busy <= least {
            tied += strength;
            if fraction(lot) * tied < strength {
                best = Some(place);
            }
        }
    }
    best.or_else(|| anywhere(view, dice))
}

/// Two drawn by strength for their latency, and of these the less busy. Whoever has not answered yet is
/// taken for as quick as the quickest.
fn least_response_time(view: &impl View, dice: u64) -> Option<usize> {
    let known = (0..view.len()).filter(|place| view.share(*place) > 0).filter_map(|place| view.latency(place));
    let quickest = known.fold(f64::INFINITY, f64::min);
    let quickest = if quickest.is_finite() { quickest } else { 1.0 };
    // A millisecond more for each: below it differences say nothing.
    let swift = |place: usize| strength(view, place) / (view.latency(place).unwrap_or(quickest) + 1.0);
    let first = by_lot(view.len(), swift, dice).or_else(|| anywhere(view, dice))?;
    let second = by_lot(view.len(), swift, mix(!dice)).unwrap_or(first);
    Some(if busy(view, second) < busy(view, first) { second } else { first })
}

/// At random, each as often as there is room left in it. Whoever says nothing is taken for half full.
fn resource_based(view: &impl View, dice: u64) -> Option<usize> {
    let room = |place: usize| {
        let load = view.load(place).unwrap_or(WHOLE / 2);
        // A little always, or a full one would never be seen to have room again.
        f64::from(WHOLE.saturating_sub(load).max(10)) * f64::from(view.weight(place)) * f64::from(view.share(place))
    };
    by_lot(view.len(), room, dice).or_else(|| anywhere(view, dice))
}

/// The less busy of two drawn at random, by strength: nearly as even as asking all, at the cost of two.
fn random_two(view: &impl View, dice: u64) -> Option<usize> {
    let first = drawn(view, dice)?;
    let second = drawn(view, mix(!dice)).unwrap_or(first);
    Some(if busy(view, second) < busy(view, first) { second } else { first })
}

/// One at random, each with its own chance.
fn by_lot(len: usize, chance: impl Fn(usize) -> f64, dice: u64) -> Option<usize> {
    let total: f64 = (0..len).map(&chance).sum();
    let mut left = fraction(mix(dice)) * total;
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

/// One at random by strength.
fn drawn(view: &impl View, dice: u64) -> Option<usize> {
    lot(view, view.heaviest(), |place| strength(view, place), dice)
}

/// One at random, each with its own chance of which none is above `most`; as a rule without asking all:
/// thrown again while the dice are against it.
fn lot(view: &impl View, most: f64, chance: impl Fn(usize) -> f64, dice: u64) -> Option<usize> {
    let mut dice = dice;
    for _ in 0..DRAWS {
        dice = mix(dice);
        let place = within(dice >> 16, view.len());
        if fraction(mix(dice)) * most < chance(place) {
            return Some(place);
        }
    }
    by_lot(view.len(), chance, dice).or_else(|| anywhere(view, dice))
}

/// The first from a random place on that may be picked at all: one with a weight if there is any.
fn anywhere(view: &impl View, dice: u64) -> Option<usize> {
    let start = within(dice, view.len());
    let places = || (start..view.len()).chain(0..start).filter(|place| view.share(*place) > 0);
    places().find(|place| view.weight(*place) > 0).or_else(|| places().next())
}

/// Whether an origin's share covers this throw of the dice.
fn takes(view: &impl View, place: usize, dice: u64) -> bool {
    (dice & 0xffff) * u64::from(WHOLE) < u64::from(view.share(place)) << 16
}

fn within(number: u64, len: usize) -> usize {
    usize::try_from(number % len.max(1) as u64).unwrap_or_default()
}

/// A number from 0 up to 1, never 1.
fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
