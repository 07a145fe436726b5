use super::protocol::Report;
use super::*;
use crate::config::{Balance, Config, source};
use crate::origin::balance::{Turns, pick};
use proptest::prelude::*;

fn pool(more: &str, count: usize) -> Pool {
    let origins: String = (0..count).map(|n| format!("{{ url = \"https://o{n}\", name = \"o{n}\" }},")).collect();
    let text = format!(
        "[[pool]]\nname = \"p\"\norigins = [{origins}]\n{more}\n[[route]]\nname = \"all\"\npath = \"/*\"\npool = \"p\"\n"
    );
    let (_, Config { mut pools, .. }) = source::read(&text, "test.toml").unwrap_or_else(|faults| panic!("{faults}"));
    pools.remove(0)
}

fn fail(fleet: &mut PoolHealth, pool: &Pool, place: usize, times: u32) -> bool {
    (0..times).any(|_| fleet.record(pool, place, Attempt { outcome: Outcome::Bad, took: 1, random: 0 }))
}

#[test]
fn five_failures_in_a_row_eject_and_a_success_between_them_does_not() {
    let pool = pool("", 4);
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(1_000_000);
    assert!(!fail(&mut fleet, &pool, 0, 4));
    fleet.record(&pool, 0, Attempt { outcome: Outcome::Good, took: 1, random: 0 });
    assert!(!fail(&mut fleet, &pool, 0, 4));
    assert_eq!(fleet.state(0), State::Fit);
    assert!(fail(&mut fleet, &pool, 0, 1));
    assert_eq!(fleet.state(0), State::Ejected);
}

#[test]
fn an_ejection_lasts_30_s_times_their_number_at_most_300_s_give_or_take_a_tenth() {
    let pool = pool("", 4);
    for dice in 0..50 {
        let mut fleet = PoolHealth::new(&pool);
        let mut now = 1_000_000;
        for number in 1..=14 {
            fleet.at(now);
            (0..5).for_each(|_| {
                fleet.record(&pool, 0, Attempt { outcome: Outcome::Bad, took: 1, random: dice });
            });
            let expected = (30_000 * number).min(300_000);
            fleet.at(now + expected * 9 / 10 - 1);
            assert_eq!(fleet.state(0), State::Ejected, "{number}");
            now += expected * 11 / 10;
            fleet.at(now);
            assert!(matches!(fleet.state(0), State::Returning | State::Fit), "{number}");
        }
    }
}

#[test]
fn never_more_than_half_of_a_pool_is_ejected() {
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
        let pool = pool("", count);
        let mut fleet = PoolHealth::new(&pool);
        fleet.at(1_000_000);
        for place in 0..count {
            fail(&mut fleet, &pool, place, 20);
        }
        let out = (0..count).filter(|place| fleet.state(*place) == State::Ejected).count();
        assert_eq!(out, most, "of {count}");
    }
}

#[test]
fn whoever_comes_back_starts_slowly() {
    let pool = pool("slow_start = \"10s\"", 4);
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(1_000_000);
    fail(&mut fleet, &pool, 0, 5);
    let back = (1_000_000..1_040_000).find(|now| {
        fleet.at(*now);
        fleet.state(0) != State::Ejected
    });
    let back = back.unwrap();
    for (after, share) in [(0, 50), (1_000, 100), (5_000, 500), (9_990, 999), (10_000, 1_000)] {
        fleet.at(back + after);
        assert_eq!(fleet.share(0), share, "{after} ms after");
    }
}

fn said(name: &str) -> protocol::OriginReport {
    protocol::OriginReport { name: name.into(), ..protocol::OriginReport::default() }
}

fn report_of(n: u32, in_flight: [u32; 3]) -> protocol::OriginReport {
    protocol::OriginReport { in_flight: in_flight[n as usize], ..said(&format!("o{n}")) }
}

#[test]
fn the_last_one_of_its_role_that_gets_anything_is_not_left_alone() {
    let mut pool = pool("", 4);
    (1..4).for_each(|place| pool.origins[place].replica = true);
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(1_000_000);
    assert!(!fail(&mut fleet, &pool, 0, 20), "nobody else takes writes");
    let drained = ["o2", "o3"].map(|name| protocol::OriginReport { drained: true, ..said(name) });
    fleet.learn(&pool, &Report { origins: drained.into(), ..Report::default() }, 1_000_000);
    assert!(!fail(&mut fleet, &pool, 1, 20), "the other replicas are drained");
}

#[test]
fn what_the_prober_says_holds_and_expires() {
    let pool = pool("", 3);
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(1_000_000);
    let origins = vec![
        protocol::OriginReport { up: Some(false), reason: "status 500".into(), ..said("o0") },
        protocol::OriginReport { drained: true, ..said("o1") },
        protocol::OriginReport { up: Some(true), weight: Some(7), in_flight: 9, ..said("o2") },
    ];
    fleet.learn(&pool, &Report { origins, ..Report::default() }, 1_000_000);
    assert_eq!([0, 1, 2].map(|place| fleet.state(place)), [State::Down, State::Drained, State::Fit]);
    assert_eq!((fleet.reason(0), fleet.weight(2), fleet.in_flight_everywhere(2)), ("status 500", 7, 9));
    fleet.at(1_060_000);
    assert_eq!([0, 1].map(|place| fleet.state(place)), [State::Returning, State::Drained], "an order does not expire");
    assert_eq!(fleet.in_flight_everywhere(2), 0);
}

#[test]
fn a_good_probe_after_it_was_ejected_lets_it_back() {
    let pool = pool("", 3);
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(1_000_000);
    fail(&mut fleet, &pool, 0, 5);
    let up = |probed| Report {
        origins: vec![protocol::OriginReport { up: Some(true), probed, ..said("o0") }],
        ..Report::default()
    };
    fleet.at(1_001_000);
    fleet.learn(&pool, &up(999_999), 1_001_000);
    assert_eq!(fleet.state(0), State::Ejected, "that probe was before");
    fleet.learn(&pool, &up(1_000_500), 1_001_000);
    assert_eq!(fleet.state(0), State::Returning);
}

#[test]
fn exchanges_shift_the_odds_to_whoever_has_fewer_requests_and_not_without_end() {
    let pool = pool("", 3);
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(1_000_000);
    let queue = |in_flight: [u32; 3]| {
        let origins = in_flight
            .iter()
            .enumerate()
            .map(|(n, count)| protocol::OriginReport { in_flight: *count, ..said(&format!("o{n}")) });
        Report { origins: origins.collect(), ..Report::default() }
    };
    fleet.learn(&pool, &queue([9, 19, 39]), 1_000_000);
    // 10, 20 and 40 with one more each: the geometric mean is 20, and a fifth of the way (20 / 10) ^ 0.2.
    assert!((fleet.bias(0) - 2_f64.powf(0.2)).abs() < 1e-9 && (fleet.bias(2) - 0.5_f64.powf(0.2)).abs() < 1e-9);
    (0..200).for_each(|_| fleet.learn(&pool, &queue([0, 0, 1_000]), 1_000_000));
    assert_eq!((fleet.bias(0), fleet.bias(2), fleet.heaviest()), (8.0, 0.125, 8.0));
}

#[test]
fn odds_are_shifted_among_equals_and_do_not_drift() {
    let mut pool = pool("", 3);
    (pool.origins[1].replica, pool.origins[2].replica) = (true, true);
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(1_000_000);
    let busy = |n: u32| report_of(n, [0, 9, 9]);
    let report = Report { origins: (0..3).map(busy).collect(), ..Report::default() };
    (0..100).for_each(|_| fleet.learn(&pool, &report, 1_000_000));
    assert_eq!([0, 1, 2].map(|place| fleet.bias(place)), [1.0; 3], "a primary is no replica's equal");
}

#[test]
fn weights_alone_and_quick_failures_draw_no_traffic() {
    let mut pool = pool("", 3);
    pool.origins[0].weight = 5;
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(1_000_000);
    let quiet = Report { origins: ["o0", "o1", "o2"].map(said).into(), ..Report::default() };
    (0..100).for_each(|_| fleet.learn(&pool, &quiet, 1_000_000));
    assert_eq!([0, 1, 2].map(|place| fleet.bias(place)), [1.0; 3], "nobody has anything to do");
    for turn in 0..300 {
        fleet.record(
            &pool,
            2,
            Attempt { outcome: if turn % 3 == 0 { Outcome::Bad } else { Outcome::Good }, took: 1, random: 0 },
        );
    }
    (0..10).for_each(|_| fleet.learn(&pool, &quiet, 1_000_000));
    assert!(fleet.bias(2) < 0.5 && fleet.bias(1) > 1.0, "{}", fleet.bias(2));
}

#[test]
fn an_origin_that_asks_for_it_is_left_alone() {
    let pool = pool("", 2);
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(1_000_000);
    fleet.rest_until(0, 1_007_000);
    assert_eq!(fleet.state(0), State::Resting);
    fleet.at(1_007_000);
    assert_eq!(fleet.state(0), State::Returning);
}

#[test]
fn a_request_whose_end_is_never_told_does_not_count_for_ever() {
    let pool = pool("", 2);
    let mut fleet = PoolHealth::new(&pool);
    fleet.at(0);
    fleet.request_began(0, 30_000);
    fleet.request_began(0, 10_000);
    assert_eq!(fleet.in_flight(0), 2);
    fleet.request_ended(0, 30_000);
    assert_eq!(fleet.in_flight(0), 1);
    fleet.at(10_000);
    assert_eq!(fleet.in_flight(0), 0);
}

#[test]
fn latency_rises_at_once_and_falls_slowly() {
    let pool = pool("", 2);
    let mut fleet = PoolHealth::new(&pool);
    let ms = |fleet: &PoolHealth| fleet.latency(0).unwrap().round() as u64;
    fleet.at(1_000);
    fleet.record(&pool, 0, Attempt { outcome: Outcome::Good, took: 10, random: 0 });
    fleet.record(&pool, 0, Attempt { outcome: Outcome::Good, took: 500, random: 0 });
    assert_eq!(ms(&fleet), 500);
    fleet.at(2_000);
    fleet.record(&pool, 0, Attempt { outcome: Outcome::Good, took: 10, random: 0 });
    // 500 e^-0.1 + 10 (1 - e^-0.1)
    assert_eq!(ms(&fleet), 453);
    fleet.at(12_000);
    assert_eq!(ms(&fleet), 167, "453 / e: the slow are tried again");
}

#[test]
fn what_19_of_20_answers_begin_within() {
    let pool = pool("", 2);
    let mut fleet = PoolHealth::new(&pool);
    for took in 1..=19 {
        fleet.record(&pool, 0, Attempt { outcome: Outcome::Good, took, random: 0 });
    }
    assert_eq!(fleet.p95(), None, "too few");
    for took in 20..=100 {
        fleet.record(&pool, 1, Attempt { outcome: Outcome::Good, took, random: 0 });
    }
    assert_eq!(fleet.p95(), Some(96));
}

proptest! {
    /// Whatever happens to a pool, traffic goes somewhere: never more than half is ejected by failing.
    #[test]
    fn somebody_is_always_left(count in 1..7_usize, steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0..20_000_u64), 0..200), dice: u64) {
        let pool = pool("", count);
        let mut fleet = PoolHealth::new(&pool);
        let mut now = 1_000_000;
        for (place, good, pass) in steps {
            now += pass;
            fleet.at(now);
            let outcome = if good { Outcome::Good } else { Outcome::Bad };
            fleet.record(&pool, place.index(count), Attempt { outcome, took: pass, random: dice });
            let out = (0..count).filter(|place| fleet.state(*place) == State::Ejected).count();
            prop_assert!(out <= count / 2);
            prop_assert!(pick(Balance::RandomTwo, &fleet, &mut Turns::default(), None, dice).is_some());
        }
    }
}
