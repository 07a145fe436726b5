use super::*;
use crate::config::Matcher;
use proptest::prelude::*;

fn locales(tags: &[&str]) -> Locales {
    Locales {
        supported: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        default: 0,
        query: "lang".into(),
        cookie: "lang".into(),
        prefix: true,
        redirect: false,
        countries: vec![("JP".into(), tags.len() - 1)],
        nearest: false,
        matcher: Matcher::default(),
    }
}

#[test]
fn accept_language_is_looked_up_by_weight_then_order() {
    let tags = ["en", "de", "fr", "zh-Hant", "ja"];
    let locales = locales(&tags);
    for (header, found) in [
        ("de", Some("de")),
        ("de-CH", Some("de")),
        ("DE-ch-1996", Some("de")),
        ("fr;q=0.5, de;q=0.6", Some("de")),
        ("fr, de", Some("fr")),
        ("de;q=0.8, fr;q=0.8", Some("de")),
        ("zh-Hant-TW", Some("zh-Hant")),
        ("zh-TW", None),
        ("zh-Hant-x-private", Some("zh-Hant")),
        ("zh-Hant-a-bcd", Some("zh-Hant")),
        ("it, *", Some("en")),
        ("it, *;q=0.1", Some("en")),
        ("en;q=0, *", Some("de")),
        ("en;q=0, de;q=0, *;q=0.5", Some("fr")),
        ("*;q=0", None),
        ("*;q=0, fr", Some("fr")),
        ("en;q=0, en-GB", None),
        ("de;q=0", None),
        ("de;Q=0.9,fr;q=1", Some("fr")),
        ("de ; q = 0.2 , fr ; q=0.1", Some("de")),
        ("de;q=1.001, fr", Some("fr")),
        ("de;q=-1, fr", Some("fr")),
        ("de;q=, fr", Some("fr")),
        ("de;q=0.1234, fr;q=0.1", Some("fr")),
        ("de;level=1;q=0.3, fr;q=0.2", Some("de")),
        ("toolongsubtag, fr", Some("fr")),
        (",,;;, ,", None),
        ("", None),
        ("en_US, ja", Some("ja")),
        ("日本語, ja", Some("ja")),
        ("\"de, fr", None),
    ] {
        let found_tag = negotiate(&locales, header).map(|place| tags[place]);
        assert_eq!(found_tag, found, "{header}");
    }
}

#[test]
fn the_input_of_highest_precedence_with_a_supported_locale_decides() {
    let locales = locales(&["en", "de", "ja"]);
    let all = Inputs {
        path: Some(1),
        query: Some("ja"),
        cookie: Some("en"),
        session: Some("de"),
        header: Some("ja"),
        country: Some("JP"),
    };
    let decide = |wishes: Inputs<'_>| {
        let choice = choose(&locales, &wishes);
        (choice.locale, choice.reason)
    };
    assert_eq!(decide(all), (1, Reason::Path));
    assert_eq!(decide(Inputs { path: None, ..all }), (2, Reason::Query));
    assert_eq!(decide(Inputs { path: None, query: Some("xx"), ..all }), (0, Reason::Cookie));
    assert_eq!(decide(Inputs { path: None, query: None, cookie: None, ..all }), (1, Reason::Session));
    assert_eq!(decide(Inputs { header: Some("ja-JP"), ..Inputs::default() }), (2, Reason::Header));
    assert_eq!(decide(Inputs { header: Some("xx"), country: Some("JP"), ..Inputs::default() }), (2, Reason::Country));
    assert_eq!(decide(Inputs { country: Some("ZZ"), ..Inputs::default() }), (0, Reason::Default));
}

#[test]
fn a_page_links_its_alternates_and_a_switch_stays_on_it() {
    let text = "[locale]\nsupported = [\"en\", \"ja\"]\n[[route]]\nname = \"a\"\npath = \"/*\"\necho = true\n";
    let (_, config) = crate::config::source::read(text, "test.toml").expect("a configuration");
    let url = Url { scheme: "https", authority: "a.example", path: "/ja/about", query: Some("x") };
    assert_eq!(
        alternates(&config, &url, "/about", &[0, 1]),
        "<https://a.example/en/about>; rel=\"alternate\"; hreflang=\"en\", <https://a.example/ja/about>; rel=\"alternate\"; hreflang=\"ja\", <https://a.example/about>; rel=\"alternate\"; hreflang=\"x-default\""
    );
    for (back, found) in [
        ("/about?x=1", "/about?x=1"),
        ("/about?lang=en&x=1#top", "/about?x=1#top"),
        ("/about?lang=en", "/about"),
        ("/en/about?x=/en/", "/ja/about?x=/en/"),
        ("/EN", "/ja/"),
        ("/en?a", "/ja/?a"),
        ("/english", "/english"),
        ("//evil.example/en", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("", "/"),
    ] {
        assert_eq!(switched(&config, back, 1), found, "{back}");
    }
}

#[test]
fn weights_are_thousandths() {
    for (text, found) in [
        ("1", Some(1000)),
        ("0.5", Some(500)),
        ("0.05", Some(50)),
        ("1.000", Some(1000)),
        ("0.", Some(0)),
        ("1.1", None),
        ("2", None),
        (".5", None),
        ("", None),
        ("0.0001", None),
    ] {
        assert_eq!(thousandths(text), found, "{text}");
    }
}

proptest! {
    #[test]
    fn the_negotiated_locale_is_supported_and_not_refused(header in "((en|de|fr|ja|\\*|zh-Hant|[a-z]{1,9}|é)(-[A-Z]{2})?(;q=(0|1|0\\.[0-9]{0,4}|x))?[, ]{0,2}){0,12}") {
        let locales = locales(&["en", "de", "fr", "ja"]);
        let choice = choose(&locales, &Inputs { header: Some(&header), ..Inputs::default() });
        prop_assert!(choice.locale < 4);
        let alone = members(&header).filter_map(range).filter(|r| r.tag != "*").count() == members(&header).count();
        if let (true, Some(found)) = (alone, negotiate(&locales, &header)) {
            let tag = &locales.supported[found];
            let refused = members(&header).filter_map(range).any(|r| r.tag.eq_ignore_ascii_case(tag) && r.weight == 0);
            let wanted = members(&header).filter_map(range).any(|r| r.tag.eq_ignore_ascii_case(tag) && r.weight > 0);
            prop_assert!(!refused || wanted);
        }
    }

    #[test]
    fn no_input_can_panic(header in "\\PC{0,80}", tag in "\\PC{0,50}") {
        let locales = locales(&["en", "zh-Hant"]);
        let wishes = Inputs { header: Some(&header), query: Some(&tag), cookie: Some(&header), ..Inputs::default() };
        prop_assert!(choose(&locales, &wishes).locale < 2);
    }
}
