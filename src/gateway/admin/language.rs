//! `/.usher/language`: the visitor chooses a language.

use crate::gateway::context::Context;
use crate::http::path;
use crate::locale;
use crate::platform::Platform;
use crate::respond::Generated;

/// Sets the locale cookie, and redirects back to where the visitor was.
pub(super) fn choose<P: Platform>(ctx: &Context<'_, P>) -> Generated {
    let (url, locales) = (&ctx.head.url, &ctx.config.locales);
    let find = |tag| locales.supported.iter().position(|known| known.eq_ignore_ascii_case(tag));
    let wanted = url.parameter("to").and_then(find);
    let back = url.parameter("return_to").map(path::decode).unwrap_or_else(|| "/".into());
    let Some(locale) = wanted else {
        return Generated::redirect(303, if path::is_local(&back) { &back } else { "/" });
    };
    let mut answer = Generated::redirect(303, &locale::switched(ctx.config, &back, locale));
    let secure = if ctx.is_https() { "; Secure" } else { "" };
    let tag = locales.supported.get(locale).map(String::as_str).unwrap_or_default();
    let cookie = format!("{}={tag}; Path=/; Max-Age=31536000; SameSite=Lax{secure}", locales.cookie);
    answer.edits.append("set-cookie", &cookie);
    answer
}
