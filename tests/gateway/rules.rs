//! Rules: who gets in, before everything else.

use crate::world::{Isolate, Message, World};
use crate::{HOST, OPERATOR, world};
use std::rc::Rc;

fn isolate(world: &Rc<World>, rules: &str) -> Isolate {
    let toml = format!(
        "[locale]\nsupported = [\"en\", \"de\"]\n\
         [[pool]]\nname = \"app\"\norigins = [\"${{ORIGIN_URL}}\"]\n{rules}\n\
         [[route]]\nname = \"shared\"\npath = \"/shared/*\"\npool = \"app\"\ncache = {{}}\n\
         [[route]]\nname = \"all\"\npath = \"/*\"\npool = \"app\"\n"
    );
    Isolate::new(world, &toml)
}

fn rule(name: &str, more: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\n{more}\n")
}

/// A request with this end of its head: country, continent, latitude, longitude, data centre, protocol.
fn ask(isolate: &Isolate, target: &str, fields: &[(&str, &str)], edge: &str) -> Message {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    isolate.serve(&format!("{HOST}{target}\nGET\n0\n{fields}\n{edge}"), "").0
}

fn status(isolate: &Isolate, target: &str, fields: &[(&str, &str)]) -> u16 {
    ask(isolate, target, fields, "").status
}

#[test]
fn an_address_that_is_blocked_reaches_nothing() {
    let world = world();
    let isolate = isolate(&world, &rule("bad", "address = [\"192.0.2.0/24\", \"2001:db8::/32\"]"));
    let from = |ip: &str, target: &str| status(&isolate, target, &[("cf-connecting-ip", ip)]);
    for ip in ["192.0.2.1", "::ffff:192.0.2.200", "2001:db8:1::7"] {
        assert_eq!([from(ip, "/"), from(ip, "/.usher/health"), from(ip, "/%2e%2e/")], [403, 403, 403], "{ip}");
    }
    assert_eq!(world.heard.borrow().len(), 0);
    assert_eq!([from("192.0.3.1", "/"), from("2001:db9::1", "/"), from("none", "/")], [200, 200, 200]);
    assert_eq!(status(&isolate, "/", &[("x-forwarded-for", "192.0.2.1"), ("x-real-ip", "192.0.2.1")]), 200);
    let page = ask(&isolate, "/de/", &[("cf-connecting-ip", "192.0.2.1"), ("accept", "text/html")], "");
    assert_eq!((page.status, page.field("cache-control")), (403, Some("no-store")));
    assert!(page.body.contains("<html lang=\"de\""), "{}", page.body);
    let log = world.log.borrow().join("\n");
    assert!(log.contains("\"rule.bad\":\"block\""), "{log}");
}

#[test]
fn the_first_rule_that_decides_wins() {
    let world = world();
    let rules = "[[list]]\nname = \"office\"\naddresses = [\"192.0.2.7\"]\n".to_owned()
        + &rule("office", "address = \"list:office\"\naction = \"allow\"")
        + &rule("bad", "address = \"192.0.2.0/24\"\nstatus = 410");
    let isolate = isolate(&world, &rules);
    let from = |ip: &str| status(&isolate, "/", &[("cf-connecting-ip", ip)]);
    assert_eq!([from("192.0.2.7"), from("192.0.2.8"), from("198.51.100.1")], [200, 410, 200]);
}

#[test]
fn a_path_is_met_however_it_is_written() {
    let world = world();
    let isolate = isolate(&world, &rule("admin", "path = [\"/admin/*\", \"/secret\"]\nstatus = 404"));
    for target in
        ["/admin/x", "/admin", "/%61dmin/x", "/de/admin/x", "/DE/%61dmin", "/secret", "/secret/", "/admin/x?y"]
    {
        assert_eq!(status(&isolate, target, &[]), 404, "{target}");
    }
    for target in ["/admins", "/x/admin", "/secret/x", "/"] {
        assert_eq!(status(&isolate, target, &[]), 200, "{target}");
    }
    // So an origin may read it.
    for target in ["/admin%2fx", "//admin/x", "/x/..;/admin/y", "/admin;a=b/x", "/%2561dmin/x"] {
        assert_eq!(status(&isolate, target, &[]), 404, "{target}");
    }
    let open = rule("open", "path = \"/open/*\"\naction = \"allow\"") + &rule("others", "");
    let closed = self::isolate(&world, &open);
    assert_eq!(
        [status(&closed, "/open/x", &[]), status(&closed, "/de/open/x", &[]), status(&closed, "/", &[])],
        [200, 200, 403]
    );
    for target in ["/open/..;/x", "/open%2f..%2fx", "/open/%2e%2e%2fx"] {
        assert_eq!(status(&closed, target, &[]), 403, "{target}");
    }
    let blocked = ask(&isolate, "/secret", &[], "");
    let nowhere = Isolate::new(&world, "[[route]]\nname = \"a\"\npath = \"/a\"\necho = true\n");
    let missing = ask(&nowhere, "/secret", &[], "");
    let shown = |message: &Message| (message.status, message.field("proxy-status").map(str::to_owned));
    assert_eq!(shown(&blocked), shown(&missing), "a 404 tells nobody that a rule is there");
}

#[test]
fn all_conditions_must_hold_and_of_a_list_one() {
    let world = world();
    let conditions = "country = [\"DE\", \"FR\"]\nmethod = [\"GET\", \"HEAD\"]\nhost = \"www.example.com\"\nhttp = \"HTTP/1.1\"\n\
        header = { user-agent = \"*Bot*\", accept-language = false }\nasn = [64500]\ntls = \"TLSv1.2\"\nbot_score = 29\nverified_bot = false";
    let isolate = isolate(&world, &rule("bots", conditions));
    let known = [
        ("asn", "64500"),
        ("tlsVersion", "TLSv1.2"),
        ("botManagement.score", "29"),
        ("botManagement.verifiedBot", "false"),
    ];
    let set = |name: &str, value: &str| world.network.borrow_mut().insert(name.to_owned(), value.to_owned());
    known.iter().for_each(|(name, value)| drop(set(name, value)));
    let bot = [("user-agent", "a bot/1.0")];
    let here = "DE\nEU\n\n\nFRA\nHTTP/1.1";
    assert_eq!(ask(&isolate, "/", &bot, here).status, 403);
    for (fields, edge) in [
        (vec![("user-agent", "Mozilla/5.0")], here),
        (vec![], here),
        (vec![("user-agent", "bot"), ("accept-language", "de")], here),
        (bot.to_vec(), "IT\nEU\n\n\nFRA\nHTTP/1.1"),
        (bot.to_vec(), "\nEU\n\n\nFRA\nHTTP/1.1"),
        (bot.to_vec(), "DE\nEU\n\n\nFRA\nHTTP/2"),
    ] {
        assert_eq!(ask(&isolate, "/", &fields, edge).status, 200, "{fields:?} {edge}");
    }
    for (name, other) in [
        ("asn", "64501"),
        ("tlsVersion", "TLSv1.3"),
        ("botManagement.score", "30"),
        ("botManagement.verifiedBot", "true"),
    ] {
        let before = set(name, other);
        assert_eq!(ask(&isolate, "/", &bot, here).status, 200, "{name}");
        world.network.borrow_mut().remove(name);
        assert_eq!(ask(&isolate, "/", &bot, here).status, 200, "{name} is not known");
        set(name, &before.unwrap());
    }
    assert_eq!(ask(&isolate, "/", &bot, here).status, 403);
}

#[test]
fn a_tag_is_seen_by_the_origin_and_the_log_but_not_where_others_share_the_response() {
    let world = world();
    let rules = rule("curl", "header = { user-agent = \"curl/*\" }\naction = \"tag\"\ntag = \"tool\"")
        + &rule("all", "action = \"tag\"")
        + &rule("end", "path = \"/end\"\nstatus = 451\nblocked_by = \"https://court.example/7\"");
    let isolate = isolate(&world, &rules);
    let forged = [("user-agent", "curl/8"), ("x-usher-tags", "forged")];
    assert_eq!(status(&isolate, "/", &forged), 200);
    assert_eq!(world.heard.borrow().last().unwrap().field("x-usher-tags"), Some("tool, all"));
    assert_eq!(status(&isolate, "/shared/x", &forged), 200);
    assert_eq!(world.heard.borrow().last().unwrap().field("x-usher-tags"), None);
    let blocked = ask(&isolate, "/end", &[], "");
    assert_eq!((blocked.status, blocked.field("link")), (451, Some("<https://court.example/7>; rel=\"blocked-by\"")));
    let metrics = isolate.get(&format!("{HOST}/.usher/metrics"), &[OPERATOR]).body;
    assert!(metrics.contains("usher_rule_total{rule=\"curl\",action=\"tag\"} 2\n"), "{metrics}");
    assert!(metrics.contains("usher_rule_total{rule=\"end\",action=\"block\"} 1\n"), "{metrics}");
}

#[test]
fn a_rule_may_count_by_a_limit_and_a_shadow_rule_does_nothing() {
    let world = world();
    for scope in ["isolate", "exact"] {
        let rules = format!("[[limit]]\nname = \"few\"\nkey = \"address\"\nrate = \"3/1h\"\nscope = \"{scope}\"\n")
            + &rule("tools", "header = { user-agent = \"curl/*\" }\naction = \"limit\"\nlimit = \"few\"")
            + &rule("later", "header = { user-agent = \"curl/*\" }\nshadow = true");
        let isolate = isolate(&world, &rules);
        let ask =
            |agent: &str, ip: &str| ask(&isolate, "/", &[("user-agent", agent), ("cf-connecting-ip", ip)], "").status;
        assert_eq!([0; 5].map(|_| ask("curl/8", "192.0.2.1")), [200, 200, 200, 429, 429], "{scope}");
        assert_eq!((ask("Mozilla/5.0", "192.0.2.1"), ask("curl/8", "192.0.2.2")), (200, 200));
        assert!(world.log.borrow().last().unwrap().contains("\"rule.later\":\"shadow\""));
    }
}

#[test]
fn a_limit_that_several_rules_name_counts_a_request_once_and_takes_it_back_once() {
    let world = world();
    let rules = "[[limit]]\nname = \"guesses\"\nkey = \"address\"\nrate = \"4/1h\"\ncount = \"failures\"\n".to_owned()
        + &rule("one", "action = \"limit\"\nlimit = \"guesses\"")
        + &rule("two", "action = \"limit\"\nlimit = \"guesses\"");
    let isolate = isolate(&world, &rules);
    world.origin(|heard| Ok(Message::new(if heard.url.contains("guess") { 401 } else { 200 }, &[], "")));
    let ask = |target: &str| status(&isolate, target, &[("cf-connecting-ip", "192.0.2.1")]);
    let asked: Vec<u16> = (0..6).flat_map(|_| [ask("/guess"), ask("/")]).collect();
    assert_eq!(asked, [401, 200, 401, 200, 401, 200, 401, 429, 429, 429, 429, 429]);
}

#[test]
fn a_rule_for_get_is_one_for_head() {
    let world = world();
    let isolate = isolate(&world, &rule("get", "method = \"GET\"\npath = \"/x\""));
    let ask = |method: &str| isolate.ask(method, &format!("{HOST}/x"), &[], "").status;
    assert_eq!([ask("GET"), ask("HEAD"), ask("POST")], [403, 403, 200]);
}
