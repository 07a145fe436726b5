use super::source::read;
use super::*;
use proptest::prelude::*;

mod limits;

const MINIMAL: &str = "[[route]]\nname = \"all\"\npath = \"/*\"\necho = true\n";

fn faults(text: &str) -> String {
    match read(text, "usher.toml") {
        Ok(_) => String::new(),
        Err(faults) => faults.to_string(),
    }
}

#[test]
fn the_minimal_file_is_one_route() {
    let config = read(MINIMAL, "usher.toml").map(|(_, config)| config);
    let config = config.expect("the least file");
    assert_eq!(config.locales.supported, ["en"]);
    assert_eq!(config.session.idle, 12 * 3_600_000);
    assert!(matches!(config.routes.get(0).expect("a route").target, Target::Echo));
}

/// What an isolate reads is what the build checked, whatever the configuration has.
#[test]
fn the_data_reads_back_as_the_same_configuration() {
    for file in ["usher.toml", "tests/e2e/usher.toml", "bench/usher.toml", "bench/cache.toml", "bench/everything.toml"]
    {
        let text = std::fs::read_to_string(file).expect(file);
        let config = read(&text, file).unwrap_or_else(|faults| panic!("{faults}")).1;
        let written = format!("{config:?}");
        let values = |name: &str| {
            Some(match name {
                name if name.contains("PERCENT") || name == "CANARY" => "7".to_owned(),
                name if name.contains("PHASE") => "cut".to_owned(),
                name => format!("https://{}.example", name.to_ascii_lowercase().replace('_', "-")),
            })
        };
        let read = config.resolved(values).unwrap_or_else(|error| panic!("{file}: {error}"));
        // A setting that a var decides is written by its name, and read as its value.
        let read = format!("{read:?}");
        let open = without_names(&written);
        assert_eq!(read, open, "{file}");
    }
}

/// The text with every `Open { .. }` as `Is(..)`.
fn without_names(text: &str) -> String {
    let mut parts = text.split("Open { ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + "Is(..)" + part.split_once(" }").map_or("", |(_, rest)| rest))
}

#[test]
fn an_error_names_file_line_key_what_was_found_and_what_is_allowed() {
    for (text, expected) in [
        (
            "[session]\nidle = \"12h\"\ncookies = \"x\"\n",
            "usher.toml:3: `session.cookies`: found an unknown key \"cookies\"; allowed: \"cookie\", \"idle\", \"absolute\", \"memo\", \"memo_entries\", \"deadline\", \"grace\", \"sign_in\", \"remember\", \"attempts\" (did you mean \"cookie\"?)\n",
        ),
        (
            "[[route]]\nname = \"a\"\npath = \"/\"\nauth = \"requird\"\n",
            "usher.toml:4: `route[0].auth`: found an unknown value \"requird\"; allowed: \"required\", \"optional\", \"none\" (did you mean \"required\"?)\n",
        ),
        (
            "[session]\nmemo_entries = \"many\"\n",
            "usher.toml:2: `session.memo_entries`: found \"many\"; allowed: a whole number without quotes, 0 or more\n",
        ),
        (
            "[[route]]\nname = \"a\"\npath = \"/\"\necho = true\n\n[[route]]\nname = \"b\"\npath = \"/b\"\necho = true\ndeadline = \"10\"\n",
            "usher.toml:10: `route[1].deadline`: found \"10\"; allowed: 10ms to 600s, such as \"5s\"\n",
        ),
        (
            "[[pool]]\nname = \"app\"\norigins = [\n  \"https://a.example\",\n  \"ftp://b.example\",\n]\n[[route]]\nname = \"a\"\npath = \"/\"\npool = \"ap\"\n",
            "usher.toml:5: `pool[0].origins[1]`: found \"ftp://b.example\"; allowed: a base URL such as \"https://app.example.com\", \"service:BINDING\" for a Worker that is bound, or \"${NAME}\" to read one from the worker's vars and secrets\nusher.toml:10: `route[0].pool`: found \"ap\"; allowed: \"app\" (did you mean \"app\"?)\n",
        ),
        (
            "[[route]]\nname = \"a\"\npath = \"/\"\n",
            "usher.toml:1: `route[0]`: found no target; allowed: exactly one of `static`, `pool`, `shards`, `redirect`, `respond`, `echo`, `sign_in`\n",
        ),
    ] {
        assert_eq!(faults(text), expected);
    }
    assert!(faults("a = = 1").starts_with("usher.toml:1: `(syntax)`: "));
}

#[test]
fn invalid_values_are_refused() {
    for (text, key) in [
        ("[session]\nidle = \"8d\"\n", "session.idle"),
        ("[session]\nidle = \"5s\"\n", "session.idle"),
        ("[session]\ncookie = \"__Host-x\"\n", "session.cookie"),
        ("[session]\nsign_in = \"//evil.example\"\n", "session.sign_in"),
        (
            "[session]\nsign_in = \"/in\"\n[[route]]\nname = \"in\"\npath = \"/in\"\necho = true\nauth = \"required\"\n",
            "session.sign_in",
        ),
        ("[session]\nmemo_entries = 0\n", "session.memo_entries"),
        ("[locale]\nsupported = []\n", "locale.supported"),
        ("[locale]\nsupported = [\"en\", \"EN\"]\n", "locale.supported[1]"),
        ("[locale]\nsupported = [\"e\"]\n", "locale.supported[0]"),
        ("[locale]\ndefault = \"de\"\n", "locale.default"),
        ("[locale.countries]\njp = \"en\"\n", "locale.countries.jp"),
        ("[locale.countries]\nJP = \"ja\"\n", "locale.countries.JP"),
        ("[locale]\nprefix = false\nredirect = true\n", "locale.redirect"),
        ("[[region]]\nname = \"eu\"\nlatitude = 91.0\nlongitude = 0.0\n", "region[0].latitude"),
        ("[[region]]\nname = \"eu\"\nlatitude = 1.0\n", "region[0].latitude"),
        ("[[region]]\nname = \"eu\"\ncontinents = [\"XX\"]\n", "region[0].continents[0]"),
        ("[[region]]\nname = \"e u\"\n", "region[0].name"),
        ("[[pool]]\nname = \"p\"\norigins = []\n", "pool[0].origins"),
        ("[[pool]]\nname = \"p\"\norigins = [\"${}\"]\n", "pool[0].origins[0]"),
        ("[[pool]]\nname = \"p\"\norigins = [\"https://u:p@x.example\"]\n", "pool[0].origins[0]"),
        ("[[pool]]\nname = \"p\"\norigins = [\"https://x\"]\nregion = \"eu\"\n", "pool[0].region"),
        ("[[route]]\nname = \"a\"\npath = \"a\"\necho = true\n", "route[0].path"),
        ("[[route]]\nname = \"a\"\npath = \"/a//b\"\necho = true\n", "route[0].path"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\necho = true\ncache = {}\n", "route[0].cache"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\necho = true\ndeadline = \"11m\"\n", "route[0].deadline"),
        ("[ledger]\ndeadline = \"0s\"\n", "ledger.deadline"),
        ("[session]\ncookie = \"lang\"\n[locale]\n", "locale.cookie"),
        ("[[route]]\nname = \"a\"\npath = \"/a*\"\necho = true\n", "route[0].path"),
        ("[[route]]\nname = \"a\"\npath = \"/{x}/{x}\"\necho = true\n", "route[0].path"),
        ("[[route]]\nname = \"a\"\npath = \"/.usher/x\"\necho = true\n", "route[0].path"),
        ("[locale]\n[[route]]\nname = \"a\"\npath = \"/en/x\"\necho = true\n", "route[0].path"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\necho = true\nlocalized = true\n", "route[0].localized"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\necho = true\nstrip_prefix = true\n", "route[0].strip_prefix"),
        (
            "[locale]\n[[route]]\nname = \"a\"\npath = \"/a\"\nstatic = true\nstrip_prefix = true\n",
            "route[0].strip_prefix",
        ),
        ("[[pool]]\nname = \"p\"\norigins = [\"service:B\"]\nhost = \"visitor\"\n", "pool[0].host"),
        (
            "[[pool]]\nname = \"p\"\norigins = [\"https://x\"]\nhost = \"origin\"\nretry = { hedge = true }\n",
            "pool[0].host",
        ),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\necho = true\nhost = \"a_b..c\"\n", "route[0].host"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\necho = true\nmethods = [\"get\"]\n", "route[0].methods[0]"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\necho = true\ntags = [\"a,b\"]\n", "route[0].tags[0]"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\necho = true\nsessions = true\n", "route[0].sessions"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\nstatic = true\ncache = { ttl = \"31d\" }\n", "route[0].cache.ttl"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\nredirect = { to = \"//e\" }\n", "route[0].redirect.to"),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\nredirect = { to = \"/{id}\" }\n", "route[0].redirect.to"),
        (
            "[[route]]\nname = \"a\"\npath = \"/a\"\nredirect = { to = \"/b\", status = 200 }\n",
            "route[0].redirect.status",
        ),
        ("[[route]]\nname = \"a\"\npath = \"/a\"\nrespond = { status = 101 }\n", "route[0].respond.status"),
    ] {
        let found = faults(&format!("{text}{MINIMAL}"));
        assert!(found.contains(&format!("`{key}`: ")), "{text}\n{found}");
    }
}

#[test]
fn two_routes_that_match_the_same_requests_are_refused() {
    let route = |name: &str, rest: &str| format!("[[route]]\nname = \"{name}\"\necho = true\n{rest}\n");
    let clash = |a: &str, b: &str| faults(&(route("a", a) + &route("b", b))).contains("`route[1].path`");
    assert!(clash("path = \"/x\"", "path = \"/x\""));
    assert!(clash("path = \"/{a}/x\"", "path = \"/{b}/x\""));
    assert!(clash("path = \"/x\"\nmethods = [\"GET\", \"PUT\"]", "path = \"/x\"\nmethods = [\"PUT\"]"));
    assert!(clash("path = \"/%78\"", "path = \"/x\""));
    assert!(clash("path = \"/x/\"", "path = \"/x\""));
    assert!(!clash("path = \"/x\"\nmethods = [\"GET\"]", "path = \"/x\""));
    assert!(!clash("path = \"/x\"\nmethods = [\"GET\"]", "path = \"/x\"\nmethods = [\"PUT\"]"));
    assert!(!clash("path = \"/x\"", "path = \"/x\"\nhost = \"a.example\""));
    assert!(!clash("path = \"/x/*\"", "path = \"/x\""));
}

#[test]
fn vars_are_resolved_at_run_time_and_a_missing_one_is_named() {
    let text = format!("[[pool]]\nname = \"p\"\norigins = [\"${{ORIGIN_URL}}\"]\n{MINIMAL}");
    let config = || read(&text, "usher.toml").expect("reads").1;
    let found =
        config().resolved(|name| (name == "ORIGIN_URL").then(|| "http://127.0.0.1:1/base/".into())).expect("set");
    assert_eq!(found.pools[0].origins[0].url, Setting::Is("http://127.0.0.1:1/base".into()));
    let missing = config().resolved(|_| None).expect_err("not set").to_string();
    assert!(missing.contains("ORIGIN_URL"), "{missing}");
    let secret = config().resolved(|_| Some("hunter2".into())).expect_err("no URL").to_string();
    assert!(secret.contains("ORIGIN_URL") && !secret.contains("hunter2"), "{secret}");
}

#[test]
fn language_tags_have_one_canonical_case() {
    for (tag, canonical) in [
        ("EN", Some("en")),
        ("zh-hant-tw", Some("zh-Hant-TW")),
        ("pt-br", Some("pt-BR")),
        ("es-419", Some("es-419")),
        ("en-gb-U-SD-gbsct", Some("en-GB-u-sd-gbsct")),
        ("zh-hant-X-ab-Abcd", Some("zh-Hant-x-ab-abcd")),
        ("", None),
        ("a", None),
        ("en_US", None),
        ("en-", None),
        ("en-abcdefghi", None),
    ] {
        assert_eq!(check::canonical_tag(tag).as_deref(), canonical, "{tag}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_the_parser(text in "\\PC{0,200}") {
        let _ = read(&text, "usher.toml");
    }

    #[test]
    fn no_value_panics_the_check(path in "[/a-z{}*%;.]{0,20}", host in "[*.a-z-]{0,12}", span in "[0-9]{0,22}[a-z]{0,2}", tag in "[A-Za-z0-9-]{0,20}") {
        let mut raw = raw::Raw::default();
        raw.locale.get_or_insert_default().supported.push(tag);
        raw.route.push(raw::Route { name: "a".into(), path: path.clone(), host: Some(host), echo: true, deadline: Some(span), ..raw::Route::default() });
        raw.route.push(raw::Route { name: "b".into(), path: "/b".into(), redirect: Some(raw::Redirect { to: path, status: 302 }), ..raw::Route::default() });
        let _ = Config::check(&raw);
    }
}

#[test]
fn ambiguous_issuer_settings_are_refused() {
    let faults = |rest: &str| {
        let text = format!(
            "[[issuer]]\nname = \"a\"\niss = \"https://i\"\naudience = [\"us\"]\n{rest}\n[[route]]\nname = \"r\"\npath = \"/*\"\necho = true\n"
        );
        source::read(&text, "t.toml").err().map(|faults| faults.to_string()).unwrap_or_default()
    };
    for (rest, expected) in [
        (
            "algorithms = [\"HS256\", \"RS256\"]\nkeys = \"${K}\"",
            "t.toml:5: `issuer[0].algorithms`: found HS* beside others",
        ),
        ("algorithms = [\"HS256\"]\njwks = \"https://i/k\"", "found HS* without `secret` or `keys`"),
        ("algorithms = [\"RS256\"]\nsecret = \"${S}\"", "beside `secret`"),
        ("algorithms = []", "`issuer[0].algorithms`: found none"),
        ("algorithms = [\"none\"]", "found an unknown value \"none\""),
        ("algorithms = [\"RS256\"]\njwks = \"http://i/k\"", "`issuer[0].jwks`: found \"http://i/k\""),
        ("algorithms = [\"HS256\"]\nsecret = \"hunter2\"", "found a secret in the file"),
        ("algorithms = [\"RS256\"]\njwks = \"https://i/k\"\nkeys = \"{}\"", "found \"jwks\", \"keys\""),
        ("algorithms = [\"RS256\"]\nask = [\"email\"]", "\"openid\" among them"),
        ("algorithms = [\"RS256\"]\nsign_out = true", "`issuer[0].sign_out`: found true without `client_id`"),
        (
            "introspection = { client_id = \"a\", client_secret = \"hunter2\" }",
            "`issuer[0].introspection.client_secret`: found a secret in the file",
        ),
        (
            "introspection = { client_id = \"a\", client_secret = \"${S}\", memo = \"2h\" }",
            "`issuer[0].introspection.memo`: found \"2h\"",
        ),
        (
            "algorithms = [\"RS256\"]\njwks = \"https://i/k\"\nintrospection = { client_id = \"a\", client_secret = \"${S}\" }",
            "`issuer[0].introspection.url`: found none",
        ),
    ] {
        let found = faults(rest);
        assert!(found.contains(expected), "{rest}: {found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
    let two = "algorithms = [\"RS256\"]\n[[issuer]]\nname = \"b\"\niss = \"https://j\"\naudience = [\"us\"]\nalgorithms = [\"RS256\"]";
    assert!(faults(two).contains("`issuer[1].prefix`"), "{}", faults(two));
}

#[test]
fn an_error_about_a_wrong_type_states_what_is_allowed() {
    let route = |rest: &str| format!("[[route]]\nname = \"a\"\npath = \"/\"\nstatic = true\n{rest}\n");
    let pool = |rest: &str| format!("[[pool]]\nname = \"p\"\n{rest}\n");
    for (text, expected) in [
        (
            route("cache = { ttl = 300 }"),
            "`route[0].cache.ttl`: found 300; allowed: a duration with its unit (ms, s, m, h, d), such as \"5m\"",
        ),
        (
            "[session]\nidle = 90\n".into(),
            "found 90; allowed: a duration with its unit (ms, s, m, h, d), such as \"90s\"",
        ),
        (
            "[cache]\nmemory = 1048576\n".into(),
            "found 1048576; allowed: a size with its unit (B, KiB, MiB), such as \"1MiB\"",
        ),
        (route("methods = \"GET\""), "`route[0].methods`: found \"GET\"; allowed: a list, such as [\"GET\"]"),
        (route("cache = true"), "`route[0].cache`: found true; allowed: a table; `cache = {}` takes every default"),
        (route("cache = false"), "found false; allowed: a table, or no `cache` at all"),
        (
            route("cache = { shared = true }"),
            "`route[0].cache.shared`: found true; allowed: \"public\", \"role\", \"user\"",
        ),
        (route("auth = 1"), "found 1; allowed: \"required\", \"optional\", \"none\""),
        (route("sessions = \"yes\""), "found \"yes\"; allowed: true, false"),
        (route("pool = 5"), "found 5; allowed: the name of a pool, or a list of names"),
        (route("tags = [5]"), "`route[0].tags[0]`: found 5; allowed: a text in quotes, such as \"5\""),
        ("[[route]]\nname = \"a\"\n".into(), "`route[0]`: found no `path`; allowed: with one, for it has no default"),
        (pool("origins = [\"localhost:3000\"]"), "(did you mean \"http://localhost:3000\"?)"),
        (pool("origins = [\"app.example.com\"]"), "(did you mean \"https://app.example.com\"?)"),
        (
            pool("origins = [\"http://x\"]\nprobe = true"),
            "found true; allowed: a table; `probe = {}` takes every default",
        ),
        ("locale = \"en\"\n".into(), "found \"en\"; allowed: a table"),
    ] {
        let found = faults(&format!("{text}{MINIMAL}"));
        assert!(found.contains(expected), "{text}\n{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[test]
fn numbers_are_accepted_without_quotes() {
    let text = "[[pool]]\nname = \"p\"\norigins = [\"http://x\", \"http://y\"]\nprobe = { expect = [200, \"300-399\"] }\n[[pool]]\nname = \"q\"\norigins = [\"http://z\"]\n[[shards]]\nname = \"s\"\nby = \"range\"\nkey = \"user\"\nvalues = \"number\"\nmap = [{ name = \"a\", pool = \"p\", to = 100 }, { name = \"b\", pool = \"q\", from = 100 }]\n[[route]]\nname = \"a\"\npath = \"/a\"\npool = \"p\"\ncanary = { pool = \"q\", percent = 10 }\n";
    assert_eq!(faults(text), "");
}

#[test]
fn each_mistake_gives_exactly_one_error() {
    let pool = "[[pool]]\nname = \"p\"\norigins = [\"http://x\"]\n";
    let route = "[[route]]\nname = \"a\"\npath = \"/a\"\npool = \"p\"\n";
    let shards = |to: &str| {
        format!(
            "{pool}[[shards]]\nname = \"s\"\nby = \"range\"\nkey = \"user\"\nvalues = \"day\"\nmap = [{{ name = \"a\", pool = \"p\", to = \"{to}\" }}, {{ name = \"b\", pool = \"p\", from = \"{to}\" }}]\n"
        )
    };
    for (text, keys) in [
        ("[session]\nabsolute = \"x\"\n".to_owned(), vec!["session.absolute"]),
        (format!("{pool}sync = \"x\"\n"), vec!["pool[0].sync"]),
        (
            format!("{pool}probe = {{ every = \"5\", timeout = \"0s\" }}\n"),
            vec!["pool[0].probe.every", "pool[0].probe.timeout"],
        ),
        (format!("{pool}{route}canary = {{ pool = \"p\", percent = 10 }}\n"), vec!["route[0].canary.pool"]),
        ("[locale.countries]\nUK = \"en\"\n".to_owned(), vec!["locale.countries.UK"]),
        (
            "[[region]]\nname = \"r\"\ncountries = [\"UK\", \"DE\", \"XX\"]\n".to_owned(),
            vec!["region[0].countries[0]", "region[0].countries[2]"],
        ),
        (shards("2026-02-30"), vec!["shards[0].map[0].to", "shards[0].map[1].from"]),
        (shards("2024-02-29"), vec![]),
        (shards("2026-04-31"), vec!["shards[0].map[0].to", "shards[0].map[1].from"]),
    ] {
        let found = faults(&format!("{text}{MINIMAL}"));
        let named: Vec<&str> = found.lines().filter_map(|line| line.split('`').nth(1)).collect();
        assert_eq!(named, keys, "{found}");
    }
}

#[test]
fn private_use_and_grandfathered_language_tags_are_accepted() {
    let (_, config) = read(
        &format!("[locale]\nsupported = [\"en\", \"X-Pirate\", \"en-x-dev\", \"i-klingon\", \"es-419\"]\n{MINIMAL}"),
        "usher.toml",
    )
    .expect("tags");
    assert_eq!(config.locales.supported, ["en", "x-pirate", "en-x-dev", "i-klingon", "es-419"]);
    let chosen = |tag: &str| {
        let wishes = crate::locale::Inputs { header: Some(tag), ..crate::locale::Inputs::default() };
        crate::locale::choose(&config.locales, &wishes).locale
    };
    let requested = ["x-pirate", "en-x-dev", "EN-X-DEV", "en-x-other", "tlh", "i-klingon", "es-MX", "en-GB", "x-other"];
    assert_eq!(requested.map(chosen), [1, 2, 2, 0, 3, 3, 4, 0, 0]);
    for bad in ["x", "i", "x-", "e", "1a"] {
        assert!(
            faults(&format!("[locale]\nsupported = [{bad:?}]\n{MINIMAL}")).contains("locale.supported[0]"),
            "{bad}"
        );
    }
}
