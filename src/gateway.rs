//! The life of a request.
//!
//! ```text
//! visitor -> route -> identity -> locale -> cache lookup --fresh--> reply
//!                                              |  miss/stale
//!                                              v
//!                           steer -> forward (deadline, retry elsewhere)
//!                                              |
//!                                              v
//!                   sessions -> headers back -> store -> reply
//! ```
//!
//! Only the gateway waits; what to do is decided by the topics. Identity fails closed; cache and
//! observation fail open. Every failure becomes an answer in one place ([`Gateway::serve`]).

mod account;
mod addressed;
mod admin;
mod attempt;
mod book;
mod cached;
mod choose;
mod crew;
mod demo;
mod fetched;
mod forward;
mod health;
mod identify;
mod invalidate;
mod join;
mod keys;
mod origins;
mod refresh;
mod said;
mod sessions;
mod sharded;
mod sign_in;
mod storing;
mod tested;
mod throttled;
mod told;
mod visit;

use crate::assertion::Signer;
use crate::cache::marks::{self, Marks};
use crate::cache::store::Unstored;
use crate::cache::vary::Uses;
use crate::config::{Auth, Authenticator, Config, Memory, Millis, Pool, Route, Spoken, Target, Unset, raw::Raw};
use crate::error::Error;
use crate::head::{Fields, Head};
use crate::ledger::View;
use crate::observe;
use crate::platform::{After, Content, Platform, Reply};
use crate::respond::{self, Asker, Generated};
use crate::route;
use crate::session::{Memo, Record};
use crate::throttle::Failures;
use crate::{cross_site, headers, hint, path};
use identify::Verified;
use join::join;
use keys::Keyrings;
use said::{localized_location, made, say};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use visit::Visit;

/// Why an answer with tags that could not be purged is not stored.
const TAGS: &str = "an answer has at most 128 tags of 256 visible ASCII characters each";

/// Usher's own pages are below this path.
const OWN: &str = "/.usher/";

/// Verified tokens that are remembered at most: each may have 16 KiB.
const TOKENS: usize = 1_024;

/// Where the public keys of `Usher-Assertion` are (RFC 8615).
const KEYS: &str = "/.well-known/usher/jwks.json";

/// What the build embeds.
pub struct Built<'a> {
    /// The configuration as written.
    pub raw: Raw,
    /// Its table of locales ([`crate::config::matcher`]).
    pub languages: &'a str,
    /// Usher's own words ([`Spoken`] as JSON).
    pub words: &'a str,
    /// Which static pages are there in which locales: JSON, `{"/about": [0, 1]}`.
    pub pages: &'a str,
    /// Tells this build's static files from another's.
    pub edition: &'a str,
}

/// One isolate's gateway: the configuration and what it remembers between requests.
pub struct Gateway {
    config: Result<Config, String>,
    edition: String,
    /// Usher's own words.
    spoken: Spoken,
    /// The static pages that are there in several locales, and in which.
    pages: BTreeMap<String, Vec<usize>>,
    /// What users are hashed with in the log.
    log_key: String,
    view: RefCell<View>,
    /// Sessions and API keys.
    memo: RefCell<Memo<Record>>,
    /// Tokens whose signatures were found good; each until it expires.
    verified: RefCell<Memo<Verified>>,
    keyrings: Keyrings,
    /// Swears to origins, where there are keys for it.
    signer: Option<Signer>,
    /// What could not be shared a moment ago.
    uncacheable: RefCell<Marks>,
    /// For what its origin could not be reached a moment ago.
    failing: RefCell<Marks>,
    /// Which variants are in use.
    uses: RefCell<Uses>,
    counters: RefCell<observe::Counters>,
    failures: RefCell<Failures>,
    /// The minute, and how many unknown sessions were ended in it.
    unknown_ended: Cell<(Millis, u32)>,
    book: book::Schedule,
    health: Cell<Option<health::Verdict>>,
    crews: crew::Crews,
    /// What visitors' cookies are signed with.
    cookie_key: String,
}

impl Gateway {
    /// Opens the door: checks the embedded configuration and reads the vars it names.
    #[must_use]
    pub fn new(built: &Built<'_>, var: impl Fn(&str) -> Option<String>) -> Self {
        let log_key = var("ADMIN_TOKEN").unwrap_or_default();
        let cookie_key = var("COOKIE_KEY").unwrap_or_default();
        let signer = var("SIGNING_KEYS").filter(|text| !text.is_empty()).map(|text| Signer::read(&text)).transpose();
        let config = Config::check(&built.raw)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            .map(|config| config.with_languages(built.languages))
            .and_then(|config| config.resolved(&var).map_err(|unset: Unset| unset.to_string()))
            .and_then(|config| {
                let signs = |pool: &&Pool| pool.affinity || pool.is_replicated();
                let pool = config.pools.iter().find(signs).map(|pool| format!("pool {:?}", pool.name));
                let route = config.routes.iter().find(|route| route.canary.is_some());
                match pool.or(route.map(|route| format!("route {:?}", route.name))) {
                    Some(who) if cookie_key.len() < hint::SHORTEST_KEY => Err(Unset::NoCookieKey(who).to_string()),
                    _ => Ok(config),
                }
            })
            .and_then(|config| {
                let signer = signer.map_err(|why| format!("the secret SIGNING_KEYS cannot be used: {why}"))?;
                Ok((Keyrings::new(&config.issuers)?, signer, config))
            });
        let (config, keyrings, signer) = match config {
            Ok((keyrings, signer, config)) => (Ok(config), keyrings, signer),
            Err(sentence) => (Err(sentence), Keyrings::default(), None),
        };
        let crews = config.as_ref().map(crew::Crews::new).unwrap_or_default();
        let (entries, lifetime) = config.as_ref().map_or((0, 0), |c| (c.session.memo_entries, c.session.memo));
        Self {
            config,
            edition: built.edition.to_owned(),
            pages: serde_json::from_str(built.pages).unwrap_or_default(),
            spoken: serde_json::from_str(built.words).unwrap_or_default(),
            log_key,
            view: RefCell::default(),
            memo: RefCell::new(Memo::new(entries, lifetime)),
            verified: RefCell::new(Memo::new(entries.min(TOKENS), Millis::MAX)),
            keyrings,
            signer,
            uncacheable: RefCell::new(Marks::new(marks::UNCACHEABLE)),
            failing: RefCell::new(Marks::new(marks::FAILED)),
            uses: RefCell::default(),
            counters: RefCell::default(),
            failures: RefCell::default(),
            unknown_ended: Cell::default(),
            book: book::Schedule::default(),
            health: Cell::new(None),
            crews,
            cookie_key,
        }
    }

    /// How much an isolate may remember of the cache.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.config.as_ref().map_or(Memory { all: 0, object: 0 }, |config| config.memory)
    }

    /// How long the store of sessions may take.
    #[must_use]
    pub fn store_deadline(&self) -> Millis {
        self.config.as_ref().map_or(0, |config| config.session.deadline)
    }

    /// A pool as it is configured, for its prober.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.config.as_ref().ok()?.pools.iter().find(|pool| pool.name == name)
    }

    /// Answers one request, whose packed head this is.
    pub async fn serve<P: Platform>(&self, platform: &P, packed: &str) -> Reply<P::Body> {
        let Some(head) = Head::parse(packed) else {
            return made(respond::error(&Error::Malformed("the request's URL is none".into()), &self.nobody(platform)));
        };
        let mut visit = Visit::new(platform, &head);
        match &self.config {
            Ok(config) => {
                let outcome = self.answer(platform, config, &mut visit).await;
                let mut reply = outcome.unwrap_or_else(|error| say(config, &self.spoken, error, &mut visit));
                self.finish(platform, config, visit, &mut reply);
                reply
            }
            Err(sentence) => {
                platform.log(&observe::event("error", sentence));
                let (page, request_id) = (respond::wants_page(&head.fields), visit.request_id.as_str());
                let asker = Asker { page, request_id, ..self.nobody(platform) };
                let mut answer = respond::error(&Error::Misconfigured, &asker);
                answer.edits.set("x-request-id", request_id);
                answer.edits.set("cache-status", &visit.cache.field(None));
                made(answer)
            }
        }
    }

    /// Who asks, where nothing is known of them.
    fn nobody<P: Platform>(&self, platform: &P) -> Asker<'_> {
        let words = self.spoken.english();
        let at = platform.now();
        Asker { page: false, navigates: false, words, request_id: "", at, home: "/", origin: None, sign_in: None }
    }

    /// Answers a request with a failure, as any other: for what goes wrong outside.
    pub fn refuse<P: Platform>(&self, platform: &P, packed: &str, error: Error) -> Reply<P::Body> {
        let (Some(head), Ok(config)) = (Head::parse(packed), &self.config) else {
            return made(respond::error(&error, &self.nobody(platform)));
        };
        let mut visit = Visit::new(platform, &head);
        let mut reply = say(config, &self.spoken, error, &mut visit);
        self.finish(platform, config, visit, &mut reply);
        // What is to be done behind an answer was left by the request itself.
        reply.after.clear();
        reply
    }

    /// Whether a session is no longer what it was when its record was to be renewed as `value`.
    fn has_changed(&self, key: &str, value: &str, now: Millis) -> bool {
        let known = self.memo.borrow().get(key, now);
        let differs = known.is_some_and(|record| serde_json::to_string(&*record).is_ok_and(|known| known != value));
        differs || self.view.borrow().successor(key).is_some()
    }

    /// Does what a reply left to be done behind the visitor's back.
    pub async fn after<P: Platform>(&self, platform: &P, work: Vec<After>) {
        let Ok(config) = &self.config else { return };
        for task in work {
            let done = match &task {
                After::ReadLedger => self.read_book(platform, config).await,
                // A change came first: it has renewed the session, or ended this part of it.
                After::Renew { key, value, .. } if self.has_changed(key, value, platform.now()) => Ok(()),
                After::Renew { key, value, note, seconds } => {
                    let both = join(platform.record_write(key, value, *seconds), platform.note_write(note, *seconds));
                    let (written, noted) = both.await;
                    written.and(noted)
                }
                After::Keys(issuer) => self.keys_later(platform, config, *issuer).await,
                After::Delete { key } => platform.record_delete(key).await,
                After::Refresh(refresh) => {
                    self.refresh(platform, config, refresh).await;
                    Ok(())
                }
                After::Sync(pools) => self.exchange_all(platform, config, pools).await,
                After::Shadow(shadow) => {
                    self.shadowed(platform, config, shadow).await;
                    Ok(())
                }
            };
            if done.is_err() {
                let what = match task {
                    After::ReadLedger => {
                        "the ledger could not be read behind an answer; the next request that needs it reads again"
                    }
                    After::Renew { .. } => "a session could not be renewed; its next use tries again",
                    // Said where it happened.
                    After::Refresh(_) | After::Keys(_) | After::Shadow(_) => continue,
                    After::Sync(_) => "a pool's prober could not be asked; what this isolate sees itself serves",
                    After::Delete { .. } => "an ended session's record could not be removed; its stamp keeps it ended",
                };
                platform.log(&observe::event("warning", what));
            }
        }
    }

    async fn answer<'a, P: Platform>(
        &self,
        platform: &P,
        config: &'a Config,
        visit: &mut Visit<'a>,
    ) -> Result<Reply<P::Body>, Error> {
        let head = visit.head;
        if headers::is_loop(&head.fields) {
            return Err(Error::Loop);
        }
        if let Some(own) = path::normal(head.url.path).ok().as_deref().and_then(|path| path.strip_prefix(OWN)) {
            return self.own(platform, config, visit, own).await.map(made);
        }
        if head.url.path == KEYS && self.signer.is_some() {
            return self.published(head.method).map(made);
        }
        if let Some(method) = cross_site::preflight(head)
            && let Ok(place) = route::find(config, &head.url, method)
            && let Some(cors) = &place.route.cors
        {
            let edits = cross_site::preflight_answer(cors, head);
            return Ok(made(Generated { status: 204, edits, body: String::new() }));
        }
        let place = route::find(config, &head.url, head.method)?;
        visit.route = Some(place.route);
        if self.comes_from_elsewhere(config, visit, place.route) {
            return Err(Error::CrossSite);
        }
        visit.region = crate::steer::region(&config.regions, &visit.visitor);
        visit.identity = self.identify(platform, config, visit, place.route).await;
        visit.choice = place.route.localized.then(|| visit.negotiate(config, place.prefix));
        visit.identity.admit(place.route, visit.started)?;
        if let Some(location) = localized_location(config, visit, &place) {
            visit.speaks = true;
            return Ok(made(Generated::redirect(302, &location)));
        }
        visit.speaks = matches!(place.route.target, Target::Echo | Target::SignIn(_));
        match &place.route.target {
            Target::Redirect { to, status } => {
                Ok(made(Generated::redirect(*status, &route::filled(to, place.route, &place.path))))
            }
            Target::Respond { status, body, media } => Ok(made(Generated::new(*status, media, body.clone()))),
            Target::Echo => Ok(made(forward::echo(config, visit, &place))),
            Target::SignIn(issuer) => self.sign_in(platform, config, visit, &place, *issuer).await.map(made),
            Target::Static if !matches!(head.method, "GET" | "HEAD") => {
                Err(Error::MethodNotAllowed(vec!["GET".into(), "HEAD".into()]))
            }
            Target::Static | Target::Pools(_) | Target::Shards(_) => self.cached(platform, config, visit, &place).await,
        }
    }

    /// What every answer gets on its way out, and the log's line.
    fn finish<P: Platform>(&self, platform: &P, config: &Config, mut visit: Visit<'_>, reply: &mut Reply<P::Body>) {
        reply.edits.set("x-request-id", &visit.request_id);
        let explains = admin::explains(platform, &visit);
        reply.edits.append("cache-status", &visit.cache.field(visit.cache_key.as_deref().filter(|_| explains)));
        if visit.cache.why() == Some(Unstored::Tags.word()) {
            platform.log(&observe::event("warning", &format!("not stored: {}: {TAGS}", visit.head.url.path)));
            if explains {
                reply.edits.set("x-usher-warning", TAGS);
            }
        }
        if let Some(cors) = visit.route.and_then(|route| route.cors.as_ref()) {
            cross_site::readable(cors, visit.head, &mut reply.edits);
        }
        let keyed = |route: &&Route| route.auth != Auth::None && route.by.contains(&Authenticator::ApiKey);
        if visit.route.filter(keyed).is_some() {
            reply.edits.append("vary", &config.api_key);
        }
        self.counters.borrow_mut().count(&visit.cache);
        if matches!(reply.content, Content::Text(_)) {
            if let Some(choice) = visit.choice.filter(|_| visit.speaks) {
                headers::vary(&Fields::default(), choice.reason.vary(), &mut reply.edits);
            }
            if visit.head.method == "HEAD" {
                reply.content = Content::Text(String::new());
            }
        }
        let ms = platform.now().saturating_sub(visit.started);
        if visit.origin_ms > 0 || visit.identity_ms > 0 {
            let (identity, origin) = (visit.identity_ms, visit.origin_ms);
            reply.edits.append("server-timing", &format!("usher-identity;dur={identity}, usher-origin;dur={origin}"));
        }
        for hint in &visit.hints {
            reply.edits.append("set-cookie", hint);
        }
        // What others wait for comes first, one after the other.
        if self.book.due(&self.view.borrow(), platform.now(), &config.ledger) {
            reply.after.push(After::ReadLedger);
        }
        reply.after.extend(visit.route.and_then(|route| self.exchange_later(config, route, platform.now())));
        reply.after.append(&mut visit.after);
        if config.log_requests {
            platform.log(&visit.line(config, &self.log_key, reply.status, ms).text());
        }
    }
}
