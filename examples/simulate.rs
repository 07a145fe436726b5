//! How evenly does each algorithm balance when isolates know little of each other? Simulates a pool with the
//! gateway's own code (`usher::origin::balance`, `usher::origin::health`), and writes the results into the README
//! and into `simulate.svg` beside this file.
//!
//! ```sh
//! cargo run --release --example simulate
//! ```
//!
//! Ten origins have eight workers each and a FIFO queue; all are equally fast, or two of them half as fast.
//! Arrivals are Poisson at 75 % of the total capacity, each at a random isolate. Costs are 20 ms on average, all
//! the same or heavy-tailed (bounded Pareto, alpha 1.3, up to 2 s). Isolates exchange statistics every 2 s through
//! the prober's own state. Weighted round robin and hashing are configured with the speeds (weights 2 and 1); the
//! other algorithms have to measure them.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example for people at a terminal"
)]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt::Write as _;
use std::{fs, io};
use usher::config::{Balance, Pool, source};
use usher::origin::balance::{self, Turns, mix};
use usher::origin::health::{Attempt, Outcome, PoolHealth, prober::ProberState, protocol};

const ORIGINS: usize = 10;
const WORKERS: usize = 8;
/// Simulated milliseconds; the first fifth is a warm-up that is not counted.
const TIME: f64 = 30_000.0;
/// Mean cost of a request, in milliseconds.
const COST: f64 = 20.0;
/// Share of the total capacity that arrivals use.
const BUSY: f64 = 0.75;
/// Interval at which an isolate exchanges statistics, in milliseconds.
const EXCHANGE: f64 = 2_000.0;
const ISOLATES: [usize; 4] = [1, 10, 100, 500];
const ALGORITHMS: [(Balance, &str); 7] = [
    (Balance::RoundRobin, "round_robin"),
    (Balance::WeightedRoundRobin, "weighted_round_robin"),
    (Balance::LeastConnections, "least_connections"),
    (Balance::LeastResponseTime, "least_response_time"),
    (Balance::ResourceBased, "resource_based"),
    (Balance::IpHash, "ip_hash"),
    (Balance::RandomTwo, "random_two"),
];
/// Name, whether two origins are slow, whether costs are heavy-tailed.
const SCENES: [(&str, bool, bool); 3] = [
    ("origins alike, costs vary", false, true),
    ("two slow, costs alike", true, false),
    ("two slow, costs vary", true, true),
];

/// A random number generator with a fixed seed, so that results are reproducible.
struct Random(u64);

impl Random {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// A number above 0 and up to 1.
    fn fraction(&mut self) -> f64 {
        ((self.next_u64() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    fn cost(&mut self, heavy: bool) -> f64 {
        if !heavy {
            return COST;
        }
        // Inverse of the bounded Pareto distribution; `least` is chosen so that the mean is COST.
        let (alpha, least, most) = (1.3_f64, 5.57_f64, 2_000.0_f64);
        let ratio = (least / most).powf(alpha);
        least / (1.0 - self.fraction() * (1.0 - ratio)).powf(1.0 / alpha)
    }
}

fn speed(unequal: bool, origin: usize) -> f64 {
    if unequal && origin < 2 { 0.5 } else { 1.0 }
}

fn pool(weighted: bool) -> Pool {
    let weight = |origin| if weighted && speed(true, origin) == 1.0 { 2 } else { 1 };
    let origins: String = (0..ORIGINS)
        .map(|origin| format!("{{ url = \"https://o{origin}\", name = \"o{origin}\", weight = {} }},", weight(origin)))
        .collect();
    let text =
        format!("[[pool]]\nname = \"p\"\norigins = [{origins}]\n[[route]]\nname = \"r\"\npath = \"/*\"\npool = \"p\"");
    source::read(&text, "pool").map_err(|faults| faults.to_string()).unwrap().1.pools.remove(0)
}

/// A request that is queued or in progress.
struct Request {
    isolate: usize,
    arrived: f64,
    cost: f64,
    /// Identifies the request in the isolate's in-flight count (see `PoolHealth::request_began`).
    deadline: u64,
}

#[derive(Default)]
struct Origin {
    busy: usize,
    queue: VecDeque<Request>,
    work: f64,
    /// Share of its workers that are busy, as an exponential moving average.
    load: f64,
}

enum Event {
    Arrival,
    Done(usize, Request),
    Exchange(usize),
}

struct At(f64, u64, Event);

impl PartialEq for At {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for At {}
impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

struct Found {
    /// The busiest origin's working time, relative to the mean.
    uneven: f64,
    p50: f64,
    p99: f64,
}

fn simulate(algorithm: Balance, isolates: usize, unequal: bool, heavy: bool) -> Found {
    let speed = |origin| speed(unequal, origin);
    let pool = pool(unequal && matches!(algorithm, Balance::WeightedRoundRobin | Balance::IpHash));
    let mut random = Random(7);
    let mut pools: Vec<(PoolHealth, Turns)> =
        (0..isolates).map(|_| (PoolHealth::new(&pool), Turns::default())).collect();
    let mut origins: Vec<Origin> = (0..ORIGINS).map(|_| Origin::default()).collect();
    let mut prober = ProberState::default();
    let capacity = (0..ORIGINS).map(speed).sum::<f64>() * WORKERS as f64 / COST;
    let interval = 1.0 / (capacity * BUSY);
    let mut events = BinaryHeap::new();
    let mut number = 0_u64;
    let mut push = |events: &mut BinaryHeap<Reverse<At>>, at: f64, event: Event| {
        number += 1;
        events.push(Reverse(At(at, number, event)));
    };
    push(&mut events, 0.0, Event::Arrival);
    for isolate in 0..isolates {
        push(&mut events, EXCHANGE * random.fraction(), Event::Exchange(isolate));
    }
    let mut waits: Vec<f64> = Vec::new();
    while let Some(Reverse(At(now, _, event))) = events.pop() {
        if now > TIME {
            break;
        }
        let clock = 1_000_000 + now as u64;
        match event {
            Event::Arrival => {
                push(&mut events, now - interval * random.fraction().ln(), Event::Arrival);
                let isolate = (random.next_u64() % isolates as u64) as usize;
                // One of 5,000 visitors, drawn at random.
                let visitor = mix(random.next_u64() % 5_000);
                let (health, turns) = &mut pools[isolate];
                health.at(clock);
                let place = balance::pick(algorithm, health, turns, Some(visitor), random.next_u64()).unwrap();
                let deadline = clock + 60_000;
                health.request_began(place, deadline);
                let cost = random.cost(heavy) / speed(place);
                let origin = &mut origins[place];
                if now > TIME / 5.0 {
                    origin.work += cost;
                }
                let request = Request { isolate, arrived: now, cost, deadline };
                origin.queue.push_back(request);
                if origin.busy < WORKERS {
                    begin(origin, place, now, &mut waits, |at, event| push(&mut events, at, event));
                }
            }
            Event::Done(place, request) => {
                let origin = &mut origins[place];
                origin.busy -= 1;
                origin.load += (origin.busy as f64 / WORKERS as f64 - origin.load) * 0.1;
                let (health, _) = &mut pools[request.isolate];
                health.at(clock);
                health.request_ended(place, request.deadline);
                health.record(
                    &pool,
                    place,
                    Attempt { outcome: Outcome::Good, took: (now - request.arrived) as u64, random: 0 },
                );
                health.record_load(place, (origin.load * 1_000.0) as u32);
                begin(origin, place, now, &mut waits, |at, event| push(&mut events, at, event));
            }
            Event::Exchange(isolate) => {
                push(&mut events, now + EXCHANGE, Event::Exchange(isolate));
                let (health, _) = &mut pools[isolate];
                health.at(clock);
                let request = protocol::Request::Sync(protocol::Sync {
                    isolate: isolate.to_string(),
                    origins: health.stats(&pool),
                });
                let (report, _) = prober.answer(request, clock);
                health.learn(&pool, &report, clock);
            }
        }
    }
    let work: Vec<f64> = origins.iter().map(|origin| origin.work).collect();
    let mean = work.iter().sum::<f64>() / ORIGINS as f64;
    waits.sort_unstable_by(f64::total_cmp);
    let quantile = |q: f64| waits[(waits.len() as f64 * q) as usize];
    Found { uneven: work.iter().copied().fold(0.0, f64::max) / mean, p50: quantile(0.5), p99: quantile(0.99) }
}

fn begin(origin: &mut Origin, place: usize, now: f64, waits: &mut Vec<f64>, mut push: impl FnMut(f64, Event)) {
    if let Some(request) = origin.queue.pop_front() {
        origin.busy += 1;
        if request.arrived > TIME / 5.0 {
            waits.push(now - request.arrived);
        }
        push(now + request.cost, Event::Done(place, request));
    }
}

fn main() -> io::Result<()> {
    let mut found = Vec::new();
    for (scene, unequal, heavy) in SCENES {
        for (algorithm, name) in ALGORITHMS {
            eprintln!("simulating {name}, {scene} ...");
            found.push((scene, name, ISOLATES.map(|isolates| simulate(algorithm, isolates, unequal, heavy))));
        }
    }
    let mut table = String::from("| | `balance` |");
    for isolates in ISOLATES {
        let _ = write!(table, " {isolates} isolate{} |", if isolates == 1 { "" } else { "s" });
    }
    table.push_str("\n|---|---|---|---|---|---|\n");
    for (scene, name, row) in &found {
        let _ = write!(table, "| {scene} | `{name}` |");
        for Found { uneven, p50, p99 } in row {
            let _ = write!(table, " {uneven:.2} · {} · {} |", ms(*p50), ms(*p99));
        }
        table.push('\n');
    }
    println!("{table}");
    let beside = env!("CARGO_MANIFEST_DIR");
    fs::write(format!("{beside}/examples/simulate.svg"), chart(&found))?;
    let path = format!("{beside}/README.md");
    let readme = fs::read_to_string(&path)?;
    let (begins, ends) = ("<!-- simulate -->\n", "<!-- /simulate -->");
    if let Some((before, rest)) = readme.split_once(begins)
        && let Some((_, after)) = rest.split_once(ends)
    {
        fs::write(path, format!("{before}{begins}{table}{ends}{after}"))?;
    }
    Ok(())
}

/// Formats milliseconds for the table.
fn ms(wait: f64) -> String {
    match wait {
        ..0.05 => "0".into(),
        ..10.0 => format!("{wait:.1}"),
        _ => format!("{wait:.0}"),
    }
}

/// The SVG chart: a panel for each scene, a group for each algorithm, a bar for each number of isolates; it shows
/// the p99 of the wait on a logarithmic scale from 1 ms to 10 s.
fn chart(found: &[(&str, &str, [Found; 4])]) -> String {
    let (width, panel, left, bar) = (860.0, 230.0, 60.0, 22.0);
    let colours = ["#9ecae1", "#6baed6", "#3182bd", "#08519c"];
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        SCENES.len() as f64 * (panel + 10.0) + 40.0
    );
    for (place, isolates) in ISOLATES.iter().enumerate() {
        let x = left + 150.0 * place as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"10\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" y=\"20\">{isolates} isolate{}</text>",
            colours[place],
            x + 18.0,
            if *isolates == 1 { "" } else { "s" }
        );
    }
    for (number, (scene, ..)) in SCENES.iter().enumerate() {
        let top = 40.0 + number as f64 * (panel + 10.0);
        let floor = top + panel - 45.0;
        let height = |wait: f64| (wait.clamp(1.0, 10_000.0).log10() / 4.0) * (panel - 75.0);
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">p99 of the wait: {scene}</text>",
            top + 12.0
        );
        for (mark, label) in [(1.0, "1 ms"), (10.0, "10 ms"), (100.0, "100 ms"), (1_000.0, "1 s"), (10_000.0, "10 s")] {
            let y = floor - height(mark);
            let _ = writeln!(
                svg,
                "<line x1=\"{left}\" x2=\"{width}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                left - 6.0,
                y + 4.0
            );
        }
        for (group, (_, name, row)) in found.iter().filter(|(of, ..)| of == scene).enumerate() {
            let x = left + 10.0 + group as f64 * 113.0;
            for (place, Found { p99, .. }) in row.iter().enumerate() {
                let tall = height(*p99).max(1.0);
                let at = x + place as f64 * (bar + 1.0);
                let _ = writeln!(
                    svg,
                    "<rect x=\"{at:.1}\" y=\"{:.1}\" width=\"{bar}\" height=\"{tall:.1}\" fill=\"{}\"/>",
                    floor - tall,
                    colours[place]
                );
            }
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"10\">{name}</text>",
                x + 2.0 * bar,
                floor + 16.0
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}
