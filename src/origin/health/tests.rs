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

fn fail(health: &mut PoolHealth, pool: &Pool, place: usize, times: u32) -> bool {
    (0..times).any(|_| health.record(pool, place, Attempt { outcome: Outcome::Bad, took: 1, random: 0 }))
}

#[test]
fn five_failures_in_a_row_eject_and_a_success_between_them_does_not() {
    let pool = pool("", 4);
    let mut health = PoolHealth::new(&pool);
    health.at(1_000_000);
    assert!(!fail(&mut health, &pool, 0, 4));
    health.record(&pool, 0, Attempt { outcome: Outcome::Good, took: 1, random: 0 });
    assert!(!fail(&mut health, &pool, 0, 4));
    assert_eq!(health.state(0), State::Healthy);
    assert!(fail(&mut health, &pool, 0, 1));
    assert_eq!(health.state(0), State::Ejected);
}

#[test]
fn an_ejection_lasts_30_s_times_their_number_at_most_300_s_give_or_take_a_tenth() {
    let pool = pool("", 4);
    for random in 0..50 {
        let mut health = PoolHealth::new(&pool);
        let mut now = 1_000_000;
        for number in 1..=14 {
            health.at(now);
            (0..5).for_each(|_| {
                health.record(&pool, 0, Attempt { outcome: Outcome::Bad, took: 1, random });
            });
            let expected = (30_000 * number).min(300_000);
            health.at(now + expected * 9 / 10 - 1);
            assert_eq!(health.state(0), State::Ejected, "{number}");
            now += expected * 11 / 10;
            health.at(now);
            assert!(matches!(health.state(0), State::Returning | State::Healthy), "{number}");
        }
    }
}

#[test]
fn never_more_than_half_of_a_pool_is_ejected() {
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
        let pool = pool("", count);
        let mut health = PoolHealth::new(&pool);
        health.at(1_000_000);
        for place in 0..count {
            fail(&mut health, &pool, place, 20);
        }
        let out = (0..count).filter(|place| health.state(*place) == State::Ejected).count();
        assert_eq!(out, most, "of {count}");
    }
}

#[test]
fn an_origin_that_comes_back_starts_slowly() {
    let pool = pool("slow_start = \"10s\"", 4);
    let mut health = PoolHealth::new(&pool);
    health.at(1_000_000);
    fail(&mut health, &pool, 0, 5);
    let back = (1_000_000..1_040_000).find(|now| {
        health.at(*now);
        health.state(0) != State::Ejected
    });
    let back = back.unwrap();
    for (after, share) in [(0, 50), (1_000, 100), (5_000, 500), (9_990, 999), (10_000, 1_000)] {
        health.at(back + after);
        assert_eq!(health.share(0), share, "{after} ms after");
    }
}

fn named(name: &str) -> protocol::OriginReport {
    protocol::OriginReport { name: name.into(), ..protocol::OriginReport::default() }
}

fn report_of(n: u32, in_flight: [u32; 3]) -> protocol::OriginReport {
    protocol::OriginReport { in_flight: in_flight[n as usize], ..named(&format!("o{n}")) }
}

#[test]
fn the_last_healthy_origin_of_its_role_is_not_ejected() {
    let mut pool = pool("", 4);
    (1..4).for_each(|place| pool.origins[place].replica = true);
    let mut health = PoolHealth::new(&pool);
    health.at(1_000_000);
    assert!(!fail(&mut health, &pool, 0, 20), "nobody else takes writes");
    let drained = ["o2", "o3"].map(|name| protocol::OriginReport { drained: true, ..named(name) });
    health.learn(&pool, &Report { origins: drained.into(), ..Report::default() }, 1_000_000);
    assert!(!fail(&mut health, &pool, 1, 20), "the other replicas are drained");
}

#[test]
fn a_report_of_the_prober_applies_and_expires() {
    let pool = pool("", 3);
    let mut health = PoolHealth::new(&pool);
    health.at(1_000_000);
    let origins = vec![
        protocol::OriginReport { up: Some(false), reason: "status 500".into(), ..named("o0") },
        protocol::OriginReport { drained: true, ..named("o1") },
        protocol::OriginReport { up: Some(true), weight: Some(7), in_flight: 9, ..named("o2") },
    ];
    health.learn(&pool, &Report { origins, ..Report::default() }, 1_000_000);
    assert_eq!([0, 1, 2].map(|place| health.state(place)), [State::Down, State::Drained, State::Healthy]);
    assert_eq!((health.reason(0), health.weight(2), health.in_flight_everywhere(2)), ("status 500", 7, 9));
    health.at(1_060_000);
    assert_eq!([0, 1].map(|place| health.state(place)), [State::Returning, State::Drained], "an order does not expire");
    assert_eq!(health.in_flight_everywhere(2), 0);
}

#[test]
fn a_good_probe_ends_an_ejection() {
    let pool = pool("", 3);
    let mut health = PoolHealth::new(&pool);
    health.at(1_000_000);
    fail(&mut health, &pool, 0, 5);
    let up = |probed| Report {
        origins: vec![protocol::OriginReport { up: Some(true), probed, ..named("o0") }],
        ..Report::default()
    };
    health.at(1_001_000);
    health.learn(&pool, &up(999_999), 1_001_000);
    assert_eq!(health.state(0), State::Ejected, "that probe was before");
    health.learn(&pool, &up(1_000_500), 1_001_000);
    assert_eq!(health.state(0), State::Returning);
}

#[test]
fn exchanges_shift_the_bias_to_origins_with_fewer_requests_within_limits() {
    let pool = pool("", 3);
    let mut health = PoolHealth::new(&pool);
    health.at(1_000_000);
    let queue = |in_flight: [u32; 3]| {
        let origins = in_flight
            .iter()
            .enumerate()
            .map(|(n, count)| protocol::OriginReport { in_flight: *count, ..named(&format!("o{n}")) });
        Report { origins: origins.collect(), ..Report::default() }
    };
    health.learn(&pool, &queue([9, 19, 39]), 1_000_000);
    // 10, 20 and 40 with one more each: the geometric mean is 20, and a fifth of the way (20 / 10) ^ 0.2.
    assert!((health.bias(0) - 2_f64.powf(0.2)).abs() < 1e-9 && (health.bias(2) - 0.5_f64.powf(0.2)).abs() < 1e-9);
    (0..200).for_each(|_| health.learn(&pool, &queue([0, 0, 1_000]), 1_000_000));
    assert_eq!((health.bias(0), health.bias(2), health.heaviest()), (8.0, 0.125, 8.0));
}

#[test]
fn the_bias_is_shifted_within_a_role_and_does_not_drift() {
    let mut pool = pool("", 3);
    (pool.origins[1].replica, pool.origins[2].replica) = (true, true);
    let mut health = PoolHealth::new(&pool);
    health.at(1_000_000);
    let busy = |n: u32| report_of(n, [0, 9, 9]);
    let report = Report { origins: (0..3).map(busy).collect(), ..Report::default() };
    (0..100).for_each(|_| health.learn(&pool, &report, 1_000_000));
    assert_eq!([0, 1, 2].map(|place| health.bias(place)), [1.0; 3], "a primary is no replica's equal");
}

#[test]
fn weights_alone_and_quick_failures_attract_no_traffic() {
    let mut pool = pool("", 3);
    pool.origins[0].weight = 5;
    let mut health = PoolHealth::new(&pool);
    health.at(1_000_000);
    let quiet = Report { origins: ["o0", "o1", "o2"].map(named).into(), ..Report::default() };
    (0..100).for_each(|_| health.learn(&pool, &quiet, 1_000_000));
    assert_eq!([0, 1, 2].map(|place| health.bias(place)), [1.0; 3], "nobody has anything to do");
    for turn in 0..300 {
        health.record(
            &pool,
            2,
            Attempt { outcome: if turn % 3 == 0 { Outcome::Bad } else { Outcome::Good }, took: 1, random: 0 },
        );
    }
    (0..10).for_each(|_| health.learn(&pool, &quiet, 1_000_000));
    assert!(health.bias(2) < 0.5 && health.bias(1) > 1.0, "{}", health.bias(2));
}

#[test]
fn an_origin_rests_until_the_given_time() {
    let pool = pool("", 2);
    let mut health = PoolHealth::new(&pool);
    health.at(1_000_000);
    health.rest_until(0, 1_007_000);
    assert_eq!(health.state(0), State::Resting);
    health.at(1_007_000);
    assert_eq!(health.state(0), State::Returning);
}

#[test]
fn a_request_whose_end_is_never_reported_does_not_count_for_ever() {
    let pool = pool("", 2);
    let mut health = PoolHealth::new(&pool);
    health.at(0);
    health.request_began(0, 30_000);
    health.request_began(0, 10_000);
    assert_eq!(health.in_flight(0), 2);
    health.request_ended(0, 30_000);
    assert_eq!(health.in_flight(0), 1);
    health.at(10_000);
    assert_eq!(health.in_flight(0), 0);
}

#[test]
fn latency_rises_at_once_and_falls_slowly() {
    let pool = pool("", 2);
    let mut health = PoolHealth::new(&pool);
    let ms = |health: &PoolHealth| health.latency(0).unwrap().round() as u64;
    health.at(1_000);
    health.record(&pool, 0, Attempt { outcome: Outcome::Good, took: 10, random: 0 });
    health.record(&pool, 0, Attempt { outcome: Outcome::Good, took: 500, random: 0 });
    assert_eq!(ms(&health), 500);
    health.at(2_000);
    health.record(&pool, 0, Attempt { outcome: Outcome::Good, took: 10, random: 0 });
    // 500 e^-0.1 + 10 (1 - e^-0.1)
    assert_eq!(ms(&health), 453);
    health.at(12_000);
    assert_eq!(ms(&health), 167, "453 / e: the slow are tried again");
}

#[test]
fn p95_is_what_19_of_20_responses_begin_within() {
    let pool = pool("", 2);
    let mut health = PoolHealth::new(&pool);
    for took in 1..=19 {
        health.record(&pool, 0, Attempt { outcome: Outcome::Good, took, random: 0 });
    }
    assert_eq!(health.p95(), None, "too few");
    for took in 20..=100 {
        health.record(&pool, 1, Attempt { outcome: Outcome::Good, took, random: 0 });
    }
    assert_eq!(health.p95(), Some(96));
}

proptest! {
    /// After any failures an origin can be picked: at most half of a pool is ejected.
    #[test]
    fn an_origin_can_always_be_picked(count in 1..7_usize, steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), 0..20_000_u64), 0..200), random: u64) {
        let pool = pool("", count);
        let mut health = PoolHealth::new(&pool);
        let mut now = 1_000_000;
        for (place, good, pass) in steps {
            now += pass;
            health.at(now);
            let outcome = if good { Outcome::Good } else { Outcome::Bad };
            health.record(&pool, place.index(count), Attempt { outcome, took: pass, random });
            let out = (0..count).filter(|place| health.state(*place) == State::Ejected).count();
            prop_assert!(out <= count / 2);
            prop_assert!(pick(Balance::RandomTwo, &health, &mut Turns::default(), None, random).is_some());
        }
    }
}
