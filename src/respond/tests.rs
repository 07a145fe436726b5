use super::*;
use crate::http::head::answer;
use proptest::prelude::*;

fn asker(page: bool, language: &'static str) -> Recipient<'static> {
    static WORDS: std::sync::LazyLock<Vec<Messages>> = std::sync::LazyLock::new(|| {
        let read = |tag: &str| {
            let text = std::fs::read_to_string(format!("words/{tag}.toml")).expect("the shipped messages");
            Messages { tag: tag.into(), ..toml::from_str(&text).expect("as TOML") }
        };
        ["en", "de", "ar"].map(read).to_vec()
    });
    let messages = WORDS.iter().find(|messages| messages.tag == language).expect("one of these");
    Recipient { page, navigates: page, messages, request_id: "id-1", at: 0, home: "/", origin: None, sign_in: None }
}

fn fields(generated: &Generated) -> Vec<(String, String)> {
    generated.edits.applied(&Fields::default())
}

fn value(generated: &Generated, name: &str) -> Option<String> {
    fields(generated).into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[test]
fn a_browser_wants_a_page_and_a_program_wants_json() {
    for (accept, page) in [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
        ("text/html", true),
        ("application/json, text/html;q=0.5", false),
        ("application/json;q=0.4, TEXT/HTML;q=0.5", true),
        ("application/json, text/html", false),
        ("text/html, */*; q=0.01", true),
        ("text/html, */*", false),
        ("text/html;q=0.5, application/*", false),
        ("*/*", false),
        ("text/html;q=0", false),
        ("text/html;q=x", false),
        ("", false),
    ] {
        let packed = format!("200\naccept:{accept}\n");
        assert_eq!(wants_page(&answer(&packed).1), page, "{accept}");
    }
}

#[test]
fn an_error_is_problem_json_or_a_page_in_the_visitors_language() {
    let said = error(&Error::NotFound, &asker(false, "de"));
    assert_eq!((said.status, value(&said, "content-type").as_deref()), (404, Some("application/problem+json")));
    assert_eq!(value(&said, "content-language").as_deref(), Some("de"));
    let body: serde_json::Value = serde_json::from_str(&said.body).expect("JSON");
    assert_eq!(
        (body["title"].as_str(), body["status"].as_u64(), body["request_id"].as_str()),
        (Some("Hier ist nichts"), Some(404), Some("id-1"))
    );
    let said = error(&Error::OriginTimeout, &asker(true, "ar"));
    assert!(said.body.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert_eq!(value(&said, "proxy-status").as_deref(), Some("usher; error=http_response_timeout"));
}

#[test]
fn a_browser_without_a_session_is_sent_to_sign_in_and_a_program_is_told() {
    let location = sign_in_location("/sign-in", Some("/ja"), "/account?x=1&y=2");
    assert_eq!(location, "/ja/sign-in?return_to=%2Faccount%3Fx%3D1%26y%3D2");
    let browser = error(&Error::Unauthenticated, &Recipient { sign_in: Some(&location), ..asker(true, "en") });
    assert_eq!((browser.status, value(&browser, "location").as_deref()), (302, Some(location.as_str())));
    let program = error(&Error::Unauthenticated, &Recipient { sign_in: Some(&location), ..asker(false, "en") });
    assert_eq!((program.status, value(&program, "www-authenticate").as_deref()), (401, Some("Cookie realm=\"usher\"")));
    let nowhere = error(&Error::Unauthenticated, &asker(true, "en"));
    assert_eq!(nowhere.status, 401);
}

#[test]
fn a_script_is_told_where_to_sign_in_and_only_a_browser_that_shows_the_answer_is_sent_there() {
    for (said, sent) in [
        ("accept:text/html\nsec-fetch-mode:navigate", true),
        ("accept:*/*\nsec-fetch-mode:navigate", true),
        ("accept:text/html\nsec-fetch-mode:cors", false),
        ("accept:text/html, application/xhtml+xml\nsec-fetch-mode:same-origin", false),
        ("accept:text/html", true),
        ("accept:text/html, */*; q=0.01\nx-requested-with:XMLHttpRequest", false),
        ("accept:application/json, text/html", false),
        ("accept:*/*", false),
    ] {
        let packed = format!("200\n{said}\n");
        assert_eq!(navigates(&answer(&packed).1), sent, "{said}");
    }
    let script = Recipient { navigates: false, sign_in: Some("/in?return_to=%2Fa"), ..asker(true, "en") };
    for refusal in [Error::Unauthenticated, Error::StepUp(60)] {
        let said = error(&refusal, &script);
        assert_eq!((said.status, value(&said, "content-type").as_deref()), (401, Some("application/problem+json")));
        assert!(value(&said, "www-authenticate").is_some());
        let body: serde_json::Value = serde_json::from_str(&said.body).expect("JSON");
        assert_eq!(body["sign_in"].as_str(), Some("/in?return_to=%2Fa"));
    }
}

#[test]
fn what_a_body_says_of_when_to_try_again_is_what_the_field_says() {
    for failure in
        [Error::Busy, Error::Moving, Error::PoolDown { stale_serves: false }, Error::IdentityDown, Error::Misconfigured]
    {
        for page in [true, false] {
            let said = error(&failure, &asker(page, "en"));
            let seconds = value(&said, "retry-after").expect("when");
            let named = format!(
                "in {} seconds",
                if page { format!("<data value=\"{seconds}\">{seconds}</data>") } else { seconds }
            );
            assert!(said.body.contains(&named), "{failure:?}: {}", said.body);
        }
    }
}

#[test]
fn a_failed_sign_in_leads_to_where_it_begins_again() {
    let failed = Error::SignInFailed { why: "too late", again: "/in?return_to=%2Fa".into() };
    let page = error(&failed, &Recipient { sign_in: Some("/in?return_to=%2Fa"), ..asker(true, "en") });
    assert_eq!(page.status, 400);
    assert!(page.body.contains("<a href=\"/in?return_to=%2Fa\">Please sign in</a>"), "{}", page.body);
}

#[test]
fn the_way_back_never_leaves_this_host() {
    for back in ["//evil.example", "https://evil.example", "/\\evil.example", ""] {
        assert_eq!(sign_in_location("/in?a=1", None, back), "/in?a=1&return_to=%2F", "{back}");
    }
}

#[test]
fn a_server_error_says_nothing_of_the_inside() {
    for inside in [Error::Misconfigured, Error::IdentityDown, Error::OriginUnreachable, Error::Internal] {
        for page in [true, false] {
            let said = error(&inside, &asker(page, "en"));
            assert!(!said.body.contains(&inside.to_string()), "{}", said.body);
        }
    }
}

proptest! {
    #[test]
    fn nothing_a_client_sends_becomes_markup(sentence in "\\PC{0,40}|[<>&\"']{0,20}", id in "[<>&\"'a-z]{0,20}") {
        let said = error(&Error::Malformed(sentence), &Recipient { request_id: &id, ..asker(true, "en") });
        let empty = error(&Error::Malformed(String::new()), &Recipient { request_id: "", ..asker(true, "en") });
        prop_assert_eq!(said.body.matches('<').count(), empty.body.matches('<').count());
    }

    #[test]
    fn no_accept_can_panic(accept in "\\PC{0,60}") {
        let packed = format!("200\naccept:{}\n", accept.replace('\n', " "));
        let _ = wants_page(&answer(&packed).1);
    }
}
