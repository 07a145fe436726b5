use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Origins with fixed values.
#[derive(Debug, Clone)]
struct Origins(Vec<One>);

#[derive(Debug, Clone)]
struct One {
    name: String,
    weight: u32,
    share: u32,
    bias: f64,
    in_flight: u32,
    latency: Option<f64>,
    load: Option<u32>,
}

fn named(names: &[(&str, u32)]) -> Origins {
    let one = |(name, weight): &(&str, u32)| One {
        name: (*name).to_owned(),
        weight: *weight,
        share: WHOLE,
        bias: 1.0,
        in_flight: 0,
        latency: None,
        load: None,
    };
    Origins(names.iter().map(one).collect())
}

fn equal(count: usize) -> Origins {
    let names: Vec<String> = (0..count).map(|number| format!("origin-{number}")).collect();
    named(&names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>())
}

impl View for Origins {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn share(&self, place: usize) -> u32 {
        self.0[place].share
    }
    fn weight(&self, place: usize) -> u32 {
        self.0[place].weight
    }
    fn bias(&self, place: usize) -> f64 {
        self.0[place].bias
    }
    fn heaviest(&self) -> f64 {
        self.0.iter().map(|one| f64::from(one.weight) * one.bias).fold(0.0, f64::max)
    }
    fn in_flight(&self, place: usize) -> u32 {
        self.0[place].in_flight
    }
    fn latency(&self, place: usize) -> Option<f64> {
        self.0[place].latency
    }
    fn load(&self, place: usize) -> Option<u32> {
        self.0[place].load
    }
    fn seed(&self, place: usize) -> u64 {
        rendezvous::hash(&self.0[place].name)
    }
}

const ALL: [Balance; 8] = [
    Balance::RoundRobin,
    Balance::WeightedRoundRobin,
    Balance::LeastConnections,
    Balance::LeastResponseTime,
    Balance::ResourceBased,
    Balance::IpHash,
    Balance::Hash,
    Balance::RandomTwo,
];

/// How often each is picked in so many turns, each with its own random bits and key.
fn counted(algorithm: Balance, view: &Origins, turns: usize) -> Vec<usize> {
    let mut counts = vec![0; view.len()];
    let mut state = Turns::default();
    for turn in 0..turns as u64 {
        let key = Some(mix(turn ^ 0xabcd));
        counts[pick(algorithm, view, &mut state, key, mix(turn)).expect("one")] += 1;
    }
    counts
}

/// Within 3.3 standard deviations of a binomial: one test in a thousand would fail by chance, but the random numbers
/// here are always the same.
fn near(count: usize, turns: usize, share: f64) {
    let (expected, turns) = (turns as f64 * share, turns as f64);
    let sigma = (turns * share * (1.0 - share)).sqrt();
    assert!((count as f64 - expected).abs() <= 3.3 * sigma, "{count} of {turns}, {expected} expected, sigma {sigma}");
}

#[test]
fn smooth_weighted_round_robin_is_a_a_b_a_c_a_a() {
    let view = named(&[("a", 5), ("b", 1), ("c", 1)]);
    let mut turns = Turns { begun: true, ..Turns::default() };
    let sequence: String = (0..14)
        .map(|turn| view.0[pick(Balance::WeightedRoundRobin, &view, &mut turns, None, turn).unwrap()].name.clone())
        .collect();
    assert_eq!(sequence, "aabacaaaabacaa");
}

#[test]
fn an_isolate_begins_its_sequence_at_a_random_place() {
    let view = named(&[("a", 5), ("b", 1), ("c", 1)]);
    for (algorithm, places) in [(Balance::WeightedRoundRobin, 3), (Balance::RoundRobin, 3)] {
        let mut first = BTreeMap::new();
        for isolate in 0..700 {
            let place = pick(algorithm, &view, &mut Turns::default(), None, mix(isolate)).unwrap();
            *first.entry(place).or_insert(0) += 1;
        }
        assert_eq!(first.len(), places, "{algorithm:?}: {first:?}");
    }
}

#[test]
fn round_robin_goes_round() {
    let view = equal(5);
    assert_eq!(counted(Balance::RoundRobin, &view, 1_000), [200; 5]);
}

#[test]
fn the_turn_of_an_origin_that_is_out_goes_to_all_others_equally() {
    let mut view = equal(5);
    view.0[2].share = 0;
    let counts = counted(Balance::RoundRobin, &view, 10_000);
    assert_eq!(counts[2], 0);
    for place in [0, 1, 3, 4] {
        // 2,000 of its own, and a quarter of the 2,000 of the one that is out.
        assert!((2_350..2_650).contains(&counts[place]), "{counts:?}");
    }
}

#[test]
fn weights_are_shares() {
    let view = named(&[("a", 5), ("b", 3), ("c", 2)]);
    assert_eq!(counted(Balance::WeightedRoundRobin, &view, 1_000), [500, 300, 200]);
    for algorithm in [Balance::Hash, Balance::IpHash, Balance::ResourceBased] {
        let counts = counted(algorithm, &view, 20_000);
        for (count, share) in counts.into_iter().zip([0.5, 0.3, 0.2]) {
            near(count, 20_000, share);
        }
    }
}

#[test]
fn removing_one_of_five_moves_only_its_keys() {
    let before = equal(5);
    for gone in 0..5 {
        let mut after = before.clone();
        after.0[gone].share = 0;
        let mut moved = 0;
        for key in (0..10_000).map(mix) {
            let (was, is) = (rendezvous::highest(&before, key), rendezvous::highest(&after, key));
            if was == Some(gone) {
                moved += 1;
                assert_ne!(is, Some(gone));
            } else {
                assert_eq!(was, is);
            }
        }
        near(moved, 10_000, 0.2);
    }
}

#[test]
fn a_sixth_origin_takes_a_sixth_of_the_keys_from_all() {
    let (before, after) = (equal(5), equal(6));
    let mut taken = [0; 5];
    for key in (0..12_000).map(mix) {
        let (was, is) = (rendezvous::highest(&before, key).unwrap(), rendezvous::highest(&after, key).unwrap());
        assert!(is == was || is == 5);
        if is == 5 {
            taken[was] += 1;
        }
    }
    taken.into_iter().for_each(|count| near(count, 12_000, 1.0 / 30.0));
}

#[test]
fn least_connections_picks_the_origin_with_fewest_requests_for_its_weight() {
    let mut view = named(&[("a", 1), ("b", 1), ("c", 4)]);
    for (flights, picked) in [([3, 1, 9], 1), ([3, 2, 7], 2), ([0, 1, 3], 0), ([9, 10, 38], 0), ([9, 9, 35], 2)] {
        for (one, count) in view.0.iter_mut().zip(flights) {
            one.in_flight = count;
        }
        assert_eq!(pick(Balance::LeastConnections, &view, &mut Turns::default(), None, 7), Some(picked), "{flights:?}");
    }
    // Among equals each by its weight: the usual case, as an isolate has few requests.
    view.0.iter_mut().for_each(|one| one.in_flight = 0);
    let counts = counted(Balance::LeastConnections, &view, 12_000);
    for (count, share) in counts.into_iter().zip([1.0 / 6.0, 1.0 / 6.0, 4.0 / 6.0]) {
        near(count, 12_000, share);
    }
}

#[test]
fn least_response_time_prefers_quick_origins_and_of_two_the_less_busy() {
    let mut view = equal(3);
    for (one, latency) in view.0.iter_mut().zip([Some(9.0), Some(39.0), None]) {
        one.latency = latency;
    }
    let counts = counted(Balance::LeastResponseTime, &view, 18_000);
    // By 1 / 10, 1 / 40, and the one without a latency as the quickest.
    for (count, share) in counts.into_iter().zip([4.0 / 9.0, 1.0 / 9.0, 4.0 / 9.0]) {
        near(count, 18_000, share);
    }
    view.0[0].in_flight = 3;
    let counts = counted(Balance::LeastResponseTime, &view, 18_000);
    assert!(counts[0] < 18_000 / 4, "{counts:?}: only when it is drawn twice");
}

#[test]
fn the_bias_shifts_the_shares() {
    for algorithm in [Balance::RandomTwo, Balance::LeastConnections, Balance::LeastResponseTime] {
        let mut view = equal(3);
        view.0[2].bias = 0.5;
        let counts = counted(algorithm, &view, 20_000);
        for (count, share) in counts.into_iter().zip([0.4, 0.4, 0.2]) {
            near(count, 20_000, share);
        }
    }
}

#[test]
fn resource_based_picks_by_unused_capacity() {
    let mut view = equal(3);
    for (one, load) in view.0.iter_mut().zip([Some(900), Some(600), None]) {
        one.load = load;
    }
    let counts = counted(Balance::ResourceBased, &view, 20_000);
    for (count, share) in counts.into_iter().zip([0.1, 0.4, 0.5]) {
        near(count, 20_000, share);
    }
    view.0.iter_mut().for_each(|one| one.load = Some(2_000));
    assert!(counted(Balance::ResourceBased, &view, 300).iter().all(|count| *count > 0), "all full: all still tried");
}

#[test]
fn of_two_the_less_busy_is_picked() {
    let mut view = equal(2);
    view.0[0].in_flight = 5;
    let counts = counted(Balance::RandomTwo, &view, 1_000);
    // The busy one only where it is drawn twice.
    near(counts[0], 1_000, 0.25);
    counted(Balance::RandomTwo, &equal(10), 20_000).into_iter().for_each(|count| near(count, 20_000, 0.1));
}

#[test]
fn an_origin_in_slow_start_gets_a_part_of_its_share() {
    for algorithm in
        [Balance::RoundRobin, Balance::RandomTwo, Balance::WeightedRoundRobin, Balance::Hash, Balance::ResourceBased]
    {
        let mut view = equal(4);
        view.0[1].share = WHOLE / 10;
        let counts = counted(algorithm, &view, 31_000);
        // A tenth of a share beside three whole ones; where two are drawn or turns are given away, about that.
        assert!((800..1_300).contains(&counts[1]), "{algorithm:?}: {counts:?}");
    }
}

#[test]
fn an_origin_in_slow_start_is_not_preferred_for_being_idle() {
    let mut view = equal(4);
    view.0.iter_mut().for_each(|one| one.in_flight = 2);
    (view.0[1].share, view.0[1].in_flight) = (WHOLE / 10, 0);
    for algorithm in [Balance::LeastConnections, Balance::LeastResponseTime, Balance::RandomTwo] {
        let counts = counted(algorithm, &view, 10_000);
        assert!(counts[1] < 1_300, "{algorithm:?}: {counts:?}");
    }
}

#[test]
fn without_a_key_hashing_picks_at_random() {
    let view = equal(4);
    let mut counts = [0; 4];
    for turn in 0..8_000 {
        counts[pick(Balance::IpHash, &view, &mut Turns::default(), None, mix(turn)).unwrap()] += 1;
    }
    counts.into_iter().for_each(|count| near(count, 8_000, 0.25));
}

prop_compose! {
    fn origins()(ones in prop::collection::vec((0..6_u32, prop::sample::select(vec![0, 0, 100, WHOLE]), 0..50_u32, prop::option::of(0.0..1e6), prop::option::of(0..3_000_u32)), 0..12)) -> Origins {
        Origins(ones.into_iter().enumerate().map(|(number, (weight, share, in_flight, latency, load))| One {
            name: number.to_string(), weight, share, bias: 1.0, in_flight, latency, load,
        }).collect())
    }
}

proptest! {
    /// In any pool: an origin is picked exactly when one has a share, and never one without.
    #[test]
    fn only_origins_with_a_share_are_picked(view in origins(), random: u64, key: Option<u64>, turns in 1..20_usize) {
        for algorithm in ALL {
            let mut state = Turns::default();
            for turn in 0..turns {
                let picked = pick(algorithm, &view, &mut state, key, mix(random ^ turn as u64));
                match picked {
                    Some(place) => prop_assert!(view.share(place) > 0, "{:?} picked {}", algorithm, place),
                    None => prop_assert!(view.0.iter().all(|one| one.share == 0), "{:?} picked none", algorithm),
                }
            }
        }
    }

    /// An origin without a weight is picked only when no other has a share.
    #[test]
    fn no_weight_is_no_traffic(view in origins(), random: u64, key: Option<u64>) {
        let weighed = view.0.iter().any(|one| one.share > 0 && one.weight > 0);
        for algorithm in ALL {
            if let Some(place) = pick(algorithm, &view, &mut Turns::default(), key, random) {
                prop_assert!(!weighed || view.weight(place) > 0, "{:?} picked {}", algorithm, place);
            }
        }
    }

    /// With any weights, over a whole round each origin is picked exactly as often as its weight.
    #[test]
    fn a_round_of_weights_is_exact(weights in prop::collection::vec(1..9_u32, 1..8), random: u64) {
        let names: Vec<String> = (0..weights.len()).map(|number| number.to_string()).collect();
        let view = named(&names.iter().map(String::as_str).zip(weights.iter().copied()).collect::<Vec<_>>());
        let mut counts = vec![0; weights.len()];
        let mut state = Turns::default();
        for _ in 0..weights.iter().sum() {
            counts[pick(Balance::WeightedRoundRobin, &view, &mut state, None, random).unwrap()] += 1;
        }
        prop_assert_eq!(counts, weights);
    }

    /// With any weights, removing an origin moves only its own keys.
    #[test]
    fn leaving_moves_only_its_own_keys(weights in prop::collection::vec(1..9_u32, 2..8), gone: prop::sample::Index, key: u64) {
        let names: Vec<String> = (0..weights.len()).map(|number| number.to_string()).collect();
        let before = named(&names.iter().map(String::as_str).zip(weights.iter().copied()).collect::<Vec<_>>());
        let mut after = before.clone();
        let gone = gone.index(weights.len());
        after.0[gone].share = 0;
        let (was, is) = (rendezvous::highest(&before, key), rendezvous::highest(&after, key));
        prop_assert!(is != Some(gone) && (was == Some(gone) || was == is));
    }
}
