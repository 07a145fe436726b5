//! The page that challenges a browser.

use super::challenge::{PIECES, prefix, zeros};
use crate::respond::{Generated, Recipient, STYLE, escape};
use ct_codecs::{Base64, Encoder};

/// What a browser has to do.
pub enum Task<'t> {
    /// Solve a puzzle of so many bits.
    Work {
        /// See [`crate::limit::challenge`].
        puzzle: &'t str,
        /// Its bits.
        bits: u32,
    },
    /// Get a token from Cloudflare Turnstile.
    Turnstile {
        /// The public key of the site.
        site_key: &'t str,
        /// Where its script is.
        url: &'t str,
    },
}

/// Sends what the browser found, and shows the page that was asked for.
const SCRIPT: &str = include_str!("challenge/page.js");
/// Finds the numbers, in a Web Worker.
const WORKER: &str = include_str!("challenge/worker.js");

/// The page: 403, for the page that was asked for, or for another that leads to `back`. `nonce` is random.
#[must_use]
pub fn challenge_page(
    task: &Task<'_>,
    contact: &str,
    back: Option<&str>,
    nonce: &[u8; 16],
    recipient: &Recipient<'_>,
) -> Generated {
    let messages = recipient.messages;
    let words = messages.protection.get();
    let [title, text, failed] =
        [&words.challenge_title, &words.challenge_text, &words.challenge_failed].map(|text| escape(text));
    let [again, script, help] =
        [&words.challenge_again, &words.challenge_script, &words.challenge_contact].map(|text| escape(text));
    let (contact, back) = (escape(contact), escape(back.unwrap_or_default()));
    let (tag, dir) = (&messages.tag, &messages.dir);
    let (reference, id) = (escape(&messages.reference), escape(recipient.request_id));
    let nonce = Base64::encode_to_string(nonce).unwrap_or_default();
    let (task, others) = match task {
        Task::Work { puzzle, bits } => {
            let (prefix, zeros) = (prefix(puzzle), zeros(*bits));
            let work = format!(
                "<progress max=\"{PIECES}\" value=\"0\" aria-label=\"{title}\" data-puzzle=\"{puzzle}\" data-prefix=\"{prefix}\" data-zeros=\"{zeros}\"></progress>\n\
                <script type=\"text/plain\" id=\"worker\" nonce=\"{nonce}\">{WORKER}</script>"
            );
            (work, "worker-src blob:".to_owned())
        }
        Task::Turnstile { site_key, url } => {
            let (site_key, script) = (escape(site_key), escape(url));
            let widget = format!(
                "<div class=\"cf-turnstile\" data-sitekey=\"{site_key}\" data-language=\"{tag}\" data-callback=\"passed\" data-error-callback=\"failed\"></div>\n\
                <script src=\"{script}/api.js\" nonce=\"{nonce}\" defer></script>"
            );
            let origin: Vec<&str> = url.splitn(4, '/').take(3).collect();
            (widget, format!("frame-src {}", origin.join("/")))
        }
    };
    let body = format!(
        "<!doctype html>\n<html lang=\"{tag}\" dir=\"{dir}\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style nonce=\"{nonce}\">\n{STYLE}progress{{inline-size:100%}}button{{font:inherit;padding:.4rem 1rem}}\n[hidden]{{display:none}}\n</style>\n\
         <main data-back=\"{back}\" data-text=\"{text}\" data-failed=\"{failed}\">\n<h1>{title}</h1>\n<p role=\"status\">{script}</p>\n{task}\n\
         <p><button type=\"button\" hidden>{again}</button></p>\n\
         <p><a href=\"{contact}\">{help}</a></p>\n<small>{reference}: <bdi>{id}</bdi></small>\n\
         <script nonce=\"{nonce}\">{SCRIPT}</script>\n</main>\n</html>\n"
    );
    let mut response = Generated::new(403, "text/html; charset=utf-8", body);
    response.edits.set("content-language", tag);
    response.edits.set("proxy-status", "usher; error=http_request_denied");
    // Turnstile's frame is another site's.
    response.edits.set("cross-origin-embedder-policy", "unsafe-none");
    response.edits.set(
        "content-security-policy",
        &format!("default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; {others}; frame-ancestors 'none'; base-uri 'none'"),
    );
    response
}
