//! Usher's own pages, below `/.usher/`: for the operator, and for the demo.

use super::{Gateway, join::join, visit::Visit};
use crate::cache::purge::Order;
use crate::config::{Config, LONGEST_ENDED, LONGEST_STORED, units};
use crate::error::Error;
use crate::jwt;
use crate::ledger::subject;
use crate::observe;
use crate::platform::{After, Platform, Unreadable};
use crate::respond::Generated;
use crate::session::{self, API_KEY, Draft, Note, Record, Token};
use crate::{locale, path};
use serde_json::json;
use subtle::ConstantTimeEq;

/// Bytes of a body that an operator sends, at most.
const MOST: usize = 1 << 16;

impl Gateway {
    /// Answers `/.usher/{page}`.
    pub(super) async fn own<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
        page: &str,
    ) -> Result<Generated, Error> {
        let allow = |methods: &[&str]| Err(Error::MethodNotAllowed(methods.iter().map(|m| (*m).to_owned()).collect()));
        match (page, visit.head.method) {
            ("health", "GET" | "HEAD") => Ok(self.health(platform, config, is_operator(platform, visit)).await),
            ("health", _) => allow(&["GET", "HEAD"]),
            ("language", "GET") => Ok(language(config, visit)),
            ("language", _) => allow(&["GET"]),
            ("purge", "POST") => self.purge(platform, config, visit).await,
            ("purge", _) => allow(&["POST"]),
            ("sessions", "POST") => self.start_session(platform, config, visit).await,
            ("sessions", "DELETE") => self.end_sessions(platform, config, visit).await,
            ("sessions", "GET") => {
                operator(platform, visit)?;
                let parameter = |name: &str| visit.head.url.parameter(name).map(path::decode);
                let (user, from) = (parameter("user"), parameter("from"));
                let list = self.listed(platform, config, user.as_deref(), from.as_deref()).await?;
                Ok(Generated::json(200, &list))
            }
            ("sessions", _) => allow(&["GET", "POST", "DELETE"]),
            ("api-keys", "POST") => self.make_api_key(platform, config, visit).await,
            ("api-keys", _) => allow(&["POST"]),
            ("sign-out", "POST") => self.sign_out(platform, config, visit).await,
            ("sign-out", _) => allow(&["POST"]),
            ("me/sessions", "GET") => self.own_sessions(platform, config, visit).await,
            ("me/sessions", "DELETE") => self.end_own(platform, config, visit).await,
            ("me/sessions", _) => allow(&["GET", "DELETE"]),
            ("origins", "GET") => {
                operator(platform, visit)?;
                Ok(self.origins(platform, config, visit).await)
            }
            ("origins", "POST") => {
                operator(platform, visit)?;
                self.ordered(platform, config, &visit.head.fields, &text(platform).await?).await
            }
            ("origins", _) => allow(&["GET", "POST"]),
            ("metrics", "GET" | "HEAD") => {
                operator(platform, visit)?;
                Ok(Generated::new(200, "text/plain; version=0.0.4", self.counters.borrow().text()))
            }
            ("metrics", _) => allow(&["GET", "HEAD"]),
            _ => match page.strip_prefix("demo/").filter(|_| platform.var("USHER_DEMO").as_deref() == Some("on")) {
                Some(page) => self.demo(platform, config, visit, page).await,
                None => Err(Error::NotFound),
            },
        }
    }

    async fn purge<P: Platform>(&self, platform: &P, config: &Config, visit: &Visit<'_>) -> Result<Generated, Error> {
        operator(platform, visit)?;
        let body = text(platform).await?;
        self.purged(platform, config, &body).await
    }

    /// Stamps what a purge names; the receipt says when it holds where.
    pub(super) async fn purged<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        body: &str,
    ) -> Result<Generated, Error> {
        let order = Order::parse(config, body).map_err(Error::Malformed)?;
        let (subjects, soft) = (order.subjects, order.soft);
        let moment = self
            .stamp(platform, config, subjects.clone(), soft, LONGEST_STORED)
            .await
            .map_err(|_| Error::LedgerDown)?;
        Ok(Generated::json(200, &receipt(config, platform.now(), moment, &subjects, soft)))
    }

    async fn start_session<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
    ) -> Result<Generated, Error> {
        operator(platform, visit)?;
        let draft: Draft = read(&text(platform).await?)?;
        checked(&draft)?;
        let draft = draft.proven(platform.now());
        let (token, record) = self.start(platform, config, visit, draft).await?;
        let https = visit.head.url.scheme == "https";
        Ok(Generated::json(
            201,
            &json!({
                "token": token.secret(),
                "session": token.key(),
                "cookie": session::set_cookie(&token, &record, platform.now(), &config.session, https),
                "expires": record.expires,
            }),
        ))
    }

    /// Makes an API key: of a user, with an end (90 days if nothing is said, 366 at most).
    async fn make_api_key<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &Visit<'_>,
    ) -> Result<Generated, Error> {
        operator(platform, visit)?;
        let mut body: serde_json::Map<String, serde_json::Value> = read(&text(platform).await?)?;
        let lifetime = body.remove("lifetime").unwrap_or_else(|| json!("90d"));
        let draft: Draft = read(&serde_json::Value::Object(body).to_string())?;
        if draft.remember {
            return Err(Error::Malformed("\"remember\": an API key lives as its \"lifetime\" says".into()));
        }
        checked(&draft)?;
        let lifetime = lifetime.as_str().and_then(units::duration).filter(|l| (60_000..=LONGEST_ENDED).contains(l));
        let lifetime =
            lifetime.ok_or_else(|| Error::Malformed("\"lifetime\": 1m to 366d are allowed, such as \"90d\"".into()))?;
        let created = self.present(platform, config).await.map_err(|_| Error::LedgerDown)?;
        let expires = platform.now() + lifetime;
        let record = Record { expires, ..draft.record(created, platform.now(), &config.session) };
        let token = Token::new_key(&platform.random::<32>());
        let value = serde_json::to_string(&record).map_err(|_| Error::Internal)?;
        let seconds = record.time_to_live(platform.now());
        let note = Note::new(&record, &token.key(), &visit.visitor, Some(API_KEY), platform.now());
        let (key, write) = (token.key(), platform.note_write(&note, seconds));
        let (written, noted) = join(platform.record_write(&key, &value, seconds), write).await;
        written.map_err(|_| Error::StoreDown)?;
        super::sessions::listed(platform, noted);
        Ok(Generated::json(201, &json!({ "api_key": token.secret(), "session": token.key(), "expires": expires })))
    }

    async fn end_sessions<P: Platform>(
        &self,
        platform: &P,
        config: &Config,
        visit: &mut Visit<'_>,
    ) -> Result<Generated, Error> {
        operator(platform, visit)?;
        let body: serde_json::Value = read(&text(platform).await?)?;
        let field = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
        let token = field("token").map(|token| {
            let known = Token::parse(token).or_else(|| Token::parse_key(token)).map(|token| token.key());
            let jwt = || jwt::Token::read(token).ok().map(|token| session::digest(token.signed));
            known.or_else(jwt).ok_or("\"token\" is no session's token, API key or JWT")
        });
        let session = field("session").map(|key| {
            let good = key.len() == 43 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if good { Ok(key.to_owned()) } else { Err("\"session\" is no session's key") }
        });
        let key = match token.or(session).transpose() {
            Ok(key) => key,
            Err(sentence) => return Err(Error::Malformed(sentence.into())),
        };
        let everyone = body.get("everyone").and_then(serde_json::Value::as_bool) == Some(true);
        let ended = match (&key, field("user"), everyone, body.as_object().map(serde_json::Map::len)) {
            (Some(key), None, false, Some(1)) => subject::session(key),
            (None, Some(user), false, Some(1)) if !user.is_empty() => subject::user(user),
            (None, None, true, Some(1)) => subject::EVERYONE.into(),
            _ => {
                let sentence = "say whose sessions end, by exactly one of \"token\", \"session\", \"user\" (strings) or \"everyone\": true";
                return Err(Error::Malformed(sentence.into()));
            }
        };
        let moment = self.end(platform, config, ended.clone(), key.as_deref(), LONGEST_ENDED).await?;
        visit.after.extend(key.map(|key| After::Delete { key }));
        Ok(Generated::json(200, &receipt(config, platform.now(), moment, &[ended], false)))
    }
}

/// Remembers the language that a visitor chooses, and brings them back to where they were.
fn language(config: &Config, visit: &Visit<'_>) -> Generated {
    let url = &visit.head.url;
    let wanted = url
        .parameter("to")
        .and_then(|tag| config.locales.supported.iter().position(|known| known.eq_ignore_ascii_case(tag)));
    let back = url.parameter("return_to").map(path::decode).unwrap_or_else(|| "/".into());
    let Some(locale) = wanted else {
        return Generated::redirect(303, if path::is_local(&back) { &back } else { "/" });
    };
    let mut answer = Generated::redirect(303, &locale::switched(config, &back, locale));
    let secure = if url.scheme == "https" { "; Secure" } else { "" };
    let tag = config.locales.supported.get(locale).map(String::as_str).unwrap_or_default();
    let cookie = format!("{}={tag}; Path=/; Max-Age=31536000; SameSite=Lax{secure}", config.locales.cookie);
    answer.edits.append("set-cookie", &cookie);
    answer
}

/// What was stamped, and by when it holds everywhere.
pub(super) fn receipt(config: &Config, now: u64, moment: u64, subjects: &[String], soft: bool) -> serde_json::Value {
    let everywhere = now + config.ledger.max_delay;
    json!({
        "stamped": subjects,
        "soft": soft,
        "moment": moment,
        "holds_here": "now",
        "holds_everywhere_by": time(everywhere),
        "max_delay_ms": config.ledger.max_delay,
    })
}

/// A moment as people and programs read it (RFC 3339 would need a calendar; RFC 9110 5.6.7 has one).
fn time(millis: u64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis.next_multiple_of(1_000)))
}

fn operator<P: Platform>(platform: &P, visit: &Visit<'_>) -> Result<(), Error> {
    if is_operator(platform, visit) {
        return Ok(());
    }
    if platform.var("ADMIN_TOKEN").is_none_or(|token| token.is_empty()) {
        platform.log(&observe::event(
            "warning",
            "the operator's pages are closed: set the secret ADMIN_TOKEN to open them",
        ));
    }
    Err(Error::NotTheOperator)
}

/// Whether the bearer token is the operator's.
fn is_operator<P: Platform>(platform: &P, visit: &Visit<'_>) -> bool {
    let sent = visit.head.fields.get("authorization").and_then(|value| value.split_once(' '));
    let sent = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    is_token(platform, sent)
}

/// Whether the operator asks what was decided, on any page: `Usher-Explain: <ADMIN_TOKEN>`.
pub(super) fn explains<P: Platform>(platform: &P, visit: &Visit<'_>) -> bool {
    let sent = visit.head.fields.get("usher-explain");
    sent.is_some() && is_token(platform, sent)
}

/// Hashes are compared, in constant time, so that neither the token nor its length can be timed.
fn is_token<P: Platform>(platform: &P, sent: Option<&str>) -> bool {
    match (sent, platform.var("ADMIN_TOKEN").filter(|token| !token.is_empty())) {
        (Some(sent), Some(known)) => {
            let hash = |text: &str| hmac_sha256::Hash::hash(text.as_bytes());
            bool::from(hash(sent).ct_eq(&hash(&known)))
        }
        _ => false,
    }
}

/// The request's body.
pub(super) async fn text<P: Platform>(platform: &P) -> Result<String, Error> {
    platform.body(MOST).await.map_err(|why| match why {
        Unreadable::TooLarge => Error::TooLarge(MOST),
        Unreadable::Broken => Error::Malformed("the body broke off or is no UTF-8".into()),
    })
}

/// Reads a body of JSON, in which nothing may be said twice: nobody could say which was meant.
pub(super) fn read<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, Error> {
    let bad = |why: String| Error::Malformed(format!("the body is not understood: {why}"));
    let members = jwt::object(body.as_bytes()).map_err(|e| bad(e.to_string()))?;
    serde_json::from_value(serde_json::Value::Object(members)).map_err(|e| bad(e.to_string()))
}

/// Whether a session or key may be made of this.
pub(super) fn checked(draft: &Draft) -> Result<(), Error> {
    draft.check().map_err(|(field, sentence)| Error::Malformed(format!("\"{field}\": {sentence}")))
}
