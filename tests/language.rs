//! Does negotiation select the right locale? CLDR's test pairs, and properties that hold for any `Accept-Language`
//! field.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may say what it expects in one word")]

use proptest::prelude::*;
use usher::config::{Config, source};
use usher::locale::{Inputs, Reason, choose};

fn config(supported: &[&str], more: &str) -> Config {
    let text =
        format!("[locale]\nsupported = {supported:?}\n{more}\n[[route]]\nname = \"a\"\npath = \"/*\"\necho = true\n");
    source::read(&text, "test.toml").unwrap().1
}

fn chosen(config: &Config, header: &str) -> String {
    let choice = choose(&config.locales, &Inputs { header: Some(header), ..Inputs::default() });
    config.locales.supported[choice.locale].clone()
}

const PAIRS: &str = include_str!("language/pairs.txt");

#[test]
fn cldr_test_pairs_match() {
    let mut current = None;
    let (mut count, mut wrong) = (0, Vec::new());
    for line in PAIRS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(list) = line.strip_prefix('[') {
            current = Some(config(&list.trim_end_matches(']').split(", ").collect::<Vec<_>>(), ""));
        } else if let (Some((tag, expected)), Some(config)) = (line.split_once(" > "), &current) {
            count += 1;
            let found = chosen(config, tag);
            if found != expected {
                wrong.push(format!("{:?}: {tag} > {expected}, found {found}", config.locales.supported));
            }
        }
    }
    assert!(count > 200, "{count}");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn tags_that_prefix_lookup_matches_wrongly_match_by_distance() {
    let all = config(
        &[
            "en", "en-GB", "es", "es-419", "zh-Hans", "zh-Hant", "nb", "nn", "sr-Cyrl", "sr-Latn", "pt", "pt-PT", "he",
            "id", "ro",
        ],
        "",
    );
    for (tag, expected) in [
        ("es-MX", "es-419"),
        ("es-ES", "es"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-SG", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("no", "nb"),
        ("nn-NO", "nn"),
        ("da", "nb"),
        ("sr-ME", "sr-Latn"),
        ("sr-RS", "sr-Cyrl"),
        ("sh", "sr-Latn"),
        ("pt-AO", "pt-PT"),
        ("pt-BR", "pt"),
        ("en-AU", "en-GB"),
        ("en-PH", "en"),
        ("iw", "he"),
        ("in", "id"),
        ("mo", "ro"),
        ("ES-mx", "es-419"),
        ("zh-yue-HK", "zh-Hant"),
        ("de", "en"),
        ("tlh", "en"),
    ] {
        assert_eq!(chosen(&all, tag), expected, "{tag}");
    }
    assert_eq!(chosen(&config(&["en", "es", "es-419"], "match = \"lookup\""), "es-MX"), "es");
}

#[test]
fn a_pseudo_locale_matches_only_itself() {
    let some = config(&["fr", "en-XA", "ar-XB", "en-DE", "en-XC", "zh-Hans-pscrack"], "");
    for (tag, expected) in [
        ("en-XA", "en-XA"),
        ("en-PSACCENT", "en-XA"),
        ("ar-XB", "ar-XB"),
        ("zh-Hans-PSCRACK", "zh-Hans-pscrack"),
        ("en-pscrack", "en-XC"),
        ("en", "en-DE"),
        ("ar", "fr"),
        ("zh", "fr"),
    ] {
        assert_eq!(chosen(&some, tag), expected, "{tag}");
    }
}

#[test]
fn a_later_range_wins_only_when_it_is_much_nearer() {
    let some = config(&["en", "fr", "de", "zh-Hans"], "");
    for (header, expected) in [
        ("fr-CA, en", "fr"),
        ("zh-TW, en", "en"),
        ("zh-TW, ja", "en"),
        ("gsw, fr", "fr"),
        ("gsw", "de"),
        ("br, fr", "fr"),
        ("en;q=0.2, de;q=0.9", "de"),
        ("xx, yy, zz, aa, bb, cc, dd, ee, ff, gg, hh, de", "de"),
        ("*, de", "en"),
        ("de;q=0, *", "en"),
        ("en;q=0, *", "fr"),
        ("en;q=0", "en"),
    ] {
        assert_eq!(chosen(&some, header), expected, "{header}");
    }
}

#[test]
fn hostile_fields_select_the_default_locale() {
    let some = config(&["en", "de", "ja", "ar"], "");
    let long = "de-".repeat(40_000);
    let many = "xx;q=0.5,".repeat(40_000);
    for header in [
        "",
        " ",
        ",",
        ";",
        "*",
        "*;q=0",
        ";q=1",
        "q=1",
        "de;q=",
        "de;q=2",
        "de;q=NaN",
        "de;q=-1",
        "de;q=1e9",
        "-",
        "--",
        "de-",
        "-de",
        "de--DE",
        "de_DE",
        "\u{0}",
        "\u{202e}ar",
        "日本語",
        "x-private",
        "i-klingon",
        "a",
        "12",
        "de;q=0.5;q=0.1",
        "../../etc",
        &long,
        &many,
        "{{7*7}}",
        "${jndi:ldap://x}",
        "<script>",
        "ja\u{a0}",
        "de\r\nX: y",
        "'; DROP TABLE--",
    ] {
        let choice = choose(&some.locales, &Inputs { header: Some(header), ..Inputs::default() });
        assert!(choice.locale < 4, "{header:.40}");
        let unchecked = matches!(header, "de;q=0.5;q=0.1" | "*");
        assert!(unchecked || choice.reason == Reason::Default, "{header:.40}: {choice:?}");
    }
}

proptest! {
    #[test]
    fn any_field_selects_a_supported_locale_and_never_a_refused_one(
        header in "((en|de|fr|ja|es-MX|zh-TW|\\*|[a-z]{1,9}|é)(-[A-Z]{2})?(;q=(0|1|0\\.[0-9]{0,4}|x))?[, ]{0,2}){0,12}|\\PC{0,80}",
        refused in prop::sample::select(vec!["en", "de", "fr", "ja", "es-419", "zh-Hant"]),
    ) {
        let some = config(&["en", "de", "fr", "ja", "es-419", "zh-Hant"], "");
        prop_assert!(some.locales.supported.contains(&chosen(&some, &header)));
        let header = format!("{refused};q=0, {}", header.replace(refused, "xx"));
        let choice = choose(&some.locales, &Inputs { header: Some(&header), ..Inputs::default() });
        prop_assert!(choice.reason != Reason::Header || some.locales.supported[choice.locale] != refused, "{}", header);
    }

    /// Reordering ranges of equal weight does not change a locale that all of them select.
    #[test]
    fn equal_ranges_of_one_language_select_one_locale_in_any_order(mut tags in Just(vec!["es-MX", "es-AR", "es-419", "es-CO"]).prop_shuffle()) {
        let some = config(&["en", "es", "es-419"], "");
        prop_assert_eq!(chosen(&some, &tags.join(", ")), "es-419");
        tags.truncate(2);
        prop_assert_eq!(chosen(&some, &tags.join(", ")), "es-419");
    }
}

const HUNDRED: &str = "en de es fr ja ar en-GB es-419 zh-Hans zh-Hant pt pt-PT it nl pl ru tr ko hi fa he id vi th uk cs sk sv nb nn da fi hu ro bg el hr sr sr-Latn sl lt lv et is ga cy mt sq mk bs ca gl eu af sw zu xh am ti so ha yo ig bn gu kn ml mr ne or pa si ta te ur my km lo ka hy az kk ky uz uz-Cyrl tk tg mn fil ms jv su en-AU en-CA en-IN fr-CA de-CH ar-MA zh-HK fa-AF";

/// Only the first 64 ranges of a field are read, however long it is.
#[test]
fn only_sixty_four_ranges_are_read() {
    let some = config(&["en", "de"], "");
    let behind = |count: usize| format!("{}de", "xx,".repeat(count));
    assert_eq!(chosen(&some, &behind(63)), "de");
    for count in [64, 65, 1_000, 100_000] {
        assert_eq!(chosen(&some, &behind(count)), "en", "{count}");
    }
}

/// Size in bytes of the embedded table for 5, 20 and 100 locales.
#[test]
fn the_table_is_small() {
    let all: Vec<String> = HUNDRED.split(' ').map(str::to_owned).collect();
    assert_eq!(all.len(), 100);
    for (count, most) in [(5, 6_000), (20, 16_000), (100, 48_000)] {
        let bytes = source::table(&all[..count], 0).len();
        eprintln!("{count} locales: {bytes} bytes");
        assert!(bytes < most, "{count} locales: {bytes} bytes");
    }
}
