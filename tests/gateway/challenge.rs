//! Browsers that have to show that they are some.

use crate::world::{Isolate, Message, World};
use crate::{HOST, OPERATOR, world};
use std::rc::Rc;
use usher::platform::Document;

const CHALLENGE: &str = "[challenge]\ncontact = \"mailto:help@example.com\"\ndifficulty = 10\n\
    [[pool]]\nname = \"app\"\norigins = [\"${ORIGIN_URL}\"]\n\
    [[rule]]\nname = \"office\"\naddress = \"192.0.2.99\"\naction = \"allow\"\n\
    [[rule]]\nname = \"all\"\naction = \"challenge\"\n\
    [[rule]]\nname = \"hard\"\npath = \"/hard\"\naction = \"challenge\"\ndifficulty = 12\n\
    [[route]]\nname = \"all\"\npath = \"/*\"\npool = \"app\"\n";

const BROWSER: [(&str, &str); 4] =
    [("accept", "text/html"), ("cf-connecting-ip", "192.0.2.1"), ("user-agent", "Firefox"), ("accept-language", "en")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let others = BROWSER.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    others.chain(more.iter().copied()).collect()
}

/// The value of an attribute of the page.
fn attribute<'p>(page: &'p Message, name: &str) -> &'p str {
    let rest = page.body.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("no {name}: {}", page.body)).1;
    rest.split('"').next().unwrap()
}

/// Solves the puzzle of a page, as its script does.
fn solve(page: &Message) -> String {
    let (prefix, zeros) = (attribute(page, "data-prefix"), attribute(page, "data-zeros").parse::<u32>().unwrap());
    let piece = |piece| {
        let good = |number: &u64| {
            let hash = hmac_sha256::Hash::hash(format!("{prefix}.{piece}.{number}").as_bytes());
            u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).leading_zeros() >= zeros
        };
        (0..).find(good).unwrap().to_string()
    };
    let numbers: Vec<String> = (0..8).map(piece).collect();
    format!("puzzle={}&solution={}", attribute(page, "data-puzzle"), numbers.join("%2C"))
}

fn send(isolate: &Isolate, form: &str, fields: &[(&str, &str)]) -> Message {
    isolate.ask("POST", &format!("{HOST}/.usher/challenge"), &with(fields), form)
}

/// The cookie of an answer, as a browser sends it.
fn cookie(answer: &Message) -> String {
    answer.field("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[test]
fn a_browser_passes_once_it_has_solved_the_puzzle() {
    let world = world();
    let isolate = Isolate::new(&world, CHALLENGE);
    let page = isolate.get(&format!("{HOST}/x"), &with(&[]));
    assert_eq!((page.status, page.field("cache-control")), (403, Some("no-store")));
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.body.contains("<a href=\"mailto:help@example.com\">"), "{}", page.body);
    assert_eq!(world.heard.borrow().len(), 0);
    let form = solve(&page);
    let answer = send(&isolate, &form, &[]);
    assert_eq!(answer.status, 204, "{}", answer.body);
    let pass = cookie(&answer);
    assert!(pass.starts_with("__Host-usher-passed-challenge="), "{pass}");
    let line = answer.field("set-cookie").unwrap();
    assert!(line.ends_with("Max-Age=3600; HttpOnly; SameSite=None; Secure"), "{line}");
    let passed = isolate.get(&format!("{HOST}/x"), &with(&[("cookie", &pass)]));
    assert_eq!((passed.status, passed.body.as_str()), (200, "hello"));
    assert_eq!(world.heard.borrow()[0].field("cookie"), None, "the origin sees nothing of it");
    let log = world.log.borrow().join("\n");
    assert!(log.contains("\"rule.all\":\"challenge\"") && log.contains("\"rule.all\":\"passed\""), "{log}");
    // One more rule wants more.
    let harder = isolate.get(&format!("{HOST}/hard"), &with(&[("cookie", &pass)]));
    assert_eq!((harder.status, attribute(&harder, "data-zeros")), (403, "9"));
    let pass = cookie(&send(&isolate, &solve(&harder), &[]));
    assert_eq!(isolate.get(&format!("{HOST}/hard"), &with(&[("cookie", &pass)])).status, 200);
}

#[test]
fn forged_replayed_expired_and_borrowed_passes_do_not_pass() {
    let world = world();
    let isolate = Isolate::new(&world, CHALLENGE);
    let status = |pass: &str, fields: &[(&str, &str)]| {
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("cookie", pass)]).collect();
        isolate.get(&format!("{HOST}/x"), &with(&fields)).status
    };
    let form = solve(&isolate.get(&format!("{HOST}/x"), &with(&[])));
    let pass = cookie(&send(&isolate, &form, &[]));
    assert_eq!(status(&pass, &[]), 200);
    assert_eq!(status(&pass, &[("cf-connecting-ip", "192.0.2.2")]), 403, "borrowed by another network");
    assert_eq!(status(&pass, &[("user-agent", "curl")]), 403, "borrowed by another client");
    assert_eq!(status(&pass, &[("cf-connecting-ip", "192.0.2.2"), ("x-forwarded-for", "192.0.2.1")]), 403);
    let value = pass.split_once('=').unwrap().1;
    for forged in [format!("{}A", pass), pass.replace(value, &value[1..]), format!("{pass}; {pass}")] {
        assert_eq!(status(&forged, &[]), 403, "{forged}");
    }
    let puzzle = form.split(['=', '&']).nth(1).unwrap();
    assert_eq!(status(&pass.replace(value, puzzle), &[]), 403, "a puzzle is no pass");
    // A solution that is sent again gets what it got: nothing lasts longer.
    world.pass(299_000);
    let again = send(&isolate, &form, &[]);
    assert_eq!((again.status, cookie(&again)), (204, pass.clone()));
    assert_eq!(send(&isolate, &form, &[("cf-connecting-ip", "192.0.2.2")]).status, 403, "another's puzzle");
    world.pass(2_000);
    assert_eq!(send(&isolate, &form, &[]).status, 403, "too late");
    world.pass(3_600_000 - 301_000);
    assert_eq!(status(&pass, &[]), 403, "expired");
}

#[test]
fn a_program_is_told_why_and_some_are_never_challenged() {
    let world = world();
    let isolate = Isolate::new(&world, CHALLENGE);
    let program = isolate.get(&format!("{HOST}/x"), &with(&[("accept", "*/*")]));
    assert_eq!((program.status, program.field("content-type")), (403, Some("application/problem+json")));
    let problem: serde_json::Value = serde_json::from_str(&program.body).unwrap();
    assert_eq!(problem["reason"], "challenge");
    for path in ["/.usher/health", "/.usher/%68ealth"] {
        assert_eq!(isolate.get(&format!("{HOST}{path}"), &with(&[])).status, 200, "{path}");
    }
    assert_eq!(isolate.get(&format!("{HOST}/x"), &with(&[OPERATOR])).status, 200, "the operator");
    assert_eq!(isolate.get(&format!("{HOST}/x"), &with(&[("cf-connecting-ip", "192.0.2.99")])).status, 200, "allowed");
    world.network.borrow_mut().insert("botManagement.verifiedBot".into(), "true".into());
    assert_eq!(isolate.get(&format!("{HOST}/x"), &with(&[])).status, 200, "a verified bot");
}

#[test]
fn a_page_that_was_posted_to_leads_back_to_where_it_came_from() {
    let isolate = Isolate::new(&world(), CHALLENGE);
    let fields = with(&[("referer", "https://www.example.com/form?a=1"), ("sec-fetch-mode", "navigate")]);
    let page = isolate.ask("POST", &format!("{HOST}/x"), &fields, "a=b");
    assert_eq!((page.status, attribute(&page, "data-back")), (403, "/form?a=1"));
    assert_eq!(attribute(&isolate.get(&format!("{HOST}/x"), &with(&[])), "data-back"), "");
}

#[test]
fn the_page_says_the_same_in_the_visitors_language() {
    let text = format!("[locale]\nsupported = [\"en\", \"ar\"]\n{CHALLENGE}");
    let isolate = Isolate::new(&world(), &text);
    let page = isolate.get(&format!("{HOST}/x"), &with(&[("accept-language", "ar")]));
    assert!(page.body.contains("<html lang=\"ar\" dir=\"rtl\">"), "{}", page.body);
    assert!(page.body.contains("المحاولة مرة أخرى"), "{}", page.body);
}

fn turnstile(world: &Rc<World>) -> Isolate {
    world.vars.borrow_mut().insert("TURNSTILE_SECRET".into(), "1x0000000000000000000000000000000AA".into());
    world.vars.borrow_mut().insert("TURNSTILE_URL".into(), "https://challenges.example/turnstile/v0".into());
    let widget = "turnstile = { site_key = \"1x00000000000000000000AA\", url = \"${TURNSTILE_URL}\" }\n";
    let text = CHALLENGE.replace("difficulty = 10\n", widget).replace("difficulty = 12\n", "");
    Isolate::new(world, &text)
}

#[test]
fn turnstile_is_asked_whether_a_token_holds() {
    let world = world();
    world.issuer(|url, form| {
        assert_eq!(url, "https://challenges.example/turnstile/v0/siteverify");
        let good = "secret=1x0000000000000000000000000000000AA&response=good&remoteip=192.0.2.1";
        let text = match form == Some(good) {
            true => "{\"success\":true,\"error-codes\":[]}",
            false => "{\"success\":false,\"error-codes\":[\"invalid-input-response\"]}",
        };
        Ok(Document { status: 200, text: text.into() })
    });
    let isolate = turnstile(&world);
    let page = isolate.get(&format!("{HOST}/x"), &with(&[]));
    assert_eq!((page.status, attribute(&page, "data-sitekey")), (403, "1x00000000000000000000AA"));
    assert!(page.body.contains("<script src=\"https://challenges.example/turnstile/v0/api.js\""), "{}", page.body);
    assert!(page.field("content-security-policy").unwrap().contains("frame-src https://challenges.example;"));
    assert_eq!(send(&isolate, "cf-turnstile-response=bad", &[]).status, 403);
    let log = world.log.borrow().join("\n");
    assert!(log.contains("invalid-input-response") && !log.contains("1x0000000000000000000000000000000AA"), "{log}");
    let pass = cookie(&send(&isolate, "cf-turnstile-response=good", &[]));
    assert_eq!(isolate.get(&format!("{HOST}/hard"), &with(&[("cookie", &pass)])).status, 200);
}

#[test]
fn nobody_passes_while_turnstile_cannot_be_asked() {
    let isolate = turnstile(&world());
    assert_eq!(send(&isolate, "cf-turnstile-response=good", &[]).status, 503);
}

#[test]
fn a_challenge_needs_a_key_for_its_cookies() {
    let world = world();
    world.vars.borrow_mut().remove("COOKIE_KEY");
    let isolate = Isolate::new(&world, CHALLENGE);
    assert_eq!(isolate.get(&format!("{HOST}/x"), &with(&[])).status, 503);
    let log = world.log.borrow().join("\n");
    assert!(log.contains("[challenge]") && log.contains("COOKIE_KEY"), "{log}");
}

#[test]
fn what_machines_ask_of_usher_is_not_challenged_and_nothing_else_is_let_through() {
    let world = world();
    let isolate = Isolate::new(&world, CHALLENGE);
    let get = |path: &str| isolate.get(&format!("{HOST}{path}"), &with(&[])).status;
    assert_eq!(get("/.well-known/usher/jwks.json"), 403, "there are no keys: an origin would be asked");
    let post = isolate.ask("POST", &format!("{HOST}/.usher/backchannel-logout"), &with(&[]), "logout_token=x");
    assert_eq!(post.status, 400, "a provider solves no puzzle");
    let explained = isolate.get(&format!("{HOST}/x"), &with(&[("usher-explain", "secret")]));
    assert_eq!((explained.status, explained.field("x-usher-explain")), (200, Some("rule.all=passed")));
    assert_eq!(world.heard.borrow().len(), 1);
}

#[test]
fn the_operators_token_reaches_no_origin() {
    let world = world();
    let isolate = Isolate::new(&world, CHALLENGE);
    assert_eq!(isolate.get(&format!("{HOST}/x"), &with(&[OPERATOR])).status, 200);
    let other = ("authorization", "Bearer another");
    assert_eq!(isolate.get(&format!("{HOST}/x"), &with(&[other, ("cf-connecting-ip", "192.0.2.99")])).status, 200);
    let heard = world.heard.borrow();
    assert_eq!((heard[0].field("authorization"), heard[1].field("authorization")), (None, Some("Bearer another")));
}

#[test]
fn the_page_leads_to_no_other_site() {
    let isolate = Isolate::new(&world(), CHALLENGE);
    for (referer, back) in [
        ("https://www.example.com//evil.example/", "/"),
        ("https://evil.example/x", "/"),
        ("https://www.example.com/x", "/x"),
    ] {
        let fields = with(&[("referer", referer), ("sec-fetch-mode", "navigate")]);
        let page = isolate.ask("POST", &format!("{HOST}/x"), &fields, "a=b");
        assert_eq!((page.status, attribute(&page, "data-back")), (403, back), "{referer}");
    }
}

#[test]
fn a_preflight_is_answered_and_challenged_visitors_are_counted() {
    let world = world();
    let text = format!(
        "{}cors = {{ origins = [\"https://app.example\"] }}\n\
        [[limit]]\nname = \"few\"\nkey = \"address\"\nrate = \"2/1h\"\n",
        CHALLENGE.replace(
            "[[rule]]\nname = \"all\"",
            "[[rule]]\nname = \"few\"\naction = \"limit\"\nlimit = \"few\"\n[[rule]]\nname = \"all\""
        )
    );
    let isolate = Isolate::new(&world, &text);
    let preflight = [("origin", "https://app.example"), ("access-control-request-method", "GET")];
    assert_eq!(isolate.ask("OPTIONS", &format!("{HOST}/x"), &with(&preflight), "").status, 204);
    let statuses = [1, 2, 3].map(|_| isolate.get(&format!("{HOST}/x"), &with(&[])).status);
    assert_eq!(statuses, [403, 429, 429], "the preflight was one of the two");
}

#[test]
fn the_pages_own_policy_is_not_replaced() {
    let fields = "[security_headers]\nfields = { Content-Security-Policy = \"default-src 'self'\" }\nreplace = [\"Content-Security-Policy\"]\n";
    let isolate = Isolate::new(&world(), &format!("{fields}{CHALLENGE}"));
    let policy = |page: Message| page.field("content-security-policy").unwrap().to_owned();
    let page = isolate.get(&format!("{HOST}/x"), &with(&[]));
    assert!(policy(page).starts_with("default-src 'none'"));
    let allowed = with(&[("cf-connecting-ip", "192.0.2.99")]);
    assert_eq!(policy(isolate.get(&format!("{HOST}/x"), &allowed)), "default-src 'self'");
}
