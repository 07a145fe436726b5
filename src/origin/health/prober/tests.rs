use super::*;
use crate::config::raw;
use crate::http::json;

fn probe() -> Probe {
    Probe {
        every: 15_000,
        timeout: 2_000,
        rise: 2,
        fall: 3,
        method: "GET".into(),
        headers: Vec::new(),
        expect: vec![(200, 299), (401, 401)],
        body: Some("ready".into()),
        locations: Vec::new(),
        quorum: 1,
    }
}

fn found(prober: &mut ProberState, good: bool, now: Millis) -> bool {
    let result = ProbeResult {
        name: "a".into(),
        good,
        reason: if good { "status 200" } else { "status 500" }.into(),
        ..ProbeResult::default()
    };
    prober.record_results(&probe(), vec![result], now)
}

fn shown(prober: &mut ProberState, now: Millis) -> Report {
    prober.answer(Request::Show, now).0
}

fn up(prober: &mut ProberState) -> Option<bool> {
    shown(prober, 0).origins.first().and_then(|origin| origin.up)
}

#[test]
fn fall_bad_probes_in_a_row_mark_it_down_and_rise_good_ones_mark_it_up() {
    let mut prober = ProberState::default();
    assert!(found(&mut prober, true, 1), "the first good word is taken");
    for (good, is) in [
        (false, true),
        (false, true),
        (true, true),
        (false, true),
        (false, true),
        (false, false),
        (true, false),
        (false, false),
        (true, false),
        (true, true),
    ] {
        found(&mut prober, good, 2);
        assert_eq!(up(&mut prober), Some(is));
    }
    let history: Vec<String> = shown(&mut prober, 3).history.into_iter().map(|event| event.what).collect();
    assert_eq!(history, ["up: status 200", "down: status 500"]);
}

#[test]
fn an_origin_that_was_never_good_is_down_after_fall_bad_probes() {
    let mut prober = ProberState::default();
    found(&mut prober, false, 1);
    found(&mut prober, false, 2);
    assert_eq!(up(&mut prober), None, "nothing is held against it yet");
    found(&mut prober, false, 3);
    assert_eq!(up(&mut prober), Some(false));
}

#[test]
fn a_response_is_judged_by_status_and_body() {
    let judged = |status, body| ProbeResult::judge(&probe(), status, body);
    assert_eq!(judged(200, "all ready"), (true, "status 200".into()));
    assert!(judged(401, "ready").0);
    assert_eq!(judged(302, "ready"), (false, "status 302".into()));
    assert!(!judged(200, "starting").0);
}

#[test]
fn a_quorum_of_locations_decides() {
    let result = |good| ProbeResult {
        name: "a".into(),
        good,
        reason: if good { "status 200" } else { "timeout" }.into(),
        ..ProbeResult::default()
    };
    let agreed = ProbeResult::agreed(2, &[result(true), result(false), result(true)]).unwrap();
    assert_eq!((agreed.good, agreed.reason.as_str()), (true, "status 200 (2 of 3 locations good)"));
    let agreed = ProbeResult::agreed(2, &[result(true), result(false), result(false)]).unwrap();
    assert_eq!((agreed.good, agreed.reason.as_str()), (false, "timeout (1 of 3 locations good)"));
}

#[test]
fn a_location_without_a_result_has_no_vote_and_below_the_quorum_there_is_no_result() {
    let good = ProbeResult { good: true, ..ProbeResult::default() };
    assert!(ProbeResult::agreed(2, &[good.clone(), good.clone()]).is_some_and(|agreed| agreed.good));
    assert_eq!(ProbeResult::agreed(2, &[good]), None);
}

fn order(action: Action, weight: Option<u32>, seconds: Option<u64>) -> Order {
    Order { origin: "a".into(), action, weight, seconds }
}

#[test]
fn orders_are_stored_and_rejected_when_based_on_an_old_version() {
    let mut prober = ProberState::default();
    let (report, stored) = prober.answer(
        Request::Order(Ordered { version: 0, order: order(Action::Drain, None, Some(60)), isolate: String::new() }),
        1_000,
    );
    assert!(stored && report.version == 1 && report.origins[0].drained);
    assert_eq!(report.origins[0].drained_until, Some(61_000));
    let (report, stored) = prober.answer(
        Request::Order(Ordered { version: 0, order: order(Action::Undrain, None, None), isolate: String::new() }),
        2_000,
    );
    assert!(!stored && report.version == 1 && report.origins[0].drained, "they had not seen the drain");
    prober.answer(
        Request::Order(Ordered { version: 1, order: order(Action::Weight, Some(7), None), isolate: String::new() }),
        3_000,
    );
    // Like a restart.
    let mut prober: ProberState = json::read(&json::text(&prober)).unwrap();
    let report = shown(&mut prober, 4_000);
    assert_eq!((report.version, report.origins[0].drained, report.origins[0].weight), (2, true, Some(7)));
    let (report, changed) = prober.answer(Request::Show, 61_000);
    assert!(changed && !report.origins[0].drained, "the drain is over");
    let what: Vec<&str> = report.history.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(what, ["the drain is over", "weight 7", "drained for 60 s"]);
}

#[test]
fn a_report_to_an_isolate_has_the_stats_of_the_others_only() {
    let mut prober = ProberState::default();
    let mut sync = |isolate: &str, in_flight, latency, now| {
        let origins =
            vec![OriginStats { name: "a".into(), in_flight, latency: Some(latency), load: None, position: None }];
        prober.answer(Request::Sync(Sync { isolate: isolate.into(), origins }), now).0
    };
    assert_eq!(sync("x", 3, 10, 0).origins[0].in_flight, 0);
    let report = sync("y", 5, 30, 1_000);
    assert_eq!((report.origins[0].in_flight, report.origins[0].latency), (3, Some(10)));
    assert_eq!(sync("x", 3, 10, 2_000).origins[0].in_flight, 5);
    let report = sync("y", 5, 30, 12_500);
    assert_eq!((report.origins[0].in_flight, report.isolates), (0, 1), "who says nothing for so long is gone");
}

#[test]
fn the_number_of_isolates_is_limited() {
    let mut prober = ProberState::default();
    for isolate in 0..2_000 {
        let origins = vec![OriginStats { name: "a".into(), in_flight: 1, latency: None, load: None, position: None }];
        prober.answer(Request::Sync(Sync { isolate: isolate.to_string(), origins }), 0);
    }
    assert_eq!(shown(&mut prober, 1).isolates, MAX_ISOLATES);
}

#[test]
fn the_defaults_of_a_probe_are_those_of_the_readme() {
    let raw::Probe { every, timeout, rise, fall, method, .. } = raw::Probe::default();
    assert_eq!((every.as_str(), timeout.as_str(), rise, fall, method.as_str()), ("15s", "2s", 2, 2, "GET"));
}
