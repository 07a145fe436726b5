//! The visitor's language: how it is chosen, and where it shows.

use crate::world::{Isolate, Message};
use crate::{HOST, isolate, sign_in, world};

#[test]
fn a_localized_file_is_guarded_as_the_path_it_stands_for() {
    let guarded = "[[route]]\nname = \"m\"\npath = \"/m/*\"\nstatic = true\nauth = \"required\"\n[[route]]\nname = \"all\"\npath = \"/*\"\nstatic = true\n";
    for prefix in ["true", "false"] {
        let toml = format!("[locale]\nsupported = [\"en\", \"ja\"]\nprefix = {prefix}\n{guarded}");
        let isolate = Isolate::new(&world(), &toml);
        isolate.world.files.borrow_mut().insert("/ja/m/x".into(), Message::new(200, &[], "for members"));
        for path in ["/ja/m/x", "/en/ja/m/x", "/m/x", "/m", "/m/", "/en/m/"] {
            let answer = isolate.get(&format!("{HOST}{path}"), &[]);
            assert!(matches!(answer.status, 401 | 404), "{prefix} {path}: {}", answer.status);
        }
    }
}

#[test]
fn the_locale_decides_request_headers_cache_key_and_response_headers() {
    let isolate = isolate();
    isolate.world.origin(|heard| {
        let language = ("content-language", heard.field("x-locale").unwrap_or("-"));
        Ok(Message::new(200, &[language, ("cache-control", "max-age=60")], "hello"))
    });
    let ask = |path: &str, fields: &[(&str, &str)]| {
        let answer = isolate.get(&format!("{HOST}{path}"), fields);
        let heard = isolate.world.heard.borrow();
        let told = heard.last().map(|told| {
            (
                told.url.clone(),
                told.field("x-locale").map(str::to_owned),
                told.field("x-forwarded-prefix").map(str::to_owned),
            )
        });
        (answer, told.unwrap())
    };
    let (answer, told) = ask("/ja/open/x?a=1", &[("accept-language", "de")]);
    assert_eq!(told, ("http://a-url.internal/open/x?a=1".into(), Some("ja".into()), Some("/ja".into())));
    assert_eq!((answer.field("content-language"), answer.field("vary")), (Some("ja"), None));
    let (answer, (_, locale, prefix)) = ask("/open/x", &[("accept-language", "de")]);
    assert_eq!((locale.as_deref(), prefix, answer.field("vary")), (Some("de"), None, Some("Accept-Language, Cookie")));
    let (answer, (_, locale, _)) = ask("/open/x?lang=ar", &[("accept-language", "de")]);
    assert_eq!((locale.as_deref(), answer.field("vary")), (Some("ar"), None));
    let (answer, (_, locale, _)) = ask("/open/x", &[("accept-language", "de"), ("cookie", "lang=ja")]);
    assert_eq!((locale.as_deref(), answer.field("vary")), (Some("ja"), Some("Cookie")));
    let cookie = sign_in(&isolate, r#"{"user":"ada","locale":"ar"}"#);
    let (_, (_, locale, _)) = ask("/optional/x", &[("accept-language", "de"), ("cookie", &cookie)]);
    assert_eq!(locale.as_deref(), Some("ar"));
    for (language, status) in
        [("ja", "miss"), ("ja", "hit"), ("de", "miss"), ("ja-JP", "hit"), ("xx", "miss"), ("en", "hit")]
    {
        let answer = isolate.get(&format!("{HOST}/stored/language"), &[("accept-language", language)]);
        assert!(answer.field("cache-status").unwrap().contains(status), "{language}: {answer:?}");
    }
}

#[test]
fn a_prefix_reaches_the_origin_unless_the_route_takes_it_off() {
    let isolate = isolate();
    let heard = |path: &str| {
        isolate.get(&format!("{HOST}{path}"), &[]);
        let heard = isolate.world.heard.borrow().last().cloned().unwrap();
        let field = |name: &str| heard.field(name).map(str::to_owned);
        (heard.url.clone(), field("x-locale"), field("x-forwarded-prefix"))
    };
    let kept = |url: &str, locale: &str| (format!("http://a-url.internal{url}"), Some(locale.to_owned()), None);
    assert_eq!(heard("/optional/x"), kept("/optional/x", "en"));
    assert_eq!(heard("/ja/optional/x?q"), kept("/ja/optional/x?q", "ja"));
    assert_eq!(heard("/JA/optional/x"), kept("/JA/optional/x", "ja"), "as it was sent");
    assert_eq!(heard("/ja/stored/x"), kept("/ja/stored/x", "ja"));
    for (path, met) in [("/JA/stored/x", "miss"), ("/ja/stored/x", "hit"), ("/stored/x?lang=ja", "miss")] {
        let answer = isolate.get(&format!("{HOST}{path}"), &[]);
        assert!(answer.field("cache-status").unwrap().contains(met), "{path}: what was asked for is in the key");
    }
}

#[test]
fn without_a_locale_nothing_about_language_is_touched() {
    let toml = "[[pool]]\nname = \"app\"\norigins = [\"http://app.internal\"]\n[[route]]\nname = \"app\"\npath = \"/*\"\npool = \"app\"\nauth = \"optional\"\nsessions = true\n";
    let isolate = Isolate::new(&world(), toml);
    for path in ["/en/", "/en/admin/?lang=de", "/x"] {
        let answer = isolate.get(&format!("{HOST}{path}"), &[("accept-language", "de"), ("cookie", "lang=de")]);
        assert_eq!((answer.field("content-language"), answer.field("vary")), (None, Some("Cookie")), "{path}");
        let heard = isolate.world.heard.borrow().last().cloned().unwrap();
        assert_eq!(heard.url, format!("http://app.internal{path}"));
        assert_eq!((heard.field("x-locale"), heard.field("x-forwarded-prefix")), (None, None));
        assert_eq!((heard.field("accept-language"), heard.field("cookie")), (Some("de"), Some("lang=de")));
    }
}

#[test]
fn only_an_answer_that_depends_on_the_language_says_so() {
    let isolate = isolate();
    let ask = |path: &str, said: &'static [(&'static str, &'static str)]| {
        isolate.world.origin(move |_| Ok(Message::new(200, said, "x")));
        let answer = isolate.get(&format!("{HOST}{path}"), &[("accept-language", "de")]);
        (answer.field("content-language").map(str::to_owned), answer.field("vary").map(str::to_owned))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ask("/open/logo.png", &[("content-type", "image/png")]), (None, None));
    assert_eq!(ask("/open/data", &[("vary", "Origin")]), (None, text("Origin")));
    assert_eq!(ask("/open/page", &[("content-language", "de")]), (text("de"), text("Accept-Language, Cookie")));
    assert_eq!(ask("/open/page", &[("vary", "X-Locale")]), (None, text("X-Locale, Accept-Language, Cookie")));
    assert_eq!(isolate.get(&format!("{HOST}/fixed"), &[("accept-language", "de")]).field("vary"), None);
    assert_eq!(isolate.get(&format!("{HOST}/go/7"), &[("accept-language", "de")]).field("vary"), None);
    let files = &isolate.world.files;
    for (path, media) in [("/about", "text/html"), ("/logo.png", "image/png"), ("/alone", "text/html")] {
        files.borrow_mut().insert(path.into(), Message::new(200, &[("content-type", media)], ""));
    }
    let file = |path: &str| {
        let answer = isolate.get(&format!("{HOST}{path}"), &[("accept-language", "de")]);
        (answer.field("content-language").map(str::to_owned), answer.field("vary").map(str::to_owned))
    };
    assert_eq!(file("/about"), (text("en"), text("Accept-Language, Cookie")), "there are others of it");
    assert_eq!(file("/alone"), (text("en"), None));
    assert_eq!(file("/logo.png"), (None, None));
}

#[test]
fn a_browser_may_be_sent_to_the_path_of_its_language() {
    let toml = "[locale]\nsupported = [\"en\", \"ja\"]\nredirect = true\n[[route]]\nname = \"a\"\npath = \"/*\"\necho = true\n";
    let isolate = Isolate::new(&world(), toml);
    let ask = |path: &str, accept: &str| {
        isolate.get(&format!("{HOST}{path}"), &[("accept", accept), ("accept-language", "ja")])
    };
    let sent = ask("/about?x=1", "text/html");
    assert_eq!((sent.status, sent.field("location")), (302, Some("/ja/about?x=1")));
    assert_eq!((sent.field("cache-control"), sent.field("vary")), (Some("no-store"), Some("Accept-Language, Cookie")));
    assert_eq!(ask("/ja/about", "text/html").status, 200);
    assert_eq!(ask("/about", "*/*").status, 200);
    assert_eq!(ask("//evil.example/", "text/html").field("location"), Some("/ja//evil.example/"));
}

#[test]
fn a_file_is_looked_for_in_the_visitors_language_then_in_the_default_one() {
    let isolate = isolate();
    for path in ["/ja/a", "/en/a", "/b", "/en/c"] {
        isolate.world.files.borrow_mut().insert(path.into(), Message::new(200, &[("content-type", "text/html")], path));
    }
    let ask = |path: &str| {
        let answer = isolate.get(&format!("{HOST}{path}"), &[("accept-language", "ja")]);
        (answer.body.clone(), answer.field("content-language").map(str::to_owned))
    };
    assert_eq!(ask("/a"), ("/ja/a".into(), Some("ja".into())));
    assert_eq!(ask("/de/a"), ("/en/a".into(), Some("en".into())));
    assert_eq!(ask("/b"), ("/b".into(), Some("en".into())));
    assert_eq!(ask("/c"), ("/en/c".into(), Some("en".into())));
    assert_eq!(isolate.get(&format!("{HOST}/d"), &[]).status, 404);
    assert_eq!(isolate.ask("POST", &format!("{HOST}/a"), &[], "x").status, 405);
}
