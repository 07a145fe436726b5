//! How long does it take to select one of 10, 100 or 1,000 origins? Measures the gateway's own code.
//!
//! ```sh
//! cargo run --release --example pick
//! ```
//!
//! Each round measures every algorithm once, and each figure is the median of the rounds. Compare how the time
//! grows with the number of origins, not its value on this machine.
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

/// Nanoseconds per selection, with the bookkeeping for the begin and the end of its request as in the gateway.
fn measure(algorithm: Balance, pool: &Pool, health: &mut PoolHealth, turns: &mut Turns) -> f64 {
    let picks = 200_000 / pool.origins.len().max(20);
    let began = Instant::now();
    for number in 0..picks as u64 {
        let now = 1_000_000 + number / 100;
        health.at(now);
        let place = balance::pick(algorithm, health, turns, Some(mix(number)), mix(!number)).unwrap();
        health.request_began(black_box(place), now + 30_000);
        health.request_ended(place, now + 30_000);
        health.record(pool, place, Attempt { outcome: Outcome::Good, took: 12, random: number });
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
            for (size, (pool, health)) in pools.iter_mut().enumerate() {
                let took = measure(*algorithm, pool, health, &mut turns[place][size]);
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
