use super::*;
use crate::config::{Config, Values, source};
use crate::origin::balance::mix;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn config(shards: &str) -> Config {
    let pools: String = (1..=6).map(|n| format!("[[pool]]\nname = \"p{n}\"\norigins = [\"https://p{n}\"]\n")).collect();
    let text = format!("{pools}\n{shards}\n[[route]]\nname = \"all\"\npath = \"/*\"\nshards = \"s\"\n");
    match source::read(&text, "test.toml") {
        Ok((_, config)) => config,
        Err(faults) => panic!("{faults}"),
    }
}

fn refused(shards: &str) -> String {
    let pools: String = (1..=6).map(|n| format!("[[pool]]\nname = \"p{n}\"\norigins = [\"https://p{n}\"]\n")).collect();
    let text = format!("{pools}\n{shards}\n[[route]]\nname = \"all\"\npath = \"/*\"\nshards = \"s\"\n");
    source::read(&text, "test.toml").expect_err("a fault").to_string()
}

const NOBODY: Visitor<'static> = Visitor { ip: None, country: None, continent: None, location: ("", ""), colo: None };

fn hashed(count: usize) -> Config {
    let shards: String = (1..=count).map(|n| format!("{{ name = \"s{n}\", pool = \"p{n}\" }},")).collect();
    config(
        &format!("[[shards]]\nname = \"s\"\nby = \"hash\"\nkey = \"path:id\"\nmap = [{shards}]")
            .replace("path:id", "query:id"),
    )
}

fn shard_of<'c>(config: &'c Config, key: &str) -> &'c str {
    let shards = config.shards.get(0).unwrap();
    &find(shards, &shards.map, key, &NOBODY).unwrap().name
}

#[test]
fn the_slot_of_a_key_can_be_computed_anywhere() {
    // printf ada | sha256sum: 4c2a9d8c...; the first eight bytes modulo 4,096 are the last twelve bits of these.
    let bytes = hmac_sha256::Hash::hash(b"ada");
    assert_eq!(slot("ada"), u64::from(u16::from_be_bytes([bytes[6], bytes[7]]) & 0xfff));
}

#[test]
fn growing_from_four_shards_to_five_moves_keys_only_to_the_fifth() {
    let (four, five) = (hashed(4), hashed(5));
    let (mut moved, mut has) = (0, BTreeMap::new());
    for number in 0..20_000 {
        let key = format!("user-{number}");
        let (was, is) = (shard_of(&four, &key), shard_of(&five, &key));
        assert!(was == is || is == "s5", "{key} went from {was} to {is}");
        moved += usize::from(was != is);
        *has.entry(is.to_owned()).or_insert(0_usize) += 1;
    }
    // 4,096 slots, so shares are exact to 3.3 sigma of 4,096 draws: a fifth, 0.2 ± 0.021.
    assert!((3_580..4_420).contains(&moved), "{moved}");
    assert!(has.values().all(|count| (3_580..4_420).contains(count)), "{has:?}");
}

const RANGES: &str = r#"
[[shards]]
name = "s"
by = "range"
values = "number"
key = "query:id"
map = [
  { name = "low", pool = "p1", to = "-5" },
  { name = "middle", pool = "p2", from = "-5", to = "1000" },
  { name = "high", pool = "p3", from = "1000" },
]
"#;

#[test]
fn ranges_begin_with_their_first_key_and_end_before_the_next() {
    let config = config(RANGES);
    for (key, shard) in [
        ("-9223372036854775808", "low"),
        ("-6", "low"),
        ("-5", "middle"),
        ("999", "middle"),
        ("1000", "high"),
        ("9223372036854775807", "high"),
    ] {
        assert_eq!(shard_of(&config, key), shard, "{key}");
    }
    let shards = config.shards.get(0).unwrap();
    for key in ["", "x", "1.5", "9223372036854775808"] {
        assert_eq!(find(shards, &shards.map, key, &NOBODY), Err(Lost::BadKey), "{key:?}");
    }
}

#[test]
fn days_months_and_quarters_are_split_at_their_edges() {
    let of = |values: &str, from: &str| {
        config(&format!(
            "[[shards]]\nname = \"s\"\nby = \"range\"\nvalues = \"{values}\"\nkey = \"query:t\"\nmap = [{{ name = \"old\", pool = \"p1\", to = \"{from}\" }}, {{ name = \"new\", pool = \"p2\", from = \"{from}\" }}]"
        ))
    };
    let months = of("month", "2026-03");
    for (key, shard) in [
        ("2026-02-28T23:59:59Z", "old"),
        ("2026-02", "old"),
        ("2026-03", "new"),
        ("2026-03-01", "new"),
        ("2025-12-31", "old"),
        ("2027-01-01", "new"),
    ] {
        assert_eq!(shard_of(&months, key), shard, "{key}");
    }
    let quarters = of("quarter", "2026-Q2");
    for (key, shard) in [
        ("2026-03-31T23:59:59Z", "old"),
        ("2026-Q1", "old"),
        ("2026-04", "new"),
        ("2026-04-01T00:00:00Z", "new"),
        ("2026-Q2", "new"),
        ("2025-Q4", "old"),
        ("2027-Q1", "new"),
    ] {
        assert_eq!(shard_of(&quarters, key), shard, "{key}");
    }
    let days = of("day", "2026-11-24");
    for (key, shard) in
        [("2026-11-23T23:59:59Z", "old"), ("2026-11-24T00:00:00Z", "new"), ("2026-11-24", "new"), ("2026-12-01", "new")]
    {
        assert_eq!(shard_of(&days, key), shard, "{key}");
    }
    let shards = months.shards.get(0).unwrap();
    for key in ["2026-13", "2026-00", "2026-3", "2026-03x", "26-03", "2026/03"] {
        assert_eq!(find(shards, &shards.map, key, &NOBODY), Err(Lost::BadKey), "{key}");
    }
}

#[test]
fn a_visitor_has_a_shard_by_country_continent_or_default() {
    let config = config(
        r#"
[[shards]]
name = "s"
by = "geo"
map = [
  { name = "eu", pool = "p1", continents = ["EU"], countries = ["TR"] },
  { name = "ch", pool = "p2", countries = ["CH"] },
  { name = "rest", pool = "p3", default = true },
]
"#,
    );
    let shards = config.shards.get(0).unwrap();
    let of =
        |country, continent| &find(shards, &shards.map, "", &Visitor { country, continent, ..NOBODY }).unwrap().name;
    assert_eq!(of(Some("DE"), Some("EU")), "eu");
    assert_eq!(of(Some("CH"), Some("EU")), "ch");
    assert_eq!(of(Some("TR"), Some("AS")), "eu");
    assert_eq!(of(Some("US"), Some("NA")), "rest");
    assert_eq!(of(None, None), "rest");
}

#[test]
fn a_map_with_a_gap_or_an_overlap_is_refused_with_its_line() {
    let gap = refused(&RANGES.replace("from = \"-5\"", "from = \"0\""));
    assert!(gap.contains("test.toml:28:") && gap.contains("a gap"), "{gap}");
    let overlap = refused(&RANGES.replace("from = \"-5\"", "from = \"-9\""));
    assert!(overlap.contains("test.toml:28:") && overlap.contains("an overlap"), "{overlap}");
    let below = refused(&RANGES.replace("pool = \"p1\", to", "pool = \"p1\", from = \"-100\", to"));
    assert!(below.contains("test.toml:27:") && below.contains("keys below it"), "{below}");
    let above = refused(&RANGES.replace("from = \"1000\" }", "from = \"1000\", to = \"2000\" }"));
    assert!(above.contains("test.toml:29:") && above.contains("keys from it on"), "{above}");
    let geo = "[[shards]]\nname = \"s\"\nby = \"geo\"\nmap = [{ name = \"a\", pool = \"p1\", countries = [\"DE\"] }, { name = \"b\", pool = \"p2\", countries = [\"DE\"] }]";
    let twice = refused(geo);
    assert!(twice.contains("\"DE\" a second time") && twice.contains("everybody else"), "{twice}");
    let foreign = refused(&RANGES.replace("pool = \"p1\",", "pool = \"p1\", weight = 3,"));
    assert!(foreign.contains("shards[0].map[0].weight"), "{foreign}");
}

fn moving(phase: &str) -> Config {
    config(&format!(
        "[[shards]]\nname = \"s\"\nby = \"range\"\nvalues = \"number\"\nkey = \"query:id\"\nversion = 2\nphase = \"{phase}\"\nmap = [{{ name = \"all\", pool = \"p1\" }}]\nnext = [{{ name = \"low\", pool = \"p1\", to = \"10\" }}, {{ name = \"high\", pool = \"p2\", from = \"10\" }}]"
    ))
}

#[test]
fn while_data_moves_the_second_shard_is_asked_on_421_and_on_reads_with_404() {
    for (phase, first, second, on_404) in [
        ("prepare", "all", Some("high"), false),
        ("dual_read", "all", Some("high"), true),
        ("cut", "high", Some("all"), true),
        ("retire", "high", None, false),
    ] {
        let config = moving(phase);
        let plan = Plan::of(config.shards.get(0).unwrap(), "10", &NOBODY).unwrap();
        assert_eq!(
            (plan.first.name.as_str(), plan.second.map(|shard| shard.name.as_str())),
            (first, second),
            "{phase}"
        );
        assert_eq!(plan.turns_to(421, false), second.is_some(), "{phase}: a write that was misdirected");
        assert_eq!(plan.turns_to(404, true), on_404, "{phase}: a read that found nothing");
        assert!(!plan.turns_to(404, false) && !plan.turns_to(200, true) && !plan.turns_to(503, true), "{phase}");
        let stays = Plan::of(config.shards.get(0).unwrap(), "9", &NOBODY).unwrap();
        assert!(stays.second.is_none(), "{phase}: what stays where it is has no second");
    }
}

#[test]
fn a_key_comes_from_the_configured_part_of_the_request() {
    let head = Head::parse("https://a/x/a%2Fb?id=7&e=\nGET\n0\nx-tenant:acme\ncookie:t=c1; usher=s\n\n").unwrap();
    let claims = serde_json::json!({ "org": "o1", "number": 5, "list": [1] });
    let source = Source { head: &head, captured: &[("id", "a%2Fb")], user: Some("ada"), claims: Some(&claims) };
    let read = |of: ShardKey| key(&of, &source).map(Cow::into_owned);
    assert_eq!(read(ShardKey::Path("id".into())).as_deref(), Ok("a/b"));
    assert_eq!(read(ShardKey::Query("id".into())).as_deref(), Ok("7"));
    assert_eq!(read(ShardKey::Header("x-tenant".into())).as_deref(), Ok("acme"));
    assert_eq!(read(ShardKey::Cookie("t".into())).as_deref(), Ok("c1"));
    assert_eq!(read(ShardKey::User).as_deref(), Ok("ada"));
    assert_eq!(read(ShardKey::Claim("org".into())).as_deref(), Ok("o1"));
    assert_eq!(read(ShardKey::Claim("number".into())).as_deref(), Ok("5"));
    for none in [
        ShardKey::Query("e".into()),
        ShardKey::Query("none".into()),
        ShardKey::Claim("list".into()),
        ShardKey::Cookie("x".into()),
    ] {
        assert_eq!(read(none.clone()), Err(Lost::NoKey), "{none:?}");
    }
}

#[test]
fn hot_shards_and_keys_are_found() {
    let mut heat = Heat::default();
    for turn in 0..10_000_u64 {
        let hot = turn % 4 == 0;
        let key = if hot { "hot".to_owned() } else { format!("k{}", mix(turn) % 5_000) };
        heat.record(if turn % 10 < 7 { "a" } else { "b" }, &key, 2);
    }
    assert_eq!(heat.shards(), [("a", 7_000, 14_000, 140), ("b", 3_000, 6_000, 60)]);
    let (busiest, count) = heat.keys()[0].clone();
    assert_eq!(busiest, format!("{:016x}", rendezvous::hash("hot")));
    assert!((2_500..=2_700).contains(&count), "{count}");
}

proptest! {
    /// Every key has exactly one shard, in the order of the ranges.
    #[test]
    fn every_number_has_exactly_one_shard(cuts in prop::collection::btree_set(-1_000..1_000_i64, 0..5), key in -1_100..1_100_i64) {
        let cuts: Vec<i64> = cuts.into_iter().collect();
        let mut map = String::new();
        for number in 0..=cuts.len() {
            let from = number.checked_sub(1).map(|at| format!(", from = \"{}\"", cuts[at])).unwrap_or_default();
            let to = cuts.get(number).map(|to| format!(", to = \"{to}\"")).unwrap_or_default();
            map.push_str(&format!("{{ name = \"s{number}\", pool = \"p1\"{from}{to} }},"));
        }
        let config = config(&format!("[[shards]]\nname = \"s\"\nby = \"range\"\nvalues = \"number\"\nkey = \"query:id\"\nmap = [{map}]"));
        let expected = format!("s{}", cuts.iter().filter(|cut| **cut <= key).count());
        prop_assert_eq!(shard_of(&config, &key.to_string()), expected);
    }

    /// An added shard takes keys from the others; no other shard gains any.
    #[test]
    fn keys_move_only_to_an_added_shard(key in "[a-z0-9]{1,12}", count in 1..5_usize) {
        let (before, after) = (hashed(count), hashed(count + 1));
        let (was, is) = (shard_of(&before, &key), shard_of(&after, &key));
        let added = format!("s{}", count + 1);
        prop_assert!(was == is || is == added);
    }

    #[test]
    fn any_key_is_read_without_panic(key in ".{0,40}") {
        for values in [Values::Number, Values::Text, Values::Day, Values::Month, Values::Quarter] {
            let _ = values.read(&key);
        }
    }
}
