//! Is the challenge valid?

use super::super::{Challenge, Kind, Setting, Turnstile, raw, units};
use super::problems::{CONTACT, Problems, has_scheme, setting};

/// Bits of work where nothing is configured: about a second on a phone.
const DIFFICULTY: u32 = 18;
/// Where Turnstile is.
const TURNSTILE: &str = "https://challenges.cloudflare.com/turnstile/v0";

pub(super) fn challenge(raw: &raw::Challenge, problems: &mut Problems) -> Challenge {
    let text = raw.lifetime.as_deref().unwrap_or("1h");
    let lifetime = units::duration(text).filter(|lifetime| (600_000..=86_400_000).contains(lifetime));
    let lifetime = problems
        .take("challenge.lifetime", lifetime.ok_or_else(|| format!("found {text:?}; allowed: \"10m\" to \"24h\"")));
    let contact = &raw.contact;
    if !has_scheme(contact, &CONTACT) {
        problems.add(
            "challenge.contact",
            format!("found {contact:?}; allowed: where those find help who cannot pass, a URL that begins with \"https://\", \"mailto:\" or \"tel:\""),
        );
    }
    let turnstile = raw.turnstile.as_ref().map(|raw| {
        let good =
            !raw.site_key.is_empty() && raw.site_key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !good {
            problems.add(
                "challenge.turnstile.site_key",
                format!("found {:?}; allowed: the site key of a Turnstile widget", raw.site_key),
            );
        }
        let text = raw.url.as_deref().unwrap_or(TURNSTILE);
        let url = setting(text, Kind::Url).unwrap_or_else(|| {
            problems.add("challenge.turnstile.url", format!("found {text:?}; allowed: a URL, or \"${{NAME}}\""));
            Setting::Is(String::new())
        });
        Turnstile { site_key: raw.site_key.clone(), url }
    });
    let difficulty = raw.difficulty.unwrap_or(DIFFICULTY);
    difficulty_at("challenge.difficulty", difficulty, problems);
    let difficulty = if turnstile.is_some() { 0 } else { difficulty };
    Challenge { difficulty, lifetime, contact: contact.clone(), turnstile }
}

/// Checks a difficulty.
pub(super) fn difficulty_at(key: &str, bits: u32, problems: &mut Problems) {
    if !(8..=24).contains(&bits) {
        problems.add(
            key,
            format!(
                "found {bits}; allowed: 8 to 24, each twice the work of the one before; 18 is about a second on a phone"
            ),
        );
    }
}
