//! How is an error, or anything else made here, said to the one who asked? (RFC 9457)

mod message;

use crate::config::Millis;
use crate::config::messages::Messages;
use crate::error::Error;
use crate::http::head::{Edits, Fields};
use crate::http::list::members;
use crate::http::path;
use crate::locale::thousandths;
use ct_codecs::{Base64, Encoder};

/// An answer made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Status code.
    pub status: u16,
    /// Fields.
    pub edits: Edits,
    /// The whole body.
    pub body: String,
}

impl Generated {
    /// An answer with a body, stored by nobody unless a later edit says otherwise.
    #[must_use]
    pub fn new(status: u16, media: &str, body: String) -> Self {
        let mut edits = Edits::new();
        edits.set("content-type", media);
        edits.set("cache-control", "no-store");
        edits.set("x-content-type-options", "nosniff");
        Self { status, edits, body }
    }

    /// JSON for the operator.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json", format!("{body:#}\n"))
    }

    /// A redirect.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        let mut edits = Edits::new();
        edits.set("location", location);
        edits.set("cache-control", "no-store");
        Self { status, edits, body: String::new() }
    }
}

/// What an error's answer depends on.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// Whether a page is wanted rather than JSON.
    pub page: bool,
    /// Whether a browser goes where it is sent: see [`navigates`].
    pub navigates: bool,
    /// Usher's messages in their language.
    pub messages: &'a Messages,
    /// The request's id.
    pub request_id: &'a str,
    /// When it came.
    pub at: Millis,
    /// The start page in their language.
    pub home: &'a str,
    /// The origin that was asked, where whoever reads this may know of it.
    pub origin: Option<&'a str>,
    /// Where they may sign in, return path included.
    pub sign_in: Option<&'a str>,
}

/// Whether HTML is wanted more than JSON (RFC 9110 12.5.1); who says `*/*` or nothing gets JSON.
#[must_use]
pub fn wants_page(fields: &Fields<'_>) -> bool {
    let accept = fields.get("accept").unwrap_or_default();
    // Of the ranges that fit a type the most specific one says its weight.
    let weight = |media: &str| {
        let kind = media.split('/').next().unwrap_or_default();
        let fitting = members(accept).filter_map(|member| {
            let mut parts = member.split(';').map(str::trim);
            let name = parts.next()?.to_ascii_lowercase();
            let specific = match name.as_str() {
                "*/*" => 0,
                name if name.strip_suffix("/*") == Some(kind) => 1,
                name if name == media => 2,
                _ => return None,
            };
            let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            Some((specific, q.map_or(1000, |q| thousandths(q).unwrap_or(0))))
        });
        fitting.max_by_key(|(specific, _)| *specific).map_or(0, |(_, weight)| weight)
    };
    let html = weight("text/html").max(weight("application/xhtml+xml"));
    html > weight("application/json").max(weight("application/problem+json"))
}

/// What scripts say of themselves: jQuery, htmx, Turbo.
const SCRIPTS: [&str; 3] = ["x-requested-with", "hx-request", "turbo-frame"];

/// Whether a browser asks in order to show the answer, and so may be sent elsewhere. It says so itself
/// (Fetch Metadata, `Sec-Fetch-Mode`); where it does not, whoever wants a page is taken for one, but for a
/// script that says it is one.
#[must_use]
pub fn navigates(fields: &Fields<'_>) -> bool {
    match fields.get("sec-fetch-mode") {
        Some(mode) => mode == "navigate",
        None => !SCRIPTS.iter().any(|name| fields.get(name).is_some()) && wants_page(fields),
    }
}

/// The sign-in page with the way back: a path on this host, and nothing else.
#[must_use]
pub fn sign_in_location(page: &str, prefix: Option<&str>, back: &str) -> String {
    let mark = if page.contains('?') { '&' } else { '?' };
    let back = if path::is_local(back) { back } else { "/" };
    format!("{}{page}{mark}return_to={}", prefix.unwrap_or_default(), path::encode(back))
}

/// Seconds until it is worth trying again, where waiting helps (RFC 9110 10.2.3).
fn retry_after(error: &Error) -> Option<u64> {
    match error {
        Error::TooManyAttempts(seconds) => Some(*seconds),
        Error::Busy | Error::Moving => Some(1),
        Error::IdentityDown
        | Error::LedgerDown
        | Error::StoreDown
        | Error::PoolDown { stale_serves: false }
        | Error::Misconfigured => Some(5),
        _ => None,
    }
}

/// Writes numbers and times as the visitor's language does; browsers know how, and it costs no byte of
/// wasm.
const SCRIPT: &str = "const l=document.documentElement.lang;for(const e of document.querySelectorAll('data'))e.textContent=new Intl.NumberFormat(l).format(e.value);for(const e of document.querySelectorAll('time'))e.textContent=new Intl.DateTimeFormat(l,{dateStyle:'medium',timeStyle:'medium'}).format(new Date(e.textContent))";

/// Says an error: a redirect to the sign-in page, a page, or problem+json.
#[must_use]
pub fn error(error: &Error, recipient: &Recipient<'_>) -> Generated {
    let mut answer = match (error, recipient.sign_in) {
        (Error::Unauthenticated | Error::StepUp(_), Some(location)) if recipient.navigates => {
            return Generated::redirect(302, location);
        }
        // A script that is to sign somebody in reads where.
        (Error::Unauthenticated | Error::StepUp(_), Some(_)) => problem(error, recipient),
        _ if recipient.page => page(error, recipient),
        _ => problem(error, recipient),
    };
    let edits = &mut answer.edits;
    match error {
        Error::Unauthenticated => edits.set("www-authenticate", "Cookie realm=\"usher\""),
        Error::NotTheOperator | Error::TokenWanted => edits.set("www-authenticate", "Bearer realm=\"usher\""),
        // RFC 6750 3.1, RFC 9470 3.
        Error::BadCredential(why) => {
            edits.set(
                "www-authenticate",
                &format!("Bearer realm=\"usher\", error=\"invalid_token\", error_description=\"{why}\""),
            );
        }
        Error::Forbidden(scopes) if !scopes.is_empty() => {
            edits.set(
                "www-authenticate",
                &format!("Bearer realm=\"usher\", error=\"insufficient_scope\", scope=\"{scopes}\""),
            );
        }
        Error::StepUp(seconds) => {
            edits.set(
                "www-authenticate",
                &format!("Bearer realm=\"usher\", error=\"insufficient_user_authentication\", max_age={seconds}"),
            );
        }
        Error::MethodNotAllowed(allowed) => edits.set("allow", &allowed.join(", ")),
        _ => {}
    }
    if let Some(seconds) = retry_after(error) {
        edits.set("retry-after", &seconds.to_string());
    }
    edits.set("proxy-status", &format!("usher; error={}", error.proxy_error()));
    answer
}

/// What a developer is told beside the visitor's sentence.
fn detail(error: &Error, recipient: &Recipient<'_>) -> Option<String> {
    match error {
        Error::OriginUnreachable | Error::OriginTimeout => recipient.origin.map(|origin| {
            let what = if *error == Error::OriginTimeout { "did not answer in time" } else { "cannot be reached" };
            format!("{origin} {what}: is the application running there?")
        }),
        Error::Malformed(_) | Error::AmbiguousPath | Error::MethodNotAllowed(_) | Error::TooLarge(_) => {
            Some(error.to_string())
        }
        Error::NotTheOperator
        | Error::CrossSite
        | Error::LedgerDown
        | Error::StoreDown
        | Error::BadCredential(_)
        | Error::SignInFailed { .. }
        | Error::TooManyAttempts(_) => Some(error.to_string()),
        _ => None,
    }
}

fn problem(error: &Error, recipient: &Recipient<'_>) -> Generated {
    let messages = recipient.messages;
    let (title, sentence) = message::of(messages, error);
    let sentence = sentence.replace("{seconds}", &retry_after(error).unwrap_or(1).to_string());
    let mut body = serde_json::json!({
        "type": "about:blank",
        "title": title,
        "status": error.status(),
        "detail": detail(error, recipient).unwrap_or(sentence),
        "request_id": recipient.request_id,
    });
    if let Some((sign_in, members)) = recipient.sign_in.zip(body.as_object_mut()) {
        members.insert("sign_in".into(), sign_in.into());
    }
    let mut answer = Generated::json(error.status(), &body);
    answer.edits.set("content-type", "application/problem+json");
    answer.edits.set("content-language", &messages.tag);
    answer
}

fn page(error: &Error, recipient: &Recipient<'_>) -> Generated {
    let (title, sentence) = message::of(recipient.messages, error);
    let (title, sentence) = (escape(title), escape(sentence));
    let seconds = retry_after(error).unwrap_or(1);
    let sentence = sentence.replace("{seconds}", &format!("<data value=\"{seconds}\">{seconds}</data>"));
    let mut extra = detail(error, recipient)
        .map(|text| format!("<p lang=\"en\" dir=\"ltr\"><code>{}</code></p>", escape(&text)))
        .unwrap_or_default();
    if let Some(sign_in) = recipient.sign_in {
        let label = escape(&recipient.messages.sign_in_title);
        extra.push_str(&format!("<p><a href=\"{}\">{label}</a></p>\n", escape(sign_in)));
    }
    let Messages { tag, dir, reference, home, .. } = recipient.messages;
    let (reference, home, start) = (escape(reference), escape(home), escape(recipient.home));
    let (status, id) = (error.status(), escape(recipient.request_id));
    let at = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(recipient.at));
    let body = format!(
        "<!doctype html>\n<html lang=\"{tag}\" dir=\"{dir}\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n\
         :root{{color-scheme:light dark;font:1.1rem/1.6 system-ui,sans-serif}}\n\
         body{{max-width:34rem;margin:18vh auto;padding:0 1.5rem}}\n\
         h1{{font-size:1.7rem;line-height:1.25;margin:0 0 .6rem}}\n\
         small,code{{font-size:.8rem;opacity:.7;overflow-wrap:anywhere}}\n\
         a{{color:inherit}}\n\
         </style>\n<main>\n<small><data value=\"{status}\">{status}</data></small>\n<h1>{title}</h1>\n<p>{sentence}</p>\n{extra}<p><a href=\"{start}\">{home}</a></p>\n\
         <small>{reference}: <bdi>{id}</bdi> · <time>{at}</time></small>\n</main>\n<script>{SCRIPT}</script>\n</html>\n"
    );
    let mut answer = Generated::new(status, "text/html; charset=utf-8", body);
    let script = Base64::encode_to_string(hmac_sha256::Hash::hash(SCRIPT.as_bytes())).unwrap_or_default();
    answer.edits.set("content-language", tag);
    answer.edits.set(
        "content-security-policy",
        &format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; frame-ancestors 'none'; base-uri 'none'"),
    );
    answer
}

/// Text that may stand in HTML.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
