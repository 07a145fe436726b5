//! What does it cost to pick an origin, of ten, a hundred, a thousand? With the code that ships.
//!
//! ```sh
//! cargo run --release --example pick
//! ```
//!
//! Ways to balance take turns within a round, and each figure is the median of the rounds; what to read is
//! how it grows, not how large it is on this machine.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an example for people at a terminal"
)]

use std::hint::black_box;
use std::time::Instant;
use usher::config::{Balance, Pool, source};
use usher::origin::balance::{self, Turns, mix};
use usher::origin::health::{Attempt, Outcome, PoolHealth};

const ROUNDS: usize = 15;
const ALGORITHMS: [(Balance, &str, &str); 7] = [
    (Balance::RoundRobin, "round_robin", "1"),
    (Balance::RandomTwo, "random_two", "1"),
    (Balance::WeightedRoundRobin, "weighted_round_robin", "n"),
    (Balance::LeastConnections, "least_connections", "n"),
    (Balance::LeastResponseTime, "least_response_time", "n"),
    (Balance::ResourceBased, "resource_based", "n"),
    (Balance::IpHash, "ip_hash", "n"),
];

fn pool(count: usize) -> Pool {
    let origins: String =
        (0..count).map(|n| format!("{{ url = \"https://o{n}\", weight = {} }},", 1 + n % 3)).collect();
    let text =
        format!("[[pool]]\nname = \"p\"\norigins = [{origins}]\n[[route]]\nname = \"r\"\npath = \"/*\"\npool = \"p\"");
    source::read(&text, "pool").map_err(|faults| faults.to_string()).unwrap().1.pools.remove(0)
}

/// Nanoseconds of one pick, its request begun and ended, as the gateway does it.
fn measured(algorithm: Balance, pool: &Pool, fleet: &mut PoolHealth, turns: &mut Turns) -> f64 {
    let picks = 200_000 / pool.origins.len().max(20);
    let began = Instant::now();
    for number in 0..picks as u64 {
        let now = 1_000_000 + number / 100;
        fleet.at(now);
        let place = balance::pick(algorithm, fleet, turns, Some(mix(number)), mix(!number)).unwrap();
        fleet.request_began(black_box(place), now + 30_000);
        fleet.request_ended(place, now + 30_000);
        fleet.record(pool, place, Attempt { outcome: Outcome::Good, took: 12, random: number });
    }
    began.elapsed().as_nanos() as f64 / picks as f64
}

fn main() {
    let sizes = [10, 100, 1_000];
    let mut pools: Vec<(Pool, PoolHealth)> =
        sizes.iter().map(|size| pool(*size)).map(|pool| (pool.clone(), PoolHealth::new(&pool))).collect();
    let mut found = vec![[(); 3].map(|()| Vec::new()); ALGORITHMS.len()];
    let mut turns: Vec<[Turns; 3]> = ALGORITHMS.iter().map(|_| Default::default()).collect();
    for _ in 0..ROUNDS {
        for (place, (algorithm, ..)) in ALGORITHMS.iter().enumerate() {
            for (size, (pool, fleet)) in pools.iter_mut().enumerate() {
                let took = measured(*algorithm, pool, fleet, &mut turns[place][size]);
                found[place][size].push(took);
            }
        }
    }
    println!("| `balance` | must grow with | 10 origins | 100 | 1,000 |\n|---|---|---|---|---|");
    for ((_, name, grows), row) in ALGORITHMS.iter().zip(&mut found) {
        let median = |times: &mut Vec<f64>| {
            times.sort_unstable_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let [ten, hundred, thousand] = row.each_mut().map(median);
        println!("| `{name}` | {grows} | {ten:.0} ns | × {:.1} | × {:.1} |", hundred / ten, thousand / ten);
    }
}
