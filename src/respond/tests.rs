use super::*;
use crate::http::head::response;
use proptest::prelude::*;

fn recipient(page: bool, language: &'static str) -> Recipient<'static> {
    let text = std::fs::read_to_string(format!("words/{language}.toml")).expect("the shipped messages");
    let messages = Box::leak(Box::new(Messages { tag: language.into(), ..toml::from_str(&text).expect("as TOML") }));
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
        assert_eq!(wants_page(&response(&packed).1), page, "{accept}");
    }
}

#[test]
fn an_error_is_problem_json_or_a_page_in_the_visitors_language() {
    let response = error(&Error::NotFound, &recipient(false, "de"));
    assert_eq!((response.status, value(&response, "content-type").as_deref()), (404, Some("application/problem+json")));
    assert_eq!(value(&response, "content-language").as_deref(), Some("de"));
    let body: serde_json::Value = serde_json::from_str(&response.body).expect("JSON");
    assert_eq!(
        (body["title"].as_str(), body["status"].as_u64(), body["request_id"].as_str()),
        (Some("Hier ist nichts"), Some(404), Some("id-1"))
    );
    let response = error(&Error::OriginTimeout, &recipient(true, "ar"));
    assert!(response.body.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert_eq!(value(&response, "proxy-status").as_deref(), Some("usher; error=http_response_timeout"));
}

#[test]
fn a_browser_without_a_session_is_redirected_to_sign_in_and_a_program_gets_a_401() {
    let location = sign_in_location("/sign-in", Some("/ja"), "/account?x=1&y=2");
    assert_eq!(location, "/ja/sign-in?return_to=%2Faccount%3Fx%3D1%26y%3D2");
    let browser = error(&Error::Unauthenticated, &Recipient { sign_in: Some(&location), ..recipient(true, "en") });
    assert_eq!((browser.status, value(&browser, "location").as_deref()), (302, Some(location.as_str())));
    let program = error(&Error::Unauthenticated, &Recipient { sign_in: Some(&location), ..recipient(false, "en") });
    assert_eq!((program.status, value(&program, "www-authenticate").as_deref()), (401, Some("Cookie realm=\"usher\"")));
    let nowhere = error(&Error::Unauthenticated, &recipient(true, "en"));
    assert_eq!(nowhere.status, 401);
}

#[test]
fn a_script_gets_the_sign_in_url_and_only_a_navigation_is_redirected() {
    for (sent, expected) in [
        ("accept:text/html\nsec-fetch-mode:navigate", true),
        ("accept:*/*\nsec-fetch-mode:navigate", true),
        ("accept:text/html\nsec-fetch-mode:cors", false),
        ("accept:text/html, application/xhtml+xml\nsec-fetch-mode:same-origin", false),
        ("accept:text/html", true),
        ("accept:text/html, */*; q=0.01\nx-requested-with:XMLHttpRequest", false),
        ("accept:application/json, text/html", false),
        ("accept:*/*", false),
    ] {
        let packed = format!("200\n{sent}\n");
        assert_eq!(navigates(&response(&packed).1), expected, "{sent}");
    }
    let script = Recipient { navigates: false, sign_in: Some("/in?return_to=%2Fa"), ..recipient(true, "en") };
    for refusal in [Error::Unauthenticated, Error::StepUp(60)] {
        let response = error(&refusal, &script);
        assert_eq!(
            (response.status, value(&response, "content-type").as_deref()),
            (401, Some("application/problem+json"))
        );
        assert!(value(&response, "www-authenticate").is_some());
        let body: serde_json::Value = serde_json::from_str(&response.body).expect("JSON");
        assert_eq!(body["sign_in"].as_str(), Some("/in?return_to=%2Fa"));
    }
}

#[test]
fn the_body_and_retry_after_have_the_same_seconds() {
    for failure in [
        Error::Busy,
        Error::Moving,
        Error::PoolDown { stale_serves: false },
        Error::PoolDown { stale_serves: true },
        Error::IdentityDown,
        Error::Misconfigured,
    ] {
        for page in [true, false] {
            let response = error(&failure, &recipient(page, "en"));
            let seconds = value(&response, "retry-after").expect("when");
            let named = format!(
                "in {} seconds",
                if page { format!("<data value=\"{seconds}\">{seconds}</data>") } else { seconds }
            );
            assert!(response.body.contains(&named), "{failure:?}: {}", response.body);
        }
    }
}

#[test]
fn a_failed_sign_in_links_to_a_new_one() {
    let failed = Error::SignInFailed { why: "too late", again: "/in?return_to=%2Fa".into() };
    let page = error(&failed, &Recipient { sign_in: Some("/in?return_to=%2Fa"), ..recipient(true, "en") });
    assert_eq!(page.status, 400);
    assert!(page.body.contains("<a href=\"/in?return_to=%2Fa\">Please sign in</a>"), "{}", page.body);
}

#[test]
fn return_to_never_leaves_this_host() {
    for back in ["//evil.example", "https://evil.example", "/\\evil.example", ""] {
        assert_eq!(sign_in_location("/in?a=1", None, back), "/in?a=1&return_to=%2F", "{back}");
    }
}

#[test]
fn a_server_error_does_not_reveal_its_cause() {
    for inside in [Error::Misconfigured, Error::IdentityDown, Error::OriginUnreachable, Error::Internal] {
        for page in [true, false] {
            let response = error(&inside, &recipient(page, "en"));
            assert!(!response.body.contains(&inside.to_string()), "{}", response.body);
        }
    }
}

proptest! {
    #[test]
    fn client_input_is_escaped(sentence in "\\PC{0,40}|[<>&\"']{0,20}", id in "[<>&\"'a-z]{0,20}") {
        let response = error(&Error::Malformed(sentence), &Recipient { request_id: &id, ..recipient(true, "en") });
        let empty = error(&Error::Malformed(String::new()), &Recipient { request_id: "", ..recipient(true, "en") });
        prop_assert_eq!(response.body.matches('<').count(), empty.body.matches('<').count());
    }

    #[test]
    fn no_accept_can_panic(accept in "\\PC{0,60}") {
        let packed = format!("200\naccept:{}\n", accept.replace('\n', " "));
        let _ = wants_page(&response(&packed).1);
    }
}

#[test]
fn the_page_allows_its_own_script_and_style() {
    use ct_codecs::{Base64, Encoder};
    let hash = |text: &str| Base64::encode_to_string(hmac_sha256::Hash::hash(text.as_bytes())).expect("base64");
    let page = error(&Error::NotFound, &recipient(true, "en")).body;
    let inside = |tag: &str| {
        let rest = page.split_once(&format!("<{tag}>")).expect("an element").1;
        rest.split_once(&format!("</{tag}>")).expect("its end").0
    };
    assert_eq!([SCRIPT_HASH, STYLE_HASH], [hash(inside("script")), hash(inside("style"))]);
}
